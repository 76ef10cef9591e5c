using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>How a want stands.</summary>
enum WantStanding
{
    /// <summary>It asks for nothing until somebody accepts it.</summary>
    Offered,

    /// <summary>Something of it is not there yet.</summary>
    Open,

    /// <summary>All that it holds is there and in use.</summary>
    Ready,

    /// <summary>Its use is over; what it held is being released.</summary>
    Releasing,

    /// <summary>All it asked for was there.</summary>
    Succeeded,

    /// <summary>Something it asked for cannot be had.</summary>
    Failed,

    /// <summary>Somebody gave it up.</summary>
    Cancelled,

    /// <summary>An offer that nobody accepted.</summary>
    Expired,
}

/// <summary>How a run stands.</summary>
enum RunState
{
    /// <summary>Waits for a worker, or for its next attempt.</summary>
    Queued,

    /// <summary>A worker has it.</summary>
    Running,

    /// <summary>A run of a resource sleeps.</summary>
    Deferred,

    /// <summary>Published.</summary>
    Built,

    /// <summary>Its outputs were taken from the artifacts.</summary>
    Restored,

    /// <summary>Failed for good.</summary>
    Failed,

    /// <summary>Stopped.</summary>
    Cancelled,

    /// <summary>Ended because it needs more inputs.</summary>
    NeedsInputs,

    /// <summary>The thing that it made was there, and is released.</summary>
    Released,
}

/// <summary>A want of any time. Belongs to <see cref="StoreState"/>.</summary>
sealed class WantRow(WantId id, ImmutableArray<PartitionId> targets, WantOptions options)
{
    public WantId Id { get; } = id;

    public ImmutableArray<PartitionId> Targets { get; } = targets;

    public WantOptions Options { get; } = options;

    public string Request { get; init; } = "";

    public DateTimeOffset AcceptedAt { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    public WantStanding Standing { get; set; }

    /// <summary>Of its plan, with all that was added to it.</summary>
    public PlanCounts Counts { get; set; }

    public bool IsPlanned { get; set; }

    public ImmutableArray<PartitionId> Failed { get; set; } = [];

    public ImmutableArray<PlanProblem> Problems { get; set; } = [];

    /// <summary>Who gave it up.</summary>
    public string By { get; set; } = "";

    /// <summary>Runs that its plan started, oldest first.</summary>
    public List<int> Runs { get; } = [];

    /// <summary>Of those, how many ended well.</summary>
    public int RunsDone { get; set; }

    /// <summary>Runs of other wants that it waits or waited for.</summary>
    public List<(PartitionId Partition, RunId Run)> Delegated { get; } = [];
}

/// <summary>One attempt of a run.</summary>
sealed class AttemptRow
{
    public required int Attempt { get; init; }

    public required int Epoch { get; init; }

    public required string Worker { get; init; }

    public required DateTimeOffset LeasedAt { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    /// <summary><c>running</c>, <c>completed</c>, <c>failed</c>, <c>lost</c>, ….</summary>
    public string Outcome { get; set; } = "running";

    public RunUsage Usage { get; set; }

    public RunFailure? Failure { get; set; }
}

/// <summary>A run of any time. Belongs to <see cref="StoreState"/>.</summary>
sealed class RunRow(RunId id, string job, WantId want, ImmutableArray<PartitionId> claims)
{
    public RunId Id { get; } = id;

    public string Job { get; } = job;

    /// <summary>The want whose plan started it; 0: a line of a feed.</summary>
    public WantId Want { get; } = want;

    public ImmutableArray<PartitionId> Claims { get; } = claims;

    /// <summary>For each claim the run that held it before; 0: none did.</summary>
    public ImmutableArray<int> RunsBefore { get; init; } = [];

    public DateTimeOffset ScheduledAt { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    public DateTimeOffset? RetryAt { get; set; }

    public RunState State { get; set; }

    /// <summary>The layer of the artifacts that its outputs came from.</summary>
    public string RestoredFrom { get; set; } = "";

    /// <summary>What it is about, of a thing outside.</summary>
    public string ExternalId { get; set; } = "";

    /// <summary>The newest attempt; null: none began.</summary>
    public AttemptRow? Last { get; set; }

    /// <summary>The attempts before the newest one; null: there are none.</summary>
    public List<AttemptRow>? Earlier { get; set; }

    /// <summary>All attempts, oldest first.</summary>
    public IEnumerable<AttemptRow> Attempts =>
        Last is null ? [] : (Earlier ?? []).Append(Last);
}

/// <summary>A question for a person. Belongs to <see cref="StoreState"/>.</summary>
sealed class QuestionRow(InterventionOpened what, string partition, DateTimeOffset at)
{
    public InterventionOpened What { get; } = what;

    public string Partition { get; } = partition;

    public DateTimeOffset OpenedAt { get; } = at;

    public DateTimeOffset? AnsweredAt { get; set; }

    public InterventionResolved? Answer { get; set; }
}

/// <summary>A worker process of any time. Belongs to <see cref="StoreState"/>.</summary>
sealed class WorkerRow(string owner, int slots, DateTimeOffset at)
{
    public string Owner { get; } = owner;

    public int Slots { get; } = slots;

    public DateTimeOffset JoinedAt { get; } = at;

    public DateTimeOffset? LeftAt { get; set; }

    /// <summary>Runs that it has now.</summary>
    public HashSet<int> Running { get; } = [];

    public int Ended { get; set; }
}

/// <summary>What came of a command.</summary>
/// <param name="Position">Of the event that answers.</param>
/// <param name="Code"><c>done</c>, <c>nothing-to-do</c>, or a refusal's.</param>
/// <param name="Message">For people.</param>
/// <param name="Want">The want that it made; null: none.</param>
sealed record CommandAnswer(long Position, string Code, string Message, WantId? Want);
