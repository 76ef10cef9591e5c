using Quoin.Server;

namespace Quoin.ServerTests.Pages;

/// <summary>What a program prints, made safe to show.</summary>
public sealed class AnsiTextTests
{
    static string Shown(string line) => string.Join('|', AnsiText.Parse(line).Select(span =>
        span.Classes.Length > 0 ? $"{span.Classes}:{span.Text}" : span.Text));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("\u001b[31mred\u001b[0m plain", "f1:red| plain")]
    [InlineData("\u001b[1;4;92mbright\u001b[m", "f10 b u:bright")]
    [InlineData("\u001b[43mback\u001b[49mnone", "k3:back|none")]
    [InlineData("\u001b[31;7mturned", "k1:turned")]
    [InlineData("\u001b[7mturned", "rev:turned")]
    [InlineData("\u001b[38;5;196mcube", "f9:cube")]
    [InlineData("\u001b[38;5;244mgrey", "f8:grey")]
    [InlineData("\u001b[38;2;0;200;10mtrue", "f2:true")]
    [InlineData("\u001b[38;5mcut", "cut")]
    [InlineData("\u001b[31ma\u001b[31mb", "f1:ab")]
    [InlineData("10%\r20%\r30%\r", "30%")]
    [InlineData("a\u001b]0;title\u0007b\u001b]8;;http://x\u001b\\c", "abc")]
    [InlineData("a\u001b[2Jb\u001b[10;20Hc\u001b(Bd\u001b7e", "abcde")]
    [InlineData("a\u001b[", "a")]
    [InlineData("a\u001b", "a")]
    [InlineData("\u001b[?25lhidden", "hidden")]
    [InlineData("a\0b\bc\td", "abc\td")]
    [InlineData("<b>&amp;</b>", "<b>&amp;</b>")]
    [InlineData("user\u202etxt.exe", "user\ufffdtxt.exe")]
    public void A_line_becomes_spans(string line, string shown) =>
        Assert.Equal(shown, Shown(line));

    [Fact]
    public void A_long_line_is_cut_and_says_by_how_much() =>
        Assert.EndsWith(" … 6000 more characters", AnsiText.Plain(new string('x', 10_000)));

    [Fact]
    public void Very_many_colours_are_bounded()
    {
        var line = string.Concat(
            Enumerable.Range(0, 1_000).Select(i => $"\u001b[{31 + (i % 2)}mx"));
        Assert.InRange(AnsiText.Parse(line).Length, 1, AnsiText.SpansMax + 1);
    }
}
