using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Simulation;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresThingStormTests(PostgresServer server) : ThingStormTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// The simulation of things outside on the stores that people have: processes die at random, the
/// service misbehaves, and in the end every want is over and nothing is left. (43; a thousand wants
/// in memory: <c>./dev check --long</c>.)
/// </summary>
public class ThingStormTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Whatever_fails_and_dies_every_want_ends_and_nothing_is_left(int seed)
    {
        var address = NewAddress();
        await using var storm = new ThingSimulation(
            seed, wants: 25, folder => ThingStores.Open(address, folder));
        storm.Run();
        Assert.True(storm.Deaths >= 3);
    }
}
