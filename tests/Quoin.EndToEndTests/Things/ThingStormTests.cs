using Npgsql;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Simulation;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresThingStormTests(PostgresServer server) : ThingStormTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    private protected override int OpenTransactions(PostgresAddress? address, string folder)
    {
        using var connection = new NpgsqlConnection(address!.Connection.ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(
            """
            SELECT count(*)::int FROM pg_stat_activity a
            WHERE a.state LIKE 'idle in transaction%' AND a.pid IN (
              SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
              WHERE c.relnamespace = $1::regnamespace)
            """, connection);
        command.Parameters.Add(new() { Value = address.Schema });
        return (int)command.ExecuteScalar()!;
    }
}

/// <summary>
/// The simulation of things outside on the stores that people have: processes die at random, the
/// service misbehaves, and in the end every want is over and nothing is left. (43; a thousand wants
/// in memory: <c>./dev check --long</c>.) Between two steps no transaction is open. (X10.)
/// </summary>
public class ThingStormTests
{
    const int LookEvery = 20;

    private protected virtual PostgresAddress? NewAddress() => null;

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_fails_and_dies_every_want_ends_and_nothing_is_left(int seed)
    {
        var address = NewAddress();
        var (place, looks) = ("", 0);
        await using var storm = new ThingSimulation(
            seed, wants: 25, folder => ThingStores.Open(address, place = folder))
        {
            BetweenSteps = step =>
            {
                if (step % LookEvery != 0) return;
                looks++;
                Assert.Equal(0, OpenTransactions(address, place));
            },
        };
        storm.Run();
        Assert.True(storm.Deaths >= 3 && looks >= 10, $"{storm.Deaths} deaths, {looks} looks");
    }

    // A write of another process would wait for it, and fail in the end.
    private protected virtual int OpenTransactions(PostgresAddress? address, string folder)
    {
        var another = SqliteStore.Open(
            Path.Combine(folder, ".quoin/quoin.db"), new StoreOptions { NewId = "" });
        try
        {
            return another.LeaveAsync(
                "nobody", new InboxCommand("none", "none", default), CancellationToken.None)
                .Result ? 1 : 0;
        }
        finally
        {
            another.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
