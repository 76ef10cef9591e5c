using System.Text;
using FsCheck.Fluent;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests;

public class PatternTests
{
    [Theory]
    [InlineData("report", "report", true)]
    [InlineData("report", "report/x", false)]
    [InlineData("report", "repor", false)]
    [InlineData("a/{x}", "a/b", true)]
    [InlineData("a/{x}", "a", false)]
    [InlineData("a/{x}", "a/b/c", false)]
    [InlineData("a/{x}", "ab/c", false)]
    [InlineData("a/v{x}", "a/v.", false)] // A captured . could leave its folder in a path.
    [InlineData("a/{x}-{d:date}.csv", "a/new-york-2026-01-31.csv", true)]
    [InlineData("a/{x}-{d:date}.csv", "a/-2026-01-31.csv", false)]
    [InlineData("a/{x}-{d:date}.csv", "a/new-york-2026-02-30.csv", false)]
    [InlineData("{x}/b", "a/b", true)]
    [InlineData("a/{d:date}", "a/2024-02-29", true)]
    [InlineData("a/{d:date}", "a/2026-02-29", false)]
    [InlineData("a/{d:date}", "a/0000-01-01", false)]
    [InlineData("a/{d:date}", "a/2026-1-31", false)]
    [InlineData("a/{d:date}", "a/2026/01/31", false)]
    [InlineData("a/{m:month}", "a/2026-12", true)]
    [InlineData("a/{m:month}", "a/2026-13", false)]
    [InlineData("a/{y:year}", "a/2026", true)]
    [InlineData("a/{y:year}", "a/26", false)]
    [InlineData("a/{h:hour}", "a/2026-01-31T23", true)]
    [InlineData("a/{h:hour}", "a/2026-01-31T24", false)]
    [InlineData("a/{i:int}", "a/0", true)]
    [InlineData("a/{i:int}", "a/-12", true)]
    [InlineData("a/{i:int}", "a/-0", false)]
    [InlineData("a/{i:int}", "a/012", false)]
    [InlineData("a/{i:int}", "a/+1", false)]
    [InlineData("a/{i:int}", "a/1234567890123456789", false)]
    [InlineData("a/{e:enum(eu,us)}", "a/eu", true)]
    [InlineData("a/{e:enum(eu,us)}", "a/uk", false)]
    [InlineData("a/{x}/{x}", "a/1/1", true)]
    [InlineData("a/{x}/{x}", "a/1/2", false)]
    [InlineData("a/{{x}}", "a/{x}", true)]
    [InlineData("größe/{x}", "größe/ä", true)]
    public void A_name_matches_in_full_or_not(string pattern, string name, bool expected) =>
        Assert.Equal(expected, Pattern.Parse(pattern).IsMatch(Encoding.UTF8.GetBytes(name)));

    [Theory]
    [InlineData("a/{x}", "a/{d:date}", "a/2026-01-31")]
    [InlineData("a/{x}", "b/{x}", null)]
    [InlineData("a/{x}", "a/{x}/{y}", null)]
    [InlineData("a/{d:date}", "a/{m:month}", null)]
    [InlineData("a/{y:year}", "a/{i:int}", "a/2026")]
    [InlineData("a/{e:enum(x,y)}", "a/{e:enum(y,z)}", "a/y")]
    [InlineData("a/b{x}", "a/{x}c", "a/bc")]
    [InlineData("a/ab{x}", "a/{x}ba", "a/aba")]
    [InlineData("a/ab{x}", "a/{x}cd", "a/abcd")]
    [InlineData("a/{d:date}", "a/2{x}-02-29", "a/2028-02-29")]
    [InlineData("a/{d:date}", "a/{x}-02-30", null)]
    [InlineData("{x}/b", "a/{y}", "a/b")]
    [InlineData("a/{d:date}", "a/2026-01-31", "a/2026-01-31")]
    [InlineData("a/v{i:int}", "a/v-{i:int}", "a/v-1")]
    public void Two_patterns_overlap_with_an_example(string a, string b, string? expected)
    {
        Assert.Equal(expected, PatternOverlap.Example(Pattern.Parse(a), Pattern.Parse(b)));
        Assert.Equal(
            expected is null, PatternOverlap.Example(Pattern.Parse(b), Pattern.Parse(a)) is null);
    }

    [Fact]
    public void Every_number_has_one_text_that_reads_back()
    {
        foreach (var kind in (CaptureKind[])
            [CaptureKind.Int, CaptureKind.Date, CaptureKind.Month, CaptureKind.Year,
                CaptureKind.Hour])
        {
            FsCheck.Check.One(Config, Prop.ForAll<int>(seed =>
            {
                var bound = kind == CaptureKind.Year ? 10_000 : 90_000;
                var number = Math.Abs((long)seed * 7919) % bound;
                if (!CaptureText.IsInRange(kind, number)) return true;
                var text = Encoding.ASCII.GetBytes(CaptureText.ToText(kind, number));
                return CaptureText.TryParse(kind, text, out var back) && back == number;
            }));
        }
    }

    [Fact]
    public void A_capture_may_stand_twice_behind_one_of_any_length()
    {
        var pattern = Pattern.Parse("{city}-{d:date}{d:date}/{e}");

        Assert.True(pattern.IsMatch("rome-2026-01-312026-01-31/x"u8)); // It used to throw.
        Assert.False(pattern.IsMatch("rome-2026-01-312026-01-30/x"u8));
    }

    [Fact]
    public void A_place_leads_back_to_its_partition()
    {
        var graph = TestGraph.Of([("obs/{city}/{d:date}", "data/{d.year}/{city}-{d}.csv")]);

        Assert.Equal("data/2026/rome-2026-01-31.csv", graph.PathOf("obs/rome/2026-01-31"u8));
        Assert.Equal("data/*/*-*.csv", graph.Datasets[0].PathGlob);
        Assert.Equal("obs/rome/2026-01-31",
            graph.Datasets[0].ReferenceAt("data/2026/rome-2026-01-31.csv"u8));
        Assert.Null(graph.Datasets[0].ReferenceAt("data/2025/rome-2026-01-31.csv"u8));
        Assert.Null(graph.Datasets[0].ReferenceAt("data/2026/rome-2026-01-32.csv"u8));
    }

    [Fact]
    public void Braces_of_a_captured_text_stay_what_they_are()
    {
        var graph = Quoin.Tests.TestGraph.Builder([]);
        graph.Add(new JobDeclaration
        {
            Name = new("j", default),
            Outputs = [new("a/{x}", default)],
            Exec = [new("run", default), new("{x} {{y}} {out}", default)],
        });
        var job = graph.Build(default, [])!.Jobs[0];

        var config = job.Configure("a/{in}");

        Assert.Equal("{{in}} {{y}} {out}", config.Args[1]);
        Assert.Equal("{in} {y} /o", Arguments.Fill(config.Args, ["/i"], ["/o"])[1]);
    }

    internal static FsCheck.Config Config =>
        FsCheck.Config.QuickThrowOnFailure.WithQuietOnSuccess(true);
}
