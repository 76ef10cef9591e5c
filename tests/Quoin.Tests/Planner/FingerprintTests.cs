using System.Text;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Planner;

public sealed class FingerprintTests
{
    static readonly Digest SomeDigest = new(
        DigestAlgorithm.Xxh3, Convert.FromHexString("41d2c0de00112233445566778899aabb"));

    // Goal: the stored format, byte for byte; old texts must stay comparable for ever.
    [Fact]
    public void The_text_is_one_line_for_each_item()
    {
        var writer = new FingerprintWriter();
        writer.Begin();
        writer.Line("job\t"u8, "daily_report");
        writer.Line("output\t"u8, "reports/2026-01-31"u8);
        writer.Line("code\t"u8, "bin/report.py", SomeDigest);
        writer.Arguments(["--region=us", "a\tb"]);
        writer.Line("env\t"u8, "REGION", "us");
        writer.Line("env\t"u8, "EMPTY", "");
        writer.Line("option\t"u8, "locale", "C");
        writer.Line("condition\t"u8, "python --version", "3.14.0\n");
        writer.Line("input\t"u8, "clean/2026-01-31"u8, SomeDigest);
        writer.Line("source\t"u8, "etc/map.csv", default(Digest));

        Assert.Equal(
            "quoin-fingerprint\t1\n"
            + "job\tdaily_report\n"
            + "output\treports/2026-01-31\n"
            + "code\tbin/report.py\txxh3:41d2c0de00112233445566778899aabb\n"
            + "arg\t0\t--region=us\n"
            + "arg\t1\ta\\tb\n"
            + "env\tREGION\tus\n"
            + "env\tEMPTY\t\n"
            + "option\tlocale\tC\n"
            + "condition\tpython --version\t3.14.0\\n\n"
            + "input\tclean/2026-01-31\txxh3:41d2c0de00112233445566778899aabb\n"
            + "source\tetc/map.csv\t-\n",
            Encoding.UTF8.GetString(writer.Text));
    }

    [Fact]
    public void The_digest_is_the_sha256_of_the_text()
    {
        var writer = new FingerprintWriter();
        writer.Begin();

        // printf 'quoin-fingerprint\t1\n' | sha256sum
        Assert.Equal(
            "sha256:74c9d67a623168de5648c31dbce68cf2bd342f4cc2ba0ccd1ea37bde13a13f8f",
            writer.Finish().ToString());
    }

    [Theory]
    [InlineData(1, "0")]
    [InlineData(3, "0 1 2")]
    [InlineData(10, "0 1 2 3 4 5 6 7 8 9")]
    [InlineData(12, "0 1 10 11 2 3 4 5 6 7 8 9")]
    [InlineData(22, "0 1 10 11 12 13 14 15 16 17 18 19 2 20 21 3 4 5 6 7 8 9")]
    public void Arguments_come_in_ordinal_order_of_their_numbers(int count, string order)
    {
        var writer = new FingerprintWriter();
        writer.Begin();
        writer.Arguments([.. Enumerable.Range(0, count).Select(i => $"value {i}")]);

        var items = Fingerprint.Parse(writer.Text);
        Assert.Equal(order, string.Join(' ', items.Select(item => item.Name)));
        Assert.All(items, item => Assert.Equal($"value {item.Name}", item.Value));
    }

    [Fact]
    public void A_hundred_and_one_arguments_are_sorted_too()
    {
        var writer = new FingerprintWriter();
        writer.Begin();
        writer.Arguments([.. Enumerable.Range(0, 101).Select(i => $"{i}")]);

        Assert.Equal(
            Enumerable.Range(0, 101).Select(i => $"{i}").Order(StringComparer.Ordinal),
            Fingerprint.Parse(writer.Text).Select(item => item.Value));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("tab\tnewline\nreturn\rback\\slash")]
    [InlineData("\0\u0001\u001f\b\f")]
    [InlineData("Größe 數 😀")]
    [InlineData("\\t is not a tab")]
    [InlineData("")]
    public void Any_text_comes_back_as_it_was(string text)
    {
        var writer = new FingerprintWriter();
        writer.Begin();
        writer.Line("env\t"u8, "X" + text, text);

        var item = Assert.Single(Fingerprint.Parse(writer.Text));
        Assert.Equal(new FingerprintItem("env", "X" + text, text), item);
    }

    [Fact]
    public void A_long_text_grows_the_buffer()
    {
        var writer = new FingerprintWriter();
        writer.Begin();
        for (var i = 0; i < 1000; i++) writer.Line("env\t"u8, $"N{i}", new string('x', i));

        var items = Fingerprint.Parse(writer.Text);
        Assert.Equal(1000, items.Length);
        Assert.All(items, (item, i) => Assert.Equal(i, item.Value.Length));
    }

    [Theory]
    [InlineData("quoin-fingerprint\t2\njob\tx\n", "starts with \"quoin-fingerprint\t2\"")]
    [InlineData("quoin-fingerprint\t1\njob\tx\nnoise\n", "Line 3 of a fingerprint is broken")]
    [InlineData("quoin-fingerprint\t1\nplanet\tx\ty\n", "Line 2 of a fingerprint is broken")]
    public void A_broken_text_is_refused_with_its_place(string text, string message)
    {
        var refused = Assert.Throws<FormatException>(
            () => Fingerprint.Parse(Encoding.UTF8.GetBytes(text)));
        Assert.Contains(message, refused.Message);
    }

    [Fact]
    public void A_diff_names_kind_name_old_and_new()
    {
        var old = Text("env\tREGION\teu\nenv\tOLD\t1\n"
            + "input\tclean/1\txxh3:9c1f02aa00112233445566778899aabb\nsource\tsame\t-\n");
        var now = Text("arg\t10\tx\narg\t2\ty\nenv\tNEW\t\nenv\tREGION\tus\n"
            + "input\tclean/1\txxh3:22ab771000112233445566778899aabb\nsource\tsame\t-\n");

        Assert.Equal(
            """
            arg 2 added: y
            arg 10 added: x
            env NEW added
            env OLD removed: 1
            env REGION eu -> us
            input clean/1 9c1f02aa -> 22ab7710
            """.Split('\n'),
            FingerprintDiff.Compare(old, now).Select(change => change.ToString()));
    }

    [Fact]
    public void Equal_texts_have_no_diff() =>
        Assert.Empty(FingerprintDiff.Compare(Text("env\tA\t1\n"), Text("env\tA\t1\n")));

    [Fact]
    public void A_summary_shows_two_changes_and_counts_the_rest()
    {
        var changes = FingerprintDiff.Compare(
            Text("env\tA\t1\nenv\tB\t1\nenv\tC\t1\n"), Text("env\tA\t2\nenv\tB\t2\nenv\tC\t2\n"));

        Assert.Equal("env A 1 -> 2, env B 1 -> 2 (+1 more)", FingerprintDiff.Summary(changes));
    }

    static byte[] Text(string lines) => Encoding.UTF8.GetBytes("quoin-fingerprint\t1\n" + lines);
}
