using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// One fact about one store. Its wire form is proto/quoin/v1/event.proto, which lives for ever: add
/// events, add optional fields, and never change what an old event means. Partitions appear as this
/// process numbers them; the codec writes their names.
/// </summary>
public abstract record BuildEvent
{
    private protected BuildEvent() { } // Closed: here, and resources in ResourceEvents.cs.
}

/// <summary>An event with its place in the log: positions count from 1 without gaps.</summary>
public readonly record struct LoggedEvent(long Position, DateTimeOffset At, BuildEvent Event);

/// <summary>A fact about one want.</summary>
public abstract record WantEvent(WantId Want) : BuildEvent;

/// <summary>T1. Somebody asked for partitions; from here on they are not forgotten.</summary>
public sealed record WantAccepted(WantId Want, ImmutableArray<PartitionId> Targets)
    : WantEvent(Want)
{
    /// <summary>Priority, deadline, modes.</summary>
    public WantOptions Options { get; init; } = WantOptions.Default;

    /// <summary>What was typed, for people: <c>build report</c>.</summary>
    public string Request { get; init; } = "";

    /// <summary>The command of another process that it answers; empty: none.</summary>
    public string Command { get; init; } = "";
}

/// <summary>P5. The want's plan is complete; only now do Live partitions satisfy it.</summary>
public sealed record WantPlanned(WantId Want, PlanCounts Counts) : WantEvent(Want)
{
    /// <summary>The graph that the plan was made with.</summary>
    public Digest Graph { get; init; }

    /// <summary>How long it takes at least, by history; null: too little is known.</summary>
    public TimeSpan? Shortest { get; init; }

    /// <summary>How long at most.</summary>
    public TimeSpan? Longest { get; init; }
}

/// <summary>
/// P5. The plan grew: a run found more inputs, or a delegated demand was tested anew.
/// </summary>
public sealed record PlanExtended(WantId Want, PartitionId By, PlanCounts Added) : WantEvent(Want);

/// <summary>
/// P6. The graph cannot be used, or <c>--strict</c> found errors: nothing was started.
/// </summary>
public sealed record AnalysisFailed(WantId Want, ImmutableArray<PlanProblem> Problems)
    : WantEvent(Want);

/// <summary>T7. Somebody gave the want up.</summary>
public sealed record WantCancelled(WantId Want, string By) : WantEvent(Want);

/// <summary>
/// Notification: every wanted partition is Live. Follows from the events before it.
/// </summary>
public sealed record WantSucceeded(WantId Want) : WantEvent(Want);

/// <summary>
/// Notification: some wanted partitions cannot be had. Follows from the events before it.
/// </summary>
public sealed record WantFailed(WantId Want, ImmutableArray<PartitionId> Failed) : WantEvent(Want);

/// <summary>Notification: the want waits for a run that another want's plan started.</summary>
public sealed record WantDelegated(WantId Want, PartitionId Partition, RunId Run) : WantEvent(Want)
{
    /// <summary>The want whose plan started that run; null: it is over.</summary>
    public WantId? To { get; init; }
}

/// <summary>
/// P1. Wanted partitions learned which one config makes them and from which inputs.
/// <see cref="For"/> is the want whose plan this is: inputs that failed before that want was
/// accepted are tried again, those that failed since are not.
/// </summary>
public sealed record PartitionPlanned(
    WantId For, string Job, ImmutableArray<PartitionId> Outputs, ImmutableArray<PartitionId> Inputs)
    : BuildEvent
{
    /// <summary>
    /// Digest of job, outputs, args, env, options, conditions and the inputs' names.
    /// </summary>
    public Digest Definition { get; init; }

    /// <summary>The output is a thing outside, held and released; null: it is data.</summary>
    public ResourcePolicy? Resource { get; init; }
}

/// <summary>P2. A Live partition fails the current test, or may when its inputs are new.</summary>
public sealed record PartitionStale(PartitionId Partition, StaleReason Reason) : BuildEvent
{
    /// <summary>For people: <c>env REGION eu -> us</c>.</summary>
    public string Detail { get; init; } = "";
}

/// <summary>
/// P3. A planned partition passes the current test after all: early cut-off, no run.
/// </summary>
public sealed record PartitionCurrent(PartitionId Partition) : BuildEvent
{
    /// <summary>The fingerprint that equals the recorded one.</summary>
    public Digest Fingerprint { get; init; }
}

/// <summary>P4. Analysis cannot say how to make these partitions; they are blocked.</summary>
public sealed record ConfigFailed(
    string Job, ImmutableArray<PartitionId> Outputs, PlanProblem Problem) : BuildEvent;

/// <summary>T12. A published partition is no longer trusted.</summary>
public sealed record PartitionTainted(PartitionId Partition, string By, string Why) : BuildEvent;

/// <summary>
/// Notification: <c>clean</c> removed files. Places do not change; the next test notices.
/// </summary>
public sealed record OutputsRemoved(ImmutableArray<PartitionId> Partitions, string By) : BuildEvent;

/// <summary>
/// Notification: a command of another process was carried out (<c>done</c>), or refused with a
/// stable code and a message for people. A want that is accepted answers by itself.
/// </summary>
public sealed record CommandAnswered(string Command, string Code, string Message) : BuildEvent
{
    /// <summary>Of a build with nothing to do: what was looked at.</summary>
    public PlanCounts Counts { get; init; }
}

/// <summary>
/// F1. Lines of a feed's file were read. The book of feeds knows what follows; the lines are in the
/// store until the file goes.
/// </summary>
public sealed record FeedLinesAccepted(string Feed, long Number, string File) : BuildEvent
{
    /// <summary>From which byte to which.</summary>
    public long From { get; init; }

    /// <summary>Where the next line begins.</summary>
    public long To { get; init; }

    /// <summary>How many of them are jobs.</summary>
    public int Lines { get; init; }

    /// <summary>How many are none.</summary>
    public int Skipped { get; init; }

    /// <summary>The file has its last name and was read to its end.</summary>
    public bool Complete { get; init; }
}

/// <summary>F5. A feed's file is gone; its lines count no more.</summary>
public sealed record FeedFileRemoved(string Feed, long Number, string File) : BuildEvent;

/// <summary>A fact about one run.</summary>
public abstract record RunEvent(RunId Run) : BuildEvent;

/// <summary>
/// T2. A run takes the tokens of all its declared outputs that are not Live, at once.
/// </summary>
public sealed record RunScheduled(
    RunId Run, ImmutableArray<PartitionId> Claims, ImmutableArray<PartitionId> Shadowed)
    : RunEvent(Run)
{
    /// <summary>F2. Of a line of a feed: whose line it is; empty: of none.</summary>
    public string Feed { get; init; } = "";

    /// <summary>F2. Of a line of a feed: the number of its run.</summary>
    public long FeedNumber { get; init; }

    /// <summary>F2. Of a line of a feed: its key, where the reference is too short.</summary>
    public string FeedKey { get; init; } = "";

    /// <summary>Of a resource: not to be begun before this; null: at once.</summary>
    public DateTimeOffset? Activation { get; init; }

    /// <summary>Of a resource: nothing is launched after this; null: no limit.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>
    /// Of a resource: everything that its calls need until it is released, as JSON, because the
    /// graph may be another one by then.
    /// </summary>
    public string Recipe { get; init; } = "";
}

/// <summary>T3. A worker took the run; <see cref="Epoch"/> fences all earlier leases.</summary>
public sealed record RunLeased(RunId Run, WorkerId Worker, int Epoch) : RunEvent(Run)
{
    /// <summary>The attempt that begins, from 1.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Of a resource: when it was claimed.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>
    /// Of a resource that is being acquired: until then a call of this lease may still have an
    /// effect outside, if no answer comes.
    /// </summary>
    public DateTimeOffset? DoubtUntil { get; init; }
}

/// <summary>T4. The run ended well; its claimed outputs are Live.</summary>
public sealed record RunCompleted(RunId Run, int Epoch, ImmutableArray<OutputManifest> Outputs)
    : RunEvent(Run)
{
    /// <summary>Outputs beyond the claims that nobody held: published too.</summary>
    public ImmutableArray<OutputManifest> Adopted { get; init; } = [];

    /// <summary>Outputs beyond the claims that somebody held: thrown away.</summary>
    public ImmutableArray<PartitionId> Discarded { get; init; } = [];

    /// <summary>Everything that decided the outputs, at lease time.</summary>
    public Digest Fingerprint { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }

    /// <summary>Of a resource: how to reach it, as JSON; empty: it did not say.</summary>
    public string Connections { get; init; } = "";

    /// <summary>Of a resource: when it is looked at first; null: never.</summary>
    public DateTimeOffset? WatchAt { get; init; }

    /// <summary>
    /// Nothing ran: what another run with this fingerprint made was taken from this layer
    /// (<c>local</c>, <c>shared</c>, <c>s3</c>, <c>database</c>); empty: it was made.
    /// </summary>
    public string RestoredFrom { get; init; } = "";
}

/// <summary>T5. The attempt failed. With <see cref="RetryAt"/> the run is queued again.</summary>
public sealed record RunFailed(RunId Run, int Epoch, RunFailure Failure) : RunEvent(Run)
{
    /// <summary>When the next attempt may start; null ends the run.</summary>
    public DateTimeOffset? RetryAt { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }

    /// <summary>
    /// N8. Of a resource: something may exist outside. It is released first; after that, with
    /// <see cref="RetryAt"/>, another run tries.
    /// </summary>
    public bool MayExist { get; init; }
}

/// <summary>T6. The run found that it needs more inputs; it ends and is planned again.</summary>
public sealed record RunDepMissed(RunId Run, int Epoch, ImmutableArray<PartitionId> Needs)
    : RunEvent(Run)
{
    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }
}

/// <summary>T8. Nobody demands the run's claims any more: it shall stop.</summary>
public sealed record RunCancelRequested(RunId Run, string By) : RunEvent(Run);

/// <summary>T9. A run that was told to stop has stopped; its claims are free.</summary>
public sealed record RunCancelAcked(RunId Run, int Epoch) : RunEvent(Run)
{
    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }
}

/// <summary>
/// T10. The worker's lease is over. With <see cref="RetryAt"/> the run is queued again.
/// </summary>
public sealed record LeaseExpired(RunId Run, int Epoch) : RunEvent(Run)
{
    /// <summary>The worker gave it back by itself: nothing was lost.</summary>
    public bool IsReturned { get; init; }

    /// <summary>When the next attempt may start; null ends the run.</summary>
    public DateTimeOffset? RetryAt { get; init; }
}

/// <summary>
/// F3. A line worker provably never read its job: it is as if it had not been given out.
/// </summary>
public sealed record RunUndelivered(RunId Run, int Epoch) : RunEvent(Run);

/// <summary>F4. A line worker left after it read its job; anybody may say that it ended.</summary>
public sealed record RunUnowned(RunId Run) : RunEvent(Run);

/// <summary>T11. Somebody reported for a lease that was over; nothing changed.</summary>
public sealed record StaleReportRejected(RunId Run, int Epoch) : RunEvent(Run);

/// <summary>T13. A worker joined with this many slots.</summary>
public sealed record WorkerAdded(WorkerId Worker, int Slots) : BuildEvent
{
    /// <summary>How many of the slots only hold runs that wait for one of the others.</summary>
    public int Ahead { get; init; }

    /// <summary>What it can do beside the rest, as <c>os=linux</c>; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];
}

/// <summary>T13. A worker left.</summary>
public sealed record WorkerRemoved(WorkerId Worker) : BuildEvent;

/// <summary>Which check of the current test failed first.</summary>
public enum StaleReason : byte
{
    /// <summary>Not stale.</summary>
    None = 0,

    /// <summary><c>--fresh</c> asked for it.</summary>
    Fresh = 1,

    /// <summary>No manifest.</summary>
    NeverBuilt = 2,

    /// <summary>The last run failed.</summary>
    LastFailed = 3,

    /// <summary>Somebody tainted it.</summary>
    Tainted = 4,

    /// <summary>Older than its <c>max_age</c>.</summary>
    Expired = 5,

    /// <summary>A line of the fingerprint differs.</summary>
    Changed = 6,

    /// <summary>The output is gone.</summary>
    OutputMissing = 7,

    /// <summary>The output is not what was published.</summary>
    OutputModified = 8,

    /// <summary>It was not kept and is needed now.</summary>
    NotKept = 9,

    /// <summary>
    /// An input is being rebuilt; whether this one is current is known after that.
    /// </summary>
    Maybe = 10,

    /// <summary>The output is not here, but a copy of it can be had.</summary>
    Restorable = 11,
}

/// <summary>How a plan divides its partitions.</summary>
public readonly record struct PlanCounts(int Total, int Current, int Build, int Maybe, int Blocked);

/// <summary>
/// One problem that analysis found: a stable code (<c>no-producer</c>), what is wrong, and the
/// chain of partitions that leads there, wanted one first.
/// </summary>
public sealed record PlanProblem(string Code, string Message)
{
    /// <summary>From a wanted partition to the one with the problem.</summary>
    public ImmutableArray<string> Chain { get; init; } = [];
}

/// <summary>What a run published for one output.</summary>
public readonly record struct OutputManifest(PartitionId Partition, Digest Digest, long Bytes);

/// <summary>
/// What an attempt took: wall clock and processor time of the process with its children.
/// </summary>
public readonly record struct RunUsage(
    DateTimeOffset StartedAt, int ElapsedMs, int CpuMs, int MemoryKb)
{
    /// <summary>
    /// The cores that it was given; 0: one, of a run that never takes more, or nobody wrote it
    /// down.
    /// </summary>
    public int Cores { get; init; }

    /// <summary>
    /// How fast a core of its host is, in thousandths of one that counts as usual; 0: not known.
    /// Hosts about as fast as each other have the same number.
    /// </summary>
    public int HostSpeed { get; init; }
}

/// <summary>
/// How an attempt failed. <see cref="ExitCode"/> and <see cref="Signal"/> are 0 if unknown.
/// </summary>
public sealed record RunFailure(FailureCategory Category, string Reason)
{
    /// <summary>The exit code; 0 when a signal ended it or it never started.</summary>
    public int ExitCode { get; init; }

    /// <summary>The signal that ended it; 0 when it exited.</summary>
    public int Signal { get; init; }
}

/// <summary>Who is to blame, and therefore whether another attempt can help.</summary>
public enum FailureCategory : byte
{
    /// <summary>Any other non-zero exit.</summary>
    Failed = 0,

    /// <summary>Exit 64 to 66.</summary>
    BadInput = 1,

    /// <summary>Exit 77.</summary>
    Permission = 2,

    /// <summary>Exit 78, 126, 127, or it cannot start.</summary>
    Configuration = 3,

    /// <summary>Exit 0 without a declared output, or a report that the job may not make.</summary>
    Contract = 4,

    /// <summary>Exit 69 or 75.</summary>
    Temporary = 5,

    /// <summary>Exit 124, or its <c>timeout</c> was over.</summary>
    Timeout = 6,

    /// <summary>Exit 137, or a SIGKILL that Quoin did not send.</summary>
    OutOfMemory = 7,

    /// <summary>Another signal.</summary>
    Signal = 8,

    /// <summary>The worker's lease was over.</summary>
    Lost = 9,
}
