using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Tidy;
using Xunit;

namespace Quoin.Tests;

/// <summary>The quick reader may refuse, but what it reads is what the full parser reads.</summary>
public class QuickYamlTests
{
    const string Insertions = " \n:#-,[]{}'\"?&*!|>%@ab1\\.";

    static readonly string[] Files =
    [
        Read("tests/Quoin.Tests/Graph/design-example.yaml"),
        Read("examples/weather/quoin.yaml"),
        """
        a:
        - b: 1
          c: [x, -f, 'it''s', "q\"\u00e9\n", http://x/#y, {k: v,
            m: [n]   # comment
            }]
        -
          - d
          - - e
            - f
        -   g:  2
            h:
              i
        "k l" : '#'
        m: a - b, {c} [d]
        """,
    ];

    [Fact]
    public void The_files_of_this_repository_are_read_quickly() => Assert.All(
        Files, file =>
        {
            Assert.NotNull(QuickYaml.Read(file));
            Compare(file);
        });

    [Theory]
    [InlineData("a:\tb\n")]
    [InlineData("a: |\n  b\n")]
    [InlineData("a: &x b\n")]
    [InlineData("a: b\n  c\n")]
    [InlineData("a: \"b\n  c\"\n")]
    [InlineData("a:\nb: 1\n")]
    [InlineData("a: b: c\n")]
    [InlineData("a: [b\n")]
    [InlineData("a: 1\n---\nb: 1\n")]
    [InlineData("? a\n: b\n")]
    [InlineData("- a\n")]
    [InlineData("")]
    public void The_rest_is_left_to_the_full_parser(string text) =>
        Assert.Null(QuickYaml.Read(text));

    [Fact]
    public void Broken_files_are_refused_or_read_the_same()
    {
        var random = new Random(20260131);
        var accepted = 0;
        for (var i = 0; i < 1000; i++)
        {
            var text = new StringBuilder(Files[i % Files.Length]);
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                var at = random.Next(text.Length);
                if (random.Next(2) == 0)
                    text.Remove(at, Math.Min(random.Next(1, 4), text.Length - at));
                else text.Insert(at, Insertions[random.Next(Insertions.Length)]);
            }
            if (Compare(text.ToString())) accepted++;
        }
        Assert.InRange(accepted, 250, 999);
    }

    static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    // True when the quick reader understood the text.
    static bool Compare(string text)
    {
        if (QuickYaml.Read(text) is not { } quick) return false;
        var problems = new List<GraphProblem>();
        var full = YamlReader.Parse(text, "f", problems);
        Assert.True(
            problems.Count == 0 && full is not null && Dump(full) == Dump(quick),
            $"{text}\n==\n{string.Join('\n', problems)}\n{(full is null ? "" : Dump(full))}\n"
            + $"==\n{Dump(quick)}");
        return true;
    }

    static string Dump(YamlNode node) => $"{node.Line}:{node.Column} " + node.Kind switch
    {
        YamlKind.Text => $"{(node.IsPlain ? "" : "'")}{node.Text}\n",
        YamlKind.List => "list\n" + string.Concat(node.Items.Select(Dump)) + "end\n",
        YamlKind.Map => "map\n" + string.Concat(
            node.Entries.Select(entry => Dump(entry.Key) + Dump(entry.Value))) + "end\n",
    };
}
