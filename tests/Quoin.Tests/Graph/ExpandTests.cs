using Quoin.Core;
using Xunit;

namespace Quoin.Tests;

public class ExpandTests
{
    [Theory]
    [InlineData("daily/{city}/{date:date}", "observed/{city}/{date.year}",
        "daily/seattle/2012-02-29", "observed/seattle/2012")]
    [InlineData("a/{d:date}", "b/{d.month}", "a/2026-01-31", "b/2026-01")]
    [InlineData("a/{d:date}", "b/{d-1d}", "a/2024-03-01", "b/2024-02-29")]
    [InlineData("a/{d:date}", "b/{d.month-1m}", "a/2026-01-31", "b/2025-12")]
    [InlineData("a/{m:month}", "b/{m-1m}", "a/2026-01", "b/2025-12")]
    [InlineData("a/{m:month}", "b/{m+1y}", "a/2026-01", "b/2027-01")]
    [InlineData("a/{m:month}", "b/{m.year}", "a/2026-01", "b/2026")]
    [InlineData("a/{y:year}", "b/{y-1}", "a/2026", "b/2025")]
    [InlineData("a/{y:year}", "b/{y-1y}", "a/2026", "b/2025")]
    [InlineData("a/{h:hour}", "b/{h-1h}", "a/2026-01-01T00", "b/2025-12-31T23")]
    [InlineData("a/{h:hour}", "b/{h.date}", "a/2026-01-01T00", "b/2026-01-01")]
    [InlineData("a/{i:int}", "b/{i+1}", "a/-1", "b/0")]
    [InlineData("a/{i:int}", "b/x{i-1}y", "a/100", "b/x99y")]
    [InlineData("a/{c}", "b/{c}/{k:in(x,y)}", "a/1", "b/1/x b/1/y")]
    [InlineData("a/{c}", "b/{k:in(x,y)}/{i:range(0,2)}", "a/1",
        "b/x/0 b/x/1 b/x/2 b/y/0 b/y/1 b/y/2")]
    [InlineData("a", "b/{m:range(2025-11,2026-02)}", "a",
        "b/2025-11 b/2025-12 b/2026-01 b/2026-02")]
    [InlineData("a", "b/{y:range(2024,2026)}", "a", "b/2024 b/2025 b/2026")]
    [InlineData("a/{d:date}", "b/{e:range(d-2d,d)}", "a/2026-01-01",
        "b/2025-12-30 b/2025-12-31 b/2026-01-01")]
    [InlineData("a/{n:int}", "b/{i:range(1,n)}", "a/2", "b/1 b/2")]
    [InlineData("a/{n:int}", "b/{i:range(1,n)}", "a/0", "")]
    [InlineData("a/{c}", "b/{k:in(x,y)}/{k}", "a/1", "b/x/x b/y/y")]
    [InlineData("a/{y:year}", "b/{y.months}", "a/2026",
        "b/2026-01 b/2026-02 b/2026-03 b/2026-04 b/2026-05 b/2026-06 b/2026-07 b/2026-08 "
        + "b/2026-09 b/2026-10 b/2026-11 b/2026-12")]
    public void An_input_template_stands_for_these_partitions(
        string output, string input, string asked, string expected)
    {
        var job = Job(output, input);

        Assert.Equal(expected, string.Join(' ', Inputs(job, asked)));
        Assert.Equal(expected, string.Join(' ', job.Configure(asked).Inputs));
    }

    [Theory]
    [InlineData("2012-02", 29)]
    [InlineData("2013-02", 28)]
    [InlineData("2013-12", 31)]
    public void A_month_has_its_days(string month, int days)
    {
        var inputs = Inputs(Job("a/{m:month}", "b/{m.days}"), $"a/{month}");

        Assert.Equal(days, inputs.Count);
        Assert.Equal($"b/{month}-01", inputs[0]);
        Assert.Equal($"b/{month}-{days}", inputs[^1]);
    }

    [Fact]
    public void A_date_has_its_hours()
    {
        var inputs = Inputs(Job("a/{d:date}", "b/{d.hours}"), "a/2026-01-31");

        Assert.Equal(24, inputs.Count);
        Assert.Equal("b/2026-01-31T00", inputs[0]);
        Assert.Equal("b/2026-01-31T23", inputs[^1]);
    }

    [Theory]
    [InlineData("a/{d:date}", "b/{d-1d}", "a/0001-01-01",
        "input \"b/{d-1d}\" of a/0001-01-01 leaves the years 1 to 9999 or the range of ints")]
    [InlineData("a/{d:date}", "b/{d}", "a/2026-13-01",
        "a/2026-13-01 is not an output of job j (a/{d:date}): "
        + "\"2026-13-01\" is not a date (2026-01-31)")]
    [InlineData("a/{i:int}", "b/{i}", "a/007",
        "a/007 is not an output of job j (a/{i:int}): "
        + "\"007\" is not an int (whole number without leading zeros)")]
    [InlineData("a/{i:int}", "a/{k:range(1,3)}", "a/2",
        "a/2 would be its own input (input \"a/{k:range(1,3)}\")")]
    [InlineData("a/{i:int}", "b/{k:range(1,i)}", "a/10000001",
        "input \"b/{k:range(1,i)}\" of a/10000001 stands for more than 10000000 partitions")]
    [InlineData("a/{c}", "b/{k:known}", "a/2",
        "input \"b/{k:known}\" needs the known partitions, which are not at hand here")]
    public void What_is_wrong_is_told_and_nothing_added(
        string output, string input, string asked, string expected)
    {
        var job = Job(output, input);
        var names = new PartitionNames();
        List<PartitionId> outputs = [], inputs = [];

        Assert.Equal(expected, job.Expand(names.Intern(asked), names, outputs, inputs));
        Assert.Empty(outputs);
        Assert.Empty(inputs);
        var thrown = Assert.Throws<InvalidOperationException>(() => job.Configure(asked));
        if (!expected.Contains("own input")) Assert.Equal(expected, thrown.Message);
    }

    static Job Job(string output, string input)
    {
        var problems = new List<GraphProblem>();
        var declared = TestGraph.Builder([], ("j", [output], [input]));
        declared.Add(new DatasetDeclaration
        {
            Pattern = new("b/{x}", default),
            Path = new("b/{x}", default),
            IsSource = true,
        });
        declared.Add(new DatasetDeclaration
        {
            Pattern = new("b/{x}/{y}", default),
            Path = new("b/{x}/{y}", default),
            IsSource = true,
        });
        declared.Add(new DatasetDeclaration
        {
            Pattern = new("observed/{x}/{y}", default),
            Path = new("o/{x}/{y}", default),
            IsSource = true,
        });
        var graph = declared.Build(default, problems);
        Assert.Empty(problems);
        return graph!.Jobs[0];
    }

    static List<string> Inputs(Job job, string asked)
    {
        var names = new PartitionNames();
        List<PartitionId> outputs = [], inputs = [];
        Assert.Null(job.Expand(names.Intern(asked), names, outputs, inputs));
        Assert.Equal([asked], outputs.Select(names.Text));
        return [.. inputs.Select(names.Text)];
    }
}
