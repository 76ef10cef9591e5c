using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// Workers of other processes, on a store in memory: what the coordinator offers, they run.
/// </summary>
public sealed class RemoteWorkerTests
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    const string Chain = """
        quoin: 1
        jobs:
          leaf:
            outputs: ["leaf/{n:int}"]
            exec: [sh, -c, "echo {n} > $0", "{out}"]
          sum:
            outputs: [sum]
            inputs: ["leaf/{n:range(1,40)}"]
            exec: [sh, -c, "cat $@ > $0", "{out}", "{in...}"]
        """;

    [Fact]
    public async Task Without_slots_of_its_own_a_coordinator_builds_with_workers()
    {
        using var world = new EngineWorld(Chain) { Slots = 0, IsShared = true };
        await using var one = world.Work(2);
        await using var two = world.Work(1);
        Assert.Equal("Succeeded", await world.BuildAsync("sum"));
        var expected = string.Concat(Enumerable.Range(1, 40).Select(n => $"{n}\n")).Length;
        Assert.Equal(expected, world.Output("sum").Length);
        Assert.Equal(41, world.Last.Of<RunCompleted>().Count());
        Assert.Equal(41, world.Last.Of<RunLeased>().Count());
        Assert.All(
            world.Last.Of<RunLeased>(),
            leased => Assert.StartsWith("host/2/", leased.Worker.Owner));
        Assert.Empty(world.Store.QueuedRuns());
        Assert.Empty(world.Store.Waiting());
        Assert.Contains("launched", Text(world.Store.RunLog(new AttemptId(new RunId(1), 1))));
    }

    [Fact]
    public async Task A_build_with_slots_shares_with_workers_and_the_next_build_finds_all_current()
    {
        using var world = new EngineWorld(Chain) { Slots = 1, IsShared = true };
        await using (world.Work(2))
        {
            Assert.Equal("Succeeded", await world.BuildAsync("sum"));
            Assert.Equal(41, world.Last.Of<RunCompleted>().Count());
        }
        Assert.Empty(world.Store.Workers());
        Assert.Equal("Succeeded", await world.BuildAsync("sum"));
        Assert.Equal("", world.Ran);
    }

    [Fact]
    public async Task A_job_with_labels_waits_for_a_worker_that_has_them()
    {
        using var world = new EngineWorld("""
            quoin: 1
            jobs:
              trained:
                outputs: [trained]
                labels: { gpu: a100, os: linux }
                exec: [sh, -c, "echo ok > $0", "{out}"]
            """) { Slots = 2, IsShared = true, Labels = ["os=linux"] };
        await using var plain = world.Work(1, "os=linux");
        await using var session = world.Open();
        var want = session.WantAsync(new WantRequest { Targets = ["trained"] });
        Assert.Equal(
            (1, "gpu=a100 os=linux"),
            await world.Last.Waits.Task.WaitAsync(patience, Ct));
        await using var gpu = world.Work(1, "os=linux", "gpu=a100");
        var report = await want.WaitAsync(patience, Ct);
        Assert.Equal(WantOutcome.Succeeded, report.Outcome);
    }

    [Fact]
    public async Task A_failure_is_tried_again_and_reported_with_its_last_lines()
    {
        using var world = new EngineWorld("""
            quoin: 1
            jobs:
              bad:
                outputs: [bad]
                exec: [sh, -c, "echo why; exit 65"]
            """) { Slots = 0, IsShared = true };
        await using var worker = world.Work(1);
        Assert.Equal("Failed", await world.BuildAsync("bad"));
        var failed = Assert.Single(world.Last.Of<RunFailed>());
        Assert.Equal((FailureCategory.BadInput, 65),
            (failed.Failure.Category, failed.Failure.ExitCode));
    }

    // A job that runs until the test writes to its pipe.
    const string Gated = """
        quoin: 1
        jobs:
          slow:
            outputs: [slow]
            exec:
              - sh
              - -c
              - read word < gate.$QUOIN_ATTEMPT; echo $word > $0
              - "{out}"
        """;

    // With the pipes of two attempts.
    static EngineWorld GatedWorld(ManualTime? clock = null)
    {
        var world = new EngineWorld(Gated) { Slots = 0, IsShared = true, Clock = clock };
        using var make = Process.Start("mkfifo", [Gate(world, 1), Gate(world, 2)]);
        make.WaitForExit();
        Assert.Equal(0, make.ExitCode);
        return world;
    }

    static string Gate(EngineWorld world, int attempt) =>
        Path.Combine(world.Workspace.Root, $"gate.{attempt}");

    // To open a pipe blocks until the job reads.
    static Task OpenGateAsync(EngineWorld world, int attempt) => Task.Factory.StartNew(
        () => File.WriteAllText(Gate(world, attempt), $"attempt {attempt}\n"), Ct,
        TaskCreationOptions.LongRunning, TaskScheduler.Default);

    [Fact]
    public async Task A_run_of_a_worker_goes_on_under_the_next_coordinator()
    {
        using var world = GatedWorld();
        await using var worker = world.Work(1);
        await using (var first = world.Open())
        {
            _ = first.WantAsync(new WantRequest { Targets = ["slow"] });
            await world.Last.WhenAsync(e => e is RunLeased).WaitAsync(patience, Ct);
        }
        await using var second = world.Open();
        var end = world.Last.WhenAsync(e => e is WantSucceeded);
        await OpenGateAsync(world, 1).WaitAsync(patience, Ct);
        await end.WaitAsync(patience, Ct);
        Assert.Equal("attempt 1\n", world.Output("slow"));
        Assert.Empty(world.Last.Of<LeaseExpired>());
        Assert.Equal(1, Assert.Single(world.Last.Of<RunCompleted>()).Epoch);
    }

    [Fact]
    public async Task What_ends_while_nobody_leads_is_taken_by_the_next_coordinator()
    {
        using var world = GatedWorld();
        await using (var worker = world.Work(1))
        {
            await using (var first = world.Open())
            {
                _ = first.WantAsync(new WantRequest { Targets = ["slow"] });
                await world.Last.WhenAsync(e => e is RunLeased).WaitAsync(patience, Ct);
            }
            await OpenGateAsync(world, 1).WaitAsync(patience, Ct);
        }
        Assert.Contains(world.Store.Waiting(), command => command.Type == "run-ended");
        await using var second = world.Open();
        await world.Last.WhenAsync(e => e is WantSucceeded).WaitAsync(patience, Ct);
        Assert.Equal(1, Assert.Single(world.Last.Of<RunCompleted>()).Epoch);
        Assert.Empty(world.Last.Of<LeaseExpired>());
    }

    [Fact]
    public async Task A_coordinator_that_dies_as_it_learns_of_a_claim_leaves_the_run_to_its_worker()
    {
        using var world = GatedWorld();
        await using var worker = world.Work(1);
        world.Store.BreakAfter(e => e is RunLeased);
        var first = world.Open();
        await Assert.ThrowsAsync<StoreException>(
            () => first.WantAsync(new WantRequest { Targets = ["slow"] }).WaitAsync(patience, Ct));
        await Assert.ThrowsAsync<StoreException>(async () => await first.DisposeAsync());
        world.Store.Repair();
        await using var second = world.Open();
        await OpenGateAsync(world, 1).WaitAsync(patience, Ct);
        await world.Last.WhenAsync(e => e is WantSucceeded).WaitAsync(patience, Ct);
        Assert.Equal(1, Assert.Single(world.Last.Of<RunCompleted>()).Epoch);
    }

    [Fact]
    public async Task A_worker_that_is_not_heard_of_loses_its_run_and_its_report_comes_too_late()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var world = GatedWorld(clock);
        var store = world.Store;
        var lost = new WorkerInfo { Owner = "lost/1/1", Slots = 1, Capacity = 1 };
        await store.JoinAsync(
            lost, patience, new StoreCommand.Joined(lost).ToInbox("joined/lost"), Ct);
        await using var session = world.Open();
        var want = session.WantAsync(new WantRequest { Targets = ["slow"] });
        await world.Last.WhenAsync(e => e is RunScheduled).WaitAsync(patience, Ct);
        var turn = new WorkerTurn
        {
            Owner = lost.Owner,
            Claim = 1,
            FreeCpu = 1,
            Cpu = 1,
            Renew = TimeSpan.Zero, // Its lease is over with this turn.
            LeasedBody = StoreCommand.LeasedBody(lost.Owner),
        };
        var claimed = Assert.Single((await store.WorkAsync(turn, Ct)).Claimed);
        clock.Advance(TimeSpan.FromSeconds(1)); // The session begins to listen.
        await world.Last.WhenAsync(e => e is RunLeased).WaitAsync(patience, Ct);
        clock.Advance(TimeSpan.FromSeconds(6)); // Its next look at the workers.
        await store.SendAsync(new StoreCommand.CancelRun(new RunId(99), "t").ToInbox("x"), Ct);
        await world.Last.WhenAsync(e => e is LeaseExpired).WaitAsync(patience, Ct);
        var end = new EndedRun(claimed.Run, 1, claimed.Epoch, default, null);
        var late = await store.WorkAsync(turn with { Ended = [end] }, Ct);
        Assert.False(late.IsKnown);
        Assert.Equal([claimed.Run], late.TooLate);

        await using var worker = world.Work(1);
        await OpenGateAsync(world, 2).WaitAsync(patience, Ct);
        Assert.Equal(WantOutcome.Succeeded, (await want.WaitAsync(patience, Ct)).Outcome);
        Assert.Equal(2, Assert.Single(world.Last.Of<RunCompleted>()).Epoch);
        Assert.Equal("attempt 2\n", world.Output("slow"));
    }

    [Fact]
    public async Task What_no_worker_comes_for_is_run_by_the_coordinator_itself()
    {
        using var world = new EngineWorld(Chain) { Slots = 1, IsShared = true };
        var dead = new WorkerInfo { Owner = "dead/1/1", Slots = 4, Capacity = 68 };
        await world.Store.JoinAsync(
            dead, patience, new StoreCommand.Joined(dead).ToInbox("joined/dead"), Ct);
        Assert.Equal("Succeeded", await world.BuildAsync("sum"));
        Assert.Equal(41, world.Last.Of<RunCompleted>().Count());
        Assert.All(
            world.Last.Of<RunLeased>(),
            leased => Assert.StartsWith("host/1/", leased.Worker.Owner));
    }

    [Fact]
    public async Task What_was_offered_to_a_bigger_worker_that_left_is_offered_to_a_smaller_one()
    {
        using var world = new EngineWorld("""
            quoin: 1
            jobs:
              big:
                outputs: [big]
                resources: { cpu: 4 }
                exec: [sh, -c, "echo ok > $0", "{out}"]
            """) { Slots = 0, IsShared = true };
        var bigger = new WorkerInfo { Owner = "bigger/1/1", Slots = 4, Capacity = 4 };
        await world.Store.JoinAsync(
            bigger, patience, new StoreCommand.Joined(bigger).ToInbox("joined/bigger"), Ct);
        await using var session = world.Open();
        var want = session.WantAsync(new WantRequest { Targets = ["big"] });
        await world.Last.WhenAsync(e => e is RunScheduled).WaitAsync(patience, Ct);
        await world.Store.LeaveAsync(
            bigger.Owner, new StoreCommand.Left(bigger.Owner).ToInbox("left/bigger"), Ct);
        await using var smaller = world.Work(1);
        Assert.Equal(WantOutcome.Succeeded, (await want.WaitAsync(patience, Ct)).Outcome);
    }

    [Fact]
    public async Task A_cancelled_want_stops_its_run_wherever_it_is()
    {
        using var world = GatedWorld();
        await using var worker = world.Work(1);
        await using var session = world.Open();
        var want = session.WantAsync(new WantRequest { Targets = ["slow"] });
        await world.Last.WhenAsync(e => e is RunLeased).WaitAsync(patience, Ct);
        session.Cancel(null, "test");
        Assert.Equal(WantOutcome.Cancelled, (await want.WaitAsync(patience, Ct)).Outcome);
        await world.Last.WhenAsync(e => e is RunCancelAcked).WaitAsync(patience, Ct);
        Assert.Empty(world.Store.QueuedRuns());
    }

    [Fact]
    public async Task What_a_killed_worker_ran_is_run_by_another()
    {
        using var world = GatedWorld();
        await using var killed = world.Work(1);
        await using var session = world.Open();
        var want = session.WantAsync(new WantRequest { Targets = ["slow"] });
        await world.Last.WhenAsync(e => e is RunLeased).WaitAsync(patience, Ct);
        killed.Kill();
        await using var other = world.Work(1);
        await OpenGateAsync(world, 2).WaitAsync(patience, Ct);
        Assert.Equal(WantOutcome.Succeeded, (await want.WaitAsync(patience, Ct)).Outcome);
        Assert.Single(world.Last.Of<LeaseExpired>());
    }

    static string Text(byte[]? bytes) =>
        bytes is null ? "" : System.Text.Encoding.UTF8.GetString(bytes);
}
