using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Resources;

/// <summary>Things outside from their first call to the last, with real processes.</summary>
public sealed class LifeTests
{
    static WantRequest Want(params string[] targets) => new() { Targets = [.. targets] };

    [Fact]
    public async Task A_thing_is_acquired_held_and_released_when_its_use_is_over()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"));
        await using var session = world.Open();
        var report = session.WantAsync(Want("store/1"));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);

        var ready = world.Last.Of<WantReady>().Single();
        Assert.Equal(["""{"at":"store-1"}"""], ready.Connections.Select(c => c.Text));
        Assert.Equal(["store-1"], world.Things());
        Assert.False(report.IsCompleted);

        Assert.Null(await session.DoAsync(new RequestWantRelease(new WantId(1), "test")));
        Assert.Equal(WantOutcome.Succeeded, (await report.OrTell(world)).Outcome);
        Assert.Empty(world.Things());
        Assert.Equal(
            ["acquire store-1 - re=0", "release store-1 x-store-1 re=0"], world.Calls());
    }

    [Fact]
    public async Task Things_that_stand_on_others_are_released_before_them()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store") + ResourceWorld.Job("data", """["store/{id}"]""")
            + ResourceWorld.Job("session", """["data/{id}", "store/{id}"]"""));
        await using var session = world.Open();
        var report = session.WantAsync(Want("session/1"));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        Assert.Equal(["data-1", "session-1", "store-1"], world.Things());

        await session.DoAsync(new RequestWantRelease(new WantId(1), "test"));
        Assert.Equal(WantOutcome.Succeeded, (await report.OrTell(world)).Outcome);
        Assert.Equal(
            [
                "acquire store-1", "acquire data-1", "acquire session-1", "release session-1",
                "release data-1", "release store-1",
            ],
            world.Calls().Select(call => string.Join(' ', call.Split(' ')[..2])));
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task Data_is_made_with_a_thing_at_hand_that_is_released_after_it()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store") + """
                report:
                  outputs: ["report"]
                  inputs: ["store/1"]
                  exec: [sh, -c, "ls things > $0", "{out}"]

            """);

        Assert.Equal("Succeeded", await world.BuildAsync("report"));
        Assert.Equal("store-1\n", world.Output("report"));
        Assert.Empty(world.Things());
        // What is current needs nothing from outside.
        Assert.Equal("Succeeded", await world.BuildAsync("report"));
        Assert.Equal(2, world.Calls().Length);
    }

    [Fact]
    public async Task A_busy_thing_is_asked_again_until_it_is_there()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"));
        world.Write(
            "rules/get-store-1",
            """
            @quoin {"defer":{"state":{"n":1}}}
            @quoin {"defer":{"after":"100ms"}}

            """);
        await using var session = world.Open();
        var report = session.WantAsync(Want("store/1"));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        Assert.Equal(2, world.Last.Of<RunDeferred>().Count());
        Assert.Equal("""{"n":1}""", world.Last.Of<RunDeferred>().First().State);
        session.Cancel(new WantId(1), "test");
        Assert.Equal(WantOutcome.Cancelled, (await report.OrTell(world)).Outcome);
        await session.WhenIdleAsync().OrTell(world);
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task What_is_refused_fails_and_all_that_it_stood_on_is_released()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store") + ResourceWorld.Job("session", """["store/{id}"]"""));
        world.Write("rules/get-session-1", "exit 65\n");

        Assert.Equal("Failed", await world.BuildAsync("session/1"));
        Assert.Empty(world.Things());
        Assert.Equal(
            ["acquire store-1", "acquire session-1", "release store-1"],
            world.Calls().Select(call => string.Join(' ', call.Split(' ')[..2])));
    }

    [Fact]
    public async Task An_answer_that_nobody_could_save_is_heard_by_the_next_process()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"));
        world.Write("slow", "");
        var first = world.Open();
        _ = first.WantAsync(Want("store/1"));
        await world.Last.Started.Task.OrTell(world);
        var ends = first.DisposeAsync().AsTask(); // It decides nothing more.
        world.Delete("slow");
        await ends.OrTell(world);
        Assert.Equal(["store-1"], world.Things());

        await using var session = world.Open();
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        Assert.Single(world.Calls());
        session.Cancel(null, "test");
        await session.WhenIdleAsync().OrTell(world);
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task What_a_process_held_that_died_is_released_by_the_next()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"));
        await using (var first = world.Open())
        {
            _ = first.WantAsync(Want("store/1"));
            await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        }
        await using var session = world.Open();
        Assert.Null(await session.DoAsync(new RequestWantRelease(new WantId(1), "test")));
        await session.WhenIdleAsync().OrTell(world);
        Assert.Empty(world.Things());
        Assert.Equal(2, world.Calls().Length);
    }
}
