using System.Diagnostics;
using System.Text.Json;
using Npgsql;
using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL, and what only a server can do.</summary>
public sealed class PostgresResourceFaultTests(PostgresServer server) : ResourceFaultTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    // The right to decide is a lease of 10 s there.
    private protected override TimeSpan Lease => TimeSpan.FromSeconds(10);

    // 3: on SQLite a process that stands still keeps the lock, and nobody takes over.
    [Fact]
    public async Task Paused_past_its_lease_its_late_answer_is_refused_and_there_is_one_outcome()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), One("identity: key"),
            new Rule { Verb = Verb.Post, To = 1, LatencyMs = 1500 });
        var first = world.Start("build", "--use", "100ms");
        await world.WaitForCallsAsync(calls => calls.Any(call => call.Verb == Verb.Post));
        first.Signal(19);
        var second = world.Start("build", "--use", "100ms");
        second.WaitForExit().Expect(0);
        first.Signal(18);

        Assert.Contains("error[lease-lost]", first.WaitForExit().Expect(5).Stderr);
        world.Quoin("build", "thing/2", "--use", "0s").Expect(0); // Hears what it left behind.
        world.Check(WantOutcome.Succeeded);
    }

    // 25: the answer of a call that was performed while the database only read is not lost.
    [Fact]
    public async Task What_was_performed_while_the_database_only_reads_is_adopted_and_given_back()
    {
        var own = new PostgresServer();
        await own.InitializeAsync();
        try
        {
            var address = own.NewAddress();
            await using var world = await ResourceWorld.StartAsync(
                address, One("identity: key"),
                new Rule { Verb = Verb.Post, To = 1, LatencyMs = 1500 });
            var build = world.Start("build", "--use", "100ms");
            await world.WaitForCallsAsync(calls => calls.Any(call => call.Verb == Verb.Post));
            Ask(address, "ALTER SYSTEM SET default_transaction_read_only = on");
            Ask(address, "SELECT pg_reload_conf()");
            Assert.Contains("error[store-read-only]", build.WaitForExit().Expect(5).Stderr);

            var line = File.ReadAllText(Assert.Single(Directory.GetFiles(
                world.Workspace.PathOf(".quoin/journal"))));
            Assert.Contains("answer/1/1", line);
            Ask(address, "ALTER SYSTEM RESET default_transaction_read_only");
            Ask(address, "SELECT pg_reload_conf()");
            world.Quoin("build", "--use", "0s").Expect(0);

            Assert.Equal(1, world.Service.Count().CallsByVerb[Verb.Post]);
            Assert.Empty(Directory.GetFiles(world.Workspace.PathOf(".quoin/journal")));
            world.Check(WantOutcome.Succeeded);
        }
        finally
        {
            await own.DisposeAsync();
        }
    }

    static void Ask(PostgresAddress address, string sql)
    {
        using var connection = new NpgsqlConnection(
            address.Connection.ConnectionString
            + ";Pooling=false;Options=-c default_transaction_read_only=off");
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }
}

/// <summary>Processes that die or stand still with calls in their hands, and stores that refuse.
/// </summary>
public class ResourceFaultTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    private protected virtual TimeSpan Lease => TimeSpan.Zero;

    // 2.
    [Fact]
    public async Task Calls_of_a_process_that_is_killed_are_made_by_another_within_its_lease()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), One("identity: key").Replace(
                "targets: [thing/1]", "targets: [thing/1, thing/2, thing/3, thing/4]",
                StringComparison.Ordinal),
            new Rule { Verb = Verb.Post, To = 4, Hang = true });
        var first = world.Start("build", "--use", "100ms");
        await world.WaitForCallsAsync(calls => calls.Count(call => call.Verb == Verb.Post) == 4);
        var second = world.Start("build", "--use", "100ms");
        second.WaitForLine(line => line.Contains("joining", StringComparison.Ordinal));

        first.Kill();
        var since = Stopwatch.GetTimestamp();
        await world.WaitForCallsAsync(calls => calls.Count(call => call.Verb == Verb.Post) == 8);
        var took = Stopwatch.GetElapsedTime(since);
        first.WaitForExit();
        second.WaitForExit().Expect(0);

        // Its lease, one second until the other looks, and what a busy machine needs.
        Assert.InRange(took, TimeSpan.Zero, Lease + TimeSpan.FromSeconds(15));
        world.Check(WantOutcome.Succeeded);
    }

    // 3, of a worker: what it answers after its lease counts for nobody.
    [Fact]
    public async Task A_worker_that_was_paused_past_its_lease_is_late_and_there_is_one_outcome()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), Labelled(One("identity: key")),
            new Rule { Verb = Verb.Post, To = 1, LatencyMs = 1500 });
        string[] work = ["worker", "-j", "1", "--label", "site=1"];
        var build = world.Start("build", "--use", "100ms");
        var first = world.Start(work);
        await world.WaitForCallsAsync(calls => calls.Any(call => call.Verb == Verb.Post));
        first.Signal(19);
        world.EndLeases();
        var second = world.Start(work);
        build.WaitForExit().Expect(0);
        first.Signal(18);
        first.WaitForLine(line => line.Contains("longer than its lease", StringComparison.Ordinal));

        Assert.Equal([1, 2], world.Events<RunLeased>().Where(e => e.Run == new RunId(1))
            .Select(e => e.Epoch).Take(2));
        Assert.Single(world.Events<RunCompleted>());
        world.Quoin("build", "thing/2", "--use", "0s").Expect(0); // Hears what was left behind.
        foreach (var worker in (QuoinProcess[])[first, second])
        {
            worker.Terminate();
            worker.WaitForExit().Expect(0);
        }
        world.CheckOver();
    }

    // 8.
    [Fact]
    public async Task Without_a_worker_for_its_job_a_run_waits_and_status_says_so()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(),
            """
            quoin: 1
            name: none
            targets: [plain]
            jobs:
              plain: { outputs: [plain], exec: [touch, "{out}"] }
            """);
        var build = world.Start("build", "-j", "0", "-v");
        build.WaitForLine(line => line.Contains("worker", StringComparison.Ordinal));

        var status = world.Quoin("status").Expect(0).Stdout;

        Assert.Matches(@"no worker for job plain(, since \d|\n)", status);
        Assert.DoesNotContain("failed", status);
        var worker = world.Start("worker", "-j", "1");
        build.WaitForExit().Expect(0);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
    }

    // 8, of a call: it waits for a label that nobody has.
    [Fact]
    public async Task Without_a_worker_with_its_label_a_call_waits_and_all_say_what_brings_one()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), Labelled(One("keep: 0s")));
        var build = world.Start("build", "--use", "0s", "-v");
        build.WaitForLine(line => line.Contains(
            "waiting for workers with site=1: 1 run ready (quoin worker --label site=1",
            StringComparison.Ordinal));

        const string why = "no worker for job thing: it needs the label site=1 "
            + "(quoin worker --label site=1)";
        var status = world.Quoin("status").Expect(0).Stdout;
        Assert.Contains($"      thing/1: {why}", status);
        Assert.Contains($"      {why}, since ", status);
        using var json = JsonDocument.Parse(world.Quoin("status", "--json").Expect(0).Stdout);
        foreach (var kind in (string[])["runs", "partitions"])
        {
            var only = Assert.Single(json.RootElement.GetProperty(kind).EnumerateArray());
            var holdup = only.GetProperty("holdup");
            Assert.Equal("no-worker", holdup.GetProperty("code").GetString());
            Assert.Equal(why, holdup.GetProperty("text").GetString());
        }
        Assert.Empty(world.Service.Entries());

        var worker = world.Start("worker", "-j", "1", "--label", "site=1");
        build.WaitForExit().Expect(0);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
        world.CheckOver();
    }
}
