using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Runs that make what a new want asks for, but that began before something they read was edited.
/// The want waits for them: what they publish is tested once more when they have ended, and until
/// then the plan of a want that asks for it is not over, so that nothing old satisfies it. Belongs
/// to the coordinator's thread.
/// </summary>
sealed class EarlierRuns(KernelState state, FileStampCache files)
{
    readonly Dictionary<RunId, Start> starts = [];
    readonly Dictionary<RunId, HashSet<WantId>> awaited = [];
    readonly Dictionary<WantId, WantPlanned> held = [];

    /// <summary>A run begins with what its plan sees now.</summary>
    public void Started(LaunchRequest launch, Plan plan, int node)
    {
        var seen = launch.Watched.Length == 0 ? [] : new FileStamp[launch.Watched.Length];
        for (var i = 0; i < seen.Length; i++)
            seen[i] = files.DigestedStampOf(launch.Watched[i].Path);
        starts[launch.Id.Run] = new Start(launch, seen, plan, node);
    }

    /// <summary>
    /// The active runs that hold something of a plan and did not begin with what it sees; in order
    /// of their ids. Of what another process started nothing is known: it counts as one of them.
    /// </summary>
    public IReadOnlyList<RunToken> Of(Plan plan) =>
    [
        .. state.Runs.Values
            .Where(run => run.Life is null && run.Claims.Any(p => IsPartOf(plan, p))
                && (IsEarlier(run) || HasOtherPayload(plan, run)
                    || run.Config.Inputs.Any(p => IsRebuilt(plan, p))))
            .OrderBy(run => run.Id.Value),
    ];

    static bool IsPartOf(Plan plan, PartitionId p) =>
        plan.Graph.ProducerOf(p) >= 0 || plan.ProblemOf(p) is not null;

    // Nobody asks for the inputs of a run any more: they are rebuilt only after its test.
    static bool IsRebuilt(Plan plan, PartitionId p) =>
        plan.Graph.ProducerOf(p) is >= 0 and var node
        && plan.VerdictOf(node) is Verdict.Build or Verdict.Maybe;

    // The same contents may have come and gone: then the fingerprint is the same, and the files
    // have other stamps.
    bool IsEarlier(RunToken run) =>
        !starts.TryGetValue(run.Id, out var start)
        || start.Plan.Test.Fingerprints.Of(start.Node) != start.Launch.Fingerprint
        || start.Launch.Watched.Index().Any(
            w => files.StampOf(w.Item.Path) != start.Stamps[w.Index]);

    // Its payload is another one now. What config commands answer depends on what they are asked.
    bool HasOtherPayload(Plan plan, RunToken run)
    {
        if (!starts.TryGetValue(run.Id, out var start)
            || start.Plan.Graph.JobOf(start.Node).FeedFolder is null
            || plan.Graph.ProducerOf(run.Claims[0]) is not (>= 0 and var node)) return false;
        var before = start.Plan.Test.Fingerprints.DefinitionOf(start.Node);
        return plan.Test.Fingerprints.DefinitionOf(node) != before;
    }

    /// <summary>The want waits for the end of the run.</summary>
    public void Await(RunToken run, WantId want)
    {
        if (!awaited.TryGetValue(run.Id, out var wants)) awaited[run.Id] = wants = [];
        wants.Add(want);
    }

    /// <summary>An open want waits for its end.</summary>
    public bool IsAwaited(RunId run) => awaited.ContainsKey(run);

    /// <summary>True, and kept for later, when it says that a plan is over that is not.</summary>
    public bool Holds(BuildEvent e)
    {
        if (e is not WantPlanned planned || !Waits(planned.Want)) return false;
        held[planned.Want] = planned;
        return true;
    }

    // For what it asks for itself; all else has somebody between, who waits for the test. A run
    // that has ended is not tested yet.
    bool Waits(WantId want) => awaited.Any(
        entry => entry.Value.Contains(want)
            && (!state.Runs.TryGetValue(entry.Key.Value, out var run)
                || run.Claims.Any(p => state.Requesters(p).Wants.Contains(want))));

    /// <summary>It ended: nobody waits for it from now on.</summary>
    /// <returns>The newest open want that did; null: none is open.</returns>
    public WantToken? Ended(RunId run)
    {
        starts.Remove(run);
        if (!awaited.Remove(run, out var wants)) return null;
        return wants.OrderByDescending(want => want.Value)
            .Select(want => state.Wants.GetValueOrDefault(want.Value))
            .FirstOrDefault(want => want is not null);
    }

    /// <summary>What was held and is true by now.</summary>
    public ImmutableArray<WantPlanned> TakePlanned()
    {
        ImmutableArray<WantPlanned> planned =
            [.. held.Values.Where(e => !Waits(e.Want)).OrderBy(e => e.Want.Value)];
        foreach (var e in planned) held.Remove(e.Want);
        return planned;
    }

    /// <summary>The want is over.</summary>
    public void Forget(WantId want)
    {
        held.Remove(want);
        foreach (var (run, wants) in awaited.ToArray())
            if (wants.Remove(want) && wants.Count == 0) awaited.Remove(run);
    }

    sealed record Start(LaunchRequest Launch, FileStamp[] Stamps, Plan Plan, int Node);
}
