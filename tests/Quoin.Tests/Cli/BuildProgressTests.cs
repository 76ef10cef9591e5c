using Quoin.Cli;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Cli;

public sealed class BuildProgressTests
{
    [Fact]
    public void The_parts_always_add_up_to_the_plan()
    {
        var progress = new BuildStory().HalfOfAWeek().Progress;

        Assert.Equal(31, progress.Counts.Total);
        Assert.Equal((18, 8, 5), (progress.Current, progress.Built, progress.Left));
        Assert.Equal(2, progress.Running);
    }

    [Fact]
    public void A_failure_cancels_what_reads_it_and_nothing_else()
    {
        var story = new BuildStory();
        story.Accept("d", "x").Plan("j", "d", "c").Plan("j", "c", "b").Plan("j", "b", "a")
            .Plan("j", "a").Plan("j", "x").Planned(5, 0, 5);

        story.Fail(story.Start("a"), new RunFailure(FailureCategory.Failed, "no") { ExitCode = 1 });

        var failure = Assert.Single(story.Progress.Failures);
        Assert.Equal(
            ["b", "c", "d"], failure.Blocks.Select(task => story.Progress.NameOf(task.Name)));
        Assert.Equal((1, 3, 1), (
            story.Progress.Failed, story.Progress.Cancelled, story.Progress.Left));
    }

    [Fact]
    public void A_task_that_turns_out_current_counts_as_current()
    {
        var story = new BuildStory();
        story.Accept("b").Plan("j", "b", "a").Plan("j", "a").Planned(2, 0, 1, maybe: 1);
        story.Complete(story.Start("a"), 10);

        story.Log(new PartitionCurrent(story.P("b")));

        Assert.Equal((1, 1, 0), (
            story.Progress.Built, story.Progress.Current, story.Progress.Left));
    }

    [Fact]
    public void Work_of_another_want_is_delegated_not_built()
    {
        var story = new BuildStory();
        var other = new WantId(17);
        story.Log(new WantAccepted(other, story.Ps("raw")));
        story.Log(new PartitionPlanned(other, "ingest", story.Ps("raw"), []));
        var run = story.Start("raw");
        story.Accept("report").Plan("report", "report", "raw")
            .Log(new WantDelegated(story.Progress.Want, story.P("raw"), run)).Planned(2, 0, 2);

        story.Complete(run, 40);

        Assert.Equal((1, 1, 0), (
            story.Progress.Delegated, story.Progress.DelegatedDone, story.Progress.Built));
        Assert.Equal(
            [("report", 1, false), ("delegated", 1, true)],
            JobRow.Of(story.Progress).Select(row => (row.Name, row.Total, row.IsDelegated)));
    }

    [Fact]
    public void A_retried_run_runs_again_and_is_no_failure()
    {
        var story = new BuildStory();
        story.Accept("a").Plan("j", "a").Planned(1, 0, 1);
        var run = story.Start("a");
        story.Fail(run, new RunFailure(FailureCategory.Temporary, "busy"), retryIn: 2);
        Assert.Equal((0, TaskState.Retrying), (
            story.Progress.Running, story.Progress.Tasks[0].State));

        story.Log(new RunLeased(run, new WorkerId("host-a/1"), 2) { Attempt = 2 });
        story.Complete(run, 10);

        Assert.Equal((1, 0, 0), (
            story.Progress.Built, story.Progress.Failed, story.Progress.Running));
    }

    [Fact]
    public void A_cancelled_want_leaves_nothing_open()
    {
        var story = new BuildStory().HalfOfAWeek();
        story.Log(new WantCancelled(story.Progress.Want, "ctrl-c"));
        Assert.Equal((3, 2), (story.Progress.Cancelled, story.Progress.Running));

        foreach (var task in story.Progress.Tasks.Where(t => t.State == TaskState.Running).ToList())
            story.Log(new RunCancelAcked(task.Run!.Value, 1));

        Assert.Equal((5, 0, 0), (
            story.Progress.Cancelled, story.Progress.Running, story.Progress.Left));
    }
}
