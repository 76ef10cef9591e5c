using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.Tests.Things;

namespace Quoin.EndToEndTests.Things;

/// <summary>Worlds of things on the stores that people have.</summary>
static class ThingStores
{
    /// <summary>A world that runs.</summary>
    /// <param name="address">Its store; null: an SQLite file.</param>
    /// <param name="jobs">The jobs, as <see cref="ThingWorld.Job"/> writes them.</param>
    /// <param name="slots">How many calls at a time.</param>
    /// <param name="before">What quoin.yaml says before the jobs.</param>
    public static ThingWorld Start(
        PostgresAddress? address, string jobs, int slots = 4, string before = "")
    {
        var world = new ThingWorld($"{before}jobs:\n{jobs}", folder => Open(address, folder))
        {
            CallSlots = slots,
        };
        world.Start();
        return world;
    }

    /// <summary>A store to decide on, in this folder or at this address.</summary>
    public static IBuildStore Open(PostgresAddress? address, string folder)
    {
        var options = new StoreOptions { NewId = "things", Lead = true };
        if (address is not null) return PostgresStore.Open(address, options);
        Directory.CreateDirectory(Path.Combine(folder, ".quoin"));
        return SqliteStore.Open(Path.Combine(folder, ".quoin/quoin.db"), options);
    }

    /// <summary>A want that is over as soon as it is ready.</summary>
    public static WantOptions AtOnce { get; } = new() { Use = TimeSpan.Zero };

    public static TimeSpan S(double seconds) => TimeSpan.FromSeconds(seconds);

    /// <summary>Busy, to be asked again after so many seconds.</summary>
    public static Reply Busy(double seconds, bool reset = false) => new()
    {
        Answer = new(ResourceAnswerKind.Busy)
        {
            Defer = new DeferReport(S(seconds), reset, null),
        },
    };

    /// <summary>What the log gives is the state of the process.</summary>
    public static void CheckLog(this ThingWorld world)
    {
        var replayed = LogCheck.Replay(world.Store);
        Assert.Equal(replayed.LastRun, world.State.LastRun);
        Assert.Equal(
            replayed.Runs.Values.Select(run => (run.Id, run.Place, run.Epoch)).Order(),
            world.State.Runs.Values.Select(run => (run.Id, run.Place, run.Epoch)).Order());
    }
}
