using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresResourceTimeTests(PostgresServer server) : ResourceTimeTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>Start windows, cancellations at any time, lost answers: still once, still nothing left.
/// </summary>
public class ResourceTimeTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    Task<ResourceWorld> WorldAsync(string graph, params Rule[] rules) =>
        ResourceWorld.StartAsync(NewAddress(), graph, rules);

    // 36; to the second in HoldTests, on a clock that no busy machine makes late.
    [Fact]
    public async Task What_is_ready_early_waits_for_its_window()
    {
        await using var world = await WorldAsync(Notebook());
        var start = TimeProvider.System.GetUtcNow().AddSeconds(6);

        world.Quoin("build", "--start", $"{start:O}/PT5M", "--use", "100ms").Expect(0);

        var launched = world.Service.Entries().Single(e =>
            e.Effect == Effect.Created && e.Labels.Contains("kind=session")).At;
        Assert.True(launched >= start, $"{launched:O} is before {start:O}");
        world.Check(WantOutcome.Succeeded);
    }

    // 37; what is too late is in HoldTests, for the same reason.
    [Fact]
    public async Task What_is_late_within_its_window_is_launched()
    {
        await using var world = await WorldAsync(
            Notebook(), new Rule { Verb = Verb.Post, Label = "kind=image", BusyMs = 1500 });
        var start = TimeProvider.System.GetUtcNow().AddSeconds(1);

        world.Quoin("build", "--start", $"{start:O}/PT5M", "--use", "100ms").Expect(0);

        Assert.Contains("Post session", world.Changes());
        world.Check(WantOutcome.Succeeded);
    }

    // 37: nothing ran while the window was open.
    [Fact]
    public async Task A_window_that_passed_while_all_was_down_launches_nothing()
    {
        await using var world = await WorldAsync(Notebook());
        var start = TimeProvider.System.GetUtcNow().AddSeconds(8);
        var build = world.Start("build", "--start", $"{start:O}/1s", "--use", "100ms");
        await world.WaitForCallsAsync(calls => calls.Any(call =>
            call.Effect == Effect.Created && call.Labels.Contains("kind=data")));
        build.Kill();
        build.WaitForExit();
        await ResourceWorld.WaitUntilAsync(start.AddSeconds(1.5));

        world.Quoin("build", "image/jupyter", "--use", "0s").Expect(0);

        Assert.DoesNotContain("Post session", world.Changes());
        Assert.Empty(world.Service.Count().Live);
    }

    // 30.
    [Fact]
    public async Task Cancelled_while_it_waits_for_its_window_nothing_is_launched()
    {
        await using var world = await WorldAsync(Notebook());
        var start = TimeProvider.System.GetUtcNow().AddHours(1);
        var build = world.Start("build", "--start", $"{start:O}/PT5M");
        build.WaitForLine(line => line.Contains("wanted:", StringComparison.Ordinal));

        world.Quoin("cancel", "w-1").Expect(0);

        build.WaitForExit().Expect(1);
        Assert.DoesNotContain("Post session", world.Changes());
        world.Check(WantOutcome.Cancelled);
    }

    // 30.
    [Fact]
    public async Task Cancelled_while_a_launch_is_in_flight_what_arrives_is_given_back()
    {
        await using var world = await WorldAsync(
            Notebook(), new Rule { Verb = Verb.Post, Label = "kind=session", LatencyMs = 1500 });
        var build = world.Start("build");
        await world.WaitForCallsAsync(calls => calls.Any(call =>
            call.Verb == Verb.Post && call.Labels.Contains("kind=session")));

        world.Quoin("cancel", "w-1").Expect(0);

        build.WaitForExit().Expect(1);
        Assert.Contains("Delete session", world.Changes());
        world.Check(WantOutcome.Cancelled);
    }

    // 30: cancelled and released while it is in use; twice is one release.
    [Theory]
    [InlineData("cancel", WantOutcome.Cancelled)]
    [InlineData("release", WantOutcome.Succeeded)]
    public async Task What_is_in_use_is_given_back_when_somebody_says_so(
        string command, WantOutcome outcome)
    {
        await using var world = await WorldAsync(Notebook());
        var build = world.Start("build");
        build.WaitForLine(line => line.Contains("ready     w-1", StringComparison.Ordinal));

        world.Quoin(command, "w-1").Expect(0);
        world.Quoin(command, "w-1");

        build.WaitForExit().Expect(outcome == WantOutcome.Succeeded ? 0 : 1);
        Assert.Single(world.Changes(), change => change == "Delete session");
        world.Check(outcome);
    }

    // 23.
    [Theory]
    [InlineData("key")]
    [InlineData("label")]
    public async Task An_answer_that_was_lost_is_looked_up_and_nothing_is_made_twice(
        string identity)
    {
        await using var world = await WorldAsync(
            Notebook(identity: identity),
            new Rule { Verb = Verb.Post, Label = "kind=session", To = 1, LoseAnswer = true },
            new Rule { Verb = Verb.Post, Label = "kind=data", To = 1, LoseAnswer = true });

        world.Quoin("build", "--use", "100ms").Expect(0);

        Assert.Equal(1, world.Service.Count().CreatesByLabel["kind=session"]);
        Assert.Equal(1, world.Service.Count().CreatesByLabel["kind=data"]);
        world.Check(WantOutcome.Succeeded);
    }

    // 22.
    [Fact]
    public async Task Without_identity_a_lost_answer_is_a_question()
    {
        await using var world = await WorldAsync(
            Nameless(One("identity: none")),
            new Rule { Verb = Verb.Post, To = 1, LoseAnswer = true });

        world.Quoin("build", "--use", "100ms").Expect(1);

        Assert.Equal(1, world.Service.Count().CallsByVerb[Verb.Post]);
        var opened = Assert.Single(world.Events<InterventionOpened>());
        Assert.Contains(
            "\"partition\":\"thing/1\"", world.Quoin("interventions", "--json").Stdout);

        // 42: the person finds the thing, and Quoin gives it back.
        world.Quoin("interventions", "resolve", $"{opened.Intervention}", "--adopt", "t-1")
            .Expect(0);
        world.Quoin("build", "--use", "0s");
        Assert.DoesNotContain("t-1", world.Service.Count().Live);
    }

    // 22.
    [Fact]
    public async Task Without_identity_it_is_repeated_once_if_that_is_wanted()
    {
        await using var world = await WorldAsync(
            Nameless(One("identity: none, on-doubt: repeat")),
            new Rule { Verb = Verb.Post, To = 1, LoseAnswer = true });

        world.Quoin("build", "--use", "100ms");

        Assert.Equal(2, world.Service.Count().CallsByVerb[Verb.Post]);
        Assert.Single(world.Events<InterventionOpened>());
        Assert.Contains(
            "\"external_ids\":[\"t-2\"]", world.Quoin("interventions", "--json").Stdout);
    }
}
