using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>An open want.</summary>
public sealed class WantToken
{
    internal int RequestHead = DemandPool.None;

    /// <summary>Its id.</summary>
    public required WantId Id { get; init; }

    /// <summary>When it was accepted, as <see cref="KernelState.Sequence"/>.</summary>
    public long AcceptedAt { get; internal set; }

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

    /// <summary>It asks for nothing until it is accepted, or this is over; null: it is open.
    /// </summary>
    public DateTimeOffset? OfferedUntil { get; internal set; }

    /// <summary>All that it holds is there.</summary>
    public bool IsReady { get; internal set; }

    /// <summary>Since when; null: nobody said yet.</summary>
    public DateTimeOffset? ReadyAt { get; internal set; }

    /// <summary>Its use is over; it ends when all is released that it held.</summary>
    public bool IsReleasing { get; internal set; }
}

/// <summary>What is known of a resource's earlier lives, while it is tried.</summary>
/// <param name="Failures">Failed attempts.</param>
/// <param name="NextAt">The next life begins then; null: at once.</param>
readonly record struct EarlierLives(int Failures, DateTimeOffset? NextAt);

/// <summary>What a want let go and that is not released yet.</summary>
public sealed class CleanupToken
{
    /// <summary>How many runs still have to release something.</summary>
    public int Owed { get; internal set; }

    /// <summary>Something could not be released.</summary>
    public bool IsIncomplete { get; internal set; }
}

/// <summary>An open question for a person.</summary>
public sealed record InterventionToken(InterventionId Id, RunId Run, string Code)
{
    /// <inheritdoc cref="InterventionOpened.Reason"/>
    public string Reason { get; init; } = "";

    /// <inheritdoc cref="InterventionOpened.Key"/>
    public string Key { get; init; } = "";

    /// <inheritdoc cref="InterventionOpened.ExternalIds"/>
    public ImmutableArray<string> ExternalIds { get; init; } = [];

    /// <summary>The resource that it is about.</summary>
    public PartitionId Partition { get; init; }
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
    public int Attempt => Life is null ? Failures + Losses + 1 : Failures + 1;

    /// <summary>Which run had published each input at lease time; 0: none had.</summary>
    internal int[] InputRuns { get; set; } = [];

    /// <summary>Why its claims will have failed when it has stopped; null: they may not.</summary>
    public Failure? Doom { get; internal set; }

    /// <summary>One life of a thing outside; null: it makes data.</summary>
    public ResourceLife? Life { get; init; }
}

/// <summary>
/// What there is to know of a run that acquires, holds and releases a thing outside.
/// </summary>
public sealed class ResourceLife
{
    /// <summary>What its next activation does.</summary>
    public RunDirection Direction { get; internal set; }

    /// <summary>The start-up hook that its next activation is, from 1; 0: none.</summary>
    public int Hook { get; internal set; }

    /// <summary>Its next activation; null: at once if it is queued, never if it sleeps.</summary>
    public DateTimeOffset? Until { get; internal set; }

    /// <summary>Nothing is launched after this; null: no limit.</summary>
    public DateTimeOffset? NotAfter { get; internal set; }

    /// <inheritdoc cref="RunScheduled.Recipe"/>
    public string Recipe { get; internal set; } = "";

    /// <summary>The thing's name outside; empty: not known.</summary>
    public string ExternalId { get; internal set; } = "";

    /// <summary>Duplicates to release with it.</summary>
    public ImmutableArray<string> Extra { get; internal set; } = [];

    /// <summary>What the job wanted to know next time, as JSON.</summary>
    public string State { get; internal set; } = "";

    /// <summary>How to reach it, as JSON.</summary>
    public string Connections { get; internal set; } = "";

    /// <summary>Activations since the last answer.</summary>
    public int Claims { get; internal set; }

    /// <summary>The last activation began when an earlier one may have acted.</summary>
    public bool IsReentry { get; internal set; }

    /// <summary>An activation may have acted, and no definite answer came.</summary>
    public bool IsInDoubt { get; internal set; }

    /// <summary>It was asked for, and is, or may be, on its way.</summary>
    public bool IsLaunched { get; internal set; }

    /// <summary>When what is in doubt can have no effect any more.</summary>
    public DateTimeOffset? DoubtUntil { get; internal set; }

    /// <summary>Busy answers of this round.</summary>
    public int Polls { get; internal set; }

    /// <summary>When the round began; null: with the next activation.</summary>
    public DateTimeOffset? RoundSince { get; internal set; }

    /// <summary>Answers in a row that said nothing.</summary>
    public int Unknowns { get; internal set; }

    /// <summary>When the first of them came.</summary>
    public DateTimeOffset? UnknownSince { get; internal set; }

    /// <summary>Failed tries of this round to release it.</summary>
    public int ReleaseFailures { get; internal set; }

    /// <summary>One more activation follows the one that runs.</summary>
    public bool IsWoken { get; internal set; }

    /// <summary>Nobody needs it; it is kept until then. Null: it is in use.</summary>
    public DateTimeOffset? KeptUntil { get; internal set; }

    /// <summary>The want that let it go last, and waits for its release.</summary>
    public WantId? LetGoBy { get; internal set; }

    /// <summary>When it is released, its partition has failed for good.</summary>
    public bool IsFailed { get; internal set; }

    // A new direction, or a new hook: nothing was asked yet.
    internal void BeginRound()
    {
        (Polls, RoundSince, Unknowns, UnknownSince) = (0, null, 0, null);
        (Claims, ReleaseFailures, IsWoken) = (0, 0, false);
    }

    // Somebody answered for certain.
    internal void Answered()
    {
        (Claims, Unknowns, UnknownSince, IsWoken) = (0, 0, null, false);
        if (Direction == RunDirection.Acquire) (IsInDoubt, DoubtUntil) = (false, null);
    }
}

/// <summary>A worker process.</summary>
public sealed class WorkerToken
{
    /// <summary>Its id.</summary>
    public required WorkerId Id { get; init; }

    /// <summary>How many runs it takes at a time.</summary>
    public required int Slots { get; init; }

    /// <inheritdoc cref="WorkerAdded.Labels"/>
    public ImmutableArray<string> Labels { get; init; } = [];

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

    /// <summary>The output is a thing outside; null: it is data.</summary>
    public ResourcePolicy? Resource { get; init; }

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

    /// <summary>Running runs that were told to stop because an input of theirs is gone.</summary>
    public List<RunToken> Doomed { get; } = [];

    /// <summary>Runs of resources whose next activation, or need of one, changed.</summary>
    public List<RunToken> Resources { get; } = [];

    /// <summary>Wants that became ready.</summary>
    public List<WantToken> Usable { get; } = [];

    /// <summary>Forgets them all.</summary>
    public void Clear()
    {
        Ready.Clear();
        ToPlan.Clear();
        Failed.Clear();
        Ended.Clear();
        Released.Clear();
        MaybeUndemanded.Clear();
        Doomed.Clear();
        Resources.Clear();
        Usable.Clear();
    }
}
