using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Tidy;
using Xunit;

namespace Quoin.Tests;

public class GraphLoaderTests
{
    /// <summary>The example of the design, word by word.</summary>
    static readonly string Weather = File.ReadAllText(
        Path.Combine(Repository.Root, "tests/Quoin.Tests/Graph/design-example.yaml"));

    [Fact]
    public void The_example_of_the_design_loads()
    {
        var load = Load(Weather);

        Assert.Empty(load.Problems);
        var graph = load.Graph!;
        Assert.Equal("weather", graph.Name);
        Assert.Equal(["report"], graph.Targets);
        Assert.Equal(2, graph.Pools["plots"]);
        Assert.Equal(["daily", "monthly", "report", "ranked"], graph.Jobs.Select(job => job.Name));
        Assert.Equal("quoin.yaml:11:3", graph.Jobs[0].Location.ToString());
        Assert.Equal("out/daily/seattle/2012-01-31.json",
            PathOf(graph, "daily/seattle/2012-01-31"));
        Assert.Equal("data/seattle-2012.csv", PathOf(graph, "observed/seattle/2012"));
        Assert.Equal("out/report.svg", PathOf(graph, "report"));
        Assert.Equal(".quoin/data/monthly/seattle/2012-01",
            PathOf(graph, "monthly/seattle/2012-01"));
        Assert.True(graph.FindProducer("observed/seattle/2012"u8).Source!.IsSource);
        Assert.False(graph.FindProducer("observed/seattle/12"u8).Exists);
        Assert.Equal("ranked", graph.FindProducer("ranked/2012-01"u8).Job!.Name);
    }

    [Fact]
    public void A_job_of_the_example_is_configured()
    {
        var graph = Load(Weather).Graph!;

        var daily = graph.Jobs[0].Configure("daily/seattle/2012-01-31");
        Assert.Equal(["daily/seattle/2012-01-31"], daily.Outputs);
        Assert.Equal(["observed/seattle/2012"], daily.Inputs);
        Assert.Equal(["awk", "-f", "daily.awk", "-v", "date=2012-01-31", "{in}"], daily.Args);
        Assert.Equal("C", daily.Env["LC_ALL"]);
        Assert.Equal(TimeSpan.FromMinutes(10), graph.Jobs[0].Limits.Timeout);
        Assert.Equal(1, graph.Jobs[0].Limits.Retries);

        var report = graph.Jobs[2].Configure("report");
        Assert.Equal(96, report.Inputs.Length);
        Assert.Equal("monthly/seattle/2012-01", report.Inputs[0]);
        Assert.Equal("monthly/new-york/2015-12", report.Inputs[^1]);
        Assert.Equal(200_000_000, report.Resources.MemoryBytes);
        Assert.Equal([new PoolClaim("plots", 1)], report.Resources.Pools);
        Assert.Equal(TimeSpan.FromSeconds(2), graph.Jobs[2].Limits.Estimate);
    }

    static GraphLoad Load(string yaml)
    {
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", yaml);
        return GraphLoader.Load(folder.Root, "quoin.yaml");
    }

    static string PathOf(Graph graph, string name) => graph.PathOf(Encoding.UTF8.GetBytes(name));
}
