using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>What a worker has claimed and does not get to.</summary>
public sealed class GivenBackTests
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    const string Graph = """
        quoin: 1
        jobs:
          short:
            outputs: [short]
            exec: [sh, -c, "echo x > $0", "{out}"]
          long:
            outputs: ["long/{n}"]
            exec: [sh, -c, "read word < gate.$1; echo $word > $0", "{out}", "{n}"]
        """;

    [Fact]
    public async Task A_run_behind_a_long_one_goes_to_a_worker_that_is_free()
    {
        using var world = await WorldAsync();
        await using var quick = world.Work(1);
        await using var session = await WantBothOfAsync(world);
        await world.Last.WhenAsync(e => e is LeaseExpired { IsReturned: true })
            .WaitAsync(patience, Ct);
        await using var free = world.Work(1);
        // Each is with another worker now, or they could not both read.
        await EndAsync(world, patience);
        var leased = world.Last.Of<RunLeased>().ToArray();
        Assert.Equal(3, leased.Length);
        Assert.NotEqual(leased[1].Worker, leased[2].Worker);
    }

    [Fact]
    public async Task A_worker_that_takes_nothing_more_gives_back_what_it_has_not_begun()
    {
        using var world = await WorldAsync();
        var leaving = world.Work(1);
        await using var session = await WantBothOfAsync(world);
        leaving.Drain();
        await using var other = world.Work(1);
        await EndAsync(world, patience);
        Assert.True(Assert.Single(world.Last.Of<LeaseExpired>()).IsReturned);

        await leaving.DisposeAsync(); // Told once more, it does not come back.
        await world.Store.SendAsync(
            new StoreCommand.CancelRun(new RunId(99), "t").ToInbox("last"), Ct);
        await world.Last.WhenAsync(e => e is CommandAnswered { Command: "last" })
            .WaitAsync(patience, Ct);
        var left = Assert.Single(world.Last.Of<WorkerRemoved>()).Worker;
        Assert.DoesNotContain(
            world.Last.Events.SkipWhile(e => e is not WorkerRemoved),
            e => e is WorkerAdded added && added.Worker == left);
    }

    [Fact]
    public void Runs_are_claimed_ahead_while_slots_get_free()
    {
        var time = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var ahead = new ClaimedAhead(time, 2);
        Assert.Equal((0, null), (ahead.Room, ahead.Rest)); // Nobody knows how long they take.
        ahead.Ended(10);
        Assert.Equal(20, ahead.Room); // 100 ms of two slots.
        ahead.Add(Attempt(1));
        ahead.Add(Attempt(2));
        time.Advance(TimeSpan.FromMilliseconds(900));
        Assert.NotNull(ahead.Next(freeCpu: 1, freeMemory: 0));
        Assert.Equal(TimeSpan.FromSeconds(1), ahead.Rest); // Again from here on.
        Assert.Null(ahead.Next(freeCpu: 0, freeMemory: 0));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, ahead.Rest);
        ahead.Stall();
        Assert.Equal((1, 0), (ahead.TakeAll().Count(), ahead.Room));
        ahead.Ended(10);
        Assert.Equal(20, ahead.Room);
    }

    static HeldAttempt Attempt(int run) => new(
        new AttemptSpec
        {
            Id = new AttemptId(new RunId(run), 1),
            Config = new JobConfig { Job = "j", Outputs = ["o"], Args = ["x"] },
        },
        epoch: 1, cpu: 1, static () => true);

    static async Task<EngineWorld> WorldAsync()
    {
        var world = new EngineWorld(Graph) { Slots = 0, IsShared = true };
        foreach (var n in (string[])["1", "2"])
        {
            using var make = System.Diagnostics.Process.Start("mkfifo", [Gate(world, n)]);
            await make.WaitForExitAsync(Ct);
        }
        return world;
    }

    // One worker ran something short, and has claimed both of the long ones: there is another one,
    // which does not come for its own.
    static async Task<BuildSession> WantBothOfAsync(EngineWorld world)
    {
        Assert.Equal("Succeeded", await world.BuildAsync("short"));
        var idle = new WorkerInfo { Owner = "idle/1/1", Slots = 1, Capacity = 1 };
        await world.Store.JoinAsync(
            idle, patience, new StoreCommand.Joined(idle).ToInbox("joined/idle"), Ct);
        var session = world.Open();
        _ = session.WantAsync(new WantRequest { Targets = ["long/1", "long/2"] });
        await world.Last.WhenAsync(e => e is RunLeased { Run.Value: 3 }).WaitAsync(patience, Ct);
        Assert.Single(world.Last.Of<RunLeased>().Select(leased => leased.Worker).Distinct());
        return session;
    }

    static string Gate(EngineWorld world, string n) =>
        Path.Combine(world.Workspace.Root, $"gate.{n}");

    // To open a pipe blocks until the job reads.
    static async Task EndAsync(EngineWorld world, TimeSpan limit)
    {
        await Task.WhenAll(((string[])["1", "2"]).Select(n => Task.Factory.StartNew(
            () => File.WriteAllText(Gate(world, n), $"{n}\n"), Ct,
            TaskCreationOptions.LongRunning, TaskScheduler.Default))).WaitAsync(limit, Ct);
        await world.Last.WhenAsync(e => e is WantSucceeded).WaitAsync(limit, Ct);
        Assert.Equal(("1\n", "2\n"), (world.Output("long/1"), world.Output("long/2")));
    }
}
