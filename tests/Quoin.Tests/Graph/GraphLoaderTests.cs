using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests;

public class GraphLoaderTests
{
    /// <summary>The example of the design, word by word.</summary>
    const string Weather = """
        quoin: 1                                   # version of this format
        name: weather
        targets: [report]                          # what a bare `quoin build` wants
        pools: { plots: 2 }                        # capacities, over the whole store
        defaults: { timeout: 10m, retries: 1, env: { LC_ALL: C } }
        datasets:                                  # where partitions lie; without an entry: .quoin/data/REF
          observed/{city}/{year:year}: { source: "data/{city}-{year}.csv" }    # a source: nothing builds it
          daily/{city}/{date:date}:    { path: "out/daily/{city}/{date}.json" }
          report:                      { path: out/report.svg }
        jobs:
          daily:
            outputs: ["daily/{city}/{date:date}"]
            inputs:  ["observed/{city}/{date.year}"]
            exec:    [awk, -f, daily.awk, -v, "date={date}", "{in}"]           # an argv, no shell; {in} and {out} are paths
            stdout:  "{out}"                                                   # or the job writes to {out} itself
            code:    [daily.awk]                                               # part of the fingerprint
          monthly:
            outputs: ["monthly/{city}/{month:month}"]
            inputs:  ["daily/{city}/{month.days}"]                             # fan-in: one input a day
            exec:    [sh, monthly.sh, "{out}", "{in...}"]                      # {in...} spreads into one argument an input
          report:
            outputs: [report]
            inputs:  ["monthly/{city:in(seattle,new-york)}/{month:range(2012-01,2015-12)}"]
            exec:    [python3, report.py, "{out}"]
            code:    [report.py]
            estimate: 2s
            resources: { cpu: 1, memory: 200MB, pools: { plots: 1 } }
            tags:    [report]
          ranked:
            outputs: ["ranked/{month:month}"]
            config:  [./ranked.py, config]                                     # full control over inputs and outputs
            exec:    [./ranked.py, exec]
        """;

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
        Assert.Equal("out/daily/seattle/2012-01-31.json", PathOf(graph, "daily/seattle/2012-01-31"));
        Assert.Equal("data/seattle-2012.csv", PathOf(graph, "observed/seattle/2012"));
        Assert.Equal("out/report.svg", PathOf(graph, "report"));
        Assert.Equal(".quoin/data/monthly/seattle/2012-01", PathOf(graph, "monthly/seattle/2012-01"));
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
