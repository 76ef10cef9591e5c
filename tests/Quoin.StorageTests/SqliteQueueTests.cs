using System.Text;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>The contract of the queue on SQLite, and what its tables refuse.</summary>
public sealed class SqliteQueueTests : RunQueueContract
{
    readonly TempFolder folder = new();
    readonly SqliteStore store;

    public SqliteQueueTests() => store = Open();

    protected override IBuildStore Store => store;

    protected override IBuildStore Another() => Open();

    SqliteStore Open() =>
        SqliteStore.Open(folder.File("quoin.db"), new StoreOptions { NewId = "store-1" });

    public override async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Four_workers_at_once_claim_each_run_once()
    {
        await Stores.ClaimAllAsync(store, Open, workers: 4, runs: 600, Ct);
    }

    [Fact]
    public async Task A_claim_reads_the_free_runs_in_their_order()
    {
        await OfferAsync(Run(1));
        using var other = Other();
        using var plan = other.PrepareOnce("""
            EXPLAIN QUERY PLAN SELECT run, cpu, labels FROM ready_run
            WHERE owner IS NULL AND activation <= 1 AND cpu <= 2 AND memory <= 3
            ORDER BY priority DESC, run
            """u8);
        var steps = new List<string>();
        while (plan.Step()) steps.Add(plan.Text(3));
        Assert.Equal(["SCAN ready_run USING INDEX ready_run_free"], steps);
    }

    [Theory]
    [InlineData("UPDATE ready_run SET owner = 'a' WHERE run = 1", "adds one to its epoch")]
    [InlineData("UPDATE ready_run SET owner = 'a', epoch = 2 WHERE run = 1", "adds one")]
    [InlineData("UPDATE ready_run SET owner = 'b' WHERE run = 2", "takes a free run")]
    [InlineData("UPDATE ready_run SET epoch = 2 WHERE run = 2", "adds one")]
    [InlineData("UPDATE ready_run SET owner = NULL, epoch = 0 WHERE run = 2", "adds one")]
    [InlineData("UPDATE ready_run SET run = 9 WHERE run = 1", "adds one")]
    [InlineData("UPDATE ready_run SET owner = 'x', epoch = 1 WHERE run = 1", "FOREIGN KEY")]
    [InlineData("UPDATE ready_run SET stop = 1 WHERE run = 1", "CHECK")]
    [InlineData("UPDATE ready_run SET stop = 3 WHERE run = 2", "CHECK")]
    [InlineData("UPDATE ready_run SET owner = NULL, stop = 1 WHERE run = 2", "CHECK")]
    [InlineData(
        "INSERT INTO ready_run VALUES (3, 1, 1, 0, 0, 1, 0, '', x'', 'a', NULL)", "offered before")]
    [InlineData("INSERT INTO ready_run VALUES (3, 0, 0, 0, 0, 1, 0, '', x'', NULL, NULL)", "CHECK")]
    public async Task The_tables_themselves_refuse_what_would_break_the_fence(
        string sql, string why)
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1), Run(2, priority: 1));
        await store.WorkAsync(Turn("a", claim: 1), Ct);
        using var other = Other();

        var refused = Assert.Throws<StoreException>(
            () => other.Execute(Encoding.UTF8.GetBytes(sql)));

        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    SqliteConnection Other()
    {
        var other = SqliteConnection.Open(
            folder.File("quoin.db"), SqliteNative.OpenReadWrite, 1000);
        other.Execute("PRAGMA foreign_keys = ON"u8);
        return other;
    }
}
