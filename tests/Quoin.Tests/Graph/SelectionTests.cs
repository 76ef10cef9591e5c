using Quoin.Core;
using Xunit;

namespace Quoin.Tests;

public class SelectionTests
{
    static readonly Graph Graph = TestGraph.Of(
        [("raw/{city}/{year:year}", "data/{city}-{year}.csv"), ("log/{f}", "log/{f}.txt")],
        ("daily", ["daily/{city}/{date:date}"], ["raw/{city}/{date.year}"]),
        ("monthly", ["monthly/{city}/{m:month}"], ["daily/{city}/{m.days}"]),
        ("clean", ["clean/{f}"], ["log/{f}"]),
        ("count", ["count/{f}"], ["clean/{f}"]),
        ("chunk", ["chunk/c{i:int}.bin"], []),
        ("report", ["report"], ["monthly/{c:in(oslo,rome)}/{m:range(2012-01,2012-02)}"]));

    static readonly KnownPartitions Known = new(
        Graph,
        glob => glob switch
        {
            "data/*-*.csv" => ["data/oslo-2012.csv", "data/rome-2012.csv", "data/x-12.csv"],
            "log/*.txt" => ["log/a.txt", "log/b.txt"],
            _ => throw new ArgumentException(glob),
        },
        ["chunk/c7.bin", "gone/1"]);

    [Theory]
    [InlineData("daily/oslo/2012-02-29", "daily/oslo/2012-02-29")]
    [InlineData("daily/oslo/1999-01-01", "daily/oslo/1999-01-01")]
    [InlineData("raw/oslo/2012", "raw/oslo/2012")]
    [InlineData("daily/oslo/2012-02-28..2012-03-01",
        "daily/oslo/2012-02-28 daily/oslo/2012-02-29 daily/oslo/2012-03-01")]
    [InlineData("raw/oslo/2011..2012", "raw/oslo/2011 raw/oslo/2012")]
    [InlineData("monthly/oslo/2011-12..2012-01", "monthly/oslo/2011-12 monthly/oslo/2012-01")]
    [InlineData("chunk/c9.bin..c10.bin", "chunk/c9.bin chunk/c10.bin")]
    [InlineData("chunk/c9.bin..10", "chunk/c9.bin chunk/c10.bin")]
    [InlineData("clean/a..b", "clean/a..b")]
    [InlineData("monthly/*/2012-01", "monthly/oslo/2012-01 monthly/rome/2012-01")]
    [InlineData("daily/rome/2012-02-*9", "daily/rome/2012-02-09 daily/rome/2012-02-19 "
        + "daily/rome/2012-02-29")]
    [InlineData("raw/**", "raw/oslo/2012 raw/rome/2012")]
    [InlineData("**/2012-02-29", "daily/oslo/2012-02-29 daily/rome/2012-02-29")]
    [InlineData("job:clean", "clean/a clean/b")]
    [InlineData("job:count", "count/a count/b")]
    [InlineData("job:chunk", "chunk/c7.bin")]
    [InlineData("gone/*", "gone/1")]
    [InlineData("re*", "report")]
    public void A_selector_selects(string selector, string expected) =>
        Assert.Equal(expected, Select(out _, selector));

    [Fact]
    public void Known_are_the_days_that_the_target_needs_and_the_report() => Assert.Equal(
        2 * (31 + 29) + 4 + 2 + 1, Known.All.Count(name =>
            name.Split('/')[0] is "daily" or "monthly" or "raw" or "report"));

    [Fact]
    public void What_is_selected_twice_is_there_once() => Assert.Equal(
        "clean/b clean/a", Select(out _, "clean/b", "clean/*", "job:clean"));

    [Theory]
    [InlineData("dialy/oslo/2012-01-01",
        "error[unknown-name]: nothing makes dialy/oslo/2012-01-01; "
        + "did you mean \"daily/{city}/{date:date}\"?")]
    [InlineData("daily/oslo/2012-02-30",
        "error[unknown-name]: nothing makes daily/oslo/2012-02-30; in daily/{city}/{date:date}, "
        + "\"2012-02-30\" is not a date (2026-01-31)")]
    [InlineData("daily", "error[unknown-name]: daily is no partition, but has some below it; "
        + "did you mean \"daily/**\"?")]
    [InlineData("reprot", "error[unknown-name]: nothing makes reprot; did you mean \"report\"?")]
    [InlineData("dialy/*", "error[no-match]: \"dialy/*\" matches no known partition; "
        + "did you mean \"daily/*\"?")]
    [InlineData("daily/**x", "error[bad-selector]: \"daily/**x\": ** must be a whole segment")]
    [InlineData("daily//x", "error[bad-selector]: \"daily//x\" has an empty segment")]
    [InlineData("job:dayly", "error[unknown-job]: there is no job \"dayly\"; "
        + "did you mean \"job:daily\"?")]
    [InlineData("daily/oslo/2012-01-02..2012-01-01",
        "error[bad-selector]: \"daily/oslo/2012-01-02..2012-01-01\" ends before it begins")]
    [InlineData("daily/oslo/2012-01-02..x", "error[bad-selector]: \"daily/oslo/2012-01-02..x\": "
        + "\"x\" is not the end of a range in daily/{city}/{date:date}")]
    [InlineData("report/1..2", "error[unknown-name]: nothing makes report/1; "
        + "did you mean \"report\"?")]
    public void A_wrong_selector_says_why(string selector, string expected)
    {
        Assert.Equal("", Select(out var problems, selector));
        Assert.Equal(expected, problems);
    }

    [Fact]
    public void All_wrong_selectors_are_told_at_once()
    {
        Assert.Equal("report", Select(out var problems, "x", "report", "job:y"));
        Assert.Equal(
            "error[unknown-name]: nothing makes x\nerror[unknown-job]: there is no job \"y\"",
            problems);
    }

    [Fact]
    public void A_chain_without_an_end_is_known_for_ten_thousand_steps()
    {
        var graph = TestGraph.Of(
            ("walk", ["walk/{d:date}"], ["walk/{d-1d}"]), ("end", ["end"], ["walk/2026-01-31"]));
        var known = new KnownPartitions(graph, _ => []);

        Assert.Equal(10_000 + 1, known.All.Count);
    }

    static string Select(out string problems, params string[] selectors)
    {
        var names = new PartitionNames();
        var selection = Selection.Of(Graph, selectors, [], names, Known);
        problems = string.Join('\n', selection.Problems);
        return string.Join(' ', selection.Partitions.Select(names.Text));
    }
}
