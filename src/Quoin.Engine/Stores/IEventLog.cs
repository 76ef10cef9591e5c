using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The build event log of one store and what is written together with it. Positions count from 1
/// without gaps, in commit order, for every reader. One process appends at a time (the
/// coordinator); any process may read.
/// </summary>
public interface IEventLog : IAsyncDisposable
{
    /// <summary>The position of the newest event; 0 when there is none.</summary>
    long LastPosition { get; }

    /// <summary>
    /// Appends a batch as one transaction and completes when it is committed (with
    /// <c>--durability full</c>: synced). Batches commit in the order of the calls; several waiting
    /// ones may share a transaction. After a failure (disk full, read-only, corrupt) nothing of the
    /// batch is there, and every later append fails with the same <see cref="StoreException"/>.
    /// </summary>
    Task<long> AppendAsync(AppendBatch batch, CancellationToken ct);

    /// <summary>
    /// The events after a position, oldest first, decoded, interned into <paramref name="names"/>.
    /// </summary>
    IEnumerable<LoggedEvent> Read(long after, PartitionNames names);

    /// <summary>Events for people, filtered by the database, oldest first.</summary>
    IEnumerable<RawEvent> Query(EventQuery query);

    /// <summary>A cheap number that changes whenever another process commits.</summary>
    long ChangeVersion();

    /// <summary>
    /// Calls back, on a thread of its own, when another process may have written, and at least
    /// every few seconds: soon after the write where the database or the operating system says so,
    /// and never more often than a person could notice. Ends when it is disposed of.
    /// </summary>
    IDisposable Watch(Action changed);
}

/// <summary>One transaction's worth of facts.</summary>
public sealed record AppendBatch
{
    /// <summary>When they happened: one time for the batch, kept to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The names that the events' ids mean.</summary>
    public required PartitionNames Names { get; init; }

    /// <summary>The facts, in order.</summary>
    public required IReadOnlyList<BuildEvent> Events { get; init; }

    /// <summary>Fingerprint texts to keep, by their digest; each is stored once.</summary>
    public IReadOnlyList<FingerprintText> Fingerprints { get; init; } = [];

    /// <summary>Stat-cache entries to replace.</summary>
    public IReadOnlyList<FileStampEntry> Stamps { get; init; } = [];

    /// <summary>Inbox rows that these events answer; deleted in the same transaction.</summary>
    public IReadOnlyList<string> InboxTaken { get; init; } = [];

    /// <summary>
    /// Runs for workers to take, in the order in which they should. One that is there already is
    /// replaced: it is free again, with this epoch. An offer with a lower epoch than what is there
    /// was overtaken by a claim, which is in the inbox, and changes nothing.
    /// </summary>
    public IReadOnlyList<OfferedRun> Offered { get; init; } = [];

    /// <summary>
    /// Runs that leave the queue, whoever has them; before <see cref="Offered"/> come in.
    /// </summary>
    public IReadOnlyList<RunId> Withdrawn { get; init; } = [];

    /// <summary>
    /// Runs that leave the queue unless somebody has them; then the inbox says who.
    /// </summary>
    public IReadOnlyList<RunId> TakenBack { get; init; } = [];

    /// <summary>Runs whose worker shall stop them.</summary>
    public IReadOnlyList<RunStop> Stopped { get; init; } = [];

    /// <summary>
    /// Workers whose rows go, and with them the rows of what they still hold: offer those anew.
    /// </summary>
    public IReadOnlyList<string> WorkersGone { get; init; } = [];

    /// <summary>Logs of attempts to keep.</summary>
    public IReadOnlyList<RunLogText> Logs { get; init; } = [];

    /// <summary>
    /// It holds an intent to act outside: it has to survive the loss of power, whatever the store
    /// was opened with.
    /// </summary>
    public bool IsIntent { get; init; }
}

/// <summary>The readable text behind a fingerprint; see the page on the current test.</summary>
public readonly record struct FingerprintText(Digest Digest, ReadOnlyMemory<byte> Utf8);

/// <summary>An event as the database has it: enough to print it, or to decode it.</summary>
public sealed record RawEvent(
    long Position, DateTimeOffset At, string Type, string Subject, ReadOnlyMemory<byte> Body);

/// <summary>Which events a person asks for; null and 0 mean: all.</summary>
public sealed record EventQuery
{
    /// <summary>Only after this position.</summary>
    public long After { get; init; }

    /// <summary>Only the newest so many (still printed oldest first).</summary>
    public int? Last { get; init; }

    /// <summary>Only these types, kebab-case.</summary>
    public ImmutableArray<string> Types { get; init; } = [];

    /// <summary>Only this subject: a partition, a run or a want.</summary>
    public string? Subject { get; init; }

    /// <summary>Only before this position.</summary>
    public long? Before { get; init; }

    /// <summary>
    /// Exactly these, in this order, each found by its key; nothing else of the query counts then.
    /// A position that is not there is an error. Default: not asked so.
    /// </summary>
    public ImmutableArray<long> Positions { get; init; }
}

/// <summary>
/// Snapshots of the state: a head start for reading the log, safe to drop at any time.
/// </summary>
public interface ISnapshotStore
{
    /// <summary>The newest snapshot with this format, or null.</summary>
    StoredSnapshot? LatestSnapshot(int format);

    /// <summary>Replaces the snapshot.</summary>
    Task SaveSnapshotAsync(StoredSnapshot snapshot, CancellationToken ct);
}

/// <summary>
/// The state as of a position. A reader that does not know the format ignores it.
/// </summary>
public sealed record StoredSnapshot(long Position, int Format, ReadOnlyMemory<byte> Body);

/// <summary>What was known of a file when its digest was taken.</summary>
/// <param name="Path">Relative to the workspace, with <c>/</c>.</param>
/// <param name="Stamp">Size, time and inode then.</param>
/// <param name="Digest">Digest of its bytes then.</param>
/// <param name="CheckedAtNs">Clock at that moment, Unix nanoseconds: a file changed within 2 s of
/// it is not trusted.</param>
public readonly record struct FileStampEntry(
    string Path, FileStamp Stamp, Digest Digest, long CheckedAtNs);

/// <summary>
/// What <c>stat</c> says that changes when a file's bytes do. Size -1: it does not exist.
/// </summary>
public readonly record struct FileStamp(long Size, long ModifiedNs, long Inode);

/// <summary>
/// The stat cache and the fingerprint texts: derived data that the log does not need.
/// </summary>
public interface IFingerprintStore
{
    /// <summary>All cached stamps.</summary>
    IEnumerable<FileStampEntry> FileStamps();

    /// <summary>The text of a fingerprint, or null when it was never stored here.</summary>
    byte[]? FingerprintText(Digest digest);

    /// <summary>A cached answer of a job's <c>config</c> command, or null.</summary>
    byte[]? ConfigAnswer(Digest question);

    /// <summary>Keeps an answer of a job's <c>config</c> command.</summary>
    Task SaveConfigAnswerAsync(Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct);
}

/// <summary>
/// Commands of other processes, each with a unique id, until the coordinator takes them.
/// </summary>
public interface IInbox
{
    /// <summary>
    /// Puts a command in; false when that id is there already (asking twice is not an error).
    /// </summary>
    Task<bool> SendAsync(InboxCommand command, CancellationToken ct);

    /// <summary>
    /// All waiting commands, oldest first. They leave with <see cref="AppendBatch.InboxTaken"/>.
    /// </summary>
    IReadOnlyList<InboxCommand> Waiting();
}

/// <summary>A command as bytes (proto/quoin/v1/command.proto) under a unique id.</summary>
public sealed record InboxCommand(string Id, string Type, ReadOnlyMemory<byte> Body);

/// <summary>A store as one object: what a process opens.</summary>
public interface IBuildStore
    : IEventLog, ISnapshotStore, IFingerprintStore, IInbox, IRunQueue
{
    /// <summary>
    /// False: this process was not heard of for so long that another one may decide by now; its
    /// runs publish nothing more. Asked right before each rename, so it asks no server.
    /// </summary>
    bool LeadHolds => true;

    /// <summary>
    /// The time that all processes of this store agree on. On a file it is the host's.
    /// </summary>
    TimeProvider ClockOn(TimeProvider host) => host;

    /// <summary>
    /// False: another process decides, as far as one cheap look can tell. True: try to lead.
    /// </summary>
    bool LeadMayBeFree() => true;
}

/// <summary>
/// The store or its environment failed: exit code 5. <see cref="Code"/> is stable
/// (<c>store-locked</c>, <c>store-newer</c>, <c>store-corrupt</c>, <c>store-foreign</c>,
/// <c>store-read-only</c>, <c>disk-full</c>, <c>store-unavailable</c>); the message names the file
/// and the remedy.
/// </summary>
public sealed class StoreException(string code, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>The stable code.</summary>
    public string Code { get; } = code;
}
