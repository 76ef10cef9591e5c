namespace Quoin.EndToEndTests.Supervisor;

/// <summary>
/// What is around a supervisor: its ready worker, and what other commands say of it.
/// </summary>
public sealed class SurroundingsTests
{
    [Fact]
    public void A_ready_worker_runs_a_command_for_each_job_and_says_how_it_ended()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "alpha 1 x", "bravo 2 y").Start();
        var worker = world.Workspace.Start(
            "worker", "--line", "s", "-j", "2", "--", "sh", "-c",
            "echo \"$1:$2:$QUOIN_PAYLOAD\" >> out; test \"$1\" = alpha", "-", "{key}", "{payload}");
        world.Write("g.1.txt", "charlie 3 z").Noticed();
        Ended(world, 3);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
        Assert.Equal(
            ["alpha:1 x:1 x", "bravo:2 y:2 y", "charlie:3 z:3 z"],
            File.ReadAllLines(world.Workspace.PathOf("out")).Order());
        var failed = world.Workspace.Quoin("runs", "--store", "state.db", "--failed").Expect(0);
        Assert.Contains("update/bravo", failed.Stdout);
        Assert.DoesNotContain("update/alpha", failed.Stdout);
    }

    // Returns when so many jobs have ended.
    static void Ended(SupervisorWorld world, int count)
    {
        var events = world.Workspace.Start(
            "events", "-f", "--store", "state.db", "--type", "run-completed",
            "--type", "run-failed");
        Assert.True(events.WaitForLines(count));
        events.Interrupt();
    }

    [Fact]
    public void A_job_that_takes_too_long_ends_with_124()
    {
        using var world = new SupervisorWorld("--lease", "1s");
        world.Write("f.1.txt", "alpha 1").Start();
        var worker = world.Workspace.Start(
            "worker", "--line", "s", "-j", "1", "--timeout", "1s", "--", "sleep", "100");
        Ended(world, 1);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
        var runs = world.Workspace.Quoin("runs", "--store", "state.db").Expect(0);
        Assert.Contains("124", runs.Stdout);
    }

    [Fact]
    public void The_worker_in_shell_says_the_same_again_until_it_is_answered()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/socat"), "needs socat");
        using var world = new SupervisorWorld();
        var worker = world.Workspace.StartProgram(
            "env", "LIMIT=0.1", "IDLE=0.1", "AGAIN=0.1", "sh", Script, "s", "sh", "-c",
            "echo \"$0\" >> out; case $0 in alpha*) exec sleep 100;; *) exit 7;; esac");
        worker.WaitForLines(1); // Nobody is there, which socat tells.
        world.Write("f.1.txt", "alpha 1  x").Start();
        world.Write("g.1.txt", "bravo 2");
        Ended(world, 2);
        var runs = world.Workspace.Quoin("runs", "--store", "state.db").Expect(0);
        Assert.Contains("124", runs.Stdout, StringComparison.Ordinal);
        Assert.Equal(
            ["alpha 1  x", "bravo 2"],
            File.ReadAllLines(world.Workspace.PathOf("out")).Order());
    }

    static string Script => Path.Combine(
        OriginalTests.RepositoryRoot(), "examples", "supervisor", "worker.sh");

    [Fact]
    public void Status_stats_runs_and_events_tell_of_a_supervisors_database()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt.part", "alpha 1", "loner", "bravo 2").Start();
        Assert.Equal("JOB alpha 1", world.Ready());
        var status = world.Workspace.Quoin("status", "--store", "state.db").Expect(0);
        Assert.Equal("1 job waiting, 1 out", status.Lines[0]);
        Assert.Equal("f.1.txt.part  Growing  3 lines, 1 skipped  read to 22", status.Lines[1]);
        Assert.StartsWith("alpha  f.1  nobody  since ", status.Lines[2]);
        world.Workspace.Quoin("events", "--store", "state.db", "--type", "run-scheduled")
            .Expect(0);
        var runs = world.Workspace.Quoin("runs", "--store", "state.db").Expect(0);
        Assert.Contains("update/alpha", runs.Stdout);
        foreach (var command in (string[])["log", "explain"])
        {
            var none = world.Workspace.Quoin(command, "r-1", "--store", "state.db").Expect(4);
            Assert.Contains("quoin runs --store state.db", none.Stderr, StringComparison.Ordinal);
        }
        var stats = world.Workspace.Quoin("stats", "--store", "state.db").Expect(0);
        Assert.StartsWith("queue    1 waiting, 1 out, 1 names ever given out", stats.Stdout);
        Assert.Equal("JOB bravo 2", world.Done("alpha"));
    }
}
