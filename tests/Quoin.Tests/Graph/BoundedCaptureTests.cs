using System.Text;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests;

public sealed class BoundedCaptureTests
{
    [Theory]
    [InlineData("int(1,9)", "1", true)]
    [InlineData("int(1,9)", "9", true)]
    [InlineData("int(1,9)", "0", false)]
    [InlineData("int(1,9)", "10", false)]
    [InlineData("int(-3,)", "-3", true)]
    [InlineData("int(-3,)", "-4", false)]
    [InlineData("date(2026-01-02,)", "2026-01-01", false)]
    [InlineData("date(2026-01-02,)", "2026-01-02", true)]
    [InlineData("month(,2026-01)", "2026-02", false)]
    [InlineData("year(2012,2015)", "2015", true)]
    public void A_capture_takes_what_lies_between_its_bounds(string type, string text, bool takes)
    {
        var graph = TestGraph.Of(("a", [$"a/{{x:{type}}}"], []));

        Assert.Equal(takes, graph.FindProducer(Encoding.UTF8.GetBytes($"a/{text}")).Exists);
    }

    [Fact]
    public void A_recursive_pattern_ends_at_its_bound()
    {
        var graph = TestGraph.Of(
            ("first", ["total/2026-01-01"], []),
            ("next", ["total/{d:date(2026-01-02,)}"], ["total/{d-1d}"]));
        var names = new PartitionNames();
        var inputs = new List<PartitionId>();

        var next = graph.FindProducer("total/2026-01-02"u8).Job!;
        Assert.Null(next.Expand(names.Intern("total/2026-01-02"), names, [], inputs));

        Assert.Equal("next", next.Name);
        Assert.Equal("total/2026-01-01", names.Text(inputs.Single()));
        Assert.Equal("first", graph.FindProducer("total/2026-01-01"u8).Job!.Name);
    }

    [Theory]
    [InlineData("a/{i:int(1,9)}", "a/{i:int(10,)}", null)]
    [InlineData("a/{i:int(1,9)}", "a/{i:int(9,)}", "a/9")]
    [InlineData("a/{i:int(1,9)}", "a/0", null)]
    [InlineData("a/{d:date(,1999-12-31)}", "a/{d:date(2000-01-01,)}", null)]
    [InlineData("a/{d:date(1990-01-01,1999-12-31)}", "a/{d:date}", "a/1990-01-01")]
    public void Patterns_overlap_only_within_their_bounds(string one, string other, string? both)
    {
        var problems = new List<GraphProblem>();
        TestGraph.Builder([], [("one", [one], []), ("other", [other], [])])
            .Build(default, problems);

        Assert.Equal(both is null ? 0 : 1, problems.Count);
        if (both is not null) Assert.EndsWith($"both make {both}", problems[0].Message);
    }

    [Theory]
    [InlineData("int(1)", "int(1) needs a first and a last value, or one of them: "
        + "int(first,last), int(first,)")]
    [InlineData("int(9,1)", "int(9,1) ends before it begins")]
    [InlineData("date(1,2)", "\"2\" in date(1,2) is not a date (2026-01-31)")]
    public void A_wrong_bound_is_a_problem_with_its_place(string type, string message)
    {
        var problems = new List<GraphProblem>();
        TestGraph.Builder([], [("a", [$"a/{{x:{type}}}"], [])]).Build(default, problems);

        Assert.Equal(message, Assert.Single(problems).Message);
    }
}
