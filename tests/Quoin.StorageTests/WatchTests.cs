using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>Whoever watches a store is woken by what others commit.</summary>
public sealed class WatchTests(PostgresServer server) : IDisposable
{
    static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    readonly TempFolder folder = new();
    readonly PartitionNames names = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    Func<IBuildStore> Opener(string kind)
    {
        var options = new StoreOptions { NewId = "store-1" };
        if (kind == "SQLite") return () => SqliteStore.Open(folder.File("quoin.db"), options);
        var address = server.NewAddress();
        return () => PostgresStore.Open(address, options);
    }

    AppendBatch Batch(int want) => new()
    {
        At = DateTimeOffset.UnixEpoch,
        Names = names,
        Events = [new WantSucceeded(new(want))],
    };

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task What_one_process_commits_wakes_the_other(string kind)
    {
        var open = Opener(kind);
        await using var one = open();
        await using var two = open();
        using var calls = new Calls();
        using var watch = two.Watch(calls.Add);
        var before = two.ChangeVersion();

        await one.AppendAsync(Batch(1), Ct);
        await calls.UntilAsync(() => two.ChangeVersion() != before);
        before = two.ChangeVersion();
        await one.SendAsync(new("x", "cancel-all", default), Ct);
        await calls.UntilAsync(() => two.ChangeVersion() != before);
        await one.JoinAsync(
            new() { Owner = "w", Slots = 1, Capacity = 1 }, Bound,
            new("joined", "worker-joined", default), Ct);
        await one.AppendAsync(
            Batch(2) with
            {
                Offered = [new() { Run = new(1), Epoch = 0, Attempt = 1, Spec = default }],
            },
            Ct);
        before = two.ChangeVersion();
        await one.WorkAsync(new() { Owner = "w", Claim = 1, FreeCpu = 1, Cpu = 1 }, Ct);
        await calls.UntilAsync(() => two.ChangeVersion() != before);
    }

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task It_wakes_long_before_the_backstop(string kind)
    {
        var open = Opener(kind);
        await using var one = open();
        await using var two = open();
        using var calls = new Calls();
        using var watch = two.Watch(calls.Add);
        // The first one may have been there before the ear was.
        var gaps = new List<TimeSpan>();
        for (var i = 1; i <= 10; i++)
        {
            var before = two.ChangeVersion();
            var since = TimeProvider.System.GetTimestamp();
            await one.AppendAsync(Batch(i), Ct);
            await calls.UntilAsync(() => two.ChangeVersion() != before);
            gaps.Add(TimeProvider.System.GetElapsedTime(since));
        }
        gaps.Sort();
        Assert.InRange(gaps[5], TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task A_worker_is_woken_by_what_is_offered(string kind)
    {
        var open = Opener(kind);
        await using var one = open();
        await using var two = open();
        using var calls = new Calls();
        using var watch = two.WatchRuns(calls.Add);
        var gaps = new List<TimeSpan>();
        for (var i = 1; i <= 10; i++)
        {
            var since = TimeProvider.System.GetTimestamp();
            await one.AppendAsync(
                Batch(i) with
                {
                    Offered = [new() { Run = new(i), Epoch = 0, Attempt = 1, Spec = default }],
                },
                Ct);
            await calls.UntilAsync(() => two.QueuedRuns().Count == i);
            gaps.Add(TimeProvider.System.GetElapsedTime(since));
        }
        gaps.Sort();
        Assert.InRange(gaps[5], TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task It_calls_now_and_then_though_nothing_happens_and_never_once_over(string kind)
    {
        var open = Opener(kind);
        await using var one = open();
        await using var two = open();
        using var calls = new Calls();
        var watch = two.Watch(calls.Add);
        await calls.UntilAsync(() => true);
        await calls.UntilAsync(() => true);

        watch.Dispose();
        watch.Dispose();

        var count = calls.Count;
        await one.AppendAsync(Batch(1), Ct);
        using var other = new Calls();
        using (var next = two.Watch(other.Add)) await other.UntilAsync(() => true);
        Assert.Equal(count, calls.Count);
    }

    [Fact]
    public async Task A_watch_may_end_itself()
    {
        await using var store = Opener("SQLite")();
        using var calls = new Calls();
        IDisposable? watch = null;
        using var isSet = new ManualResetEventSlim();
        watch = store.Watch(() =>
        {
            isSet.Wait(Ct);
            watch!.Dispose();
            calls.Add();
        });
        isSet.Set();
        await calls.UntilAsync(() => true);
        watch.Dispose();
        Assert.Equal(1, calls.Count);
    }

    [Fact]
    public async Task Where_nobody_tells_it_looks_at_the_version()
    {
        long version = 1;
        using var calls = new Calls();
        using var watch = new Watcher(
            new PollingBell(() => Volatile.Read(ref version)), calls.Add, () => { });
        Volatile.Write(ref version, 2);
        await calls.UntilAsync(() => true);
    }

    // With every commit synced a ring came before the commit could be seen, and who was woken found
    // nothing: it took the backstop to find it.
    [Fact]
    public async Task After_a_ring_that_may_be_early_it_looks_again_soon_and_then_ever_later()
    {
        var bell = new EarlyBell();
        using var calls = new Calls();
        using var watch = new Watcher(bell, calls.Add, bell.Ended.SetResult);
        await bell.Ended.Task.WaitAsync(Bound, Ct);

        Assert.Equal(
            [4000, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 4000, 4000], bell.WaitsMs);
        Assert.Equal(11, calls.Count);
    }

    /// <summary>Rings once, and no time passes by it.</summary>
    sealed class EarlyBell : IBell
    {
        public List<double> WaitsMs { get; } = [];

        public TaskCompletionSource Ended { get; } = new();

        public bool IsEarly => WaitsMs.Count == 1;

        public bool Wait(TimeSpan atMost)
        {
            WaitsMs.Add(atMost.TotalMilliseconds);
            return WaitsMs.Count < 12;
        }

        public bool Rest(TimeSpan time) => true;

        public void End() { }

        public void Dispose() { }
    }

    [Fact]
    public async Task A_store_that_was_opened_to_read_can_be_watched()
    {
        var address = server.NewAddress();
        await using var one = PostgresStore.Open(address, new() { NewId = "store-1" });
        await using var two = PostgresStore.Open(address, new() { NewId = "", ReadOnly = true });
        using var calls = new Calls();
        using var watch = two.Watch(calls.Add);
        await one.AppendAsync(Batch(1), Ct);
        await calls.UntilAsync(() => two.LastPosition == 1);
        var refused = await Assert.ThrowsAsync<StoreException>(
            () => two.WorkAsync(new() { Owner = "w" }, Ct));
        Assert.Equal("store-read-only", refused.Code);
    }

    /// <summary>Counts calls and lets a test wait for the next one.</summary>
    sealed class Calls : IDisposable
    {
        readonly SemaphoreSlim called = new(0);
        int count;

        public int Count => Volatile.Read(ref count);

        public void Add()
        {
            Interlocked.Increment(ref count);
            called.Release();
        }

        public async Task UntilAsync(Func<bool> isTrue)
        {
            do Assert.True(await called.WaitAsync(Bound, Ct));
            while (!isTrue());
        }

        public void Dispose() => called.Dispose();
    }
}
