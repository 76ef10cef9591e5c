using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Things;
using static Quoin.EndToEndTests.Things.ThingStores;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresActivationTests(PostgresServer server) : ActivationTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// When things are called, in which order and how often: the scenarios of the page on durable steps
/// about activations, with their numbers, on a clock that the tests have in hand.
/// </summary>
public class ActivationTests
{
    const string Patient = "poll: { every: 1s, time: none }, timeout: 90s";

    private protected virtual PostgresAddress? NewAddress() => null;

    ThingWorld World(string resource = "keep: 0s", int slots = 4) =>
        Start(NewAddress(), ThingWorld.Job("thing", resource), slots);

    static string[] Things(int first, int last) =>
        [.. Enumerable.Range(first, last - first + 1).Select(n => $"thing/{n}")];

    // 4.
    [Fact]
    public async Task What_was_due_first_is_called_first_and_what_is_due_later_not_at_all()
    {
        await using var world = World(Patient, slots: 1);
        world.Service.Rule = call => call.Nth > 1 ? null : Busy(call.Name switch
        {
            "thing/3" => 7,
            "thing/1" => 9,
            "thing/2" => 8,
            _ => 70,
        });
        _ = world.Want("thing/3", "thing/1", "thing/2", "thing/60");
        world.Pass(S(1));
        world.Kill();
        world.Pass(S(9));
        world.Start();
        world.Pass(S(1));

        Assert.Equal(
            ["thing/3", "thing/2", "thing/1"],
            world.Service.Calls.Where(call => call.Nth == 2).Select(call => call.Name));
        world.Pass(S(50));
        Assert.Single(world.Service.Calls, call => call.Name == "thing/60");
    }

    // 5.
    [Fact]
    public async Task Eight_slots_make_100_calls_of_1_s_in_less_than_20_s_beside_one_that_blocks()
    {
        await using var world = World(Patient, slots: 8);
        world.Service.Rule = call =>
            new Reply { Latency = S(call.Name == "thing/0" ? 60 : 1) };
        _ = world.Want(Things(0, 100));
        world.Until(() => world.Service.Calls.Count == 101, S(20));
        world.Pass(S(1));

        Assert.Equal(100, world.Of<RunCompleted>().Count());
        Assert.InRange(world.Time.Elapsed, S(14), S(20));
        Assert.All(world.Service.Calls, call => Assert.Equal(1, call.Nth));
        world.Until(() => world.Of<WantReady>().Any(), S(60));
    }

    // 6.
    [Fact]
    public async Task A_third_run_starts_within_two_performs_of_two_that_cycle_in_one_slot()
    {
        await using var world = World(Patient, slots: 1);
        world.Service.Rule = call => call.Name == "thing/3"
            ? null
            : Busy(10) with { Latency = S(30) };
        _ = world.Want("thing/1", "thing/2");
        world.Pass(S(300));
        var asked = world.Time.Elapsed;
        _ = world.Want("thing/3");
        world.Until(() => world.Service.Of(ResourceDirection.Acquire, "thing/3").Any(), S(60));

        Assert.True(world.Service.Calls.Count >= 10);
        Assert.InRange(world.Time.Elapsed - asked, TimeSpan.Zero, S(60));
    }

    // 7: idle it waits for nothing at all; then a want is called for within milliseconds.
    [Fact]
    public async Task An_idle_engine_asks_nothing_and_a_want_is_performed_within_200_ms()
    {
        await using var world = World();
        Assert.Null(world.Time.NextTimer);
        var took = new List<TimeSpan>();
        for (var n = 1; n <= 11; n++)
        {
            var since = Stopwatch.GetTimestamp();
            _ = world.Want($"thing/{n}");
            Assert.Equal(n, world.Service.Calls.Count);
            took.Add(Stopwatch.GetElapsedTime(since));
            world.Pass(S(1));
        }

        Assert.Null(world.Time.NextTimer); // What is held without a watch needs none.
        Assert.InRange(took.Order().ElementAt(5), TimeSpan.Zero, TimeSpan.FromMilliseconds(200));
    }

    // 9.
    [Fact]
    public async Task What_came_due_while_all_was_down_is_called_once_within_a_second()
    {
        await using var world = World(Patient);
        world.Service.Rule = call => call.Nth == 1 ? Busy(5) : null;
        _ = world.Want("thing/1");
        world.Pass(S(1));
        world.Kill();
        world.Pass(S(20));
        Assert.Single(world.Service.Calls);
        world.Start();
        world.Pass(S(1));

        Assert.Equal(2, world.Service.Calls.Count);
        Assert.Single(world.Of<WantReady>());
        world.CheckLog();
    }

    // 9: a clock that is set an hour forward lets nothing happen early.
    [Fact]
    public async Task A_clock_that_is_set_forward_lets_nothing_happen_early()
    {
        await using var world = World(Patient);
        world.Service.Rule = call => call.Nth == 1 ? Busy(10) : null;
        _ = world.Want("thing/1");
        world.Pass(S(1));
        world.Time.Jump(TimeSpan.FromHours(1));
        world.Pass(S(8.9));
        Assert.Single(world.Service.Calls);
        world.Pass(S(1.2));
        Assert.Equal(2, world.Service.Calls.Count);
    }

    // 10.
    [Fact]
    public async Task A_reset_counts_polls_and_limits_from_now()
    {
        await using var world = World("poll: { every: 1s, count: 4, time: 20s }");
        world.Service.Rule = call => call.Nth <= 3 ? Busy(2)
            : call.Nth == 4 ? Busy(2, reset: true)
            : call.Nth <= 8 ? Busy(2)
            : null;
        _ = world.Want("thing/1");
        var life = world.RunOf("thing/1").Life!;
        world.Until(() => life.Polls == 3, S(8));
        world.Until(() => world.Service.Calls.Count == 4, S(4));
        world.Pass(S(0.1));

        Assert.Equal(0, life.Polls);
        Assert.InRange(
            world.Time.GetUtcNow() - life.RoundSince!.Value, TimeSpan.Zero, S(0.1));
        world.Until(() => life.Polls == 4, S(12)); // Four more are allowed, and no fifth.
        world.Until(() => world.Of<RunFailed>().Any(), S(4));
        Assert.Equal(8, world.Service.Of(ResourceDirection.Acquire).Count());
    }

    // 11.
    [Fact]
    public async Task A_thousand_that_are_busy_for_60_s_are_all_there_in_90_s_by_4_slots()
    {
        await using var world = World("poll: { every: 5s, max: 60s }");
        world.Service.BusyFor = S(60);
        _ = world.Want(Things(1, 1000));
        world.Until(() => world.State.Wants[1].IsReady, S(90));

        Assert.InRange(world.Time.Elapsed, S(60), S(90));
        Assert.Equal(1000, world.Service.Creates);
        Assert.All(world.Service.CreatesByKey, made => Assert.Equal(1, made.Value));
    }

    // 12.
    [Fact]
    public async Task A_count_of_5_makes_5_busy_answers_and_the_6th_activation_no_call()
    {
        await using var world = World("poll: { every: 1s, count: 5 }");
        world.Service.BusyFor = TimeSpan.FromDays(1);
        var report = world.Want("thing/1");
        world.UntilAtRest(S(60));

        Assert.Equal(5, world.Service.Of(ResourceDirection.Acquire).Count());
        Assert.Equal(5, world.Of<RunDeferred>().Count());
        Assert.StartsWith("poll-count-limit", world.Of<RunFailed>().Single().Failure.Reason);
        Assert.Empty(world.Service.Live);
        Assert.Equal(WantOutcome.Failed, (await report).Outcome);
    }

    // 13.
    [Fact]
    public async Task A_time_of_10_s_at_a_delay_of_3_s_fails_between_10_and_14_s()
    {
        await using var world = World("poll: { every: 3s, max: 3s, time: 10s }");
        world.Service.BusyFor = TimeSpan.FromDays(1);
        _ = world.Want("thing/1");
        world.UntilAtRest(S(20));

        Assert.InRange(world.When<RunFailed>(), S(10), S(14));
        Assert.StartsWith("poll-time-limit", world.Of<RunFailed>().Single().Failure.Reason);
        Assert.Empty(world.Service.Live);
    }

    // 14.
    [Fact]
    public async Task What_was_down_past_its_limit_is_looked_at_once_more_and_is_live()
    {
        await using var world = World("poll: { every: 3s, max: 3s, time: 10s }");
        world.Service.BusyFor = S(15);
        _ = world.Want("thing/1");
        world.Pass(S(4));
        world.Kill();
        world.Pass(S(60));
        var before = world.Service.Calls.Count;
        world.Start();
        world.Pass(S(1));

        Assert.Equal(before + 1, world.Service.Calls.Count);
        Assert.Equal(PartitionPlace.Live, world.PlaceOf("thing/1"));
    }
}
