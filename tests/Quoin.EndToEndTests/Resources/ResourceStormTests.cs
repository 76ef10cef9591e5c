using System.Diagnostics;
using System.Text.RegularExpressions;
using Npgsql;
using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Explorer;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresResourceStormTests(PostgresServer server) : ResourceStormTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    // X10: nobody holds a transaction open and does nothing in it.
    private protected override string? LongTransaction(PostgresAddress? address)
    {
        using var connection = new NpgsqlConnection(address!.Connection.ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(
            """
            SELECT max(a.query) FROM pg_stat_activity a
            WHERE a.state LIKE 'idle in transaction%'
              AND a.state_change < clock_timestamp() - interval '1 second' AND a.pid IN (
                SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                WHERE c.relnamespace = $1::regnamespace)
            """, connection);
        command.Parameters.Add(new() { Value = address.Schema });
        return command.ExecuteScalar() as string;
    }
}

/// <summary>
/// Many wants by many processes, each killed with -9 after some lines and started again, as are the
/// workers that make half of the calls, beside a service that loses answers: every want ends,
/// nothing is made twice and nothing is left. (43; <c>QUOIN_LONG_TESTS=1</c>: in its full size.)
/// </summary>
public partial class ResourceStormTests
{
    static readonly int wants = Long.IsAsked ? 1000 : 8;
    static readonly int clients = Long.IsAsked ? 10 : 4;
    static readonly int workers = Long.IsAsked ? 3 : 1;

    const string Graph = """
        quoin: 1
        name: storm
        targets: [session/1]
        jobs:
          storage:
            outputs: ["storage/{id:int}"]
            exec: [./site, storage, "{id}"]
            resource: {
              release: [./site, storage, "{id}"], poll: { every: 100ms, max: 200ms }, settle: 0s }
          session:
            outputs: ["session/{id:int}"]
            inputs: ["storage/{id}"]
            exec: [./site, session, "{id}"]
            labels: { site: "1" }
            resource: {
              release: [./site, session, "{id}"], poll: { every: 100ms, max: 200ms },
              settle: 0s }
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    private protected virtual string? LongTransaction(PostgresAddress? address) => null;

    int kills, workerKills;
    volatile bool isOver;

    [Fact]
    public async Task Whoever_is_killed_every_want_ends_and_nothing_is_left()
    {
        var since = Stopwatch.GetTimestamp();
        var address = NewAddress();
        await using var world = await ResourceWorld.StartAsync(
            address, Graph,
            new Rule { Verb = Verb.Post, From = 3, To = 3, LoseAnswer = true },
            new Rule { Verb = Verb.Delete, From = 4, To = 4, LoseAnswer = true },
            new Rule { Verb = Verb.Post, BusyLooks = 1 });
        var working = Enumerable.Range(0, workers)
            .Select(worker => Task.Run(() => WorkAsync(world, new Random(100 + worker))))
            .ToArray();
        var each = wants / clients;
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() =>
        {
            var random = new Random(client + 1);
            for (var n = 0; n < each; n++)
            {
                Want(world, random, (client * each) + n);
                Assert.Null(LongTransaction(address));
            }
        })));
        End(world);
        isOver = true;
        await Task.WhenAll(working);

        var count = world.Service.Count();
        Assert.True(count.Live.Count == 0, $"left: {string.Join(' ', count.Live)}");
        Assert.All(count.CreatesByKey, made => Assert.Equal(1, made.Value));
        var store = world.Open();
        try
        {
            var state = LogCheck.Replay(store);
            Assert.Empty(state.Wants);
            Assert.Empty(state.Runs);
            Assert.Empty(state.Interventions);
        }
        finally
        {
            await store.DisposeAsync();
        }
        Assert.True(workerKills > 0);
        Long.Say($"things: {wants} wants by {clients} processes at a time, {kills} killed, "
            + $"calls by {workers} workers at a time, {workerKills} killed, "
            + $"{Stopwatch.GetElapsedTime(since).TotalSeconds:0} s");
    }

    // Whoever is killed is followed by another one. Each makes some calls first, or none.
    async Task WorkAsync(ResourceWorld world, Random random)
    {
        for (var left = Long.IsAsked ? int.MaxValue : 2; ; left--)
        {
            var worker = world.Start("worker", "-j", "1", "--label", "site=1");
            if (left <= 0)
            {
                while (!isOver) await world.WaitForCallAsync();
                worker.Terminate();
                worker.WaitForExit().Expect(0);
                return;
            }
            worker.WaitForLines(1);
            for (var calls = random.Next(Long.IsAsked ? 60 : 4); calls > 0 && !isOver; calls--)
                await world.WaitForCallAsync();
            worker.Kill();
            worker.WaitForExit();
            workerKills++;
            if (isOver) return;
        }
    }

    // Until it comes to its end; at most so many of its processes are killed. Who decides stays as
    // long as others want something, which here is always: it is killed, too, once its own is over.
    void Want(ResourceWorld world, Random random, int id)
    {
        for (var left = Long.IsAsked ? 2 : 1; ; left--)
        {
            var build = world.Start("build", $"session/{id % 7}", "--use", "50ms", "-v");
            if (left > 0 && build.WaitForLines(1 + random.Next(8))) build.Kill();
            for (var looks = 60; looks > 0 && !build.EndsWithin(TimeSpan.FromSeconds(5)); looks--)
                if (build.HasPrinted(OwnEnd().IsMatch)) build.Kill();
            var end = build.WaitForExit();
            if (end.ExitCode == 137) Interlocked.Increment(ref kills);
            else if (end.ExitCode is not (0 or 1)) end.Expect(0);
            if (end.ExitCode != 137 || build.HasPrinted(OwnEnd().IsMatch)) return;
        }
    }

    [GeneratedRegex(@"^w-\d+ (succeeded|failed|cancelled)\b")]
    private static partial Regex OwnEnd();

    // What was claimed too often by those who died waits for a person, who says: once more.
    static void End(ResourceWorld world)
    {
        foreach (var open in world.Events<InterventionOpened>())
            world.Quoin("interventions", "resolve", $"{open.Intervention}", "--retry");
        world.Start("build", "session/100", "--use", "0s").WaitForExit(TimeSpan.FromMinutes(5))
            .Expect(0);
    }
}
