using System.Collections.Immutable;
using static Quoin.Core.Net;

namespace Quoin.Core;

/// <summary>The rows of things outside in <see cref="Net.Transitions"/>.</summary>
static class ResourceNet
{
    public static readonly ImmutableArray<Transition> Transitions =
    [
        new("N3", typeof(RunDeferred))
        {
            Moves = [new("Run", "Running", "Deferred")],
            Guard = "the epoch is the newest, and budget is left (decided outside)",
            Footprint = (s, e) => ResourceFootprints.OfRun((RunEvent)e),
        },
        new("N4", typeof(RunWoken))
        {
            Guard = "the run sleeps for longer, or runs and was not woken yet",
            Footprint = (s, e) => ResourceFootprints.OfRun((RunEvent)e),
        },
        new("N5", typeof(RunStarted))
        {
            Moves = [new("Run", "Running", "Queued")],
            Guard = "the epoch is the newest; it is acquired, and this is its next hook",
            Footprint = (s, e) => ResourceFootprints.OfRun((RunEvent)e),
        },
        new("N5", typeof(ExternalSeen))
        {
            Guard = "the epoch is the newest",
            Footprint = (s, e) => ResourceFootprints.OfRun((RunEvent)e),
        },
        new("N10", typeof(ReleaseScheduled))
        {
            Moves =
            [
                .. Partitions("Building Live", "Releasing"), new("Run", "Deferred", "Queued"),
            ],
            Reads = ["Demand", "Hold"],
            Guard = "nobody demands or holds it, and it is not kept; Live, or Building, claimed "
                + "before and not Running",
            Footprint = (s, e) => ResourceFootprints.Scheduled(s, (ReleaseScheduled)e),
        },
        new("N11", typeof(ResourceEnded))
        {
            Moves =
            [
                .. Partitions("Live", "Releasing"), new("Run", "Running", "Queued"),
                new("Want", "Open", "Releasing"),
            ],
            Takes = ["Hold"],
            Guard = "the epoch is the newest; a look found that it ended or is gone",
            Footprint = (s, e) => ResourceFootprints.Ended(s, (ResourceEnded)e),
        },
        new("N12", typeof(ResourceReleased))
        {
            Moves =
            [
                .. Partitions("Releasing", "Released Wanted Failed"), new("Run", "Running", ""),
                new("Run", "Running", "Queued"),
            ],
            Takes = ["Hold"],
            Guard = "the epoch is the newest; Wanted if it is demanded, Failed if its run failed "
                + "for good; with duplicates left it goes on with those",
            Footprint = (s, e) => ResourceFootprints.Released(s, (ResourceReleased)e),
        },
        new("N13", typeof(ReleaseFailed))
        {
            Moves =
            [
                new("Run", "Running", "Deferred"), .. Partitions("Releasing", "Quarantined"),
            ],
            Guard = "the epoch is the newest; Quarantined when its budget is spent",
            Footprint = (s, e) => ResourceFootprints.ReleaseFailed(s, (ReleaseFailed)e),
        },
        new("N14", typeof(InterventionOpened))
        {
            Moves =
            [
                .. Partitions("Building Live Releasing", "Quarantined"),
                new("Run", "Running", "Deferred"),
            ],
            Guard = "the run has no such question open",
            Footprint = (s, e) => ResourceFootprints.Opened(s, (InterventionOpened)e),
        },
        new("N14", typeof(InterventionResolved))
        {
            Moves =
            [
                .. Partitions("Quarantined", "Releasing Released"),
                new("Run", "Deferred", "Queued"), new("Run", "Deferred", ""),
            ],
            Guard = "the question is open",
            Footprint = (s, e) => ResourceFootprints.Resolved(s, (InterventionResolved)e),
        },
        new("2.1", typeof(WantOffered))
        {
            Moves = [new("Want", "", "Offered")], Guard = "some partition is named",
            Footprint = (s, e) => Footprints.WantEnded(s, (WantOffered)e),
        },
        new("2.1", typeof(WantExpired))
        {
            Moves = [new("Want", "Offered", "")], Guard = "the offer's time is over",
            Footprint = (s, e) => Footprints.WantEnded(s, (WantExpired)e),
        },
        new("2.1", typeof(WantReleaseRequested))
        {
            Moves = [new("Want", "Open", "Releasing")], Takes = ["Hold"],
            Guard = "it is ready",
            Footprint = (s, e) => Footprints.WantEnded(s, (WantReleaseRequested)e),
        },
    ];

    public static readonly ImmutableArray<CascadeRule> Cascades =
    [
        new(0, "a Live resource is held by the wants and partitions that it satisfies", []),
        new(0, "what counts on a resource that is gone fails; what is outside of it is released",
            [
                .. Partitions("Planned Waiting Building", "Failed"),
                .. Partitions("Building", "Missing Live Tainted"),
                .. Partitions("Live Building", "Releasing"), new("Run", "Deferred", "Queued"),
                new("Run", "Running", "Queued"), new("Run", "Running", "Cancelling"),
                new("Run", "Queued", ""),
            ]),
        new(3, "a want whose use is over ends when all that it let go is released",
            [new("Want", "Releasing", "")]),
    ];
}
