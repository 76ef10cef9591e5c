using Npgsql;
using Quoin.Core;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Faults;

/// <summary>
/// What becomes of a build with workers when its server stops, forgets or refuses; with a server
/// for these tests.
/// </summary>
public sealed class PostgresServerFaultTests : IAsyncLifetime
{
    const int Partitions = 41;

    const string Graph = """
        quoin: 1
        name: server
        targets: [all]
        jobs:
          one:
            outputs: ["one/{n:int}"]
            exec:
              - sh
              - -c
              - |
                echo {n} >> ran; sleep 0.05
                [ {n} -le 20 ] || until [ -e go ]; do sleep 0.02; done
                echo {n} > {out}
          all:
            outputs: [all]
            inputs: ["one/{n:range(1,40)}"]
            exec: [sh, -c, 'echo all >> ran; cat "$@"', sh, "{in...}"]
            stdout: "{out}"
        """;

    readonly PostgresServer server = new();

    public ValueTask InitializeAsync() => server.InitializeAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    static object? Ask(PostgresAddress address, string sql)
    {
        using var connection = new NpgsqlConnection(
            address.Connection.ConnectionString + ";Pooling=false;Application Name=test");
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        return command.ExecuteScalar();
    }

    // Two workers, and a build without slots that has something built already.
    static (QuoinProcess Build, QuoinProcess[] Workers) StartAll(FaultWorld world)
    {
        var build = world.Start("build", "-j", "0", "-v");
        var first = world.Start("worker", "-j", "2");
        var second = world.Start("worker", "-j", "2");
        build.WaitForLine(line => line.Contains(" built ", StringComparison.Ordinal));
        return (build, [first, second]);
    }

    // The second half of the partitions is made afterwards.
    static void EndWell(FaultWorld world, QuoinProcess build, QuoinProcess[] workers)
    {
        world.Workspace.Write("go", "");
        build.WaitForExit().Expect(0);
        foreach (var worker in workers) worker.Terminate();
        foreach (var worker in workers) worker.WaitForExit().Expect(0);
        Assert.Empty(world.Log().OfType<LeaseExpired>());
        Assert.Equal(Partitions, world.Executions);
        world.Finish();
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("immediate")]
    public void A_server_that_restarts_loses_nothing_and_nothing_runs_twice(string mode)
    {
        using var world = new FaultWorld(server.NewAddress(), Graph);
        var (build, workers) = StartAll(world);
        server.Restart(mode);
        Assert.False(build.HasExited);
        EndWell(world, build, workers);
    }

    [Fact]
    public void Connections_that_are_cut_again_and_again_lose_nothing_and_run_nothing_twice()
    {
        var address = server.NewAddress();
        using var world = new FaultWorld(address, Graph);
        var (build, workers) = StartAll(world);
        for (var i = 0; i < 20; i++)
        {
            Ask(address, """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity, pg_sleep(0.05)
                WHERE application_name = 'quoin'
                """);
        }
        EndWell(world, build, workers);
    }

    [Fact]
    public void A_build_whose_statement_was_cancelled_says_why_and_the_next_one_goes_on()
    {
        var address = server.NewAddress();
        Ask(
            address,
            "CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET statement_timeout = '1s'");
        using var world = new FaultWorld(
            server.AddressOf(address.Schema, user: "hasty"), Graph);
        var (build, workers) = StartAll(world);
        using var holder = new NpgsqlConnection(address.Connection.ConnectionString);
        holder.Open();
        using (var transaction = holder.BeginTransaction())
        {
            using var hold = new NpgsqlCommand("LOCK TABLE event, worker", holder);
            hold.ExecuteNonQuery();
            var ended = build.WaitForExit().Expect(5);
            Assert.Contains("statement_timeout", ended.Stderr, StringComparison.Ordinal);
            foreach (var worker in workers)
                worker.WaitForLine(
                    line => line.Contains("; trying again", StringComparison.Ordinal));
        }
        EndWell(world, world.Start("build", "-j", "0"), workers);
    }
}
