using Quoin.Core;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Faults;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresDrainTests(PostgresServer server) : DrainTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>SIGTERM to a worker: what runs ends and counts, and nothing new is taken.</summary>
public class DrainTests
{
    const string Graph = """
        quoin: 1
        name: drains
        targets: [one/1, one/2, one/3]
        jobs:
          one:
            outputs: ["one/{n:int}"]
            exec: [sh, -c, "echo {n} >> ran; until [ -e go ]; do sleep .02; done; echo {n} > {out}"]
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    [Fact]
    public void Its_runs_end_and_others_take_the_rest()
    {
        using var world = new FaultWorld(NewAddress(), Graph);
        var (build, worker) = StartBoth(world);
        worker.Terminate();
        worker.WaitForLine(
            line => line.Contains("draining: waiting for 1 run", StringComparison.Ordinal));
        world.Workspace.Write("go", "");

        var end = worker.WaitForExit().Expect(0);

        Assert.Contains("worker ended: 1 run completed, 0 failed", end.ErrorLines);
        Assert.Equal(1, world.Executions);
        TakeTheRest(world, build);
        Assert.Equal(3, world.Executions);
        Assert.Empty(world.Log().OfType<LeaseExpired>());
        world.Finish();
    }

    [Fact]
    public void A_second_signal_kills_and_others_run_it_again()
    {
        using var world = new FaultWorld(NewAddress(), Graph);
        var (build, worker) = StartBoth(world);
        worker.Terminate();
        worker.WaitForLine(line => line.Contains("draining", StringComparison.Ordinal));
        worker.Terminate();

        var end = worker.WaitForExit().Expect(143);

        Assert.Contains("worker ended: 0 runs completed, 0 failed, 1 stopped", end.ErrorLines);
        world.Workspace.Write("go", "");
        TakeTheRest(world, build);
        Assert.Equal(4, world.Executions);
        Assert.Equal(1, world.Log().OfType<LeaseExpired>().Count(lost => lost.Epoch == 1));
        world.Finish();
    }

    // Its one slot is busy.
    static (QuoinProcess Build, QuoinProcess Worker) StartBoth(FaultWorld world)
    {
        var build = world.Start("build", "-j", "0");
        var worker = world.Start("worker", "-j", "1");
        world.WaitForRun();
        return (build, worker);
    }

    static void TakeTheRest(FaultWorld world, QuoinProcess build)
    {
        var other = world.Start("worker", "-j", "1");
        build.WaitForExit().Expect(0);
        other.Terminate();
        other.WaitForExit().Expect(0);
    }
}
