using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// One transition of the net: what an event consumes, reads and produces. Places are written
/// <c>Partition.Live</c>, <c>Run.Queued</c>, <c>Want.Open</c>, <c>Demand</c>, <c>Slot</c>.
/// </summary>
public sealed record Transition(string Row, Type Event)
{
    /// <summary>Places that lose a token.</summary>
    public ImmutableArray<string> Consumes { get; init; } = [];

    /// <summary>Places that are only looked at.</summary>
    public ImmutableArray<string> Reads { get; init; } = [];

    /// <summary>Places that gain a token.</summary>
    public ImmutableArray<string> Produces { get; init; } = [];

    /// <summary>What has to hold beside the tokens being there.</summary>
    public string Guard { get; init; } = "";

    /// <summary>
    /// Which tokens the event touches in a marking, before it is applied.
    /// </summary>
    public required Func<KernelState, BuildEvent, Footprint> Footprint { get; init; }

    /// <summary>The event's name.</summary>
    public string Name => Event.Name;
}

/// <summary>
/// The state machines of partitions, wants and runs as one coloured Petri net: the transitions that
/// <see cref="Kernel"/> guards and <see cref="Evolve"/> applies, as data. Tests hold the two
/// together: every event has a row, and no token ever moves in a way that no row allows.
/// </summary>
public static class Net
{
    /// <summary>All transitions, in the order of the design's tables.</summary>
    public static readonly ImmutableArray<Transition> Transitions =
    [
        new("T1", typeof(WantAccepted))
        {
            Consumes = ["Partition.Missing", "Partition.Tainted", "Partition.Failed"],
            Reads = ["Partition.Live", "Partition.Building"],
            Produces = ["Want.Open", "Demand", "Partition.Wanted"],
            Guard = "some partition is named",
            Footprint = (s, e) => Footprints.Accepted(s, (WantAccepted)e),
        },
        new("P1", typeof(PartitionPlanned))
        {
            Consumes = ["Partition.Wanted", "Partition.Planned", "Partition.Missing",
                "Partition.Tainted", "Partition.Failed"],
            Reads = ["Want.Open"],
            Produces = ["Partition.Planned", "Demand", "Partition.Wanted"],
            Guard = "an output is Wanted, or Planned by a plan that is gone; Failed inputs become "
                + "Wanted if they failed before the want was accepted",
            Footprint = (s, e) => Footprints.Planned(s, (PartitionPlanned)e),
        },
        new("P2", typeof(PartitionStale))
        {
            Consumes = ["Partition.Live"], Reads = ["Demand"], Produces = ["Partition.Wanted"],
            Guard = "an unplanned want asks for it, or it is an input of a Planned partition",
            Footprint = (s, e) => Footprints.Stale(s, (PartitionStale)e),
        },
        new("P3", typeof(PartitionCurrent))
        {
            Consumes = ["Partition.Planned"], Produces = ["Partition.Live"],
            Guard = "all inputs Live, and the fingerprint is the one it was published with",
            Footprint = (s, e) => Footprints.Current(s, (PartitionCurrent)e),
        },
        new("P4", typeof(ConfigFailed))
        {
            Consumes = ["Partition.Wanted", "Partition.Planned"],
            Produces = ["Partition.Failed"],
            Footprint = (s, e) => Footprints.ConfigFailed(s, (ConfigFailed)e),
        },
        new("P5", typeof(WantPlanned))
        {
            Consumes = ["Demand"], Reads = ["Partition.Live"],
            Footprint = (s, e) => Footprints.WantPlanned(s, (WantPlanned)e),
        },
        new("P6", typeof(AnalysisFailed))
        {
            Consumes = ["Want.Open", "Demand"],
            Footprint = (s, e) => Footprints.WantEnded(s, (AnalysisFailed)e),
        },
        new("T2", typeof(RunScheduled))
        {
            Consumes = ["Partition.Planned", "Partition.Missing", "Partition.Wanted",
                "Partition.Waiting", "Partition.Failed", "Partition.Tainted", "Partition.Live"],
            Reads = ["Partition.Live"],
            Produces = ["Partition.Building", "Run.Queued"],
            Guard = "an output is Planned with all inputs Live, and no output is Building; Live "
                + "outputs are claimed only by jobs that supersede",
            Footprint = (s, e) => Footprints.Scheduled(s, (RunScheduled)e),
        },
        new("T3", typeof(RunLeased))
        {
            Consumes = ["Run.Queued", "Slot"], Reads = ["Partition.Live"],
            Produces = ["Run.Running"], Guard = "the retry time is over",
            Footprint = (s, e) => Footprints.Leased(s, (RunLeased)e),
        },
        new("T4", typeof(RunCompleted))
        {
            Consumes = ["Run.Running", "Run.Cancelling", "Partition.Building",
                "Partition.Missing", "Partition.Wanted", "Partition.Planned",
                "Partition.Waiting", "Partition.Tainted", "Partition.Failed"],
            Reads = ["Partition.Live"],
            Produces = ["Partition.Live", "Partition.Wanted", "Slot"],
            Guard = "the epoch is the newest; outputs beyond the claims are adopted unless "
                + "Building or Live; demanded outputs are stale at once if an input moved",
            Footprint = (s, e) => Footprints.Completed(s, (RunCompleted)e),
        },
        new("T5", typeof(RunFailed))
        {
            Consumes = ["Run.Running", "Partition.Building"],
            Produces = ["Run.Queued", "Partition.Failed", "Partition.Missing", "Partition.Live",
                "Partition.Tainted", "Slot"],
            Guard = "the epoch is the newest; queued again while retries are left and a claim is "
                + "demanded",
            Footprint = (s, e) => Footprints.Failed(s, (RunFailed)e),
        },
        new("T6", typeof(RunDepMissed))
        {
            Consumes = ["Run.Running", "Partition.Building"], Reads = ["Demand"],
            Produces = ["Partition.Waiting", "Partition.Wanted", "Partition.Failed",
                "Partition.Missing", "Partition.Live", "Partition.Tainted", "Demand", "Slot"],
            Guard = "the epoch is the newest; Failed if what it needs waits for it",
            Footprint = (s, e) => Footprints.InputsMissed(s, (RunDepMissed)e),
        },
        new("T7", typeof(WantCancelled))
        {
            Consumes = ["Want.Open", "Demand"],
            Footprint = (s, e) => Footprints.WantEnded(s, (WantCancelled)e),
        },
        new("T8", typeof(RunCancelRequested))
        {
            Consumes = ["Run.Queued", "Run.Running", "Partition.Building"], Reads = ["Demand"],
            Produces = ["Run.Cancelling", "Partition.Missing", "Partition.Live",
                "Partition.Tainted", "Partition.Failed", "Partition.Wanted"],
            Guard = "no claim is demanded, or the run is queued and its plan is gone",
            Footprint = (s, e) => Footprints.CancelRequested(s, (RunCancelRequested)e),
        },
        new("T9", typeof(RunCancelAcked))
        {
            Consumes = ["Run.Cancelling", "Partition.Building"], Reads = ["Demand"],
            Produces = ["Partition.Wanted", "Partition.Missing", "Partition.Live",
                "Partition.Tainted", "Partition.Failed", "Slot"],
            Guard = "the epoch is the newest",
            Footprint = (s, e) => Footprints.CancelAcked(s, (RunCancelAcked)e),
        },
        new("T10", typeof(LeaseExpired))
        {
            Consumes = ["Run.Running", "Run.Cancelling", "Partition.Building"],
            Reads = ["Demand"],
            Produces = ["Run.Queued", "Partition.Failed", "Partition.Wanted",
                "Partition.Missing", "Partition.Live", "Partition.Tainted", "Slot"],
            Guard = "the lease is over (decided outside); queued again while its own budget lasts",
            Footprint = (s, e) => Footprints.Expired(s, (LeaseExpired)e),
        },
        new("T11", typeof(StaleReportRejected))
        {
            Guard = "the epoch is not the newest",
            Footprint = (s, e) => Footprints.Rejected(s, (StaleReportRejected)e),
        },
        new("T12", typeof(PartitionTainted))
        {
            Consumes = ["Partition.Live"], Reads = ["Demand"],
            Produces = ["Partition.Tainted", "Partition.Wanted"],
            Footprint = (s, e) => Footprints.Tainted(s, (PartitionTainted)e),
        },
        new("T13", typeof(WorkerAdded))
        {
            Produces = ["Slot"],
            Footprint = (s, e) => Footprints.WorkerAdded(s, (WorkerAdded)e),
        },
        new("T13", typeof(WorkerRemoved))
        {
            Consumes = ["Slot"], Guard = "the worker has no run",
            Footprint = (s, e) => Footprints.WorkerRemoved(s, (WorkerRemoved)e),
        },
    ];

    /// <summary>Events that tell people something; no token moves.</summary>
    public static readonly ImmutableArray<Type> Notifications =
    [
        typeof(WantSucceeded), typeof(WantFailed), typeof(WantDelegated), typeof(PlanExtended),
        typeof(OutputsRemoved),
    ];
}
