using Quoin.Core;
using Quoin.Engine;

namespace Quoin.StorageTests;

/// <summary>Reading a folder of feeds into a store that cannot be written to for a while.</summary>
public sealed class FeedReaderTests : IDisposable
{
    readonly FeedWorld world = new();
    readonly TempFolder folder = new();
    readonly WatchedFeedStore store;
    readonly FeedReader reader;

    public FeedReaderTests()
    {
        store = new WatchedFeedStore(world.Store);
        reader = new FeedReader(
            new FeedReaderOptions { Folder = folder.Path }, world.Book, store,
            new FeedStart([], 0, FeedImport.None), new Silent());
    }

    public void Dispose()
    {
        reader.Dispose();
        folder.Dispose();
        world.Dispose();
    }

    [Fact]
    public void Older_lines_wait_for_a_newer_file_that_could_not_be_written_down()
    {
        Write("f.1.txt", "a old\nb old\n");
        ReadAll(0);
        Write("f.2.txt", "a new\n");
        store.IsFull = true;
        reader.Rang();
        Assert.False(reader.Step(10, 0));
        Assert.Equal(FeedTake.None, Take(10, out _));
        Assert.Equal(1010, reader.NextMs); // A second later, and not before: nobody spins.
        Assert.False(reader.Step(500, 0));
        store.IsFull = false;
        ReadAll(1010);
        Assert.Equal(FeedTake.Taken, Take(1010, out var first));
        Assert.Equal(FeedTake.Taken, Take(1010, out var second));
        Assert.Equal(
            ["a 2", "b 1"], new[] { Shown(first!), Shown(second!) }.Order());
    }

    void Write(string name, string text) =>
        File.WriteAllText(Path.Combine(folder.Path, name), text);

    void ReadAll(long nowMs)
    {
        while (reader.Step(nowMs, 0)) { }
        Assert.True(reader.IsCaughtUp);
    }

    FeedTake Take(long nowMs, out FeedFlight? flight) =>
        world.Book.TryTake(nowMs, 0, FeedHolderKind.Nobody, null, "w", out flight);

    string Shown(FeedFlight flight) =>
        $"{System.Text.Encoding.UTF8.GetString(world.Book.KeyBytes(flight.Key))} {flight.Number}";

    sealed class Silent : ILineObserver
    {
        public void Said(string line) { }
    }
}
