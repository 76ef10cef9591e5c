using Quoin.Cli;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Cli;

public sealed class PlainBuildViewTests
{
    static readonly RunFailure EndBeforeStart =
        new(FailureCategory.BadInput, "row 88121: end before start") { ExitCode = 65 };

    [Fact]
    public void A_build_is_a_plan_a_line_a_run_and_an_end()
    {
        var story = Plain(new BuildStory());
        story.Accept("b").Plan("second", "b", "a").Plan("first", "a").Planned(3, 1, 2);
        var first = story.Start("a");
        story.Seconds = 4;
        story.Complete(first, elapsedMs: 4000, cpuMs: 3000);
        var second = story.Start("b");
        story.Seconds = 10;
        story.Complete(second, elapsedMs: 6000, cpuMs: 12_000);
        story.Log(new WantSucceeded(story.Progress.Want));
        story.View!.End(story.Now, ExitCode.Ok);

        Assert.Equal(
            """
            w-18  1 wanted: 3 partitions = 1 current, 2 to build
                  why: 2 never built
            12:00:04 built     a (0:00:04 elapsed, 0:00:03 cpu, factor 0.75)
            12:00:10 built     b (0:00:06 elapsed, 0:00:12 cpu, factor 2.00)
            w-18 succeeded: 3 of 3: 2 built, 1 current
            0:00:10 elapsed, 0:00:15 cpu, factor 1.50; bounded by path a > b (10s)

            """,
            story.Err);
    }

    [Fact]
    public void A_failure_says_why_shows_the_log_and_what_it_blocks()
    {
        var story = Plain(new BuildStory(), BuildStory.History with { TimeLeft = () => null });
        story.Accept("report").Plan("report", "report", "clean/1", "clean/2")
            .Plan("clean", "clean/1").Plan("clean", "clean/2").Planned(3, 0, 3);
        var bad = story.Start("clean/1");
        var good = story.Start("clean/2");
        story.Seconds = 58;
        story.Fail(bad, EndBeforeStart);
        story.Seconds = 60;
        story.Complete(good, elapsedMs: 60_000, cpuMs: 60_000);
        story.Log(new WantFailed(story.Progress.Want, story.Ps("report")));
        story.View!.End(story.Now, ExitCode.Failed);

        Assert.Equal(
            """
            w-18  1 wanted: 3 partitions = 0 current, 3 to build
                  why: 3 never built
            12:00:58 FAILED    clean/1 after 58s: bad input (exit 65), attempt 1 of 1, not retried
              | row 88120: ok
              | row 88121: end before start
              (last 2 of 212 lines of clean/1; all: quoin log r-1; again: quoin retry r-1)
            12:00:58 cancelled report: input clean/1 failed
            12:01:00 built     clean/2 (0:01:00 elapsed, 0:01:00 cpu, factor 1.00)
            w-18 failed: 1 of 3: 1 built, 0 current; 1 failed, 0 skipped, 1 cancelled
            0:01:00 elapsed, 0:01:00 cpu, factor 1.00; bounded by path clean/2 (1m00s)

            """,
            story.Err);
    }

    [Fact]
    public void On_GitHub_the_log_of_a_failure_is_folded()
    {
        var env = new Dictionary<string, string> { ["GITHUB_ACTIONS"] = "true" };
        var story = Plain(new BuildStory(env: env), BuildStory.History);
        story.Accept("a").Plan("job", "a").Planned(1, 0, 1);
        story.Fail(story.Start("a"), EndBeforeStart);

        Assert.Contains(
            """
            ::group::last 2 of 212 lines of a
              | row 88120: ok
              | row 88121: end before start
            ::endgroup::

            """,
            story.Err,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_retry_says_when_and_which_attempt_comes()
    {
        var story = Plain(new BuildStory(), BuildStory.History);
        story.Accept("a").Plan("job", "a").Planned(1, 0, 1);
        var failure = new RunFailure(FailureCategory.Temporary, "no answer") { ExitCode = 75 };
        story.Fail(story.Start("a"), failure, retryIn: 4);

        Assert.EndsWith(
            "12:00:00 retry     a in 4s (2 of 3): temporary (exit 75)\n", story.Err,
            StringComparison.Ordinal);
        Assert.Equal(0, story.Progress.Failed);
    }

    [Fact]
    public void Thirty_seconds_without_a_line_give_a_sign_of_life()
    {
        var story = Plain(new BuildStory().HalfOfAWeek(), BuildStory.History);
        story.Log(new WorkerAdded(new WorkerId("host-b/1"), 4));
        story.View!.Tick(story.Now.AddSeconds(29));
        Assert.Equal("", story.Err);

        story.View.Tick(story.Now.AddSeconds(30));
        story.View.Tick(story.Now.AddSeconds(31));

        Assert.Equal(
            "12:02:35 ..        26/31 done, 2 running, left 1m50s-2m20s\n", story.Err);
    }

    [Fact]
    public void When_all_is_current_there_is_one_line()
    {
        var story = Plain(new BuildStory());
        story.Accept("a", "b").Planned(31, 31, 0);
        story.Seconds = 0.012;
        story.Log(new WantSucceeded(story.Progress.Want));
        story.View!.End(story.Now, ExitCode.Ok);

        Assert.Equal("✔ 2 of 2 current (31 checked in 12ms)\n", story.Err);
    }

    static BuildStory Plain(BuildStory story, BuildBackground? background = null)
    {
        story.View = new PlainBuildView(
            story.Cli, story.Progress, background ?? BuildBackground.None);
        return story;
    }
}
