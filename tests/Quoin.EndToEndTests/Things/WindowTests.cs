using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Simulation;
using Quoin.Tests.Things;
using static Quoin.EndToEndTests.Things.ThingStores;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresWindowTests(PostgresServer server) : WindowTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// Start windows that end while something is waited for, places in pools of what an offer stands
/// on, hosts with other clocks, and a store that takes nothing for a minute.
/// </summary>
public class WindowTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    ThingWorld World(string jobs, string before = "", int slots = 4) =>
        Start(NewAddress(), jobs, slots, before);

    static WantOptions From(ThingWorld world, double seconds, double slack) => new()
    {
        StartAt = world.Time.GetUtcNow() + S(seconds),
        StartSlack = S(slack),
    };

    static string Session(string more = "") => ThingWorld.Job(
        "session", "start: window", """["data/{id}"]""", more);

    // 37.
    [Fact]
    public async Task A_window_that_ends_while_an_input_is_waited_for_fails_its_want_then()
    {
        await using var world = World(ThingWorld.Job("data") + Session());
        world.Service.Rule = call => call.Is(ResourceDirection.Acquire)
            ? new Reply { BusyFor = TimeSpan.FromMinutes(30) }
            : null;
        var report = world.Want(From(world, 10, 5), "session/1");
        world.Until(() => report.IsCompleted, S(16));

        Assert.InRange(world.Time.Elapsed, S(15), S(16));
        Assert.Equal(WantOutcome.Failed, (await report).Outcome);
        Assert.Equal("start-window-missed", world.Of<ConfigFailed>().Single().Problem.Code);
        world.UntilAtRest(S(60));
        Assert.Empty(world.Service.Live);
        Assert.Empty(world.Service.Of(ResourceDirection.Acquire, "session"));
        world.CheckLog();
    }

    [Fact]
    public async Task A_window_that_ends_while_a_place_in_a_pool_is_waited_for_fails_its_want_then()
    {
        await using var world = World(
            ThingWorld.Job("data") + Session("resources: { pools: { seat: 1 } }"),
            "pools: { seat: 1 }\n");
        _ = world.Want("session/1");
        world.Until(() => world.Of<WantReady>().Any(), S(5));
        var report = world.Want(From(world, 10, 5), "session/2");
        world.Until(() => report.IsCompleted, S(16));

        Assert.InRange(world.Time.Elapsed, S(15), S(16));
        Assert.Equal("start-window-missed", world.Of<ConfigFailed>().Single().Problem.Code);
        world.Pass(S(5));
        Assert.Equal(["data/1", "session/1"], world.Service.Live);
    }

    [Fact]
    public async Task A_window_that_ends_while_a_slot_is_waited_for_fails_its_want()
    {
        await using var world = World(ThingWorld.Job("data") + Session(), slots: 1);
        world.Service.Rule = call => call.Is(ResourceDirection.Acquire, "data/2")
            ? new Reply { Latency = S(40) }
            : null;
        _ = world.Want("data/1");
        world.Pass(S(1));
        var report = world.Want(From(world, 10, 5), "session/1");
        _ = world.Want("data/2");
        world.Until(() => report.IsCompleted, S(17));

        Assert.InRange(world.Time.Elapsed, S(16), S(17));
        Assert.StartsWith(
            "start-window-missed", world.Of<RunFailed>().Single().Failure.Reason);
        Assert.Empty(world.Service.Of(ResourceDirection.Acquire, "session"));
    }

    // 41: what an offer stands on takes places, too.
    [Fact]
    public async Task An_offer_counts_against_the_pools_of_all_that_it_stands_on()
    {
        await using var world = World(
            ThingWorld.Job("data", more: "resources: { pools: { disk: 2 } }")
            + ThingWorld.Job("session", inputs: """["data/{id}"]"""),
            "pools: { disk: 5 }\n");
        var offer = new WantOptions { Offer = true };
        _ = world.Want(offer, "session/1");
        _ = world.Want(offer, "session/2");

        var refused = await world.Want(offer, "session/3");
        Assert.Equal("pool-full", refused.Refusal!.Code);
        Assert.StartsWith(
            "Pool disk has 5 places, and 4 of them are taken", refused.Refusal.Message);
        Assert.False(world.Want(offer, "session/2").IsCompleted); // It shares what it stands on.
        Assert.Equal(3, world.State.Wants.Count);
    }

    sealed class Skewed(SimulatedTime time, TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + by;

        public override long GetTimestamp() => time.GetTimestamp();

        public override long TimestampFrequency => time.TimestampFrequency;

        public override ITimer CreateTimer(
            TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(callback, state, dueTime, period);
    }

    // 9: a takeover by a host whose clock is an hour ahead, or behind.
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task On_a_host_with_another_clock_nothing_is_early_and_no_limit_is_over(int hours)
    {
        await using var world = World(ThingWorld.Job(
            "thing", "poll: { every: 20s, max: 20s, time: 15m }, keep: 10m"));
        world.Service.Rule = call => call.Nth <= 30 ? Busy(20) : null;
        _ = world.Want("thing/1");
        world.Pass(S(25));
        Assert.Equal(2, world.Service.Calls.Count);
        world.Kill();
        world.Clock = new StoreClock(
            new Skewed(world.Time, TimeSpan.FromHours(hours)),
            () => world.Time.Database.GetUtcNow());
        world.Start();
        world.Pass(S(14));
        Assert.Equal(2, world.Service.Calls.Count);
        world.Pass(S(6));
        Assert.Equal(3, world.Service.Calls.Count);

        world.Until(() => world.Of<WantReady>().Any(), S(700));
        Assert.Empty(world.Of<RunFailed>());
        Assert.Equal(31, world.Service.Of(ResourceDirection.Acquire).Count());
        world.CheckLog();
    }

    // 25: what was performed is not asked for again, however long nothing can be written.
    [Fact]
    public async Task What_was_performed_before_a_minute_in_which_nothing_can_be_saved_is_adopted()
    {
        await using var world = World(ThingWorld.Job("thing"));
        world.Service.Latency = S(1);
        _ = world.Want(AtOnce, "thing/1");
        var until = S(61);
        world.NextFault = () =>
            world.Time.Elapsed >= S(1) && world.Time.Elapsed < until
                ? AppendFault.Refuse
                : AppendFault.None;
        world.Pass(S(2));
        Assert.False(world.IsUp);
        var line = Assert.Single(world.Kept());
        Assert.Contains("answer/1/1", line);
        for (var tries = 0; tries < 5; tries++) // They come, and cannot save anything either.
        {
            world.Pass(S(10));
            world.Start();
            world.Pass(S(1));
        }
        world.Pass(S(10));
        world.Start();
        world.UntilAtRest(S(60));

        Assert.Equal(1, world.Service.Creates);
        Assert.Single(world.Service.Of(ResourceDirection.Acquire));
        Assert.Equal("t-1", world.Of<ExternalSeen>().Single().ExternalId);
        Assert.Empty(world.Service.Live);
        Assert.Empty(world.Kept());
        world.CheckLog();
    }
}
