using Quoin.Core;
using Quoin.Engine;

namespace Quoin.StorageTests;

/// <summary>
/// A store that counts the transactions of decisions, and has no room when told so.
/// </summary>
sealed class WatchedFeedStore(IFeedStore inner) : IFeedStore
{
    public int Writes { get; private set; }

    /// <summary>Called before each of them is written.</summary>
    public Action? Writing { get; set; }

    public void Write(FeedBook book, long at)
    {
        Writes++;
        Writing?.Invoke();
        inner.Write(book, at);
    }

    public FeedStart Load(FeedBook book, long nowMs, long at) => inner.Load(book, nowMs, at);

    /// <summary>Whether the disk is full for lines that are read.</summary>
    public bool IsFull { get; set; }

    public void Accept(FeedBook book, FeedBatch batch, long at)
    {
        if (IsFull) throw new StoreException("disk-full", "the disk is full");
        inner.Accept(book, batch, at);
    }

    public void Remove(FeedBook book, FeedSource source, long at) =>
        inner.Remove(book, source, at);

    public void Renamed(FeedSource source, long at) => inner.Renamed(source, at);

    public void Settle(
        FeedBook book, IReadOnlyCollection<FeedSource> sources, long folderDevice, long at) =>
        inner.Settle(book, sources, folderDevice, at);

    public bool IsForgetting(int feed, long number) => inner.IsForgetting(feed, number);

    public ReadOnlySpan<byte> Payload(FeedPayload payload) => inner.Payload(payload);

    public void RollBack() => inner.RollBack();

    public bool Work(FeedBook book, long at, TimeSpan atMost) =>
        inner.Work(book, at, atMost);

    public void Dispose() => inner.Dispose();
}
