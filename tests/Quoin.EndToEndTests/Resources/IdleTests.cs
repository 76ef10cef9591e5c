using System.Globalization;
using Npgsql;
using Quoin.Storage;
using Quoin.StorageTests;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>What processes ask while nothing happens. (7.)</summary>
public sealed class IdleTests
{
    const int Seconds = 5;

    // Told by the server's log: its statistics of transactions are up to ten seconds late.
    [Fact]
    public async Task Two_idle_processes_ask_the_database_at_most_once_a_second_each()
    {
        var own = new PostgresServer();
        await own.InitializeAsync();
        try
        {
            var address = own.NewAddress();
            Execute(
                address, "ALTER SYSTEM SET log_statement = 'all'",
                "ALTER SYSTEM SET log_line_prefix = '%n %p '", "SELECT pg_reload_conf()");
            await using var world = await ResourceWorld.StartAsync(address, One("keep: 0s"));
            var asked = await CountAsync(world, () => Questions(own.Log()));
            Assert.InRange(asked, 1, 2 * (Seconds + 1));
        }
        finally
        {
            await own.DisposeAsync();
        }
    }

    [Fact]
    public async Task Two_idle_processes_read_nothing_of_a_file()
    {
        await using var world = await ResourceWorld.StartAsync(null, One("keep: 0s"));
        Assert.InRange(await CountAsync(world, () => 0), 0, 2 * Seconds);
    }

    // Reads of the two processes, or what is counted otherwise, while a thing is held.
    static async Task<long> CountAsync(ResourceWorld world, Func<long> others)
    {
        var build = world.Start("build");
        build.WaitForLine(line => line.Contains("ready     w-1", StringComparison.Ordinal));
        var worker = world.Start("worker", "-j", "1");
        worker.WaitForLines(1);
        var time = TimeProvider.System;
        await ResourceWorld.WaitUntilAsync(time.GetUtcNow().AddSeconds(2)); // Both are at rest.
        var before = others() is > 0 and var count ? count : Reads(build) + Reads(worker);
        await ResourceWorld.WaitUntilAsync(time.GetUtcNow().AddSeconds(Seconds));
        var after = others() is > 0 and var more ? more : Reads(build) + Reads(worker);
        world.Quoin("release", "w-1").Expect(0);
        build.WaitForExit().Expect(0);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
        return after - before;
    }

    static long Reads(QuoinProcess process) => File.ReadLines($"/proc/{process.Id}/io")
        .Where(line => line.StartsWith("syscr: ", StringComparison.Ordinal))
        .Select(line => long.Parse(line[7..], CultureInfo.InvariantCulture)).Single();

    static void Execute(PostgresAddress address, params string[] statements)
    {
        using var connection = new NpgsqlConnection(
            address.Connection.ConnectionString + ";Pooling=false");
        connection.Open();
        foreach (var statement in statements)
        {
            using var command = new NpgsqlCommand(statement, connection);
            command.ExecuteNonQuery();
        }
    }

    // Statements that a connection sends within 100 ms are one question: several parts of a turn.
    static long Questions(string log)
    {
        var last = new Dictionary<string, decimal>();
        var count = 0;
        foreach (var line in log.Split('\n'))
        {
            if (line.Split(' ', 3) is not [var seconds, var process, var rest]
                || !decimal.TryParse(
                    seconds, NumberStyles.Number, CultureInfo.InvariantCulture, out var at)
                || !rest.StartsWith("LOG:", StringComparison.Ordinal)
                || !rest.Contains("execute", StringComparison.Ordinal)
                    && !rest.Contains("statement:", StringComparison.Ordinal)) continue;
            if (at - last.GetValueOrDefault(process) > 0.1m) count++;
            last[process] = at;
        }
        return count;
    }
}
