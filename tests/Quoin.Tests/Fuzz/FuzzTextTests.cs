using System.Text;
using Quoin.Core;

namespace Quoin.Tests.Fuzz;

/// <summary>The same for short texts: what people type, and what other versions stored.</summary>
public sealed class FuzzTextTests(ITestOutputHelper output)
{
    static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    static byte[][] All(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    [Fact]
    public void References()
    {
        var names = new PartitionNames();
        var fuzzer = new Fuzzer(
            "references", All("daily/2026-01-31", "a", "x/%2F/y", "\u00e9/\ud83d\ude00"));
        output.WriteLine(fuzzer.Run(30_000, bytes =>
        {
            var text = Text(bytes);
            if (PartitionRef.Check(text) is { } problem)
            {
                Assert.NotEqual("", problem);
                return;
            }
            Assert.Equal(text, names.Text(names.Intern(text)));
            foreach (var segment in text.Split('/'))
                Assert.Null(PartitionRef.Check(
                    PartitionRef.EncodeSegment(PartitionRef.Decode(segment))));
        }));
    }

    [Fact]
    public void Patterns()
    {
        var fuzzer = new Fuzzer(
            "patterns", All(
                "daily/{city}/{date:date}", "x/{k:int}", "r/{m:enum(a,b)}-{y:year}/{h:hour}",
                "{a}", "p-{m:month}"),
            "{", "}", ":", "{d:date}", "enum(", ",", "{{", "}}", "{x.month}", "in(a)");
        output.WriteLine(fuzzer.Run(30_000, bytes =>
        {
            var text = Text(bytes);
            var pattern = Pattern.TryParse(text, out var problem);
            Assert.NotEqual(pattern is null, problem is null);
            if (problem is not null)
            {
                Assert.NotEqual("", problem.Message);
                Assert.InRange(problem.Offset, 0, text.Length);
                return;
            }
            pattern!.IsMatch("daily/x/2026-01-31"u8);
            pattern.IsMatch(bytes);
        }));
    }

    [Fact]
    public void Selectors()
    {
        var graph = TestGraph.Of(
            [("src/{y:year}", "src/{y}.csv")], ("d", ["daily/{city}/{d:date}"], ["src/{d.year}"]),
            ("n", ["n/{k:int}"], []), ("one", ["one"], []), ("m", ["m/{m:month}"], []));
        var known = new KnownPartitions(graph, _ => [], ["daily/x/2026-01-01", "one", "n/3"]);
        // A range may have ten million partitions.
        var fuzzer = new Fuzzer(
            "selectors", All(
                "one", "daily/x/2026-01-01..2026-01-31", "daily/*/2026-*", "**", "job:d", "n/1..20",
                "daily/**/x", "m/2026-01..2026-12", "src/2026"),
            "..", "*", "**/", "job:", "n/", "2026-13", "2027", "daily/")
        {
            AllocatedMax = 4L << 30,
        };
        output.WriteLine(fuzzer.Run(4_000, bytes =>
        {
            var selector = Text(bytes);
            var selection = Selection.Of(graph, [selector], [], new PartitionNames(), known);
            Assert.All(selection.Problems, problem =>
            {
                Assert.NotEqual("", problem.Code);
                Assert.NotEqual("", problem.Message);
            });
            Assert.False(selection.Partitions.IsEmpty && selection.Problems.IsEmpty, selector);
            if (Selection.Check(graph, selector) is { } problem) Assert.NotEqual("", problem.Code);
        }));
    }

    [Fact]
    public void Quantities_ids_and_digests()
    {
        var sha = "sha256:" + new string('a', 64);
        var fuzzer = new Fuzzer(
            "quantities", All("1h30m", "PT1H30M", "500ms", "200MB", "1GiB", "w-17", "r-19", sha),
            "d", "h", "PT", ".", "9999999999", "GiB", "xxh3:");
        output.WriteLine(fuzzer.Run(30_000, bytes =>
        {
            var text = Text(bytes);
            if (Quantities.TryParseDuration(text, out var duration))
                Assert.InRange(duration, TimeSpan.Zero, Quantities.DurationMax);
            if (Quantities.TryParseSize(text, out var size)) Assert.InRange(size, 0, 1L << 53);
            if (WantId.TryParse(text, out var want)) Assert.True(want.Value > 0);
            if (RunId.TryParse(text, out var run)) Assert.True(run.Value > 0);
            if (Digest.TryParse(text, out var digest))
                Assert.Equal(text, digest.ToString(), ignoreCase: true);
        }));
    }

    [Fact]
    public void Stored_fingerprints()
    {
        var sha = new string('b', 64);
        var fuzzer = new Fuzzer(
            "fingerprints", All(
                $"{Fingerprint.Header}\njob\ta\noutput\tb\narg\t1\\n\ninput\tc\tsha256:{sha}\n",
                $"{Fingerprint.DefinitionHeader}\njob\ta\nenv\tX\t\\t\nsource\td\n"),
            "\t", "\n", "\\", "\\x", "input\t", "job\t", Fingerprint.Header);
        var now = Encoding.UTF8.GetBytes($"{Fingerprint.Header}\njob\ta\noutput\tb\n");
        output.WriteLine(fuzzer.Run(30_000, bytes =>
        {
            try
            {
                FingerprintDiff.Summary(FingerprintDiff.Compare(bytes, now));
            }
            catch (FormatException e)
            {
                Assert.Contains("fingerprint", e.Message);
            }
        }));
    }
}
