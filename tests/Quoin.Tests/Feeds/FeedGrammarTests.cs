using System.Security.Cryptography;
using System.Text;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Feeds;

/// <summary>
/// What a feed file may be called, what its lines say, and what line workers may say.
/// </summary>
public sealed class FeedGrammarTests
{
    [Theory]
    [InlineData("github.170.txt.part", "github", 170, true)]
    [InlineData("github.170.txt", "github", 170, false)]
    [InlineData("f.007.txt", "f", 7, false)]
    [InlineData("f.9223372036854775807.txt", "f", long.MaxValue, false)]
    [InlineData("a b~é.0.txt", "a b~é", 0, false)]
    public void A_feed_file_is_called(string name, string feed, long number, bool isPart)
    {
        Assert.True(FeedFileName.TryParse(name, out var file));
        Assert.Equal((feed, number, isPart), (file.Feed, file.Number, file.IsPart));
        Assert.Equal(name, file.ToString());
    }

    [Theory]
    [InlineData("foo.txt")]
    [InlineData("foo.1.csv")]
    [InlineData("foo.1.txt.bak")]
    [InlineData("a.b.1.txt")]
    [InlineData("foo.1.part")]
    [InlineData("foo.1.TXT")]
    [InlineData(".hidden")]
    [InlineData("f.-5.txt")]
    [InlineData("f.+5.txt")]
    [InlineData("f.1_0.txt")]
    [InlineData("f. 7.txt")]
    [InlineData("f.７.txt")]
    [InlineData(".5.txt")]
    [InlineData("f.9223372036854775808.txt")]
    [InlineData("f.12345678901234567890.txt")]
    [InlineData("notes.final.txt")]
    [InlineData("f..txt")]
    [InlineData("")]
    public void No_feed_file_is_called(string name) =>
        Assert.False(FeedFileName.TryParse(name, out _));

    [Theory]
    [InlineData("alpha", -1555884244)]
    [InlineData("charlie", 161380287)]
    [InlineData("bravo", 515152637)]
    public void The_scramble_of_known_keys(string key, int scramble) =>
        Assert.Equal(scramble, Scramble.Of(Encoding.UTF8.GetBytes(key)));

    [Fact]
    public void The_scramble_is_the_start_of_the_MD5_at_every_length()
    {
        for (var length = 0; length < 300; length++)
        {
            var key = new byte[length];
            for (var i = 0; i < length; i++) key[i] = (byte)((i * 7) + length);
#pragma warning disable CA5351 // It orders; it protects nothing.
            Assert.Equal(BitConverter.ToInt32(MD5.HashData(key)), Scramble.Of(key));
#pragma warning restore CA5351
        }
    }

    [Theory]
    [InlineData("alpha 0", "alpha", "0")]
    [InlineData("  alpha 0 1\t\r", "alpha", "0 1")]
    [InlineData("bravo  two", "bravo", " two")]
    [InlineData("a\tb c", "a\tb", "c")]
    [InlineData("\u2003a 1\u00a0", "a", "1")]
    [InlineData("\u001ca 1\u001f", "a", "1")]
    [InlineData("\ufeffa 1", "\ufeffa", "1")]
    [InlineData("a \"x\"\0é", "a", "\"x\"\0é")]
    public void A_line_is_a_key_and_the_rest(string line, string key, string rest)
    {
        var utf8 = Encoding.UTF8.GetBytes(line);
        Assert.Equal(FeedLineFault.None, FeedLine.Split(utf8, out var k, out var p));
        Assert.Equal(key, Encoding.UTF8.GetString(utf8[k]));
        Assert.Equal(rest, Encoding.UTF8.GetString(utf8[p]));
    }

    [Theory]
    [InlineData("loner")]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("loner ")]
    [InlineData("a\tb")]
    public void A_line_with_one_field_is_no_job(string line) => Assert.Equal(
        FeedLineFault.Fields, FeedLine.Split(Encoding.UTF8.GetBytes(line), out _, out _));

    [Fact]
    public void A_line_that_is_no_UTF8_is_no_job() => Assert.Equal(
        FeedLineFault.Encoding, FeedLine.Split([.. "bad"u8, 0xff, .. " 0 1"u8], out _, out _));

    [Theory]
    [InlineData("READY", false, LineVerb.Ready)]
    [InlineData("READY ", false, LineVerb.Unknown)]
    [InlineData("READY\r", false, LineVerb.Unknown)]
    [InlineData("ready", false, LineVerb.Unknown)]
    [InlineData("", false, LineVerb.Unknown)]
    [InlineData("HELLO", false, LineVerb.Unknown)]
    [InlineData("HELLO w1", false, LineVerb.Hello)]
    [InlineData("HELLO w1 a b", false, LineVerb.Hello)]
    [InlineData("HELLO w!", false, LineVerb.Unknown)]
    [InlineData("BEAT", false, LineVerb.Unknown)]
    [InlineData("BEAT", true, LineVerb.Beat)]
    [InlineData("WAIT 30", true, LineVerb.Wait)]
    [InlineData("WAIT 3600", true, LineVerb.Wait)]
    [InlineData("WAIT 3601", true, LineVerb.Unknown)]
    [InlineData("WAIT -1", true, LineVerb.Unknown)]
    [InlineData("WAIT 30", false, LineVerb.Unknown)]
    [InlineData("REPORT a {}", true, LineVerb.Report)]
    [InlineData("REPORT a {}", false, LineVerb.Unknown)]
    public void A_worker_says(string line, bool isNamed, LineVerb verb) => Assert.Equal(
        verb, LineCommand.Parse(Encoding.UTF8.GetBytes(line), isNamed, isTorn: false).Verb);

    [Theory]
    [InlineData("DONE a 0", "a", 0L)]
    [InlineData("DONE a -1", "a", -1L)]
    [InlineData("DONE a +7", "a", 7L)]
    [InlineData("DONE a 0 took 5s", "a", 0L)]
    [InlineData("DONE a 0\r", "a", 0L)]
    [InlineData("DONE a 9223372036854775807", "a", long.MaxValue)]
    [InlineData("DONE a -9223372036854775808", "a", long.MinValue)]
    public void A_job_is_done(string line, string path, long code)
    {
        foreach (var isTorn in (bool[])[false, true])
        {
            var command = LineCommand.Parse(Encoding.UTF8.GetBytes(line), false, isTorn);
            Assert.Equal(LineVerb.Done, command.Verb);
            Assert.Equal((path, code), (Encoding.UTF8.GetString(command.Name), command.Number));
        }
    }

    [Theory]
    [InlineData("DONE")]
    [InlineData("DONE a")]
    [InlineData("DONE a ")]
    [InlineData("DONE a x")]
    [InlineData("DONE  a 0")]
    [InlineData("DONE a  0")]
    [InlineData("DONE a 1_0")]
    [InlineData("DONE a 9223372036854775808")]
    [InlineData("DONE a -9223372036854775809")]
    [InlineData("DONE a 99999999999999999999999")]
    [InlineData("DONE a +")]
    public void A_DONE_is_bad(string line) => Assert.Equal(
        LineVerb.Unknown, LineCommand.Parse(Encoding.UTF8.GetBytes(line), false, false).Verb);

    [Fact]
    public void A_DONE_of_a_path_that_is_no_UTF8_is_bad() => Assert.Equal(
        LineVerb.Unknown,
        LineCommand.Parse([.. "DONE "u8, 0xff, .. " 0"u8], false, false).Verb);

    [Fact]
    public void A_torn_command_that_is_no_DONE_says_nothing() => Assert.Equal(
        LineVerb.Unknown, LineCommand.Parse("READY"u8, false, isTorn: true).Verb);
}
