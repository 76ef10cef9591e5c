using Quoin.Core;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Faults;

/// <summary>The same on PostgreSQL, where the right to decide is a lease, too.</summary>
public sealed class PostgresPauseTests(PostgresServer server) : PauseTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();

    [Fact]
    public void A_coordinator_that_is_paused_past_its_lease_leaves_the_runs_of_workers_to_others()
    {
        using var world = new FaultWorld(NewAddress(), Graph);
        var first = world.Start("build", "-j", "0");
        var worker = world.Start("worker", "-j", "1");
        world.WaitForRun();
        first.Signal(Stop);
        var second = world.Start("build", "-j", "0");
        second.WaitForLine(
            line => line.Contains("the process that decided is gone", StringComparison.Ordinal));
        world.Workspace.Write("go", "");
        second.WaitForExit().Expect(0);
        first.Signal(Continue);

        var late = first.WaitForExit().Expect(5);

        Assert.Contains("error[lease-lost]", late.Stderr, StringComparison.Ordinal);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
        Assert.Equal(2, world.Executions);
        Assert.Empty(world.Log().OfType<LeaseExpired>());
        world.Finish();
    }
}

/// <summary>Processes that stand still for longer than their leases, and go on.</summary>
public class PauseTests
{
    private protected const int Stop = 19, Continue = 18; // SIGSTOP, SIGCONT

    // What an attempt writes is decided when it starts.
    private protected const string Graph = """
        quoin: 1
        name: pauses
        targets: [word, other]
        jobs:
          word:
            outputs: [word]
            exec:
              - sh
              - -c
              - |
                word=new; if [ -e old ]; then word=old; fi
                echo word >> ran
                until [ -e go ]; do sleep 0.02; done
                echo $word
            stdout: "{out}"
          other:
            outputs: [other]
            exec: [sh, -c, "echo other >> ran; echo other > {out}"]
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    [Fact]
    public void A_worker_that_is_paused_past_its_lease_publishes_nothing_old_and_goes_on()
    {
        using var world = new FaultWorld(NewAddress(), Graph);
        world.Workspace.Write("old", "");
        var build = world.Start("build", "word", "-j", "0");
        var paused = world.Start("worker", "-j", "1", "--lease", "2s");
        world.WaitForRun();
        paused.Signal(Stop);
        File.Delete(world.Workspace.PathOf("old"));
        var other = world.Start("worker", "-j", "1", "-v");
        other.WaitForLine(line => line.Contains("r-1/2  word", StringComparison.Ordinal));
        world.Workspace.Write("go", "");
        build.WaitForExit().Expect(0);
        other.Terminate();
        other.WaitForExit().Expect(0);
        paused.Signal(Continue);
        paused.WaitForLine(
            line => line.Contains("its runs were given to others", StringComparison.Ordinal));

        world.Start("build", "other", "-j", "0").WaitForExit().Expect(0);

        paused.Terminate();
        var end = paused.WaitForExit().Expect(0);
        Assert.Contains("r-2/1  other", end.Stderr, StringComparison.Ordinal);
        Assert.Equal("new\n", world.Workspace.Read(".quoin/data/word"));
        Assert.Equal(2, world.Log().OfType<RunCompleted>().First().Epoch);
        world.Finish();
    }
}
