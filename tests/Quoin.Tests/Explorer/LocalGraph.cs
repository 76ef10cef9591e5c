using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// The graph of an instance with the footprint of every edge, to be asked whether the footprints
/// are complete.
/// </summary>
sealed class LocalGraph
{
    readonly KernelModel model;
    readonly Components components;
    readonly List<int[]> values = [], counters = [];
    readonly List<List<(Move Move, int To, Touch Touch)>> edges = [];

    public LocalGraph(Instance instance, Func<Move, TokenRef, bool>? leaveOut = null)
    {
        model = new KernelModel(instance);
        components = new Components(instance);
        Found = Explored.Right(instance);
        for (var i = 0; i < Found.States; i++)
        {
            var m = model.Load(Found[i]);
            values.Add(components.Of(m));
            counters.Add(Components.Counters(m));
            edges.Add([]);
        }
        foreach (var edge in Found.Edges)
            edges[edge.From].Add((edge.Move, edge.To, TouchOf(edge, leaveOut)));
    }

    public Exploration<Move> Found { get; }

    /// <summary>How many different vectors of values there are: as many as states.</summary>
    public int Distinct =>
        values.Zip(counters, (v, c) => string.Join(',', v.Concat(c))).Distinct().Count();

    /// <summary>Components looked at or changed, and by how much counters go down.</summary>
    sealed record Touch(int[] All, int[] Writes, int[] Takes);

    Touch TouchOf(Edge<Move> edge, Func<Move, TokenRef, bool>? leaveOut)
    {
        var reads = new HashSet<TokenRef>();
        var writes = new HashSet<TokenRef>();
        var takes = new int[counters[0].Length];
        var m = model.Load(Found[edge.From]);
        m.Reads = token => reads.Add(token);
        m.Touched = f =>
        {
            reads.UnionWith(f.Reads);
            writes.UnionWith(f.Writes);
            takes[0] += f.Slots;
        };
        model.Make(m, edge.Move, out _);
        var budgets = Components.Counters(model.Load(Found[edge.From]))
            .Zip(Components.Counters(m), (was, now) => was - now).ToArray();
        for (var i = 1; i < takes.Length; i++) takes[i] = budgets[i];
        if (edge.Move.Kind == MoveKind.Late) writes.Add(new(TokenKind.Run, edge.Move.A));
        reads.UnionWith(writes);
        if (leaveOut is not null) reads.RemoveWhere(token => leaveOut(edge.Move, token));
        if (leaveOut is not null) writes.RemoveWhere(token => leaveOut(edge.Move, token));
        var all = reads.Select(components.IndexOf).ToList();
        var written = writes.Select(components.IndexOf).ToList();
        if (edge.Move.Kind == MoveKind.Schedule)
        {
            var ran = m.Kernel.HolderOf(new PartitionId(edge.Move.A))!.Id;
            all.Add(components.IndexOfJob(Marking.JobOf(ran).Job));
            written.Add(all[^1]);
        }
        return new([.. all.Order()], [.. written.Order()], takes);
    }

    /// <summary>
    /// Every two edges of a state that touch nothing in common can be taken in either order, and
    /// lead to the same state. Answers how many pairs there are.
    /// </summary>
    public int CheckDiamonds()
    {
        var pairs = 0;
        for (var state = 0; state < edges.Count; state++)
        {
            for (var i = 0; i < edges[state].Count; i++)
            {
                for (var j = i + 1; j < edges[state].Count; j++)
                {
                    var (one, other) = (edges[state][i], edges[state][j]);
                    if (!AreIndependent(state, one.Touch, other.Touch)) continue;
                    pairs++;
                    var (first, second) = (To(one.To, other.Move), To(other.To, one.Move));
                    Assert.True(
                        first >= 0 && first == second,
                        $"{model.Instance}: {one.Move} and {other.Move} touch nothing in common "
                        + $"and do not commute after\n{string.Join('\n', Found.PathTo(state))}");
                }
            }
        }
        return pairs;
    }

    int To(int state, Move move) =>
        edges[state].FirstOrDefault(edge => edge.Move == move, (move, -1, null!)).To;

    bool AreIndependent(int state, Touch one, Touch other)
    {
        if (one.Writes.Intersect(other.All).Any() || other.Writes.Intersect(one.All).Any())
            return false;
        for (var i = 0; i < counters[state].Length; i++)
        {
            var both = Math.Max(0, one.Takes[i]) + Math.Max(0, other.Takes[i]);
            if (both > counters[state][i]) return false;
        }
        return true;
    }

    /// <summary>
    /// The P/T net whose places are (token, value) and whose transitions are what the edges do to
    /// the tokens of their footprints: wherever such a transition is enabled, the kernel allows
    /// the move and does the same. By induction from the first state the net's graph is then
    /// exactly the kernel's. Answers how many transitions the net has, and what is wrong.
    /// </summary>
    public (int Transitions, string? Wrong) CheckSynthesis()
    {
        var net = new Dictionary<string, NetTransition>();
        var commonness = new Dictionary<(int, int), int>();
        foreach (var v in values)
            for (var c = 0; c < v.Length; c++)
                commonness[(c, v[c])] = commonness.GetValueOrDefault((c, v[c])) + 1;
        for (var state = 0; state < edges.Count; state++)
        {
            foreach (var (move, to, touch) in edges[state])
            {
                if (Outside(state, to, touch) is { } changed)
                    return (net.Count, $"{move} changes {changed}, which it does not name");
                var t = new NetTransition(
                    move, touch, [.. touch.All.Select(c => values[state][c])],
                    [.. touch.All.Select(c => values[to][c])]);
                net.TryAdd(t.ToString(), t);
            }
        }
        var byRarest = net.Values.ToLookup(t => t.Touch.All.Select((c, i) => (c, t.Before[i]))
            .DefaultIfEmpty((-1, 0)).MinBy(key => commonness.GetValueOrDefault(key)));
        for (var state = 0; state < edges.Count; state++)
        {
            var enabled = byRarest[(-1, 0)]
                .Concat(values[state].SelectMany((value, c) => byRarest[(c, value)]));
            foreach (var t in enabled.Where(t => IsEnabled(state, t)))
            {
                var to = To(state, t.Move);
                if (to < 0 || t.Touch.All.Where((c, i) => values[to][c] != t.After[i]).Any())
                    return (net.Count, $"the net allows {t.Move} and the kernel "
                        + $"{(to < 0 ? "does not" : "does something else")}, after\n"
                        + string.Join('\n', Found.PathTo(state)));
            }
        }
        return (net.Count, null);
    }

    sealed record NetTransition(Move Move, Touch Touch, int[] Before, int[] After)
    {
        public override string ToString() =>
            $"{Move.Kind} {Move.A} {Move.B} {Move.For} | {string.Join(' ', Touch.All)} | "
            + $"{string.Join(' ', Before)} | {string.Join(' ', After)}";
    }

    int? Outside(int state, int to, Touch touch)
    {
        for (var c = 0; c < values[state].Length; c++)
            if (values[state][c] != values[to][c] && !touch.Writes.Contains(c)) return c;
        return null;
    }

    bool IsEnabled(int state, NetTransition t)
    {
        for (var i = 0; i < t.Touch.All.Length; i++)
            if (values[state][t.Touch.All[i]] != t.Before[i]) return false;
        for (var i = 0; i < counters[state].Length; i++)
            if (t.Touch.Takes[i] > counters[state][i]) return false;
        return true;
    }
}
