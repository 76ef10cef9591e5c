using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>An open want.</summary>
public sealed class WantToken
{
    internal int RequestHead = DemandPool.None;

    /// <summary>Its id.</summary>
    public required WantId Id { get; init; }

    /// <summary>When it was accepted, as <see cref="KernelState.Sequence"/>.</summary>
    public required long AcceptedAt { get; init; }

    /// <summary>Everything it asked for.</summary>
    public required ImmutableArray<PartitionId> Targets { get; init; }

    /// <summary>Priority, modes.</summary>
    public required WantOptions Options { get; init; }

    /// <summary>What was typed.</summary>
    public string Request { get; init; } = "";

    /// <summary>Its plan is complete; from then on Live partitions satisfy it.</summary>
    public bool IsPlanned { get; internal set; }

    /// <summary>Targets that are neither Live nor Failed.</summary>
    public int Remaining { get; internal set; }

    /// <summary>
    /// Targets that failed so far; tried again for a later want, one may fail twice.
    /// </summary>
    internal HashSet<PartitionId> Failed { get; } = [];

    /// <summary>What it asked for and cannot have.</summary>
    public IReadOnlyCollection<PartitionId> FailedTargets => Failed;

    /// <summary>True when a target failed.</summary>
    public bool HasFailed => Failed.Count > 0;
}

/// <summary>An active run: its attempts share its claims.</summary>
public sealed class RunToken
{
    /// <summary>Its id.</summary>
    public required RunId Id { get; init; }

    /// <summary>What it makes, and from what.</summary>
    public required ConfigToken Config { get; init; }

    /// <summary>The outputs that it holds.</summary>
    public required ImmutableArray<PartitionId> Claims { get; init; }

    /// <summary>Where it is.</summary>
    public RunPlace Place { get; internal set; }

    /// <summary>Leases so far: the fencing number.</summary>
    public int Epoch { get; internal set; }

    /// <summary>The worker that has it, unless Queued.</summary>
    public WorkerId Worker { get; internal set; }

    /// <summary>Attempts that failed.</summary>
    public int Failures { get; internal set; }

    /// <summary>Leases that were lost.</summary>
    public int Losses { get; internal set; }

    /// <summary>Not to be leased before this; null: at once.</summary>
    public DateTimeOffset? RetryAt { get; internal set; }

    /// <summary>The attempt that runs, or the next one while Queued; from 1.</summary>
    public int Attempt => Failures + Losses + 1;

    /// <summary>Which run had published each input at lease time; 0: none had.</summary>
    internal int[] InputRuns { get; set; } = [];
}

/// <summary>A worker process.</summary>
public sealed class WorkerToken
{
    /// <summary>Its id.</summary>
    public required WorkerId Id { get; init; }

    /// <summary>How many runs it takes at a time.</summary>
    public required int Slots { get; init; }

    /// <summary>How many it has.</summary>
    public int Busy { get; internal set; }
}

/// <summary>A job config as the kernel knows it.</summary>
public sealed class ConfigToken
{
    /// <summary>The job's name.</summary>
    public required string Job { get; init; }

    /// <summary>All partitions that a run of it writes.</summary>
    public required ImmutableArray<PartitionId> Outputs { get; init; }

    /// <summary>
    /// All partitions that it reads and some job makes; sources are not among them.
    /// </summary>
    public required ImmutableArray<PartitionId> Inputs { get; init; }

    /// <summary>Digest of its definition.</summary>
    public Digest Definition { get; init; }

    /// <summary>The want whose plan brought it.</summary>
    public required WantId For { get; init; }

    internal int Index { get; set; } = -1;
    internal int Users { get; set; } // Planned, Building or Waiting outputs that point here
}

/// <summary>What was published for a partition.</summary>
public readonly record struct Manifest(RunId Run, Digest Digest, long Bytes, Digest Fingerprint)
{
    /// <summary>When the run ended, Unix milliseconds.</summary>
    public long PublishedAtMs { get; init; }

    /// <summary>How long its last attempt took.</summary>
    public int ElapsedMs { get; init; }
}

/// <summary>Why a partition is Failed.</summary>
public sealed record Failure(FailureCause Cause, long At)
{
    /// <summary>
    /// The run that failed (<see cref="FailureCause.Run"/>, <see cref="FailureCause.Cycle"/>).
    /// </summary>
    public RunId Run { get; init; }

    /// <summary>Category and reason of the last attempt.</summary>
    public RunFailure? RunFailure { get; init; }

    /// <summary>What analysis found (<see cref="FailureCause.Config"/>).</summary>
    public PlanProblem? Problem { get; init; }
}

/// <summary>Configs by index, freed when no partition points at them any more.</summary>
sealed class ConfigTable
{
    readonly List<ConfigToken?> configs = [];
    readonly Stack<int> free = new();

    public ConfigToken this[int index] => configs[index]!;

    public int Add(ConfigToken config)
    {
        if (free.TryPop(out var index))
        {
            configs[index] = config;
        }
        else
        {
            index = configs.Count;
            configs.Add(config);
        }
        config.Index = index;
        return index;
    }

    public void Use(int index) => configs[index]!.Users++;

    public void Release(int index)
    {
        if (--configs[index]!.Users > 0) return;
        configs[index] = null;
        free.Push(index);
    }
}

/// <summary>What followed from events: for the shell to act on, never needed for replay.</summary>
public sealed class KernelNotices
{
    /// <summary>
    /// Partitions that became ready: planned with all inputs Live. May be stale; ask again.
    /// </summary>
    public List<PartitionId> Ready { get; } = [];

    /// <summary>
    /// Partitions that are wanted without a config: they have to be planned (again).
    /// </summary>
    public List<PartitionId> ToPlan { get; } = [];

    /// <summary>Partitions that became Failed.</summary>
    public List<PartitionId> Failed { get; } = [];

    /// <summary>Wants that ended, with what of theirs failed.</summary>
    public List<(WantToken Want, WantOutcome Outcome)> Ended { get; } = [];

    /// <summary>Runs that ended or are queued again: slots and claims may be free.</summary>
    public List<RunToken> Released { get; } = [];

    /// <summary>Runs whose claims lost a demand: perhaps nobody wants them any more.</summary>
    public List<RunToken> MaybeUndemanded { get; } = [];

    /// <summary>Forgets them all.</summary>
    public void Clear()
    {
        Ready.Clear();
        ToPlan.Clear();
        Failed.Clear();
        Ended.Clear();
        Released.Clear();
        MaybeUndemanded.Clear();
    }
}
