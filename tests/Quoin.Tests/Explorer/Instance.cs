using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// A small world to be explored completely. Partitions are single letters, <c>"ab"</c> is two.
/// </summary>
sealed record Instance(string Name, string Partitions)
{
    /// <summary>
    /// A partition is planned with the first job that makes it; jobs may overlap.
    /// </summary>
    public ImmutableArray<JobShape> Jobs { get; init; } = [];

    /// <summary>Wants that may be accepted, each once, in any order.</summary>
    public ImmutableArray<WantShape> Wants { get; init; } = [];

    public int Slots { get; init; } = 2;

    /// <summary>How often a failed, and how often a lost attempt is followed by another.</summary>
    public int Retries { get; init; } = 1;
    public int Losses { get; init; } = 1;

    /// <summary>Whether runs may fail.</summary>
    public bool Fails { get; init; } = true;

    /// <summary>
    /// A plan's events are moves of their own. Otherwise they come in one append with what made
    /// them necessary, as the coordinator writes them.
    /// </summary>
    public bool PlansApart { get; init; }

    /// <summary>How often the environment may do each of these.</summary>
    public int Cancels { get; init; }
    public int Expiries { get; init; }
    public int Taints { get; init; }
    public int Stales { get; init; }
    public int Drops { get; init; }
    public int Removals { get; init; }

    /// <summary>Of resources: answers that nothing is decided yet; looks at what is in use.
    /// </summary>
    public int Defers { get; init; }
    public int Looks { get; init; }

    /// <summary>Failed releases, and sleeping runs whose budget is spent.</summary>
    public int BadReleases { get; init; }
    public int Timeouts { get; init; }
    public int Wakes { get; init; }

    /// <summary>Duplicates that a service names.</summary>
    public int Extras { get; init; }

    /// <summary>Activations without an answer before a person is asked.</summary>
    public int ClaimsMax { get; init; } = 2;

    public override string ToString() => Name;
}

/// <summary>
/// A job: what it makes, from what, what it finds it needs while running (<see cref="Finds"/>),
/// and what it writes without having declared it.
/// </summary>
sealed record JobShape(string Outputs, string Inputs = "")
{
    public string Finds { get; init; } = "";
    public string Surplus { get; init; } = "";
    public bool Supersedes { get; init; }
    public bool ConfigFails { get; init; }

    /// <summary>Its output is a thing outside; kept for a while when nobody needs it.</summary>
    public bool Resource { get; init; }
    public bool Keeps { get; init; }

    /// <summary>Start-up hooks.</summary>
    public int Hooks { get; init; }
}

/// <summary>A want; <see cref="AnalysisFails"/>: its analysis may find an error.</summary>
sealed record WantShape(string Targets, FailureMode Mode = FailureMode.KeepGoing)
{
    public bool AnalysisFails { get; init; }

    /// <summary>It is an offer first.</summary>
    public bool Offered { get; init; }
}

/// <summary>How a want of an instance stands.</summary>
enum WantStanding : byte
{
    New = 0,
    Open = 1,
    Succeeded = 2,
    Failed = 3,
    Cancelled = 4,
    Expired = 5,
    Offered = 6,
}

/// <summary>What the environment may do only so often.</summary>
enum Budget
{
    Cancels = 0,
    Expiries = 1,
    Taints = 2,
    Stales = 3,
    Drops = 4,
    Removals = 5,
    Defers = 6,
    Looks = 7,
    BadReleases = 8,
    Timeouts = 9,
    Wakes = 10,
    Extras = 11,
}
