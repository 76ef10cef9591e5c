using Npgsql;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What goes wrong around a PostgreSQL server, with a server for these tests.</summary>
public sealed class PostgresFaultTests(PostgresFaultTests.OwnServer own)
    : IClassFixture<PostgresFaultTests.OwnServer>
{
    readonly PostgresServer server = own.Server;
    readonly PartitionNames names = new();

    /// <summary>Restarted and filled with bad roles while others work with theirs.</summary>
    public sealed class OwnServer : IAsyncLifetime
    {
        public PostgresServer Server { get; } = new();

        public ValueTask InitializeAsync() => Server.InitializeAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static StoreOptions Options => new() { NewId = "store-1", Lead = true };

    AppendBatch Batch(int want) => new()
    {
        At = DateTimeOffset.UnixEpoch,
        Names = names,
        Events = [new WantSucceeded(new(want))],
    };

    static object? Ask(PostgresAddress address, string sql)
    {
        using var connection = new NpgsqlConnection(
            address.Connection.ConnectionString + ";Pooling=false;Search Path=public");
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        return command.ExecuteScalar();
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("immediate")]
    public async Task A_server_that_restarts_loses_nothing_and_ends_nothing(string mode)
    {
        var address = server.NewAddress();
        await using var store = PostgresStore.Open(address, Options);
        for (var i = 1; i <= 10; i++) await store.AppendAsync(Batch(i), CancellationToken.None);
        server.Restart(mode);
        for (var i = 11; i <= 20; i++) await store.AppendAsync(Batch(i), CancellationToken.None);
        Assert.Equal(
            Enumerable.Range(1, 20),
            store.Read(0, names).Select(e => ((WantSucceeded)e.Event).Want.Value));
    }

    [Fact]
    public async Task Who_reads_while_the_server_restarts_waits_for_it()
    {
        await using var store = PostgresStore.Open(server.NewAddress(), Options);
        using var done = new CancellationTokenSource();
        var reading = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested) Assert.Equal(0, store.LastPosition);
            },
            Ct);
        server.Restart("immediate");
        await done.CancelAsync();
        await reading;
    }

    [Fact]
    public async Task A_connection_that_is_cut_in_mid_build_is_made_again()
    {
        var address = server.NewAddress();
        await using var store = PostgresStore.Open(address, Options);
        for (var i = 1; i <= 60; i++)
        {
            if (i % 20 == 0)
                Ask(address, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    + "WHERE application_name = 'quoin' AND pid <> pg_backend_pid()");
            Assert.Equal(i, await store.AppendAsync(Batch(i), CancellationToken.None));
        }
        Assert.Equal(60, store.LastPosition);
    }

    [Fact]
    public async Task A_worker_whose_connections_are_cut_runs_each_run_once()
    {
        const int runs = 300;
        var address = server.NewAddress();
        await using var store = PostgresStore.Open(address, Options);
        await store.JoinAsync(
            new() { Owner = "w", Slots = 1, Capacity = 9 }, TimeSpan.FromMinutes(5),
            new("joined", "worker-joined", default), CancellationToken.None);
        await store.AppendAsync(
            Batch(1) with
            {
                Offered = [.. Enumerable.Range(1, runs).Select(run => new OfferedRun
                {
                    Run = new(run),
                    Epoch = 0,
                    Attempt = 1,
                    Spec = new byte[] { 1 },
                })],
            },
            CancellationToken.None);
        using var done = new CancellationTokenSource();
        var cutting = Task.Run(
            () => CutWhile(address, () => !done.IsCancellationRequested), Ct);

        var (held, ended) = (new Dictionary<RunId, int>(), new List<RunId>());
        while (ended.Count < runs)
        {
            var ends = held.Select(run => new EndedRun(
                run.Key, 1, run.Value, default, null)).Take(3).ToList();
            foreach (var end in ends) held.Remove(end.Run);
            var answer = await store.WorkAsync(
                new()
                {
                    Owner = "w",
                    Claim = 5,
                    FreeCpu = 9,
                    Cpu = 9,
                    Ended = ends,
                    Known = [.. held.Keys],
                },
                CancellationToken.None);
            Assert.Empty(answer.TooLate);
            ended.AddRange(ends.Select(end => end.Run));
            foreach (var claim in answer.Claimed) held.Add(claim.Run, claim.Epoch);
            Assert.Equal(held.Keys.OrderBy(run => run.Value), answer.Held.Select(h => h.Run));
        }

        await done.CancelAsync();
        await cutting;
        Assert.Equal(runs, ended.Distinct().Count());
        var commands = store.Waiting().Select(command => command.Id).ToList();
        Assert.Equal((2 * runs) + 1, commands.Count);
        Assert.All(Enumerable.Range(1, runs), run => Assert.Contains($"leased/{run}/1", commands));
        Assert.Empty(store.QueuedRuns());
    }

    [Fact]
    public async Task A_storm_of_work_survives_that_connections_are_cut()
    {
        var address = server.NewAddress();
        await using var store = PostgresStore.Open(address, Options);
        using var done = new CancellationTokenSource();
        var cutting = Task.Run(
            () => CutWhile(address, () => !done.IsCancellationRequested), Ct);
        try
        {
            await new QueueStorm(
                store, () => PostgresStore.Open(address, Options with { Lead = false }), 7, Ct)
                .RunAsync(60);
        }
        finally
        {
            await done.CancelAsync();
            await cutting;
        }
    }

    // Each connection that works for a store is cut once in a while, in mid-turn or between two.
    static void CutWhile(PostgresAddress address, Func<bool> goOn)
    {
        while (goOn())
        {
            Ask(address, """
                SELECT count(pg_terminate_backend(pid)) FROM (
                  SELECT pid FROM pg_stat_activity WHERE application_name = 'quoin'
                    AND pid <> pg_backend_pid() AND query LIKE '%ready_run%'
                    AND backend_start < clock_timestamp() - interval '50 ms') AS old
                """);
        }
    }

    [Fact]
    public async Task Ears_that_are_cut_off_hear_again()
    {
        var address = server.NewAddress();
        await using var one = PostgresStore.Open(address, Options);
        await using var two = PostgresStore.Open(address, Options with { Lead = false });
        using var called = new SemaphoreSlim(0);
        using var watch = two.Watch(() => called.Release());
        for (var i = 1; i <= 3; i++)
        {
            await one.AppendAsync(Batch(i), CancellationToken.None);
            do Assert.True(await called.WaitAsync(Bound, Ct));
            while (two.LastPosition < i);
            Ask(address, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                + "WHERE query LIKE 'LISTEN%'");
            while (Equals(Ask(address, "SELECT count(*) FROM pg_stat_activity "
                + "WHERE query LIKE 'LISTEN%'"), 0L))
                Assert.True(await called.WaitAsync(Bound, Ct));
        }
    }

    [Fact]
    public async Task To_listen_costs_the_server_nothing()
    {
        var address = server.NewAddress();
        await using var store = PostgresStore.Open(address, Options with { Lead = false });
        using var called = new SemaphoreSlim(0);
        using var watch = store.Watch(() => called.Release());
        Assert.True(await called.WaitAsync(Bound, Ct));
        while (Equals(Ask(address, "SELECT count(*) FROM pg_stat_activity "
            + "WHERE query LIKE 'LISTEN%' AND state = 'idle'"), 0L))
            Assert.True(await called.WaitAsync(Bound, Ct));
        var before = Ask(address, "SELECT clock_timestamp()::text");

        for (var i = 0; i < 3; i++) Assert.True(await called.WaitAsync(Bound, Ct));

        Assert.Equal(0L, Ask(address, "SELECT count(*) FROM pg_stat_activity "
            + $"WHERE query_start > '{before}' AND pid <> pg_backend_pid()"));
    }

    [Fact]
    public async Task A_store_of_the_first_version_is_brought_up_to_date()
    {
        var address = server.NewAddress();
        Migrate(address, 1, PostgresSchema.Script);
        Ask(address, $"INSERT INTO {address.Schema}.inbox (id, type, body) VALUES ('a', 'b', '')");
        var version = $"SELECT max(version) FROM {address.Schema}.schema_version";
        Assert.Equal(1, Ask(address, version));
        Assert.Throws<StoreException>(
            () => PostgresStore.Open(address, Options with { Lead = false, ReadOnly = true }));

        await using var store = PostgresStore.Open(address, Options);

        Assert.Equal(PostgresSchema.Scripts.Length, Ask(address, version));
        Assert.Equal(["a"], store.Waiting().Select(command => command.Id));
        Assert.Empty(store.Workers());
    }

    [Fact]
    public async Task A_migration_that_fails_halfway_leaves_nothing_of_itself()
    {
        var address = server.NewAddress();
        Migrate(address, 1, PostgresSchema.Script);
        var failed = Assert.Throws<PostgresException>(() => Migrate(
            address, 2, version => PostgresSchema.Script(version) + "; no such words"));
        Assert.Contains("syntax error", failed.Message, StringComparison.Ordinal);
        Assert.Equal(1, Ask(address, $"SELECT max(version) FROM {address.Schema}.schema_version"));
        Assert.Equal(
            true, Ask(address, $"SELECT to_regclass('{address.Schema}.worker') IS NULL"));

        await using var store = PostgresStore.Open(address, Options);

        Assert.Empty(store.Workers());
    }

    static void Migrate(PostgresAddress address, int newest, Func<int, string> script)
    {
        using var connection = new NpgsqlConnection(
            address.Connection.ConnectionString + ";Pooling=false");
        connection.Open();
        PostgresSchema.Migrate(connection, address, Options, newest, script);
    }

    [Fact]
    public async Task A_newer_schema_is_refused_with_the_version_it_needs()
    {
        var address = server.NewAddress();
        await PostgresStore.Open(address, Options).DisposeAsync();
        Ask(address, $"INSERT INTO {address.Schema}.schema_version VALUES (99, '9.9.9', now())");
        var refused = Assert.Throws<StoreException>(() => PostgresStore.Open(address, Options));
        Assert.Equal("store-newer", refused.Code);
        Assert.Contains("written by quoin 9.9.9", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CREATE TABLE {0}.event (a int)")]
    [InlineData("CREATE TABLE {0}.schema_version (a int)")]
    public void Somebody_elses_tables_are_left_alone(string sql)
    {
        var address = server.NewAddress();
        Ask(address, $"CREATE SCHEMA {address.Schema}");
        Ask(address, sql.Replace("{0}", address.Schema, StringComparison.Ordinal));
        var refused = Assert.Throws<StoreException>(() => PostgresStore.Open(address, Options));
        Assert.Equal("store-foreign", refused.Code);
        Assert.Contains("?schema=NAME", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_user_without_rights_is_told_which_to_ask_for()
    {
        var address = server.NewAddress();
        Ask(address, "CREATE ROLE guest LOGIN");
        Ask(address, "REVOKE CREATE ON DATABASE postgres FROM PUBLIC");
        var refused = Assert.Throws<StoreException>(
            () => PostgresStore.Open(server.AddressOf(address.Schema, "guest"), Options));
        Assert.Equal("store-unavailable", refused.Code);
        Assert.Contains(
            "GRANT CREATE ON DATABASE postgres TO guest", refused.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nobody", "", "does not exist")]
    [InlineData("test", "&dbname=none", "createdb none")]
    [InlineData("test", "&sslmode=require", "no TLS connection")]
    [InlineData("test", "&port=1", "Is the server running")]
    public void What_cannot_be_reached_says_what_to_do(string user, string more, string says)
    {
        server.Start();
        var address = server.AddressOf("s", user, more);
        var refused = Assert.Throws<StoreException>(() => PostgresStore.Open(address, Options));
        Assert.Equal("store-unavailable", refused.Code);
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_processes_that_make_the_tables_at_once_make_them_once()
    {
        var address = server.NewAddress();
        var options = Options with { Lead = false };
        var stores = await Task.WhenAll(Enumerable.Range(0, 4).Select(
            _ => Task.Run(() => PostgresStore.Open(address, options), Ct)));
        foreach (var store in stores) await store.DisposeAsync();
        Assert.Equal(
            (long)PostgresSchema.Scripts.Length,
            Ask(address, $"SELECT count(*) FROM {address.Schema}.schema_version"));
    }

    [Fact]
    public async Task A_statement_that_the_server_cancels_fails_the_append_and_says_why()
    {
        var address = server.NewAddress();
        await using var store = PostgresStore.Open(address, Options);
        Ask(address, "ALTER ROLE test SET statement_timeout = '300ms'");
        await using var slow = PostgresStore.Open(address, Options with { Lead = false });
        using var holder = new NpgsqlConnection(address.Connection.ConnectionString);
        holder.Open();
        using (var transaction = holder.BeginTransaction())
        {
            using var hold = new NpgsqlCommand(
                "SELECT pg_advisory_xact_lock('event'::regclass::oid::bigint)", holder);
            hold.ExecuteNonQuery();
            var refused = await Assert.ThrowsAsync<StoreException>(
                () => slow.AppendAsync(Batch(1), CancellationToken.None));
            Assert.Contains("statement_timeout", refused.Message, StringComparison.Ordinal);
        }
        Ask(address, "ALTER ROLE test RESET statement_timeout");
        Assert.Equal(1, await store.AppendAsync(Batch(1), CancellationToken.None));
    }
}
