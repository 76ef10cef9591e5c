namespace Quoin.Tests.Explorer;

/// <summary>Something with states and moves, which can be explored.</summary>
interface IModel<TMove>
{
    /// <summary>The first state.</summary>
    byte[] Start();

    /// <summary>
    /// Tells every move from a state and where it leads. Answers what is wrong with the state or
    /// with one of the moves; null when nothing is.
    /// </summary>
    Fault<TMove>? Expand(ReadOnlySpan<byte> state, Found<TMove> found);

    /// <summary>What stands for the state and for all that are like it.</summary>
    ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> state) => state;
}

/// <summary>A move and the state that it leads to.</summary>
delegate void Found<TMove>(TMove move, ReadOnlySpan<byte> state);

/// <summary>A rule that does not hold, in a state or (with a move) after it.</summary>
sealed record Fault<TMove>(string Rule, TMove? Last = default, bool IsAfterMove = false);

/// <summary>One step of the graph, by the numbers of its states.</summary>
readonly record struct Edge<TMove>(int From, TMove Move, int To);

/// <summary>
/// Breadth-first over all states that a model can reach, so that the first way to a state is a
/// shortest one. Stops at the first fault.
/// </summary>
sealed class Exploration<TMove>(IModel<TMove> model)
{
    readonly StateTable table = new();
    readonly List<byte[]> states = []; // As first reached, where that is not the canonical form.
    readonly List<(int From, TMove Move)> parents = [];

    /// <summary>More states than this are a fault: the model was meant to be small.</summary>
    public int StatesMax { get; init; } = 10_000_000;

    /// <summary>Whether all edges are kept, for what looks at the whole graph.</summary>
    public bool KeepsEdges { get; init; }

    /// <summary>Whether the model's canonical form differs from the state.</summary>
    public bool IsReduced { get; init; }

    public int States => table.Count;
    public long EdgeCount { get; private set; }
    public int Terminals { get; private set; }
    public List<Edge<TMove>> Edges { get; } = [];

    /// <summary>What is wrong, and in which state it was found.</summary>
    public (int State, Fault<TMove> Fault)? Fault { get; private set; }

    /// <summary>A state's bytes.</summary>
    public ReadOnlySpan<byte> this[int index] => IsReduced ? states[index] : table[index];

    public Exploration<TMove> Run()
    {
        Add(model.Start(), -1, default!);
        for (var i = 0; i < table.Count && Fault is null; i++)
        {
            var before = EdgeCount;
            var state = this[i].ToArray(); // The table may move its bytes while we look.
            var fault = model.Expand(state, (move, next) =>
            {
                EdgeCount++;
                var to = Add(next, i, move);
                if (KeepsEdges) Edges.Add(new(i, move, to));
            });
            if (fault is not null) Fault = (i, fault);
            if (EdgeCount == before) Terminals++;
            if (table.Count > StatesMax) Fault = (i, new($"more than {StatesMax} states"));
        }
        return this;
    }

    int Add(ReadOnlySpan<byte> state, int from, TMove move)
    {
        var index = table.Add(IsReduced ? model.Canonical(state) : state, out var isNew);
        if (!isNew) return index;
        if (IsReduced) states.Add(state.ToArray());
        parents.Add((from, move));
        return index;
    }

    /// <summary>The moves of a shortest way to a state.</summary>
    public List<TMove> PathTo(int state)
    {
        var path = new List<TMove>();
        for (var i = state; parents[i].From >= 0; i = parents[i].From) path.Add(parents[i].Move);
        path.Reverse();
        return path;
    }

    /// <summary>The moves that lead to the fault, its own last.</summary>
    public List<TMove> PathToFault()
    {
        var (state, fault) = Fault!.Value;
        var path = PathTo(state);
        if (fault.IsAfterMove) path.Add(fault.Last!);
        return path;
    }

    /// <summary>
    /// A state on a cycle of the edges that <paramref name="counts"/> picks; -1 when there is
    /// none (Kahn). Needs <see cref="KeepsEdges"/>.
    /// </summary>
    public int FindCycle(Func<TMove, bool> counts)
    {
        var indegree = new int[States];
        foreach (var edge in Edges)
            if (counts(edge.Move)) indegree[edge.To]++;
        var done = new Stack<int>(Enumerable.Range(0, States).Where(i => indegree[i] == 0));
        var first = new int[States + 1]; // Edges come by their start, in order.
        foreach (var edge in Edges) first[edge.From + 1]++;
        for (var i = 0; i < States; i++) first[i + 1] += first[i];
        var left = States;
        while (done.TryPop(out var state))
        {
            left--;
            for (var e = first[state]; e < first[state + 1]; e++)
                if (counts(Edges[e].Move) && --indegree[Edges[e].To] == 0) done.Push(Edges[e].To);
        }
        return left == 0 ? -1 : Array.FindIndex(indegree, n => n > 0);
    }
}
