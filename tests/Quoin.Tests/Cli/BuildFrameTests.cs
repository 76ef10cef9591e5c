using Quoin.Cli;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Cli;

public sealed class BuildFrameTests
{
    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(120)]
    public void No_line_is_wider_than_the_window(int width)
    {
        var story = new BuildStory().HalfOfAWeek();

        Assert.All(Frame(story, width).Split('\n'), line =>
            Assert.InRange(DisplayWidth.Of(line), 0, width - 1));
    }

    [Fact]
    public void At_80_columns_everything_is_there() => Assert.Equal(
        """

         ███████████████████████▓▓▓▓▓▓▓▓▓▓░░░░░░░  26/31   2m05s   left 1m50s-2m20s
         job            done  run  wait  usually
         ingest_orders   5/5                  4s
         clean           3/7    2     2      31s  ▸ clean/2026-01-04  41s
         report          0/1          1
         slots 2/4
        """,
        Frame(new BuildStory().HalfOfAWeek(), 80));

    [Fact]
    public void At_40_columns_the_counts_stay() => Assert.Equal(
        """

         26/31   2m05s   left 1m50s-2m20s
         job      done  run  wait
         …orders   5/5
         clean     3/7    2     2  …/2026-01-04
         report    0/1          1
         slots 2/4
        """,
        Frame(new BuildStory().HalfOfAWeek(), 40));

    [Fact]
    public void At_120_columns_nothing_is_shortened() => Assert.Equal(
        """

         ███████████████████████▓▓▓▓▓▓▓▓▓▓░░░░░░░  26/31   2m05s   left 1m50s-2m20s
         job            done  run  wait  usually
         ingest_orders   5/5                  4s
         clean           3/7    2     2      31s  ▸ clean/2026-01-04  41s
         report          0/1          1
         slots 2/4
        """,
        Frame(new BuildStory().HalfOfAWeek(), 120));

    [Fact]
    public void Without_history_there_is_no_guess() => Assert.Equal(
        """

         ███████████████████████▓▓▓▓▓▓▓▓▓▓░░░░░░░  26/31   2m05s
         job            done  run  wait
         ingest_orders   5/5
         clean           3/7    2     2  ▸ clean/2026-01-04  41s
         report          0/1          1
         slots 2/4
        """,
        Frame(new BuildStory().HalfOfAWeek(), 80, BuildBackground.None));

    [Fact]
    public void A_low_window_shows_the_jobs_that_run()
    {
        var story = new BuildStory();
        story.Accept("x/0");
        for (var i = 0; i < 30; i++) story.Plan($"job-{i}", $"x/{i}");
        story.Planned(30, 0, 30);
        story.Start("x/29");
        story.Seconds = 3;

        Assert.Equal(
            """

             ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  0/30   3s
             job     done  run  wait
             job-29   0/1    1        ▸ x/29  3s
             job-28   0/1          1
             job-27   0/1          1
             job-26   0/1          1
             … and 26 more jobs
             slots 1/4
            """,
            Frame(story, 60, BuildBackground.None, height: 10));
    }

    static string Frame(
        BuildStory story, int width, BuildBackground? background = null, int height = 24) =>
        string.Join('\n', BuildFrame.Lines(
            story.Progress, background ?? BuildStory.History, story.Now, width, height));
}
