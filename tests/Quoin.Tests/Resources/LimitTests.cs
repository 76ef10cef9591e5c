using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Resources;

/// <summary>What comes of things outside that are late, silent, gone or stay.</summary>
public sealed class LimitTests
{
    const string Busy = """@quoin {"defer":{}}""";
    const string Unknown = """@quoin {"unknown":{}}""";

    static WantRequest Want(string target, WantOptions? options = null) =>
        new() { Targets = [target], Options = options ?? WantOptions.Default };

    static string Lines(string line, int times) =>
        string.Concat(Enumerable.Repeat(line + "\n", times));

    static string Job(string poll, string more = "") => $$"""
            store:
              outputs: ["store/{id}"]
              exec: [sh, site.sh, get, "store-{id}"]
              resource:
                release: [sh, site.sh, drop, "store-{id}"]
                poll: {{poll}}
        {{more}}

        """;

    static IEnumerable<string> Verbs(EngineWorld world) =>
        world.Calls().Select(call => call.Split(' ')[0]);

    [Fact]
    public async Task A_count_of_3_makes_3_calls_and_none_more()
    {
        using var world = ResourceWorld.Of(Job("{ every: 100ms, max: 100ms, count: 3 }"));
        world.Write("rules/get-store-1", Lines(Busy, 9));

        Assert.Equal("Failed", await world.BuildAsync("store/1"));
        Assert.Equal(
            ["acquire", "acquire", "acquire", "release"], Verbs(world));
        Assert.StartsWith(
            "poll-count-limit", world.Last.Of<RunFailed>().Single().Failure.Reason);
    }

    [Fact]
    public async Task Busy_for_longer_than_its_time_it_fails_and_is_released()
    {
        using var world = ResourceWorld.Of(Job("{ every: 100ms, max: 100ms, time: 500ms }"));
        world.Write("rules/get-store-1", Lines(Busy, 99));

        Assert.Equal("Failed", await world.BuildAsync("store/1"));
        Assert.StartsWith(
            "poll-time-limit", world.Last.Of<RunFailed>().Single().Failure.Reason);
        Assert.Equal("release", Verbs(world).Last());
    }

    [Fact]
    public async Task Silence_changes_nothing_until_the_service_speaks_again()
    {
        using var world = ResourceWorld.Of(Job("{ every: 100ms, max: 100ms }"));
        world.Write("rules/get-store-1", Lines(Unknown, 3));
        await using var session = world.Open();
        _ = session.WantAsync(Want("store/1"));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);

        Assert.Equal(
            [DeferKind.Unknown, DeferKind.Unknown, DeferKind.Unknown],
            world.Last.Of<RunDeferred>().Select(e => e.Kind));
        // Each call after the first may find what an earlier one made unheard of.
        Assert.Equal(
            ["re=0", "re=1", "re=1", "re=1"], world.Calls().Select(call => call.Split(' ')[3]));
        session.Cancel(null, "test");
        await session.WhenIdleAsync().OrTell(world);
    }

    [Fact]
    public async Task Ten_silent_answers_ask_a_person_until_it_is_released()
    {
        using var world = ResourceWorld.Of(Job(
            "{ every: 100ms, max: 100ms }", "        timeout: 1s\n        settle: 100ms"));
        world.Write("rules/get-store-1", Lines(Unknown, 99));

        Assert.Equal("Failed", await world.BuildAsync("store/1"));
        Assert.Equal(10, Verbs(world).Count(verb => verb == "acquire"));
        Assert.Equal("lost-contact", world.Last.Of<InterventionOpened>().Single().Code);
        // The service may still create it: only from then on that it is absent is believed.
        Assert.Contains(world.Last.Of<RunDeferred>(), e => e.Detail == "settling");
    }

    [Fact]
    public async Task A_use_that_is_over_releases_by_itself()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"));
        var options = new WantOptions { Use = TimeSpan.FromMilliseconds(300) };

        Assert.Equal("Succeeded", await world.BuildAsync(Want("store/1", options)));
        Assert.Equal("use", world.Last.Of<WantReleaseRequested>().Single().By);
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task A_window_that_has_passed_is_refused()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"));
        var options = new WantOptions { StartAt = DateTimeOffset.UtcNow.AddMinutes(-1) };

        Assert.Equal("start-window-missed", await world.BuildAsync(Want("store/1", options)));
        Assert.Empty(world.Calls());
    }

    [Fact]
    public void A_window_at_the_end_of_all_times_ends_there()
    {
        var end = DateTimeOffset.MaxValue;
        var slack = TimeSpan.FromMinutes(5);
        var options = new WantOptions { StartAt = end.AddMinutes(-1), StartSlack = slack };
        Assert.Equal(end, options.StartUntil);
        Assert.Equal(end, (options with { StartAt = end - slack }).StartUntil);
        Assert.Equal(
            DateTimeOffset.UnixEpoch + slack,
            (options with { StartAt = DateTimeOffset.UnixEpoch }).StartUntil);
        Assert.Null((options with { StartAt = null }).StartUntil);
    }

    [Fact]
    public async Task In_its_window_it_is_launched_and_not_before()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store", more: "        start: window"));
        var start = DateTimeOffset.UtcNow.AddSeconds(1);
        var options = new WantOptions
        {
            StartAt = start,
            StartSlack = TimeSpan.FromMinutes(1),
            Use = TimeSpan.FromMilliseconds(100),
        };

        Assert.Equal("Succeeded", await world.BuildAsync(Want("store/1", options)));
        var leased = world.Last.Of<RunLeased>().First();
        Assert.True(leased.At >= start, $"{leased.At:O} is before {start:O}");
    }

    [Fact]
    public async Task What_ends_by_itself_with_another_exit_than_0_fails_its_want()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job(
            "store", more: """
                    watch: [sh, site.sh, look, "store-{id}"]
                    watch-poll: { every: 100ms, max: 100ms }
            """));
        world.Write(
            "rules/look-store-1", Lines(Busy, 2) + """@quoin {"ended":{"exit":3}}""" + "\n");

        Assert.Equal("Failed", await world.BuildAsync("store/1"));
        Assert.Equal(3, world.Last.Of<ResourceEnded>().Single().Failure!.ExitCode);
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task What_cannot_be_released_asks_a_person_and_keeps_what_it_stands_on()
    {
        using var metrics = new MetricsHeard();
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store") + ResourceWorld.Job(
                "data", """["store/{id}"]""", more: "        release-time: 1s"));
        world.Write("rules/drop-data-1", Lines("exit 1", 99));
        await using var session = world.Open();
        var report = session.WantAsync(Want("data/1"));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        await session.DoAsync(new RequestWantRelease(new WantId(1), "test"));

        Assert.Equal(WantOutcome.Failed, (await report.OrTell(world)).Outcome);
        await session.WhenIdleAsync().OrTell(world);
        Assert.Equal(["data-1", "store-1"], world.Things());
        var open = world.Last.Of<InterventionOpened>().Single();
        Assert.Equal(("release-failed", "x-data-1"), (open.Code, open.ExternalIds.Single()));
        Assert.True(metrics.Of("interventions_total code=release-failed") >= 1);
        Assert.True(metrics.Of("resource_calls_total direction=release answer=failed") >= 1);

        world.Write("rules/drop-data-1", "");
        await session.DoAsync(new ResolveIntervention(
            open.Intervention, InterventionAnswer.Retry, "test"));
        await session.WhenIdleAsync().OrTell(world);
        Assert.Empty(world.Things());
    }
}
