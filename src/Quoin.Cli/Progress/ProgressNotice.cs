using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// Something that happened to the watched want and that a person may want to read.
/// </summary>
abstract record ProgressNotice(DateTimeOffset At)
{
    /// <summary>The plan is complete: its size is known.</summary>
    public sealed record Planned(DateTimeOffset At) : ProgressNotice(At);

    /// <summary>The plan grew while it ran.</summary>
    public sealed record Grew(DateTimeOffset At, int Added, PartitionId By) : ProgressNotice(At);

    /// <summary>Analysis found a problem.</summary>
    public sealed record Problem(DateTimeOffset At, PlanProblem What) : ProgressNotice(At);

    /// <summary>An attempt began.</summary>
    public sealed record Started(DateTimeOffset At, BuildTask Task) : ProgressNotice(At);

    /// <summary>A run published its outputs.</summary>
    public sealed record Built(DateTimeOffset At, BuildTask Task, RunUsage Usage)
        : ProgressNotice(At);

    /// <summary>A planned task is current after all.</summary>
    public sealed record Current(DateTimeOffset At, BuildTask Task) : ProgressNotice(At);

    /// <summary>Another want's run makes it.</summary>
    public sealed record Delegated(
        DateTimeOffset At, PartitionId Partition, RunId Run, WantId? To) : ProgressNotice(At);

    /// <summary>An attempt failed and there will be another.</summary>
    public sealed record Retried(
        DateTimeOffset At, BuildTask Task, RunFailure Failure, TimeSpan Delay) : ProgressNotice(At);

    /// <summary>A run failed for good.</summary>
    public sealed record Failed(DateTimeOffset At, BuildFailure Failure) : ProgressNotice(At);

    /// <summary>
    /// A task will not be made, because of this input; null: somebody stopped it.
    /// </summary>
    public sealed record Cancelled(DateTimeOffset At, BuildTask Task, PartitionId? Because)
        : ProgressNotice(At);

    /// <summary>A run asked for more inputs; it is planned again.</summary>
    public sealed record NeedsMore(DateTimeOffset At, BuildTask Task, int Needs)
        : ProgressNotice(At);

    /// <summary>Something happened to a thing outside.</summary>
    public sealed record Resource(DateTimeOffset At, BuildTask Task, RunEvent Event)
        : ProgressNotice(At);

    /// <summary>All that the want holds is there: it can be used.</summary>
    public sealed record Ready(DateTimeOffset At, WantReady What) : ProgressNotice(At);

    /// <summary>The want is over.</summary>
    public sealed record Ended(DateTimeOffset At) : ProgressNotice(At);
}

/// <summary>A run that failed for good, with what it took along.</summary>
sealed record BuildFailure(BuildTask Task, AttemptId Attempt, RunFailure Failure)
{
    /// <summary>Wall clock of the last attempt.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>Tasks that are cancelled because of it, nearest first.</summary>
    public IReadOnlyList<BuildTask> Blocks { get; init; } = [];
}

/// <summary>How the watched want stands.</summary>
enum BuildPhase
{
    /// <summary>The plan is being made.</summary>
    Planning,

    /// <summary>The plan's size is known.</summary>
    Running,

    /// <summary>All wanted partitions are Live.</summary>
    Succeeded,

    /// <summary>Some wanted partitions cannot be had.</summary>
    Failed,

    /// <summary>Somebody gave it up.</summary>
    Cancelled,

    /// <summary>The graph could not be used, or <c>--strict</c> found problems.</summary>
    AnalysisFailed,
}
