using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>What the simulation found, each by the shortest way to it.</summary>
public sealed class FoundBySimulationTests
{
    [Fact]
    public void A_want_beside_a_planned_sibling_does_not_take_an_old_output_for_new()
    {
        var build = new ScriptedBuild(1, ("one", ["a", "b"], ["in"]), ("two", ["in"], []));
        build.Want("a", "b");
        Play(build, "in", "a");
        build.Taint("in");
        build.Want("a"); // Makes in anew, and a if that comes out differently; b is not asked for.
        build.Turn();
        Assert.Equal("in", build.Running);

        var second = build.Want("b");
        build.Turn();
        Assert.Null(second.Outcome); // It used to succeed here, with the b of the old in.
        build.Complete("in", "new");
        build.Turn();
        build.Complete("a");
        build.Turn();
        Assert.Equal(WantOutcome.Succeeded, second.Outcome);
    }

    [Fact]
    public void A_clock_that_is_set_back_by_months_lets_the_next_attempt_wait_for_seconds()
    {
        var build = new ScriptedBuild(1, ("one", ["a"], []));
        var want = build.Want("a");
        build.Turn();
        build.Fail("a", FailureCategory.Temporary);
        build.Turn();
        build.Time.Jump(TimeSpan.FromDays(-60));
        build.Taint("a"); // Sets the timer anew, which refuses waits of months.
        build.Turn();
        Assert.Equal("", build.Running);
        build.Time.AdvanceTo(build.Time.Elapsed + TimeSpan.FromSeconds(3)); // 2 s, and a fifth.
        build.Turn();
        build.Complete("a"); // It used to wait for 60 days.
        build.Turn();
        Assert.Equal(WantOutcome.Succeeded, want.Outcome);
    }

    [Fact]
    public void An_output_is_built_although_the_want_for_its_sibling_is_gone()
    {
        var build = new ScriptedBuild(1, ("busy", ["x"], []), ("one", ["a", "b"], []));
        build.Want(FailureMode.Kill, "x");
        build.Turn();
        build.Want(FailureMode.Kill, "a");
        var second = build.Want(FailureMode.Kill, "b");
        build.Turn();
        build.Cancel(2);
        build.Turn();
        build.Complete("x");
        build.Turn();
        build.Complete("a"); // The run makes both. It used never to start.
        build.Turn();
        Assert.Equal(WantOutcome.Succeeded, second.Outcome);
    }

    [Fact]
    public void What_comes_back_just_before_another_want_is_planned_again()
    {
        var build = new ScriptedBuild(1, ("one", ["a"], ["in"]), ("two", ["in"], []));
        var first = build.Want("a");
        Play(build, "in");
        build.Taint("in");
        build.Turn();
        build.Complete("a"); // Out of date: what it read is not trusted any more.
        var second = build.Want("a"); // Both arrive before the coordinator looks.
        build.Turn();
        build.Complete("in", "new"); // It used to be planned by nobody, like a.
        Play(build, "a");
        Assert.Equal(WantOutcome.Succeeded, first.Outcome);
        Assert.Equal(WantOutcome.Succeeded, second.Outcome);
    }

    [Fact]
    public void A_published_partition_whose_config_command_fails_fails_its_want()
    {
        var graph = new GraphBuilder("test");
        var place = new SourceLocation("quoin.yaml", 1, 1);
        graph.Add(new JobDeclaration
        {
            Name = new Written("one", place),
            Outputs = [new Written("a", place)],
            ConfigCommand = [new Written("config", place)],
            ConfigCache = false,
            Exec = [new Written("make", place)],
        });
        var build = new ScriptedBuild(1, graph)
        {
            ConfigAnswer = """{"configs":[{"outputs":["a"]}]}""",
        };
        build.Want("a");
        Play(build, "a");
        build.ConfigAnswer = null;
        var second = build.Want("a");
        build.Turn();
        Assert.Equal(WantOutcome.Failed, second.Outcome); // It used to succeed.
    }

    [Fact]
    public void A_source_that_changes_between_the_plan_and_the_attempt_has_moved()
    {
        var time = new SimulatedTime();
        var disk = new SimulatedDisk(time);
        var files = new FileStampCache("/simulated", disk, [], time);
        disk.Replace("s", "old");
        var planned = new PathDigest("s", files.DigestOf("s"));
        Assert.Null(new WatchedFiles(files, [planned]).Moved());

        disk.Overwrite("s", "new");
        Assert.Equal("s", new WatchedFiles(files, [planned]).Moved()); // It used to be null.
        disk.Replace("s", "old"); // Back to what the fingerprint says: no harm done.
        Assert.Null(new WatchedFiles(files, [planned]).Moved());
    }

    [Fact]
    public void What_was_made_while_its_input_was_made_anew_is_not_current_when_that_is_as_before()
    {
        var build = new ScriptedBuild(2, ("one", ["a"], ["in"]), ("two", ["in"], []));
        build.Want("a");
        build.Turn();
        build.Complete("in", "old");
        build.Turn();
        Assert.Equal("a", build.Running);
        build.Taint("in");
        build.Want("in");
        build.Turn();
        build.Complete("in", "new");
        build.Cancel(1); // Nobody asks for a, so it is not made again when it ends.
        build.Turn();
        build.Complete("a", "of new");
        build.Turn();
        Assert.Equal(PartitionPlace.Live, build["a"]);

        build.Taint("in");
        var third = build.Want("a");
        build.Turn();
        build.Complete("in", "old");
        build.Turn();
        Assert.Null(third.Outcome); // It used to succeed here, with an a of the new in.
        build.Complete("a", "of old");
        build.Turn();
        Assert.Equal(WantOutcome.Succeeded, third.Outcome);
    }

    static void Play(ScriptedBuild build, params string[] runs)
    {
        foreach (var run in runs)
        {
            build.Turn();
            build.Complete(run);
        }
        build.Turn();
    }
}
