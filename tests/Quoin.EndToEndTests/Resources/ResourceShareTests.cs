using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresResourceShareTests(PostgresServer server) : ResourceShareTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>Several wants and several processes around one thing.</summary>
public class ResourceShareTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    // 19.
    [Fact]
    public async Task Two_wants_hold_one_image_and_it_is_released_once_by_the_last()
    {
        await using var world = await ResourceWorld.StartAsync(NewAddress(), Notebook());
        var first = world.Start("build", "image/jupyter");
        first.WaitForLine(line => line.Contains("ready     w-1", StringComparison.Ordinal));

        var second = world.Start("build", "image/jupyter", "--use", "100ms");
        second.WaitForExit().Expect(0);
        Assert.Single(world.Service.Count().Live);
        world.Quoin("release", "w-1").Expect(0);
        first.WaitForExit().Expect(0);

        Assert.Equal(["Post image", "Delete image"], world.Changes());
        world.Check(WantOutcome.Succeeded);
    }

    // 41, 42: an offer asks for nothing until it is accepted, by another process.
    [Fact]
    public async Task An_offer_that_is_accepted_while_somebody_builds_is_made_there()
    {
        await using var world = await ResourceWorld.StartAsync(NewAddress(), Notebook());
        var build = world.Start("build", "image/jupyter");
        build.WaitForLine(line => line.Contains("ready     w-1", StringComparison.Ordinal));

        Assert.Equal(
            "w-2\n",
            world.Quoin("want", "storage/7", "--use", "0s", "--offer").Expect(0).Stdout);
        Assert.DoesNotContain("Post storage", world.Changes());
        world.Quoin("accept", "w-2").Expect(0);
        await world.WaitForCallsAsync(calls => calls.Any(call =>
            call.Effect == Effect.Deleted && call.Labels.Contains("kind=storage")));
        world.Quoin("release", "w-1").Expect(0);
        build.WaitForExit().Expect(0);

        world.Check(WantOutcome.Succeeded);
    }

    // 18.
    [Fact]
    public async Task A_call_that_kills_its_process_each_time_is_put_aside_after_five()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), One("keep: 0s").Replace(
                "[./site, thing, \"{id}\"]\n", "[sh, -c, 'kill -9 $PPID']\n",
                StringComparison.Ordinal)
                .Replace(
                    "jobs:\n", "jobs:\n  plain: { outputs: [plain], exec: [touch, \"{out}\"] }\n",
                    StringComparison.Ordinal));

        for (var i = 0; i < 5; i++) world.Quoin("build").Expect(137);
        world.Quoin("build", "plain").Expect(0);

        Assert.Equal(5 + 1, world.Events<RunLeased>().Count); // And plain.
        Assert.Equal("claims-spent", Assert.Single(world.Events<InterventionOpened>()).Code);
        Assert.Contains("it waits for a person", world.Quoin("status").Stdout);
        world.Quoin("interventions", "resolve", "i-1", "--abandon").Expect(0);
        Assert.Equal("nothing needs a person\n", world.Quoin("interventions").Stderr);
    }

    // 16: what nobody answers for is not taken for gone; the release goes on at the next start.
    [Fact]
    public async Task A_service_that_is_away_is_waited_for_over_a_restart()
    {
        await using var world = await ResourceWorld.StartAsync(
            NewAddress(), One("poll: { every: 100ms, max: 200ms }"));
        var build = world.Start("build");
        build.WaitForLine(line => line.Contains("ready     w-1", StringComparison.Ordinal));
        await world.Service.DisposeAsync();
        world.Quoin("cancel", "w-1").Expect(0);
        build.WaitForLine(line => line.Contains("unknown   thing/1", StringComparison.Ordinal));
        build.Kill();
        build.WaitForExit();
        await world.StartServiceAsync();
        Assert.Single(world.Service.Count().Live);

        world.Quoin("build", "thing/2", "--use", "0s").Expect(0);

        Assert.Empty(world.Service.Count().Live);
    }
}
