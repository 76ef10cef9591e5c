using Quoin.Cli;
using Xunit;

namespace Quoin.Tests.Cli;

public sealed class TerminalTests
{
    [Theory]
    [InlineData("daily/2026-11-04", 16)]
    [InlineData("żółw", 4)]
    [InlineData("e\u0301", 1)] // A combining accent.
    [InlineData("東京", 4)]
    [InlineData("👩‍🚀", 2)] // Two emoji and a joiner: one picture.
    [InlineData("", 0)]
    public void Width_counts_columns(string text, int columns) =>
        Assert.Equal(columns, DisplayWidth.Of(text));

    [Theory]
    [InlineData("daily/seattle/2026-11-04", 40, "daily/seattle/2026-11-04")]
    [InlineData("daily/seattle/2026-11-04", 12, "…/2026-11-04")]
    [InlineData("daily/東京", 5, "…東京")]
    [InlineData("daily/東京", 4, "…京")]
    [InlineData("daily", 1, "…")]
    [InlineData("daily", 0, "")]
    public void A_name_that_is_too_long_keeps_its_end(string name, int columns, string shown) =>
        Assert.Equal(shown, DisplayWidth.Shorten(name, columns));

    [Fact]
    public void A_job_cannot_move_the_cursor() =>
        Assert.Equal("␛[2Jgone    x", new Line("\e[2Jgone\tx").Text);

    [Fact]
    public void A_line_is_cut_by_columns_and_keeps_its_styles()
    {
        var line = new Line("ok ", Style.Green).Add("東京", Style.Bold).Add(" rest");

        Assert.Equal(12, line.Width);
        Assert.Equal("ok 東…", line.Cut(7).Text);
        Assert.Equal("\e[32mok \e[0m\e[1m東\e[0m\e[1m…\e[0m", line.Cut(7).Render(color: true));
        Assert.Equal("ok 東京 rest", line.Cut(12).Text);
    }

    [Fact]
    public void A_frame_is_painted_over_the_last_one_in_one_write()
    {
        using var writer = new StringWriter();
        var region = new LiveRegion(writer, TerminalScreen.Fixed(20, live: true));

        region.Paint([new Line("one"), new Line("two")]);
        writer.GetStringBuilder().Clear();
        region.Paint([new Line("three is longer than the window")]);

        Assert.Equal(
            "\e[?2026h\r\e[2Athree is longer th…\e[K\n\e[J\e[?2026l", writer.ToString());
    }

    [Fact]
    public void A_narrower_window_has_wrapped_the_last_frame()
    {
        var width = 30;
        using var writer = new StringWriter();
        var region = new LiveRegion(writer, TerminalScreen.Of(() => width));

        region.Paint([new Line(new string('a', 25)), new Line("b")]);
        writer.GetStringBuilder().Clear();
        width = 10;
        region.Clear();

        Assert.Equal("\e[?2026h\r\e[4A\e[J\e[?2026l", writer.ToString());
    }

    [Fact]
    public void A_pipe_has_no_colours_and_no_width()
    {
        var options = new GlobalOptions { Directory = "/" };

        var pipe = TerminalScreen.Detect(-1, _ => null, options);
        var forced = TerminalScreen.Detect(
            -1, name => name == "COLUMNS" ? "50" : null, options with { Color = ColorMode.Always });

        Assert.Equal((false, false, TerminalScreen.Unlimited), (pipe.Color, pipe.Live, pipe.Width));
        Assert.Equal((true, false, 50), (forced.Color, forced.Live, forced.Width));
    }
}
