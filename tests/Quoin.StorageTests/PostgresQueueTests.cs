using Npgsql;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// The contract of the queue on PostgreSQL, what its tables refuse, and how the planner reads it.
/// </summary>
public sealed class PostgresQueueTests : RunQueueContract
{
    readonly PostgresAddress address;
    readonly PostgresStore store;

    public PostgresQueueTests(PostgresServer server)
    {
        address = server.NewAddress();
        store = Open();
    }

    protected override IBuildStore Store => store;

    protected override IBuildStore Another() => Open();

    PostgresStore Open(bool lead = false) =>
        PostgresStore.Open(address, new StoreOptions { NewId = "store-1", Lead = lead });

    public override ValueTask DisposeAsync() => store.DisposeAsync();

    void Do(string sql)
    {
        using var connection = new NpgsqlConnection(address.Connection.ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    [Fact]
    public async Task Eight_workers_at_once_claim_each_run_once()
    {
        await Stores.ClaimAllAsync(store, () => Open(), workers: 8, runs: 2000, Ct);
    }

    [Fact]
    public async Task A_coordinator_whose_lease_is_over_changes_nothing_in_the_queue()
    {
        await using var paused = Open(lead: true);
        await JoinAsync("a");
        await paused.AppendAsync(Batch() with { Offered = [Run(1), Run(2)] }, Ct);
        await store.WorkAsync(Turn("a", claim: 1), Ct);
        Do("UPDATE coordinator SET expires_at = clock_timestamp()");
        await using var next = Open(lead: true);

        var lost = await Assert.ThrowsAsync<StoreException>(() => paused.AppendAsync(
            Batch() with
            {
                Offered = [Run(3), Run(1, epoch: 1)],
                Withdrawn = [new(2)],
                Stopped = [new(new(1), true)],
                WorkersGone = ["a"],
                Logs = [new(new(new(1), 1), "log"u8.ToArray())],
            },
            Ct));

        Assert.Equal("lease-lost", lost.Code);
        Assert.Equal(
            [new(new(1), 1, "a"), new(new(2), 0, null)], store.QueuedRuns());
        Assert.Null((await store.WorkAsync(Turn("a", claim: 0), Ct)).Held.Single().Stop);
        Assert.Null(store.RunLog(new(new(1), 1)));
    }

    [Fact]
    public async Task A_turn_waits_neither_for_an_append_nor_for_the_claim_of_another_worker()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1, priority: 1), Run(2));
        using var busy = new NpgsqlConnection(address.Connection.ConnectionString);
        busy.Open();
        using var transaction = busy.BeginTransaction();
        using var hold = new NpgsqlCommand("""
            SELECT pg_advisory_xact_lock('event'::regclass::oid::bigint);
            SELECT run FROM ready_run WHERE run = 1 FOR UPDATE
            """, busy, transaction);
        hold.ExecuteNonQuery();

        var claimed = await store.WorkAsync(Turn("a"), Ct).WaitAsync(TimeSpan.FromSeconds(30), Ct);
        var ended = await store.WorkAsync(
            Turn("a") with { Ended = [new(new(2), 1, 1, default, null)] }, Ct)
            .WaitAsync(TimeSpan.FromSeconds(30), Ct);

        Assert.Equal([new RunId(2)], claimed.Claimed.Select(run => run.Run));
        Assert.Empty(ended.Held);
        transaction.Rollback();
        Assert.Equal(
            [new RunId(1)], (await store.WorkAsync(Turn("a"), Ct)).Claimed.Select(run => run.Run));
    }

    [Fact]
    public async Task A_turn_that_was_committed_and_not_answered_is_taken_again_without_harm()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await store.WorkAsync(Turn("a", claim: 1), Ct);
        var turn = Turn("a", claim: 1) with { Ended = [new(new(1), 1, 1, default, null)] };
        using var connection = store.Workshop.OpenConnection();

        await using (var lost = new PostgresTurn(turn))
            await lost.RunAsync(connection, isFirst: true, Ct);
        await using var second = new PostgresTurn(turn);
        var answer = await second.RunAsync(connection, isFirst: false, Ct);

        Assert.Empty(answer.TooLate);
        Assert.Equal([new(2)], answer.Claimed.Select(run => run.Run));
        Assert.Equal([new(2)], answer.Held.Select(run => run.Run));
        Assert.Equal(
            ["joined/a", "leased/1/1", "ended/1/1", "leased/2/1"],
            store.Waiting().Select(command => command.Id));
    }

    [Theory]
    [InlineData("UPDATE ready_run SET owner = 'a' WHERE run = 1", "adds one to its epoch")]
    [InlineData("UPDATE ready_run SET owner = 'a', epoch = 2 WHERE run = 1", "adds one")]
    [InlineData("UPDATE ready_run SET owner = 'b' WHERE run = 2", "takes a free run")]
    [InlineData("UPDATE ready_run SET epoch = 2 WHERE run = 2", "adds one")]
    [InlineData("UPDATE ready_run SET owner = NULL, epoch = 0 WHERE run = 2", "adds one")]
    [InlineData("UPDATE ready_run SET run = 9 WHERE run = 1", "adds one")]
    [InlineData("UPDATE ready_run SET owner = 'x', epoch = 1 WHERE run = 1", "that is there")]
    [InlineData("UPDATE ready_run SET stop = 1 WHERE run = 1", "check constraint")]
    [InlineData("UPDATE ready_run SET stop = 3 WHERE run = 2", "check constraint")]
    [InlineData("UPDATE ready_run SET owner = NULL, stop = 1 WHERE run = 2", "check constraint")]
    [InlineData(
        "INSERT INTO ready_run VALUES (3, 1, 1, now(), 0, 1, 0, '{}', '', 'a')", "offered before")]
    [InlineData("INSERT INTO ready_run VALUES (3, 0, 0, now(), 0, 1, 0, '{}', '')", "check")]
    public async Task The_tables_themselves_refuse_what_would_break_the_fence(
        string sql, string why)
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1), Run(2, priority: 1));
        await store.WorkAsync(Turn("a", claim: 1), Ct);

        var refused = Assert.Throws<PostgresException>(() => Do(sql));

        Assert.Contains(why, refused.MessageText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("never")]
    [InlineData("while nobody works")]
    [InlineData("while all work")]
    public async Task Among_many_runs_claims_and_ends_go_by_their_indexes(string analyzed)
    {
        await JoinAsync("a");
        Do("""
            ALTER TABLE ready_run SET (autovacuum_enabled = off);
            INSERT INTO ready_run
            SELECT run, 0, 1, now(), run % 5, 1, 0, '{}', convert_to('spec ' || run, 'UTF8')
            FROM generate_series(1, 60000) AS run
            """);
        if (analyzed == "while nobody works") Do("VACUUM ANALYZE ready_run");
        await store.WorkAsync(Turn("a", claim: 512) with { FreeCpu = 512 }, Ct);
        if (analyzed == "while all work") Do("VACUUM ANALYZE ready_run");
        using var connection = store.Workshop.OpenConnection();

        foreach (var claim in PostgresTurn.ClaimSizes)
        {
            var plan = Explain(connection, PostgresTurn.ClaimSql(claim), new()
            {
                ["$1"] = "'a'::text",
                ["$2"] = "'{os=linux}'::text[]",
                ["$3"] = "8",
                ["$4"] = "9999999999",
                ["$5"] = "'{1,2}'::int[]",
                ["$6"] = claim.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["$7"] = "8",
                ["$8"] = "''::bytea",
            });
            Assert.Contains("Index Scan using ready_run_free on ready_run", plan);
            Assert.Contains("Index Scan using ready_run_pkey on ready_run", plan);
            Assert.DoesNotContain("Seq Scan on ready_run", plan);
        }

        var ints = $"'{{{string.Join(',', Enumerable.Range(1, 500))}}}'::int[]";
        var bytes = "array_fill(''::bytea, ARRAY[500])";
        var end = Explain(connection, PostgresTurn.HandInSql, new()
        {
            ["$1"] = "'a'::text",
            ["$2"] = ints,
            ["$3"] = ints,
            ["$4"] = ints,
            ["$5"] = bytes,
            ["$6"] = ints,
            ["$7"] = bytes,
        });
        Assert.Contains("Index Scan using ready_run_pkey on ready_run", end);
        Assert.DoesNotContain("Seq Scan on ready_run", end);
        Assert.DoesNotContain("ready_run_held", end);
    }

    static string Explain(
        NpgsqlConnection connection, string sql, Dictionary<string, string> values)
    {
        foreach (var (name, value) in values)
            sql = sql.Replace(name, value, StringComparison.Ordinal);
        using var command = new NpgsqlCommand("EXPLAIN " + sql, connection);
        using var rows = command.ExecuteReader();
        var lines = new List<string>();
        while (rows.Read()) lines.Add(rows.GetString(0));
        return string.Join('\n', lines);
    }
}
