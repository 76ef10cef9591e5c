using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Things;
using static Quoin.EndToEndTests.Things.ThingStores;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresHoldTests(PostgresServer server) : HoldTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// Wakes, windows, offers and what comes late: scenarios of the page on durable steps with their
/// numbers, on a clock that the tests have in hand.
/// </summary>
public class HoldTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    ThingWorld World(string jobs, int slots = 4, string before = "") =>
        Start(NewAddress(), jobs, slots, before);

    static WantOptions From(ThingWorld world, double seconds, double slack) => new()
    {
        StartAt = world.Time.GetUtcNow() + S(seconds),
        StartSlack = S(slack),
    };

    // 31.
    [Fact]
    public async Task What_is_created_10_s_late_after_a_cancel_is_found_when_the_doubt_is_over()
    {
        await using var world = World(ThingWorld.Job("thing", "timeout: 30s, settle: 60s"));
        world.Service.Rule = call => call.Is(ResourceDirection.Acquire)
            ? new Reply { Latency = S(1), CreatesLate = S(10) }
            : null;
        _ = world.Want("thing/1");
        world.Pass(S(0.5));
        world.Do(new CancelWant(new WantId(1), "test"));
        world.Pass(S(5));
        var doubt = world.RunOf("thing/1").Life!.DoubtUntil!.Value;
        Assert.Equal(S(90), doubt - world.Of<RunLeased>().First().At);
        world.Until(() => world.State.Runs.Count == 0, S(120));

        Assert.Equal(1, world.Service.Creates);
        Assert.Empty(world.Service.Live);
        var last = world.Service.Of(ResourceDirection.Release).Last();
        Assert.InRange(last.At, S(90), S(91));
        Assert.Equal(
            "settling", world.Of<RunDeferred>().Last(e => e.Kind == DeferKind.Busy).Detail);
    }

    // Found by ThingSimulation: a definite no to a second call says nothing about the first.
    [Fact]
    public async Task What_an_unheard_call_makes_late_is_found_although_the_next_was_refused()
    {
        await using var world = World(
            ThingWorld.Job("thing", "timeout: 30s, settle: 60s, poll: { every: 5s }"));
        world.Service.Rule = call =>
            !call.Is(ResourceDirection.Acquire) ? null
            : call.Nth == 1 ? new Reply { Latency = S(1), CreatesLate = S(40) }
            : Reply.Fails();
        var report = world.Want(WantOptions.Default, "thing/1");
        world.Until(() => report.IsCompleted, S(300));
        world.UntilAtRest(S(300));
        world.Pass(S(60));

        Assert.Empty(world.Service.Live);
        Assert.Equal(1, world.Service.Creates);
        Assert.Equal(WantOutcome.Failed, (await report).Outcome);
    }

    // 32.
    [Fact]
    public async Task Two_hundred_inputs_that_arrive_at_once_make_it_ready_once()
    {
        await using var world = World(
            ThingWorld.Job("thing", "timeout: 30s")
            + ThingWorld.Job(
                "all", "timeout: 30s",
                $"[{string.Join(", ", Enumerable.Range(1, 200).Select(n => $"\"thing/{n}\""))}]"),
            slots: 200);
        world.Service.Latency = S(1);
        _ = world.Want("all/1");
        world.Until(() => world.Of<WantReady>().Any(), S(3));

        Assert.Equal(200, world.Service.Of(ResourceDirection.Acquire, "thing/").Count());
        Assert.Single(world.Service.Of(ResourceDirection.Acquire, "all/"));
        Assert.Single(world.Of<WantReady>());
        world.Do(new RequestWantRelease(new WantId(1), "test"));
        world.UntilAtRest(S(30));
        Assert.Equal("all/1", world.Service.Of(ResourceDirection.Release).First().Name);
        Assert.Equal(201, world.Service.Of(ResourceDirection.Release).Count());
        world.CheckLog();
    }

    // 33.
    [Fact]
    public async Task Fifty_wakes_of_what_sleeps_make_one_call()
    {
        await using var world = World(ThingWorld.Job("thing", "poll: { every: 60s, max: 60s }"));
        world.Service.BusyFor = TimeSpan.FromDays(1);
        _ = world.Want("thing/1");
        world.Pass(S(1));
        Assert.Single(world.Service.Calls);

        world.Do([.. Enumerable.Repeat(Wake(world), 50)]);
        for (var n = 0; n < 50; n++) world.Do(Wake(world)); // While it is performed.
        Assert.Equal(2, world.Service.Calls.Count);
        world.Pass(S(30));

        Assert.Equal(3, world.Service.Calls.Count);
    }

    static WakeRun Wake(ThingWorld world) => new(new RunId(1), world.Time.GetUtcNow());

    // 33: a callback that comes twice or too early costs a look; one that never comes, nothing.
    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 4)]
    [InlineData(2, 5)]
    public async Task A_wake_during_a_call_makes_one_more_and_without_wakes_polls_go_on(
        int wakes, int calls)
    {
        await using var world = World(
            ThingWorld.Job("thing", "poll: { every: 10s, max: 10s }, timeout: 30s"));
        world.Service.BusyFor = S(35);
        world.Service.Latency = S(1);
        _ = world.Want("thing/1");
        world.Pass(S(0.5));
        if (wakes > 0)
            world.At(S(36), () => world.Coordinator.Post(new Message.Ask(
                _ => [Wake(world)], new TaskCompletionSource<Refusal?>())));
        if (wakes > 1) world.Do(Wake(world), Wake(world));
        world.Until(() => world.Of<WantReady>().Any(), S(60));

        Assert.InRange(world.Service.Calls.Count, calls, calls + 1);
        Assert.Equal(1, world.Service.Creates);
    }

    // 36.
    [Fact]
    public async Task Ready_10_s_early_it_is_launched_within_a_second_of_its_start()
    {
        await using var world = World(
            ThingWorld.Job("data", more: "estimate: 20s")
            + ThingWorld.Job("session", "start: window", """["data/{id}"]"""));
        world.Service.Rule = call => call.Is(ResourceDirection.Acquire, "data")
            ? new Reply { Latency = S(10) }
            : null;
        _ = world.Want(From(world, 40, 60), "session/1");
        world.Until(() => world.Service.Of(ResourceDirection.Acquire, "session").Any(), S(60));

        Assert.InRange(world.When<RunCompleted>(), S(29), S(31));
        Assert.InRange(world.Time.Elapsed, S(40), S(41));
        Assert.Single(world.Of<RunScheduled>().Skip(1));
    }

    // 37.
    [Theory]
    [InlineData(8, false)]
    [InlineData(3, true)]
    public async Task A_slack_of_5_s_launches_what_is_3_s_late_and_nothing_that_is_8_s_late(
        double late, bool launches)
    {
        await using var world = World(
            ThingWorld.Job("data", more: "estimate: 10s") + ThingWorld.Job(
                "session", "start: window", """["data/{id}"]"""));
        world.Service.Rule = call => call.Is(ResourceDirection.Acquire, "data")
            ? new Reply { Latency = S(10 + late) }
            : null;
        var report = world.Want(From(world, 10, 5) with { Use = S(1) }, "session/1");
        world.UntilAtRest(S(60));

        Assert.Equal(
            launches ? WantOutcome.Succeeded : WantOutcome.Failed, (await report).Outcome);
        Assert.Equal(
            launches ? 1 : 0, world.Service.Of(ResourceDirection.Acquire, "session").Count());
        Assert.Empty(world.Service.Live);
        if (!launches)
            Assert.Equal("start-window-missed", world.Of<ConfigFailed>().Single().Problem.Code);
    }

    // 38.
    [Fact]
    public async Task Staging_that_takes_40_s_begins_20_s_from_now_for_a_start_in_60_s()
    {
        await using var world = World(
            ThingWorld.Job("data", more: "estimate: 40s")
            + ThingWorld.Job("session", "start: window", """["data/{id}"]"""));
        _ = world.Want(From(world, 60, 60), "session/1");
        world.Until(() => world.Service.Calls.Count == 1, S(60));

        Assert.InRange(world.Time.Elapsed, S(19), S(21));
    }

    const string Pool = "pools: { seat: 1 }\n";

    static readonly string seated =
        ThingWorld.Job("thing", more: "resources: { pools: { seat: 1 } }");

    static WantOptions Offer(string group = "") => new() { Offer = true, Group = group };

    // 41: at the end of its time and a second it is refused.
    [Fact]
    public async Task An_offer_that_is_accepted_a_second_after_it_expired_is_refused()
    {
        await using var world = World(seated, before: Pool);
        _ = world.Want(Offer(), "thing/1");
        world.Pass(TimeSpan.FromMinutes(5) + S(1));

        Assert.Equal(
            "no-such-offer",
            world.Do(new AcceptOffer(new WantId(1), world.Time.GetUtcNow()))!.Code);
        Assert.Single(world.Of<WantExpired>());
        Assert.Empty(world.Service.Calls);
    }

    // 41: two siblings at once.
    [Fact]
    public async Task Of_two_siblings_that_are_accepted_at_once_one_is_open_and_one_cancelled()
    {
        await using var world = World(ThingWorld.Job("thing"));
        _ = world.Want(Offer("one"), "thing/1");
        var other = world.Want(Offer("one"), "thing/2");
        world.Send(
            new StoreCommand.AcceptOffer(new WantId(1)),
            new StoreCommand.AcceptOffer(new WantId(2)));
        world.Pass(S(1));

        Assert.Equal([1], world.State.Wants.Keys);
        Assert.Equal(
            Offers.SiblingAccepted, world.Of<WantCancelled>().Single().By);
        Assert.Equal(WantOutcome.Cancelled, (await other).Outcome);
        Assert.Equal(["thing/1"], world.Service.Live);
    }

    // 41: a hundred for one place: never two, and free a second after the end of the one.
    [Fact]
    public async Task Of_a_hundred_offers_for_one_place_one_stands_until_it_expires()
    {
        await using var world = World(seated, before: Pool);
        var all = Enumerable.Range(1, 100).Select(n => world.Want(Offer(), $"thing/{n}")).ToList();

        Assert.Single(world.State.Wants);
        Assert.Equal(99, all.Count(offer =>
            offer.IsCompleted && offer.Result.Refusal?.Code == "pool-full"));
        world.Pass(TimeSpan.FromMinutes(5) + S(1));
        Assert.Empty(world.State.Wants);
        _ = world.Want(Offer(), "thing/7");
        var id = world.State.Wants.Keys.Single();
        world.Send(new StoreCommand.AcceptOffer(new WantId(id)));
        world.Pass(S(1));
        Assert.Equal(["thing/7"], world.Service.Live);

        Assert.Equal("pool-full", (await world.Want(Offer(), "thing/8")).Refusal!.Code);
        world.Do(new RequestWantRelease(new WantId(id), "test"));
        world.Pass(S(1));
        Assert.False(world.Want(Offer(), "thing/8").IsCompleted);
        world.CheckLog();
    }

    // What a person has to answer for first is not waited for in silence.
    [Fact]
    public async Task A_want_for_something_that_waits_for_a_person_fails_and_says_what_to_do()
    {
        await using var world = World(ThingWorld.Job("thing", "release-time: 1s"));
        world.Service.Rule = call => call.Is(ResourceDirection.Release) ? Reply.Fails() : null;
        _ = world.Want(AtOnce, "thing/1");
        world.Until(() => world.State.Interventions.Count == 1, S(60));

        Assert.Equal(WantOutcome.Failed, (await world.Want("thing/1")).Outcome);
        Assert.Equal(
            "thing/1 waits for a person (i-1 release-failed); answer first: "
            + "quoin interventions resolve i-1 --retry | --adopt ID | --released | --abandon",
            world.Of<ConfigFailed>().Single().Problem.Message);
        world.Service.Rule = _ => null;
        world.Do(new ResolveIntervention(
            new InterventionId(1), InterventionAnswer.Retry, "test"));
        world.UntilAtRest(S(60));
        Assert.Empty(world.Service.Live);
    }

    // The wait before the next life survives a restart.
    [Fact]
    public async Task The_next_life_of_what_failed_waits_as_long_after_a_restart()
    {
        await using var world = World(ThingWorld.Job("thing", "poll: { every: 1s }"));
        world.Service.Rule = call =>
            call is { Direction: ResourceDirection.Acquire, Nth: 2 } ? Reply.Fails() : null;
        world.Service.BusyFor = S(0.5);
        _ = world.Want("thing/1");
        world.Until(() => world.Of<RunFailed>().Any(), S(30));
        var until = world.Of<RunFailed>().Single().RetryAt!.Value;
        world.Until(() => world.State.Runs.Count == 0, S(1));
        world.Kill();
        world.Start();
        world.Until(() => world.Of<RunScheduled>().Count() == 2, S(60));

        Assert.True(world.Time.GetUtcNow() >= until);
        Assert.Single(world.Service.Of(ResourceDirection.Release));
    }
}
