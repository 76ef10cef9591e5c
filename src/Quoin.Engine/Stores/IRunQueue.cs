using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The runs that wait for a worker of whatever process, and the workers that take them. The
/// coordinator puts runs in and takes them out with its appends (<see cref="AppendBatch.Offered"/>
/// and the members after it); workers take turns. All times are the store's clock. What a worker
/// does reaches the coordinator as commands in the inbox, written in the same transaction.
/// </summary>
public interface IRunQueue
{
    /// <summary>
    /// Makes a worker known, with a lease from now, and sends <paramref name="joined"/>. An owner
    /// that was there before is an error: each start has its own nonce.
    /// </summary>
    Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct);

    /// <summary>
    /// A worker's turn, one transaction: hands in what ended, claims, renews the lease, and learns
    /// which runs it still has.
    /// </summary>
    Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct);

    /// <summary>
    /// Takes a worker's row away, and the rows of what it still holds, and sends <paramref
    /// name="left"/>; false when it was gone already.
    /// </summary>
    Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct);

    /// <summary>
    /// As <see cref="IEventLog.Watch"/>, for a worker: where the store can tell, only what concerns
    /// workers calls back (runs were offered, or are to be stopped), not what they did themselves.
    /// </summary>
    IDisposable WatchRuns(Action changed);

    /// <summary>All workers, by owner.</summary>
    IReadOnlyList<WorkerInfo> Workers();

    /// <summary>All rows of the queue, by run: for whoever takes the store over.</summary>
    IReadOnlyList<QueuedRun> QueuedRuns();

    /// <summary>
    /// The log of an attempt as it was handed in (JSON lines), or null when none was.
    /// </summary>
    byte[]? RunLog(AttemptId attempt);
}

/// <summary>A worker as a row.</summary>
public sealed record WorkerInfo
{
    /// <summary>host/pid/start nonce.</summary>
    public required string Owner { get; init; }

    /// <summary>How many runs it executes at a time.</summary>
    public required int Slots { get; init; }

    /// <summary>How many it may hold: more than slots, so that short ones follow at once.</summary>
    public required int Capacity { get; init; }

    /// <summary>Bytes of memory that its runs may claim together; 0: not counted.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>
    /// How many calls about things outside it makes at a time, in slots of their own.
    /// </summary>
    public int Calls { get; init; } = ResourceRuns.Slots;

    /// <summary>What it can do beside the rest, as <c>os=linux</c>; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>When it joined.</summary>
    public DateTimeOffset JoinedAt { get; init; }

    /// <summary>How long ago it was heard of.</summary>
    public TimeSpan Silent { get; init; }

    /// <summary>Its lease is over: its runs may be given to others.</summary>
    public bool IsOver { get; init; }
}

/// <summary>A run that any worker with its labels may take.</summary>
public sealed record OfferedRun
{
    /// <summary>The run.</summary>
    public required RunId Run { get; init; }

    /// <summary>Its epoch before the claim, which adds one.</summary>
    public required int Epoch { get; init; }

    /// <summary>The attempt that a claim begins: what its log is kept under.</summary>
    public required int Attempt { get; init; }

    /// <summary>Higher first; then the order of run ids.</summary>
    public int Priority { get; init; }

    /// <summary>Not before; null: at once.</summary>
    public DateTimeOffset? Activation { get; init; }

    /// <summary>Cores that it takes.</summary>
    public int Cpu { get; init; } = 1;

    /// <summary>Bytes of memory that it takes; 0: it does not say.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Labels that its worker has to have, as <c>os=linux</c>; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>
    /// The worker that has it from the start, as if it had claimed it; if that one is gone, nobody
    /// gets it. Null: it is anybody's.
    /// </summary>
    public string? Owner { get; init; }

    /// <summary>Everything that a worker needs to execute it.</summary>
    public required ReadOnlyMemory<byte> Spec { get; init; }
}

/// <summary>A run to be stopped, wherever it is.</summary>
/// <param name="Run">The run.</param>
/// <param name="Kill">At once, instead of asking it first.</param>
public readonly record struct RunStop(RunId Run, bool Kill);

/// <summary>What a worker asks for and reports.</summary>
public sealed record WorkerTurn
{
    /// <summary>Who.</summary>
    public required string Owner { get; init; }

    /// <summary>Runs that ended here. Those that it does not hold any more are not taken.</summary>
    public IReadOnlyList<EndedRun> Ended { get; init; } = [];

    /// <summary>
    /// Runs that it has and that did not end. What it holds in the store beside them is an answer
    /// that got lost: it is claimed again, with the epoch that it has, and nothing new this time.
    /// None of them is claimed, not even one that was given back: first it learns of that.
    /// </summary>
    public IReadOnlyList<RunId> Known { get; init; } = [];

    /// <summary>How many runs it wants at most.</summary>
    public int Claim { get; init; }

    /// <summary>
    /// Cores that are free: claims stop at the run that takes the last of them. Runs beyond the
    /// first one never take more than this together.
    /// </summary>
    public int FreeCpu { get; init; }

    /// <summary>Runs that need more cores than this are left to others.</summary>
    public int Cpu { get; init; }

    /// <summary>Runs that need more memory than this are left to others.</summary>
    public long MemoryBytes { get; init; } = long.MaxValue;

    /// <summary>Its labels, sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>
    /// For each claimed run the inbox gets a command <c>run-leased</c> with the id
    /// <c>leased/RUN/EPOCH</c> (numbers) and these bytes.
    /// </summary>
    public ReadOnlyMemory<byte> LeasedBody { get; init; }

    /// <summary>Its lease is to end so long from now; null: not renewed this time.</summary>
    public TimeSpan? Renew { get; init; }
}

/// <summary>A run that ended on a worker.</summary>
/// <param name="Run">The run.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Epoch">The epoch it was claimed with.</param>
/// <param name="Body">
/// For the inbox: a command <c>run-ended</c> with the id <c>ended/RUN/EPOCH</c>.
/// </param>
/// <param name="Log">The attempt's log to be kept in the store; null: it is not.</param>
public sealed record EndedRun(
    RunId Run, int Attempt, int Epoch, ReadOnlyMemory<byte> Body, ReadOnlyMemory<byte>? Log);

/// <summary>What came of a worker's turn.</summary>
public sealed record WorkerAnswer
{
    /// <summary>
    /// False: the worker's row is gone; it has no runs, and has to join anew.
    /// </summary>
    public required bool IsKnown { get; init; }

    /// <summary>What it claimed, in the order in which it should run.</summary>
    public ImmutableArray<ClaimedRun> Claimed { get; init; } = [];

    /// <summary>
    /// All that it has now, what it claimed included. Anything else was given to others.
    /// </summary>
    public ImmutableArray<HeldRun> Held { get; init; } = [];

    /// <summary>Runs whose end was not taken: they were given to others.</summary>
    public ImmutableArray<RunId> TooLate { get; init; } = [];
}

/// <summary>A claimed run.</summary>
/// <param name="Run">The run.</param>
/// <param name="Epoch">Its epoch from now on.</param>
/// <param name="Spec">What was offered.</param>
public sealed record ClaimedRun(RunId Run, int Epoch, ReadOnlyMemory<byte> Spec);

/// <summary>A run in a worker's hands.</summary>
/// <param name="Run">The run.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Stop">Null: it goes on.</param>
public readonly record struct HeldRun(RunId Run, int Epoch, RunStop? Stop);

/// <summary>A row of the queue.</summary>
/// <param name="Run">The run.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Owner">The worker that has it; null: nobody yet.</param>
public readonly record struct QueuedRun(RunId Run, int Epoch, string? Owner);

/// <summary>An attempt's log to be kept in the store.</summary>
/// <param name="Attempt">Run and attempt.</param>
/// <param name="Utf8">JSON lines.</param>
public readonly record struct RunLogText(AttemptId Attempt, ReadOnlyMemory<byte> Utf8);
