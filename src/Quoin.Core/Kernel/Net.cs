using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// A token that goes from one place to another: <c>Partition</c>, <c>Live</c>, <c>Tainted</c>. An
/// empty place is outside of the net: where wants and runs come from and go to.
/// </summary>
public readonly record struct NetMove(string Token, string From, string To);

/// <summary>
/// One transition of the net: what an event consumes, reads and produces. Places are written
/// <c>Partition.Live</c>, <c>Run.Queued</c>, <c>Want.Open</c>, <c>Demand</c>, <c>Slot</c>.
/// </summary>
public sealed record Transition(string Row, Type Event)
{
    /// <summary>
    /// The moves of tokens that the event makes itself, not those that follow (the cascade).
    /// </summary>
    public ImmutableArray<NetMove> Moves { get; init; } = [];

    /// <summary>What is used up beside that: demands, slots.</summary>
    public ImmutableArray<string> Takes { get; init; } = [];

    /// <summary>What appears beside that: demands, slots.</summary>
    public ImmutableArray<string> Gives { get; init; } = [];

    /// <summary>Places that are only looked at.</summary>
    public ImmutableArray<string> Reads { get; init; } = [];

    /// <summary>What has to hold beside the tokens being there.</summary>
    public string Guard { get; init; } = "";

    /// <summary>
    /// Which tokens the event touches in a marking, before it is applied.
    /// </summary>
    public required Func<KernelState, BuildEvent, Footprint> Footprint { get; init; }

    /// <summary>The event's name.</summary>
    public string Name => Event.Name;

    /// <summary>Places that lose a token.</summary>
    public IEnumerable<string> Consumes => Moves.Where(move => move.From.Length > 0)
        .Select(move => $"{move.Token}.{move.From}").Concat(Takes).Distinct();

    /// <summary>Places that gain a token.</summary>
    public IEnumerable<string> Produces => Moves.Where(move => move.To.Length > 0)
        .Select(move => $"{move.Token}.{move.To}").Concat(Gives).Distinct();
}

/// <summary>
/// Moves that follow from events at once and are not logged, by stratum: a stratum begins when all
/// lower ones have nothing left.
/// </summary>
public sealed record CascadeRule(int Stratum, string When, ImmutableArray<NetMove> Moves);

/// <summary>
/// The state machines of partitions, wants and runs as one coloured Petri net: the transitions that
/// <see cref="Kernel"/> guards and <see cref="Evolve"/> applies, as data. Tests hold the two
/// together: every event has a row, no token ever moves in a way that no row allows, every move of
/// a row happens, and the footprints name all that an event touches.
/// </summary>
public static class Net
{
    /// <summary>All transitions, in the order of the design's tables.</summary>
    public static readonly ImmutableArray<Transition> Transitions =
    [
        new("T1", typeof(WantAccepted))
        {
            Moves =
            [
                new("Want", "", "Open"), new("Want", "Offered", "Open"),
                .. Partitions("Missing Tainted Failed Released", "Wanted"),
            ],
            Gives = ["Demand"], Reads = ["Partition.Live", "Partition.Building"],
            Guard = "some partition is named",
            Footprint = (s, e) => Footprints.Accepted(s, (WantAccepted)e),
        },
        new("P1", typeof(PartitionPlanned))
        {
            Moves =
            [
                .. Partitions("Wanted", "Planned"),
                .. Partitions("Missing Tainted Failed Released", "Wanted"),
            ],
            Reads = ["Want.Open", "Partition.Planned"], Gives = ["Demand"],
            Guard = "an output is Wanted, or Planned by a plan that is gone; Failed inputs become "
                + "Wanted if they failed before the want was accepted",
            Footprint = (s, e) => Footprints.Planned(s, (PartitionPlanned)e),
        },
        new("P2", typeof(PartitionStale))
        {
            Moves = [.. Partitions("Live", "Wanted")], Reads = ["Demand"],
            Guard = "an unplanned want asks for it, or it is an input of a Planned partition",
            Footprint = (s, e) => Footprints.Stale(s, (PartitionStale)e),
        },
        new("P3", typeof(PartitionCurrent))
        {
            Moves = [.. Partitions("Planned", "Live")],
            Guard = "all inputs Live, and the fingerprint is the one it was published with",
            Footprint = (s, e) => Footprints.Current(s, (PartitionCurrent)e),
        },
        new("P4", typeof(ConfigFailed))
        {
            Moves = [.. Partitions("Wanted Planned", "Failed")],
            Guard = "analysis cannot say how to make it",
            Footprint = (s, e) => Footprints.ConfigFailed(s, (ConfigFailed)e),
        },
        new("P5", typeof(WantPlanned))
        {
            Takes = ["Demand"], Reads = ["Want.Open", "Partition.Live"],
            Guard = "all that it needs is planned; only now do Live partitions satisfy it",
            Footprint = (s, e) => Footprints.WantPlanned(s, (WantPlanned)e),
        },
        new("P6", typeof(AnalysisFailed))
        {
            Moves = [new("Want", "Open", "")], Takes = ["Demand"],
            Guard = "the graph cannot be used, or the want is strict and analysis found problems",
            Footprint = (s, e) => Footprints.WantEnded(s, (AnalysisFailed)e),
        },
        new("T2", typeof(RunScheduled))
        {
            Moves =
            [
                new("Run", "", "Queued"),
                .. Partitions("Planned Missing Wanted Waiting Failed Tainted Live", "Building"),
            ],
            Reads = ["Partition.Live"],
            Guard = "an output is Planned with all inputs Live, and no output is Building; Live "
                + "outputs are claimed only by jobs that supersede",
            Footprint = (s, e) => Footprints.Scheduled(s, (RunScheduled)e),
        },
        new("T3", typeof(RunLeased))
        {
            Moves =
            [
                new("Run", "Queued", "Running"), new("Run", "Deferred", "Running"),
                .. Partitions("Building", "Releasing"),
            ],
            Takes = ["Slot"], Reads = ["Partition.Live"],
            Guard = "the retry time is over; N2: a resource's run takes no slot, is due, in its "
                + "window, or Running with its lease over, and was not claimed too often; taken "
                + "over, it is released if nobody demands it",
            Footprint = (s, e) => Footprints.Leased(s, (RunLeased)e),
        },
        new("T4", typeof(RunCompleted))
        {
            Moves =
            [
                new("Run", "Running", ""), new("Run", "Cancelling", ""),
                .. Partitions(
                    "Building Missing Wanted Planned Waiting Tainted Failed", "Live"),
                .. Partitions("Building", "Wanted Releasing"),
                new("Run", "Running", "Deferred"), new("Run", "Running", "Queued"),
            ],
            Gives = ["Slot"], Reads = ["Partition.Live"],
            Guard = "the epoch is the newest; outputs beyond the claims are adopted unless "
                + "Building or Live; if an input moved, outputs have no fingerprint, and demanded "
                + "ones are stale at once; N6: a resource that nobody demands any more is released",
            Footprint = (s, e) => Footprints.Completed(s, (RunCompleted)e),
        },
        new("T5", typeof(RunFailed))
        {
            Moves =
            [
                new("Run", "Running", "Queued"), new("Run", "Running", ""),
                .. Partitions("Building", "Failed Missing Live Tainted"),
                new("Run", "Running", "Deferred"), new("Run", "Deferred", "Queued"),
                new("Run", "Deferred", ""), new("Run", "Queued", "Deferred"),
                new("Run", "Queued", ""),
                .. Partitions("Building", "Releasing Released Wanted"),
            ],
            Gives = ["Slot"], Reads = ["Demand"],
            Guard = "the epoch is the newest; queued again while retries are left and a claim is "
                + "demanded; N7: a resource's run sleeps until then; N8: it is released first if "
                + "something may exist",
            Footprint = (s, e) => Footprints.Failed(s, (RunFailed)e),
        },
        new("T6", typeof(RunDepMissed))
        {
            Moves =
            [
                new("Run", "Running", ""),
                .. Partitions("Building", "Waiting Wanted Failed Missing Live Tainted"),
                .. Partitions("Missing Tainted Failed", "Wanted"),
            ],
            Gives = ["Demand", "Slot"], Reads = ["Demand"],
            Guard = "the epoch is the newest; Failed if what it needs waits for it",
            Footprint = (s, e) => Footprints.InputsMissed(s, (RunDepMissed)e),
        },
        new("T7", typeof(WantCancelled))
        {
            Moves = [new("Want", "Open", ""), new("Want", "Offered", "")], Takes = ["Demand"],
            Guard = "somebody gives it up, and its use is not over",
            Footprint = (s, e) => Footprints.WantEnded(s, (WantCancelled)e),
        },
        new("T8", typeof(RunCancelRequested))
        {
            Moves =
            [
                new("Run", "Running", "Cancelling"), new("Run", "Queued", ""),
                new("Run", "Deferred", ""),
                .. Partitions("Building", "Missing Live Tainted Failed Wanted"),
            ],
            Reads = ["Demand"],
            Guard = "no claim is demanded, or the run is queued and its plan is gone",
            Footprint = (s, e) => Footprints.CancelRequested(s, (RunCancelRequested)e),
        },
        new("T9", typeof(RunCancelAcked))
        {
            Moves =
            [
                new("Run", "Cancelling", ""),
                .. Partitions("Building", "Wanted Missing Live Tainted Failed"),
            ],
            Gives = ["Slot"], Reads = ["Demand"],
            Guard = "the epoch is the newest",
            Footprint = (s, e) => Footprints.CancelAcked(s, (RunCancelAcked)e),
        },
        new("T10", typeof(LeaseExpired))
        {
            Moves =
            [
                new("Run", "Running", "Queued"), new("Run", "Running", ""),
                new("Run", "Cancelling", ""),
                .. Partitions("Building", "Failed Wanted Missing Live Tainted"),
            ],
            Gives = ["Slot"], Reads = ["Demand"],
            Guard = "the lease is over, or given back (decided outside); queued again while its "
                + "own budget lasts, which what is given back costs nothing",
            Footprint = (s, e) => Footprints.Expired(s, (LeaseExpired)e),
        },
        new("T11", typeof(StaleReportRejected))
        {
            Guard = "the epoch is not the newest; nothing changes",
            Footprint = (s, e) => Footprints.Rejected(s, (StaleReportRejected)e),
        },
        new("T12", typeof(PartitionTainted))
        {
            Moves = [.. Partitions("Live", "Tainted")], Reads = ["Demand"],
            Footprint = (s, e) => Footprints.Tainted(s, (PartitionTainted)e),
        },
        new("T13", typeof(WorkerAdded))
        {
            Gives = ["Slot"],
            Footprint = (s, e) => Footprints.WorkerAdded(s, (WorkerAdded)e),
        },
        new("T13", typeof(WorkerRemoved))
        {
            Takes = ["Slot"], Guard = "the worker has no run",
            Footprint = (s, e) => Footprints.WorkerRemoved(s, (WorkerRemoved)e),
        },
        .. ResourceNet.Transitions,
    ];

    /// <summary>What follows from events at once (<see cref="Cascade"/>).</summary>
    public static readonly ImmutableArray<CascadeRule> Cascades =
    [
        new(0, "a Live partition satisfies planned wants and unblocks what waits for it", []),
        new(0, "a Failed partition fails all that ask for it",
            [.. Partitions("Planned Waiting", "Failed")]),
        new(0, "a Tainted partition that is demanded is wanted",
            [.. Partitions("Tainted", "Wanted")]),
        new(1, "a planned want ends: nothing is left of it, or something failed and it gives up",
            [new("Want", "Open", "")]),
        new(1, "a Waiting partition with nothing left to wait for is planned again",
            [.. Partitions("Waiting", "Wanted")]),
        new(2, "what nobody demands goes back to where it was",
            [
                .. Partitions("Wanted Planned Waiting", "Missing Live Tainted Failed"),
                .. Partitions("Wanted Planned", "Released"),
            ]),
        .. ResourceNet.Cascades,
    ];

    /// <summary>Events that tell people something; no token moves.</summary>
    public static readonly ImmutableArray<Type> Notifications =
    [
        typeof(WantSucceeded), typeof(WantFailed), typeof(WantDelegated), typeof(PlanExtended),
        typeof(OutputsRemoved),
        typeof(CommandAnswered), typeof(WantReady),
    ];

    internal static IEnumerable<NetMove> Partitions(string places, string others) =>
        from place in places.Split(' ')
        from other in others.Split(' ')
        select new NetMove("Partition", place, other);
}
