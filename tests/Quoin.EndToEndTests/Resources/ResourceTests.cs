using Quoin.Core;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;
using static Quoin.EndToEndTests.Resources.ResourceGraphs;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresResourceTests(PostgresServer server) : ResourceTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// Things outside with the real program and a service that misbehaves: what is asked for exists
/// once, is used, and is given back in the right order, whatever happens.
/// </summary>
public class ResourceTests
{
    private protected virtual PostgresAddress? NewAddress() => null;

    Task<ResourceWorld> WorldAsync(string graph, params Rule[] rules) =>
        ResourceWorld.StartAsync(NewAddress(), graph, rules);

    [Fact]
    public async Task Everything_is_made_once_in_order_used_and_given_back_in_reverse()
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Post, Label = "kind=data", BusyLooks = 2 },
            new Rule { Verb = Verb.Post, Label = "kind=session", BusyLooks = 2 });

        var build = world.Quoin("build", "--use", "300ms").Expect(0);

        Assert.Contains("ready     w-1  session/42 {\"url\":\"http://", build.Stderr);
        var changes = world.Changes();
        Before(changes, "Post storage", "Post data");
        Before(changes, "Post data", "Post session");
        Before(changes, "Post image", "Post session");
        Before(changes, "Call session requirements", "Delete session");
        Before(changes, "Delete session", "Delete data");
        Before(changes, "Call data push-results", "Delete data");
        Before(changes, "Delete data", "Delete storage");
        Before(changes, "Delete session", "Delete image");
        Assert.Equal(4, changes.Count(change => change.StartsWith("Post ")));
        // Not its last call: how long it is until a thing is there is what plans are made with.
        Assert.True(world.Events<RunCompleted>().Max(run => run.Usage.ElapsedMs) >= 200);
        world.Check(WantOutcome.Succeeded);
    }

    // 12.
    [Fact]
    public async Task Five_busy_answers_are_the_last_when_five_are_allowed()
    {
        await using var world = await WorldAsync(
            One("poll: { every: 100ms, max: 100ms, count: 5 }"),
            new Rule { Verb = Verb.Post, BusyMs = 3_600_000 });

        world.Quoin("build").Expect(1);

        var log = world.Log();
        Assert.Equal(5, log.Count(e => e.Event is RunDeferred { Kind: DeferKind.Busy }));
        Assert.Contains("poll-count-limit", world.Failure("thing/1")!.Reason);
        Assert.Equal(5, world.Service.Count().CallsByVerb[Verb.Get]);
        world.Check(WantOutcome.Failed);
    }

    // 13, shorter: at most four seconds, a look every second; a busy machine makes fewer.
    [Fact]
    public async Task What_is_busy_longer_than_it_may_fails_after_one_last_look()
    {
        await using var world = await WorldAsync(
            One("poll: { every: 1s, max: 1s, time: 4s }"),
            new Rule { Verb = Verb.Post, BusyMs = 3_600_000 });

        world.Quoin("build").Expect(1);

        Assert.Contains("poll-time-limit", world.Failure("thing/1")!.Reason);
        Assert.InRange(world.Service.Count().CallsByVerb[Verb.Get], 2, 6);
        world.Check(WantOutcome.Failed);
    }

    // 15.
    [Fact]
    public async Task Three_times_503_and_a_strange_status_change_nothing_but_their_own_budget()
    {
        await using var world = await WorldAsync(
            One("poll: { every: 100ms, max: 100ms }"),
            new Rule { Verb = Verb.Get, To = 3, Status = 503 },
            new Rule { Verb = Verb.Get, To = 4, State = "wibble" });

        world.Quoin("build", "--use", "0s").Expect(0);

        var unknown = world.Log().Select(e => e.Event).OfType<RunDeferred>()
            .Where(e => e.Kind == DeferKind.Unknown).Select(e => e.Detail);
        Assert.Equal(["HTTP 503", "HTTP 503", "HTTP 503", "status 'wibble'"], unknown);
        Assert.DoesNotContain(world.Events<RunDeferred>(), e => e.Kind == DeferKind.Busy);
        Assert.True(world.Service.Count().LeastSpacingMs >= 90);
        world.Check(WantOutcome.Succeeded);
    }

    // 16.
    [Fact]
    public async Task Lost_contact_is_told_and_closes_itself_when_the_thing_could_be_released()
    {
        await using var world = await WorldAsync(
            One("poll: { every: 100ms, max: 100ms }, unknown: { count: 3, time: 1s }"),
            new Rule { Verb = Verb.Get, Status = 503 },
            new Rule { Verb = Verb.Delete, To = 3, Status = 503 });

        world.Quoin("build").Expect(1);

        Assert.Contains("lost-contact", world.Failure("thing/1")!.Reason);
        var opened = Assert.Single(world.Events<InterventionOpened>());
        Assert.Equal("lost-contact", opened.Code);
        var closed = Assert.Single(world.Events<InterventionResolved>());
        Assert.Equal(
            (opened.Intervention, InterventionAnswer.Closed), (closed.Intervention, closed.Answer));
        world.Check(WantOutcome.Failed);
    }

    // 17.
    [Fact]
    public async Task What_vanishes_while_it_is_used_fails_the_want_and_the_rest_is_released()
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Get, Label = "kind=session", From = 4, Vanish = true });

        world.Quoin("build").Expect(1);

        Before(world.Changes(), "Delete data", "Delete storage");
        Assert.Contains("vanished", Assert.Single(world.Events<ResourceEnded>()).Failure!.Reason);
        world.Check(WantOutcome.Failed);
    }

    // 17: gone by itself is released.
    [Fact]
    public async Task What_is_gone_when_it_is_to_be_released_is_released()
    {
        await using var world = await WorldAsync(
            One("poll: { every: 100ms, max: 100ms }"),
            new Rule { Verb = Verb.Delete, Status = 404 });

        world.Quoin("build", "--use", "100ms").Expect(0);

        Assert.Single(world.Events<ResourceReleased>());
        Assert.Empty(world.Events<InterventionOpened>());
    }

    // 19.
    [Fact]
    public async Task An_image_that_is_there_is_taken_with_one_call()
    {
        await using var world = await WorldAsync(Notebook());
        using var http = new HttpClient();
        await http.PostAsync(
            $"http://{world.Service.Address}/things?label=name=image/jupyter&label=kind=image",
            null, TestContext.Current.CancellationToken);

        world.Quoin("build", "image/jupyter", "--use", "0s").Expect(0);

        Assert.Single(world.Events<RunCompleted>());
        Assert.Single(world.Changes(), change => change.StartsWith("Post "));
        Assert.Empty(world.Service.Count().Live);
    }

    // 26.
    [Fact]
    public async Task A_launch_that_is_refused_is_not_repeated_and_data_goes_before_storage()
    {
        await using var world = await WorldAsync(
            Notebook(), new Rule { Verb = Verb.Post, Label = "kind=session", Status = 422 });

        world.Quoin("build").Expect(1);

        Assert.Equal("HTTP 422: name=session/42 was refused",
            world.Failure("session/42")!.Reason);
        Assert.Single(world.Service.Entries(), e => e.Verb == Verb.Post && e.Answer == 422);
        Before(world.Changes(), "Delete data", "Delete storage");
        world.Check(WantOutcome.Failed);
    }

    // 27.
    [Fact]
    public async Task What_is_on_its_way_when_something_else_fails_is_released_when_it_arrives()
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Post, Label = "kind=image", BusyMs = 1000 },
            new Rule { Verb = Verb.Post, Label = "kind=storage", Status = 422 });

        world.Quoin("build").Expect(1);

        Assert.Contains("Post image", world.Changes());
        Assert.Contains("Delete image", world.Changes());
        world.Check(WantOutcome.Failed);
    }

    // 28.
    [Fact]
    public async Task A_release_that_fails_to_its_limit_asks_and_all_else_is_released()
    {
        await using var world = await WorldAsync(
            Notebook(storage: "release-time: 500ms"),
            new Rule { Verb = Verb.Delete, Label = "kind=storage", Status = 409 });

        world.Quoin("build", "--use", "100ms").Expect(1);

        var opened = Assert.Single(world.Events<InterventionOpened>());
        Assert.Equal("release-failed", opened.Code);
        Assert.Equal(world.Service.Count().Live, opened.ExternalIds);
        Assert.Equal(
            ["Delete data", "Delete image", "Delete session"],
            world.Changes().Where(change => change.StartsWith("Delete ")).Order());
        Assert.Single(world.Service.Count().Live);
        Assert.Equal(WantOutcome.Failed, world.Outcome());

        // 42: somebody removed it by hand and says so.
        world.Quoin("interventions", "resolve", "i-1", "--released").Expect(0);
        Assert.Equal("nothing needs a person\n", world.Quoin("interventions").Stderr);
        Assert.Contains("answered", world.Quoin("interventions", "--all", "--json").Stdout);
    }

    // 29.
    [Fact]
    public async Task Storage_stays_when_the_results_on_it_could_not_be_pushed()
    {
        await using var world = await WorldAsync(
            Notebook(data: "release-time: 500ms"),
            new Rule { Verb = Verb.Call, Label = "kind=data", Status = 503 });

        world.Quoin("build", "--use", "100ms").Expect(1);

        Assert.DoesNotContain("Delete storage", world.Changes());
        Assert.DoesNotContain("Delete data", world.Changes());
        Assert.Contains("Delete image", world.Changes());
        Assert.Single(world.Events<InterventionOpened>());
        Assert.Equal(WantOutcome.Failed, world.Outcome());
    }

    // What may be there is given back before the next life, which waits for its time.
    [Fact]
    public async Task A_life_that_failed_is_followed_by_another_after_a_while()
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Call, Label = "kind=session", To = 1, Status = 409 });

        world.Quoin("build", "--use", "100ms").Expect(0);

        var lives = world.Service.Entries().Where(e =>
            e.Effect == Effect.Created && e.Labels.Contains("kind=session")).ToList();
        Assert.Equal(2, lives.Count);
        Assert.InRange((lives[1].At - lives[0].At).TotalSeconds, 1.6, 10);
        Assert.Equal(2, lives.Select(e => e.Key).Distinct().Count());
        Before(world.Changes(), "Delete session", "Delete data");
        world.Check(WantOutcome.Succeeded);
    }

    // 39.
    [Fact]
    public async Task A_hook_that_fails_fails_the_want_and_everything_is_released()
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Call, Label = "kind=session", Status = 409 });

        world.Quoin("build").Expect(1);

        Assert.Equal("HTTP 409: requirements", world.Failure("session/42")!.Reason);
        Before(world.Changes(), "Delete session", "Delete data");
        Assert.Empty(world.Events<WantReady>());
        world.Check(WantOutcome.Failed);
    }

    // 40.
    [Theory]
    [InlineData(0, WantOutcome.Succeeded)]
    [InlineData(3, WantOutcome.Failed)]
    public async Task A_session_that_ends_by_itself_ends_the_want(int exit, WantOutcome outcome)
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Get, Label = "kind=session", From = 4, Exit = exit });

        var build = world.Quoin("build").Expect(exit == 0 ? 0 : 1);

        Assert.Contains(exit == 0 ? "ended     session/42" : $"exit {exit}", build.Stderr);
        world.Check(outcome);
    }

    // 40.
    [Fact]
    public async Task Looks_that_fail_leave_a_session_ready()
    {
        await using var world = await WorldAsync(
            Notebook(),
            new Rule { Verb = Verb.Get, Label = "kind=session", From = 4, To = 6, Status = 503 },
            new Rule { Verb = Verb.Get, Label = "kind=session", From = 9, Exit = 0 });

        world.Quoin("build").Expect(0);

        Assert.Single(world.Events<WantReady>());
        world.Check(WantOutcome.Succeeded);
    }

    static void Before(List<string> changes, string first, string second)
    {
        var (a, b) = (changes.IndexOf(first), changes.IndexOf(second));
        Assert.True(a >= 0 && a < b, $"{first}, then {second}:\n{string.Join('\n', changes)}");
    }
}
