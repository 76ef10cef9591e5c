using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// Something that somebody asks of the kernel; <see cref="Kernel.Decide"/> answers.
/// </summary>
public abstract record KernelCommand
{
    private protected KernelCommand() { } // Closed: every command is declared in this file.
}

/// <summary>
/// T1. Partitions are wanted. The targets exist in the graph; duplicates count once.
/// </summary>
public sealed record AcceptWant(ImmutableArray<PartitionId> Targets, WantOptions Options)
    : KernelCommand
{
    /// <summary>What was typed.</summary>
    public string Request { get; init; } = "";

    /// <summary>The command of another process that it answers; empty: none.</summary>
    public string Command { get; init; } = "";
}

/// <summary>T7. A want is given up.</summary>
public sealed record CancelWant(WantId Want, string By) : KernelCommand;

/// <summary>
/// P1 to P6. One event of a plan. The plan may be older than the marking: what no longer applies is
/// dropped, because a partition that moved on is somebody's already.
/// </summary>
public sealed record ProposePlan(BuildEvent Event) : KernelCommand;

/// <summary>P3. A ready partition passes the current test: no run.</summary>
public sealed record KeepCurrent(PartitionId Partition, Digest Fingerprint) : KernelCommand;

/// <summary>
/// T2. Run the config of a ready partition; <see cref="Supersede"/> also claims Live outputs.
/// </summary>
public sealed record ScheduleRun(PartitionId Ready, bool Supersede) : KernelCommand
{
    /// <inheritdoc cref="RunScheduled.Activation"/>
    public DateTimeOffset? Activation { get; init; }

    /// <inheritdoc cref="RunScheduled.NotAfter"/>
    public DateTimeOffset? NotAfter { get; init; }

    /// <inheritdoc cref="RunScheduled.Recipe"/>
    public string Recipe { get; init; } = "";
}

/// <summary>T3. A worker takes a queued run.</summary>
public sealed record LeaseRun(RunId Run, WorkerId Worker, DateTimeOffset Now) : KernelCommand
{
    /// <summary>N2. Of a resource: the lease of whoever has it is over.</summary>
    public bool TakesOver { get; init; }

    /// <inheritdoc cref="RunLeased.DoubtUntil"/>
    public DateTimeOffset? DoubtUntil { get; init; }

    /// <summary>Of a resource: activations without an answer before a person is asked.</summary>
    public int ClaimsMax { get; init; } = 5;
}

/// <summary>T4. A run ended well, with everything that it published.</summary>
public sealed record CompleteRun(RunId Run, int Epoch, ImmutableArray<OutputManifest> Outputs)
    : KernelCommand
{
    /// <summary>Everything that decided the outputs, at lease time.</summary>
    public Digest Fingerprint { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }

    /// <inheritdoc cref="RunCompleted.Connections"/>
    public string Connections { get; init; } = "";

    /// <inheritdoc cref="RunCompleted.WatchAt"/>
    public DateTimeOffset? WatchAt { get; init; }

    /// <inheritdoc cref="RunCompleted.RestoredFrom"/>
    public string RestoredFrom { get; init; } = "";
}

/// <summary>
/// T5. An attempt failed; <see cref="Retries"/> is how often this failure may be retried.
/// </summary>
public sealed record FailRun(RunId Run, int Epoch, RunFailure Failure) : KernelCommand
{
    /// <summary>How many failed attempts may be followed by another.</summary>
    public int Retries { get; init; }

    /// <summary>When the next attempt may start, if there is one.</summary>
    public DateTimeOffset RetryAt { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }

    /// <inheritdoc cref="RunFailed.MayExist"/>
    public bool MayExist { get; init; }

    /// <summary>
    /// Of a resource that sleeps: a budget is spent, and no call is made to learn more.
    /// </summary>
    public bool ByTimer { get; init; }
}

/// <summary>T6. A run found that it needs more.</summary>
public sealed record MissInputs(RunId Run, int Epoch, ImmutableArray<PartitionId> Needs)
    : KernelCommand
{
    /// <summary>They are inputs of it already, and are not where they can be had.</summary>
    public bool AreLost { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }
}

/// <summary>T8. Stop a run that nobody demands.</summary>
public sealed record RequestRunCancel(RunId Run, string By) : KernelCommand
{
    /// <summary>
    /// The plan that the run came from died with its coordinator: a queued run is dropped although
    /// it is demanded, and its claims are planned again.
    /// </summary>
    public bool ToReplan { get; init; }
}

/// <summary>T9. A run that was told to stop has stopped.</summary>
public sealed record AckRunCancel(RunId Run, int Epoch) : KernelCommand
{
    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }
}

/// <summary>T10. The lease of a run's worker is over.</summary>
public sealed record ExpireLease(RunId Run, int Epoch, DateTimeOffset RetryAt) : KernelCommand
{
    /// <summary>How many lost leases may be followed by another attempt.</summary>
    public int Losses { get; init; } = 3;

    /// <inheritdoc cref="LeaseExpired.IsReturned"/>
    public bool IsReturned { get; init; }
}

/// <summary>T12. A published partition is no longer trusted.</summary>
public sealed record Taint(PartitionId Partition, string By, string Why) : KernelCommand;

/// <summary>T13. A worker joins.</summary>
public sealed record AddWorker(WorkerId Worker, int Slots) : KernelCommand
{
    /// <inheritdoc cref="WorkerAdded.Ahead"/>
    public int Ahead { get; init; }

    /// <inheritdoc cref="WorkerAdded.Labels"/>
    public ImmutableArray<string> Labels { get; init; } = [];
}

/// <summary>T13. A worker leaves; it has no runs.</summary>
public sealed record RemoveWorker(WorkerId Worker) : KernelCommand;

/// <summary>
/// The kernel's answer: a fact to append, or a refusal. Neither: there is nothing to do.
/// </summary>
public readonly record struct Decision(BuildEvent? Event, Refusal? Refusal)
{
    /// <summary>Asking twice is not an error.</summary>
    public static readonly Decision Nothing;

    /// <summary>The fact as a list of one or none.</summary>
    public ImmutableArray<BuildEvent> Events => Event is null ? [] : [Event];

    /// <summary>One fact.</summary>
    public static implicit operator Decision(BuildEvent e) => new(e, null);

    /// <summary>No.</summary>
    public static implicit operator Decision(Refusal refusal) => new(null, refusal);
}
