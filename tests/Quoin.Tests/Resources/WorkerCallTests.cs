using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Resources;

/// <summary>Calls about things outside that workers of other processes make.</summary>
public sealed class WorkerCallTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static WantRequest Want(params string[] targets) => new() { Targets = [.. targets] };

    static string[] Stores(int count) =>
        [.. Enumerable.Range(1, count).Select(n => $"store/{n}")];

    [Fact]
    public async Task Without_slots_of_its_own_a_coordinator_has_workers_make_all_calls()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store") + ResourceWorld.Job("session", """["store/{id}"]"""),
            callSlots: 0);
        await using var worker = world.Work(1);
        await using var session = world.Open();
        var report = session.WantAsync(Want("session/1"));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        Assert.Equal(
            ["""{"at":"session-1"}"""],
            world.Last.Of<WantReady>().Single().Connections.Select(c => c.Text));
        await session.DoAsync(new RequestWantRelease(new WantId(1), "test"));

        Assert.Equal(WantOutcome.Succeeded, (await report.OrTell(world)).Outcome);
        Assert.Equal(
            [
                "acquire store-1 - re=0", "acquire session-1 - re=0",
                "release session-1 x-session-1 re=0", "release store-1 x-store-1 re=0",
            ],
            world.Calls());
        Assert.All(
            world.Last.Of<RunLeased>(),
            leased => Assert.StartsWith("host/2/", leased.Worker.Owner));
        Assert.Empty(world.Store.QueuedRuns());
        Assert.Empty(world.Store.Waiting());
    }

    // 1: so many claimers, each call once, nobody stands in anybody's way.
    [Fact]
    public async Task Four_hundred_calls_by_24_workers_are_made_once_each()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"), callSlots: 0);
        var workers = Enumerable.Range(0, 24).Select(_ => world.Work(1)).ToList();
        await using (var session = world.Open())
        {
            var options = new WantOptions { Use = TimeSpan.Zero };
            var report = await session.WantAsync(
                Want(Stores(400)) with { Options = options }).OrTell(world);
            Assert.Equal(WantOutcome.Succeeded, report.Outcome);
        }
        foreach (var worker in workers) await worker.DisposeAsync();

        Assert.Equal(800, world.Calls().Length);
        Assert.Equal(400, world.Calls().Count(call => call.StartsWith("acquire")));
        Assert.Equal(800, world.Calls().Distinct().Count());
        Assert.True(
            world.Last.Of<RunLeased>().Select(leased => leased.Worker).Distinct().Count() > 12);
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task A_job_with_labels_is_called_where_they_are()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store")
            + ResourceWorld.Job("session", """["store/{id}"]""").Replace(
                "      resource:", "      labels: { site: hpc }\n      resource:",
                StringComparison.Ordinal),
            callSlots: 1);
        await using var plain = world.Work(1);
        await using var session = world.Open();
        var report = session.WantAsync(
            Want("session/1") with { Options = new WantOptions { Use = TimeSpan.Zero } });
        await world.Last.WhenAsync(e => e is RunScheduled { Run.Value: 2 }).OrTell(world);
        await using var hpc = world.Work(1, "site=hpc");

        Assert.Equal(WantOutcome.Succeeded, (await report.OrTell(world)).Outcome);
        var at = world.Last.Of<RunLeased>().Where(e => e.Run.Value == 2)
            .Select(e => e.Worker.Owner).Distinct().Single();
        Assert.StartsWith("host/2/", at);
        Assert.StartsWith(
            "host/1/", world.Last.Of<RunLeased>().First(e => e.Run.Value == 1).Worker.Owner);
    }

    // 2, 3: what a worker had that is not heard of is called again, as one that may have acted, and
    // a late answer of it counts no more.
    [Fact]
    public async Task What_a_lost_worker_had_is_called_again_elsewhere_and_its_answer_is_late()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"), clock, callSlots: 0);
        var lost = new WorkerInfo { Owner = "lost/1/1", Slots = 1, Capacity = 1 };
        var store = world.Store;
        await store.JoinAsync(
            lost, TimeSpan.FromMinutes(1),
            new StoreCommand.Joined(lost).ToInbox("joined/lost"), Ct);
        await using var session = world.Open();
        _ = session.WantAsync(Want("store/1"));
        await world.Last.WhenAsync(e => e is RunLeased).OrTell(world);
        Assert.Equal(lost.Owner, world.Last.Of<RunLeased>().Single().Worker.Owner);
        var turn = new WorkerTurn
        {
            Owner = lost.Owner,
            Renew = TimeSpan.Zero, // Its lease is over with this turn.
        };
        var call = Assert.Single((await store.WorkAsync(turn, Ct)).Claimed);
        Assert.Equal(1, call.Epoch);
        clock.Advance(TimeSpan.FromSeconds(1)); // The session begins to listen.
        clock.Advance(TimeSpan.FromSeconds(6)); // Its next look at the workers.
        await using var worker = world.Work(1);
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);

        Assert.Equal(["acquire store-1 - re=1"], world.Calls());
        Assert.False((await store.WorkAsync(turn, Ct)).IsKnown);
        var late = new RunAnswer(new AttemptId(call.Run, 1), 1, ResourceDirection.Acquire)
        {
            Answer = new ResourceAnswer(ResourceAnswerKind.Done) { ExternalId = "x-late" },
        };
        await store.SendAsync(late.ToInbox(), Ct);
        await world.Last.WhenAsync(e => e is StaleReportRejected).OrTell(world);
        await world.Last.WhenAsync(e => e is ExternalSeen { Extra: ["x-late"] }).OrTell(world);
        await session.DoAsync(new RequestWantRelease(new WantId(1), "test"));
        await session.WhenIdleAsync().OrTell(world);
        Assert.Contains("release store-1 x-late re=0", world.Calls());
        Assert.Contains("release store-1 x-store-1 re=0", world.Calls());
    }

    [Fact]
    public async Task A_call_of_a_worker_goes_on_under_the_next_coordinator()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"), callSlots: 0);
        world.Write("slow", "");
        await using var worker = world.Work(1);
        await using (var first = world.Open())
        {
            _ = first.WantAsync(Want("store/1"));
            await world.Last.WhenAsync(e => e is RunLeased).OrTell(world);
        }
        await using var second = world.Open();
        world.Delete("slow");
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);

        Assert.Equal(["acquire store-1 - re=0"], world.Calls());
        await EndAsync(second, world);
    }

    [Fact]
    public async Task What_a_worker_answers_while_nobody_leads_is_heard_by_the_next_coordinator()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"), callSlots: 0);
        world.Write("slow", "");
        await using (var worker = world.Work(1))
        {
            await using (var first = world.Open())
            {
                _ = first.WantAsync(Want("store/1"));
                await world.WhenCalledAsync().OrTell(world);
            }
            world.Delete("slow");
        } // It drains: its call comes to its end.
        Assert.Contains(world.Store.Waiting(), command => command.Type == "run-ended");
        await using var next = world.Work(1);
        await using var second = world.Open();
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);

        Assert.Equal(["acquire store-1 - re=0"], world.Calls());
        await EndAsync(second, world);
    }

    static async Task EndAsync(BuildSession session, EngineWorld world)
    {
        await session.DoAsync(new RequestWantRelease(new WantId(1), "test"));
        await session.WhenIdleAsync().OrTell(world);
        Assert.Empty(world.Things());
    }

    [Fact]
    public async Task What_a_killed_worker_had_is_asked_again_as_what_may_have_acted()
    {
        using var world = ResourceWorld.Of(ResourceWorld.Job("store"), callSlots: 0);
        world.Write("slow", "");
        await using var killed = world.Work(1);
        await using var session = world.Open();
        _ = session.WantAsync(Want("store/1"));
        await world.Last.WhenAsync(e => e is RunLeased).OrTell(world);
        killed.Kill();
        // Or it had not heard of the call when it was killed: then it just leaves.
        await world.Last.WhenAsync(e =>
            e is RunDeferred { Kind: DeferKind.Unknown } or WorkerRemoved).OrTell(world);
        world.Delete("slow");
        await using var other = world.Work(1);
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);

        Assert.Equal("acquire store-1 - re=1", world.Calls()[^1]);
        await EndAsync(session, world);
    }

    // 33: a service calls back with what its program was told, and nobody else can.
    [Fact]
    public async Task A_service_that_calls_back_is_looked_at_at_once()
    {
        using var world = ResourceWorld.Of(
            ResourceWorld.Job("store").Replace(
                "poll: { every: 100ms, max: 100ms }", "poll: { every: 1h }",
                StringComparison.Ordinal),
            callback: "http://host:1/");
        world.Write("rules/get-store-1", """@quoin {"defer":{}}""" + "\n");
        await using var session = world.Open();
        _ = session.WantAsync(Want("store/1"));
        await world.Last.WhenAsync(e => e is RunDeferred).OrTell(world);
        var callback = world.Read("callback").Trim();
        Assert.StartsWith("http://host:1/api/v1/runs/r-1/wake?token=", callback);
        var token = callback[(callback.IndexOf('=') + 1)..];
        Assert.Equal(32, token.Length);

        var run = new RunId(1);
        Assert.Equal("wrong-token", (await session.WakeAsync(run, "0" + token[1..] + "0"))!.Code);
        Assert.Equal("wrong-token", (await session.WakeAsync(run, ""))!.Code);
        Assert.Equal("no-such-run", (await session.WakeAsync(new RunId(9), token))!.Code);
        Assert.Null(await session.WakeAsync(run, token));
        await world.Last.WhenAsync(e => e is WantReady).OrTell(world);
        Assert.Null(await session.WakeAsync(run, token)); // Late: nothing follows from it.
        await EndAsync(session, world);
    }
}
