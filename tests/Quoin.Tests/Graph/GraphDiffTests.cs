using Quoin.Core;

namespace Quoin.Tests;

/// <summary>What a refused build is told of the two versions of a graph.</summary>
public sealed class GraphDiffTests
{
    static string[] Diff(string old, string now, int most = 20) =>
        [.. GraphDiff.Lines(old, now, most)];

    [Fact]
    public void The_same_text_has_no_lines() =>
        Assert.Empty(Diff("--- a.yaml\nx: 1\n", "--- a.yaml\nx: 1\n"));

    [Fact]
    public void Lines_have_the_place_that_they_have_in_their_version()
    {
        const string old = "--- quoin.yaml\na\nb\nc\nd\n--- more.yaml\nx\n";
        const string now = "--- quoin.yaml\na\nc\nnew\nd\n--- more.yaml\ny\n";
        Assert.Equal(
            ["quoin.yaml:2 - b", "quoin.yaml:3 + new", "more.yaml:1 - x", "more.yaml:1 + y"],
            Diff(old, now));
    }

    [Fact]
    public void A_file_that_only_one_has_is_told_line_by_line() =>
        Assert.Equal(
            ["b.yaml:1 + k: v", "b.yaml:2 +"],
            Diff("--- a.yaml\nx\n", "--- a.yaml\nx\n--- b.yaml\nk: v\n\n"));

    [Fact]
    public void Many_lines_are_counted()
    {
        var now = "--- q\n" + string.Concat(Enumerable.Range(1, 30).Select(n => $"line {n}\n"));
        var lines = Diff("--- q\n", now, most: 3);
        Assert.Equal(["q:1 + line 1", "q:2 + line 2", "q:3 + line 3", "(27 more lines)"], lines);
    }

    [Fact]
    public void Texts_too_long_to_compare_line_by_line_are_told_as_a_whole()
    {
        var old = "--- q\n" + string.Concat(Enumerable.Range(1, 3000).Select(n => $"a{n}\n"));
        var now = "--- q\n" + string.Concat(Enumerable.Range(1, 3000).Select(n => $"b{n}\n"));
        Assert.Equal("(5999 more lines)", Diff(old, now, most: 1)[^1]);
    }
}
