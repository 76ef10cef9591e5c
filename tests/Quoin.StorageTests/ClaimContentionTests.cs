using System.Text;
using Npgsql;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>The same on PostgreSQL, with a client that holds locks.</summary>
public sealed class PostgresClaimContentionTests(PostgresServer server) : ClaimContentionTests
{
    readonly PostgresAddress address = server.NewAddress();

    private protected override IBuildStore Open(bool lead) =>
        PostgresStore.Open(address, new StoreOptions { NewId = "store-1", Lead = lead });

    private protected override int Skipped => 1; // The row that is locked.

    private protected override IDisposable Hold()
    {
        var connection = new NpgsqlConnection(
            address.Connection.ConnectionString + ";Pooling=false");
        connection.Open();
        using var hold = new NpgsqlCommand(
            "BEGIN; SELECT run FROM ready_run WHERE run = 1 FOR UPDATE", connection);
        hold.ExecuteNonQuery();
        return connection;
    }

    // 24.
    [Fact]
    public async Task An_end_whose_row_is_locked_is_taken_when_it_is_free_and_others_go_on()
    {
        await using var store = Open(lead: true);
        await using var other = Open(lead: false);
        await OfferAsync(store, 3);
        foreach (var owner in (string[])["a", "b"]) await JoinAsync(store, owner);
        await store.WorkAsync(Turn("a", 2), Ct);
        Task<WorkerAnswer> waits;
        using (Hold())
        {
            waits = other.WorkAsync(Turn("a", 0) with { Ended = [End(1), End(2)] }, Ct);
            var goes = await store.WorkAsync(Turn("b", 1), Ct);
            Assert.Equal([new RunId(3)], goes.Claimed.Select(run => run.Run));
            await store.WorkAsync(Turn("b", 0) with { Ended = [End(3)] }, Ct);
            Assert.Equal([1, 2], store.QueuedRuns().Select(run => run.Run.Value));
        }
        var answer = await waits;

        Assert.Empty(answer.TooLate);
        Assert.Equal(
            ["ended/1/1", "ended/2/1", "ended/3/1"],
            store.Waiting().Select(row => row.Id).Where(id => id.StartsWith("ended")).Order());
        Assert.Empty(store.QueuedRuns());
    }
}

/// <summary>
/// Claims and ends of many at once beside somebody who has a transaction open: scenarios 1 and 24
/// of the page on durable steps.
/// </summary>
public class ClaimContentionTests : IAsyncDisposable
{
    readonly TempFolder folder = new();
    readonly PartitionNames names = new();

    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private protected virtual IBuildStore Open(bool lead) => SqliteStore.Open(
        folder.File("quoin.db"), new StoreOptions { NewId = "store-1", Lead = lead });

    /// <summary>How many cannot be claimed while somebody holds what he holds.</summary>
    private protected virtual int Skipped => 0;

    /// <summary>Somebody reads, and does not end his transaction.</summary>
    private protected virtual IDisposable Hold()
    {
        var reader = SqliteConnection.Open(
            folder.File("quoin.db"), SqliteNative.OpenReadWrite, 1000);
        reader.Execute("BEGIN"u8);
        using var rows = reader.PrepareOnce("SELECT count(*) FROM ready_run"u8);
        rows.Step();
        return reader;
    }

    private protected Task OfferAsync(IBuildStore store, int count) => store.AppendAsync(
        new()
        {
            At = DateTimeOffset.UnixEpoch,
            Names = names,
            Events = [],
            Offered = [.. Enumerable.Range(1, count).Select(run => new OfferedRun
            {
                Run = new(run),
                Epoch = 0,
                Attempt = 1,
                Spec = "x"u8.ToArray(),
            })],
        },
        Ct);

    private protected static Task JoinAsync(IBuildStore store, string owner) => store.JoinAsync(
        new() { Owner = owner, Slots = 8, Capacity = 8 }, TimeSpan.FromMinutes(1),
        new($"joined/{owner}", "worker-joined", default), Ct);

    private protected static WorkerTurn Turn(string owner, int claim) => new()
    {
        Owner = owner,
        Claim = claim,
        FreeCpu = 99,
        Cpu = 99,
        LeasedBody = Encoding.ASCII.GetBytes(owner),
    };

    private protected static EndedRun End(int run) => new(new(run), 1, 1, "end"u8.ToArray(), null);

    // 1.
    [Fact]
    public async Task Of_400_due_runs_24_claimers_take_each_once_beside_an_open_transaction()
    {
        await using var store = Open(lead: true);
        await OfferAsync(store, 400);
        var claimed = 0;
        int[][] all;
        using (Hold())
        {
            all = await Task.WhenAll(Enumerable.Range(1, 24).Select(
                n => Task.Run(() => ClaimAsync($"w{n}"), Ct)));
        }
        var last = await ClaimOnceAsync(store, "last");

        Assert.Equal(400 - Skipped, claimed);
        Assert.Equal(Enumerable.Range(1, 400), all.SelectMany(runs => runs).Concat(last).Order());
        Assert.All(store.QueuedRuns(), run => Assert.Equal(1, run.Epoch));

        async Task<int[]> ClaimAsync(string owner)
        {
            await using var own = Open(lead: false);
            await JoinAsync(own, owner);
            var mine = new List<int>();
            while (Volatile.Read(ref claimed) < 400 - Skipped)
            {
                var answer = await own.WorkAsync(
                    Turn(owner, 3) with { Known = [.. mine.Select(run => new RunId(run))] }, Ct);
                mine.AddRange(answer.Claimed.Select(run => run.Run.Value));
                Interlocked.Add(ref claimed, answer.Claimed.Length);
            }
            return [.. mine];
        }

        async Task<int[]> ClaimOnceAsync(IBuildStore own, string owner)
        {
            await JoinAsync(own, owner);
            return [.. (await own.WorkAsync(Turn(owner, 9), Ct)).Claimed
                .Select(run => run.Run.Value)];
        }
    }
}
