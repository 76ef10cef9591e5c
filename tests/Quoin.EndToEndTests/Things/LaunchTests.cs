using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;
using Quoin.Tests.Explorer;
using Quoin.Tests.Simulation;
using Quoin.Tests.Things;
using static Quoin.EndToEndTests.Things.ThingStores;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresLaunchTests(PostgresServer server) : LaunchTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    private protected override int Seconds => Long.IsAsked ? 60 : 10; // Thousands of commits.
}

/// <summary>
/// What comes before a launch and after it, and what others notice of one that kills its process:
/// scenarios of the page on durable steps with their numbers.
/// </summary>
public class LaunchTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    private protected virtual int Seconds => 60;

    ThingWorld World(string jobs) => Start(NewAddress(), jobs);

    // 35.
    [Fact]
    public async Task It_is_launched_after_the_slowest_of_its_inputs_is_there_and_is_told_its_id()
    {
        await using var world = World(
            ThingWorld.Job("image") + ThingWorld.Job("storage")
            + ThingWorld.Job("data", inputs: """["storage/{id}"]""") + ThingWorld.Job(
                "session", inputs: """["image/{id}", "storage/{id}", "data/{id}"]"""));
        world.Service.Rule = call => call.Is(ResourceDirection.Acquire)
            ? new Reply { Latency = S(call.Name == "data/1" ? 20 : 1) }
            : null;
        _ = world.Want("session/1");
        world.Until(() => world.Of<WantReady>().Any(), S(30));

        var launch = Assert.Single(world.Service.Of(ResourceDirection.Acquire, "session"));
        Assert.InRange(launch.At, S(21), S(21.1)); // Storage, and then data on it.
        Assert.Equal(
            ["data/1 t-3", "image/1 t-1", "storage/1 t-2"],
            world.Held["session/1"].Select(of => $"{of.Key} {of.Value.ExternalId}").Order());
    }

    // 39.
    [Fact]
    public async Task A_hook_of_20_s_comes_after_one_launch_and_before_all_is_ready_at_once()
    {
        await using var world = World(
            ThingWorld.Job("transfer") + ThingWorld.Job(
                "session", "startup: [[apply, \"{id}\"]], poll: { every: 5s, max: 5s }",
                """["transfer/{id}"]"""));
        world.Service.Rule = call =>
            call is { Direction: ResourceDirection.Hook, Nth: <= 4 } ? Busy(5) : null;
        _ = world.Want("session/1");
        world.Until(() => world.Of<WantReady>().Any(), S(30));

        Assert.Equal(
            ["Acquire transfer/1", "Acquire session/1", .. Enumerable.Repeat("Hook session/1", 5)],
            world.Service.Calls.Select(call => $"{call.Direction} {call.Name}"));
        Assert.InRange(world.When<WantReady>(), S(20), S(23)); // Each wait up to a tenth longer.
        Assert.Equal(world.When<RunCompleted>(run => run.Run == new RunId(2)),
            world.When<WantReady>());
        var connections = Assert.Single(world.Of<WantReady>().Single().Connections);
        Assert.Equal("""{"at":"t-2"}""", connections.Text);
    }

    // 18.
    [Fact]
    public async Task Others_keep_nine_tenths_of_their_rate_beside_one_that_kills_its_process()
    {
        await using var quiet = World(Watched);
        await using var deadly = World(Watched);
        deadly.Service.Rule = call =>
            call.Name == "thing/0" ? throw new ProcessDied("called") : null;
        var (alone, beside) = (CallsOf(quiet), CallsOf(deadly, "thing/0"));

        Assert.Equal(5, deadly.Service.Calls.Count(call => call.Name == "thing/0"));
        Assert.Equal(["claims-spent"], deadly.Of<InterventionOpened>().Select(e => e.Code));
        Assert.InRange(alone, 17 * Seconds, 21 * Seconds);
        Assert.InRange(beside, alone * 0.9, alone * 1.1);
    }

    static string Watched => ThingWorld.Job("thing", "poll: { every: 1s, max: 1s, time: none }");

    // Of twenty things that are busy; whoever dies is followed by another at once.
    int CallsOf(ThingWorld world, params string[] beside)
    {
        world.Service.BusyFor = TimeSpan.FromDays(1);
        _ = world.Want([.. Enumerable.Range(1, 20).Select(n => $"thing/{n}")]);
        if (beside.Length > 0) _ = world.Want(beside);
        while (world.Time.Elapsed < S(Seconds))
        {
            if (!world.IsUp) world.Start();
            world.Pass(S(0.1));
        }
        return world.Service.Calls.Count(call => call.Name != "thing/0");
    }
}
