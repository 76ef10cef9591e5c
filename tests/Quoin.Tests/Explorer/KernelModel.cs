using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// An instance as a graph of states, with the production kernel as its next-state function. After
/// every move the rules are checked that speak of two states, in every state those that speak of
/// one.
/// </summary>
sealed class KernelModel(Instance instance) : IModel<Move>
{
    readonly PartitionNames names = Marking.NamesOf(instance);

    /// <summary>Whether only states are looked at, and not what each event did.</summary>
    public bool OnlyStates { get; init; }

    /// <summary>Events that happened in any move.</summary>
    public HashSet<Type> Events { get; } = [typeof(WorkerAdded)];

    /// <summary>Moves of tokens that events made, with all that followed at once.</summary>
    public HashSet<(Type Event, NetMove Move)> Moves { get; } = [];

    public Instance Instance { get; } = instance;

    public byte[] Start() => Marking.Start(Instance, names).Save();

    public Marking Load(ReadOnlySpan<byte> state) => Marking.Load(Instance, names, state);

    public Fault<Move>? Expand(ReadOnlySpan<byte> state, Found<Move> found)
    {
        var m = Load(state);
        var rule = Invariants.Check(m) ?? Probes.Check(m, state);
        if (rule is not null) return new(rule);
        bool any = false, progress = false;
        foreach (var move in Explorer.Moves.Of(m))
        {
            foreach (var (chosen, next, fault) in Next(state, move))
            {
                if (fault is not null) return new(fault, chosen, IsAfterMove: true);
                any = true;
                progress |= chosen.IsProgress;
                found(chosen, next!.Save());
            }
        }
        rule = any ? Invariants.CheckProgress(m, progress) : Invariants.CheckEnd(m);
        return rule is null ? null : new(rule);
    }

    /// <summary>Where a move leads: one state for each want that its plan may be for.</summary>
    public IEnumerable<(Move Move, Marking? Next, string? Fault)> Next(
        ReadOnlySpan<byte> state, Move move) => Next(state.ToArray(), move);

    IEnumerable<(Move Move, Marking? Next, string? Fault)> Next(byte[] state, Move move)
    {
        var m = Load(state);
        var fault = Make(m, move, out var made);
        if (fault is not null) yield return (move, null, fault);
        if (!made || fault is not null) yield break;
        var choices = Instance.PlansApart ? [] : Planner.Choices(m);
        if (choices.Count == 0) yield return (move, m, null);
        foreach (var want in choices)
        {
            var chosen = move with { For = want };
            var planned = Load(state);
            fault = Make(planned, chosen, out _);
            yield return (chosen, fault is null ? planned : null, fault);
        }
    }

    /// <summary>Makes a move with its plan; answers what rule it broke.</summary>
    public string? Make(Marking m, Move move, out bool made)
    {
        string? broken = null;
        m.Watch = e =>
        {
            Events.Add(e.GetType());
            if (OnlyStates) return null;
            var check = Contracts.Of(m, e);
            var before = PlacesOf(m);
            return () =>
            {
                broken ??= check();
                Note(e, before, PlacesOf(m));
            };
        };
        try
        {
            made = Explorer.Moves.TryMake(m, move);
            if (made && move.For >= 0) Planner.PlanAll(m, move.For);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            made = true;
            return $"throws: {e.Message}";
        }
        m.Watch = null;
        return broken;
    }

    static Dictionary<(string Token, int Id), string> PlacesOf(Marking m)
    {
        var places = m.All.ToDictionary(
            p => ("Partition", p.Value), p => m.Kernel.PlaceOf(p).ToString());
        foreach (var run in m.Kernel.Runs.Values)
            places.Add(("Run", run.Id.Value), run.Place.ToString());
        foreach (var want in m.Kernel.Wants.Values)
            places.Add(
                ("Want", want.Id.Value),
                want.OfferedUntil is not null ? "Offered"
                    : want.IsReleasing ? "Releasing" : "Open");
        return places;
    }

    void Note(
        BuildEvent e, Dictionary<(string Token, int Id), string> before,
        Dictionary<(string Token, int Id), string> after)
    {
        foreach (var token in before.Keys.Union(after.Keys))
        {
            var from = before.GetValueOrDefault(token, "");
            var to = after.GetValueOrDefault(token, "");
            if (from != to) Moves.Add((e.GetType(), new NetMove(token.Token, from, to)));
        }
    }

    /// <summary>The marking after some moves, without leaving memory on the way.</summary>
    public Marking After(IEnumerable<Move> moves, Action<KernelCommand, BuildEvent>? record = null)
    {
        var m = Marking.Start(Instance, names);
        m.Record = record;
        foreach (var move in moves) Make(m, move, out _);
        return m;
    }
}
