using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Tidy;
using Xunit;

namespace Quoin.Tests;

/// <summary>The graph of the example is read as its comments say.</summary>
public sealed class ExampleTests
{
    static readonly GraphLoad weather =
        GraphLoader.Load(Path.Combine(Repository.Root, "examples", "weather"), "quoin.yaml");

    [Fact]
    public void The_weather_graph_has_no_problems() => Assert.Empty(weather.Problems);

    [Fact]
    public void The_notebook_graph_has_four_resources_and_no_problems()
    {
        var notebook =
            GraphLoader.Load(Path.Combine(Repository.Root, "examples", "notebook"), "quoin.yaml");

        Assert.Empty(notebook.Problems);
        Assert.Equal(
            ["image", "storage", "data", "session"],
            notebook.Graph!.Jobs.Where(job => job.Resource is not null).Select(job => job.Name));
    }

    [Fact]
    public void The_feeds_graph_has_two_jobs_that_feeds_ask_for()
    {
        var feeds = GraphLoader.Load(
            Path.Combine(Repository.Root, "examples", "feeds"), "quoin.yaml");

        Assert.Empty(feeds.Problems);
        Assert.Equal(["fetch", "title", "draw"], feeds.Graph!.Jobs.Select(job => job.Name));
        Assert.Equal("incoming", feeds.Graph.Jobs[0].FeedFolder);
        Assert.Equal("asked", feeds.Graph.Jobs[2].FeedFolder);
        Assert.Equal(
            ["quoin:line", "draw", "opaque", "{out}"], feeds.Graph.Jobs[2].Exec);
        var (fetch, draw) = (feeds.FeedJobs[0], feeds.FeedJobs[1]);
        Assert.Equal(
            ("page", "name", "incoming"), (fetch.Dataset, fetch.Capture, fetch.FeedFolder));
        Assert.Equal(FeedOrder.LeastRecentlyDispatched, fetch.Rules.Feed.Order);
        Assert.Null(fetch.Socket);
        Assert.Equal("pictures.sock", draw.Socket);
        Assert.Equal((30_000, 43_200_000), (draw.Rules.Feed.LeaseMs, draw.Rules.Feed.HoldMs));
        Assert.Equal(FeedOrder.Fifo, draw.Rules.Feed.Order);
        Assert.Null(draw.Rules.Dataset);
    }

    [Fact]
    public void A_day_reads_its_year_and_a_month_its_days()
    {
        Assert.Equal(["observed/seattle/2012"], Inputs("daily/seattle/2012-01-04"));
        Assert.Equal(29, Inputs("monthly/seattle/2012-02").Length);
        Assert.Equal("daily/seattle/2012-02-29", Inputs("monthly/seattle/2012-02")[^1]);
        Assert.Equal(12, Inputs("yearly/new-york/2015").Length);
    }

    [Fact]
    public void The_report_reads_48_months_of_two_cities()
    {
        var months = Inputs("report");

        Assert.Equal(96, months.Length);
        Assert.Equal("monthly/seattle/2012-01", months[0]);
        Assert.Equal("monthly/new-york/2015-12", months[^1]);
    }

    [Fact]
    public void A_source_lies_where_its_file_is() => Assert.Equal(
        "data/seattle-2012.csv", weather.Graph!.PathOf("observed/seattle/2012"u8));

    static string[] Inputs(string output)
    {
        var graph = weather.Graph!;
        var names = new PartitionNames();
        var inputs = new List<PartitionId>();
        var job = graph.FindProducer(Encoding.UTF8.GetBytes(output)).Job!;
        Assert.Null(job.Expand(names.Intern(output), names, [], inputs));
        return [.. inputs.Select(names.Text)];
    }
}
