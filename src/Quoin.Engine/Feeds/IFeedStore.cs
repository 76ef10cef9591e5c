using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What keeps a feed book: everything that must survive, in one database. Used by one thread. All
/// writes throw <see cref="StoreException"/> and then have changed nothing.
/// </summary>
public interface IFeedStore : IDisposable
{
    /// <summary>
    /// Fills an empty book with what is there. <paramref name="nowMs"/> is now on the clock that
    /// only goes forward, <paramref name="at"/> now in Unix milliseconds; a time that lies ahead of
    /// now by more than the hold counts as over, by less as now.
    /// </summary>
    FeedStart Load(FeedBook book, long nowMs, long at);

    /// <summary>
    /// Writes down what the book decided, in one transaction, and syncs it as far as the store was
    /// told to; then it survives.
    /// </summary>
    void Write(FeedBook book, long at);

    /// <summary>
    /// F1: the lines of a batch and how far the file was read, in one transaction; then tells the
    /// book. An empty batch only says how far the file was read.
    /// </summary>
    void Accept(FeedBook book, FeedBatch batch, long at);

    /// <summary>F5: a file was removed; its lines are forgotten by the slow work.</summary>
    void Remove(FeedBook book, FeedSource source, long at);

    /// <summary>Writes down where a file is now: its name changed.</summary>
    void Renamed(FeedSource source, long at);

    /// <summary>
    /// The folder was looked at for the first time: runs that are none of these are gone.
    /// <paramref name="folderDevice"/> is the file system it is on.
    /// </summary>
    void Settle(FeedBook book, IReadOnlyCollection<FeedSource> sources, long folderDevice, long at);

    /// <summary>
    /// True while lines of a removed file of this run are still there: its new file waits.
    /// </summary>
    bool IsForgetting(int feed, long number);

    /// <summary>
    /// The bytes of a payload, valid until the next call.
    /// </summary>
    ReadOnlySpan<byte> Payload(FeedPayload payload);

    /// <summary>Nothing that was begun since the last write happened.</summary>
    void RollBack();

    /// <summary>
    /// Some of the work that may come later: tables that others read, forgetting, checkpoints.
    /// About as long as it is told; true when there is more.
    /// </summary>
    bool Work(FeedBook book, long at, TimeSpan atMost);
}

/// <summary>What a feed store held.</summary>
public sealed record FeedStart(
    IReadOnlyList<FeedSource> Sources, long FolderDevice, FeedImport Import);

/// <summary>Where a feed store's content came from.</summary>
public enum FeedImport : byte
{
    /// <summary>It was its own.</summary>
    None = 0,

    /// <summary>There was nothing.</summary>
    New = 1,

    /// <summary>A database of the original, of which all is kept.</summary>
    Kept = 2,

    /// <summary>An older database of the original, of which nothing is kept.</summary>
    Reset = 3,

    /// <summary>Its own, but another program wrote it meanwhile.</summary>
    Changed = 4,
}

/// <summary>
/// A file of a feed and how far it was read. <see cref="Device"/>, <see cref="Inode"/> and
/// <see cref="Birth"/> say which file it is whatever its name, <see cref="Tail"/> holds the last
/// bytes before <see cref="Offset"/>.
/// </summary>
public sealed class FeedSource
{
    /// <summary>Its number in the store; 0: not there yet.</summary>
    public long Id { get; set; }

    /// <summary>Its name.</summary>
    public required FeedFileName Name { get; set; }

    /// <summary>The book's file; null until its first line or its end was written down.</summary>
    public FeedFile? File { get; set; }

    /// <summary>Which file it is.</summary>
    public long Device { get; set; }

    /// <summary>Which file it is.</summary>
    public long Inode { get; set; }

    /// <summary>When the file was made, nanoseconds; 0: the file system does not say.</summary>
    public long Birth { get; set; }

    /// <summary>Where the next line begins.</summary>
    public long Offset { get; set; }

    /// <summary>The last bytes before the offset, at most 32.</summary>
    public byte[] Tail { get; set; } = [];

    /// <summary>How many lines were read, skipped ones included.</summary>
    public long Lines { get; set; }

    /// <summary>How many lines were no jobs.</summary>
    public long Skipped { get; set; }

    /// <summary>The offset lies within a line that is too long.</summary>
    public bool SkipsLine { get; set; }

    /// <summary>All of it was read, and it has its last name.</summary>
    public bool IsComplete { get; set; }

    /// <summary>For the store: the first and the last piece of its lines; 0: none yet.</summary>
    public int FirstPiece { get; set; }

    /// <summary>For the store: the last piece of its lines; 0: none yet.</summary>
    public int LastPiece { get; set; }
}
