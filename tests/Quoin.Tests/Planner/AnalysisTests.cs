using System.Diagnostics;
using Quoin.Core;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Planner;

public sealed class AnalysisTests
{
    [Fact]
    public void A_walk_finds_nodes_edges_sources_and_an_order()
    {
        var world = new PlanWorld(
            Source("observed/{year:year}", "data/{year}.csv"),
            Job("daily", "daily/{date:date}", "observed/{date.year}"),
            Job("pair", "left/{m:month} right/{m:month}", "daily/{m}-01", "daily/{m}-02"),
            Job("report", "report", "left/2026-01", "right/2026-01", "daily/2026-01-02"));

        var graph = world.Analyze("report", "report");

        Assert.Equal(
            """
            daily/2026-01-02 <- observed/2026
            daily/2026-01-01 <- observed/2026
            left/2026-01 right/2026-01 <- daily/2026-01-01 daily/2026-01-02
            report <- left/2026-01 right/2026-01 daily/2026-01-02
            """,
            Dump(graph));
        Assert.Equal(["observed/2026"], graph.Sources.Select(world.Names.Text));
        Assert.Equal(["report"], graph.Targets.Select(world.Names.Text));
        Assert.Equal((4, 5), (graph.Count, graph.OutputCount));
        Assert.Equal(JobGraph.Source, graph.ProducerOf(world.P("observed/2026")));
        Assert.Equal(JobGraph.Unknown, graph.ProducerOf(world.P("elsewhere")));
        var pair = graph.ProducerOf(world.P("right/2026-01"));
        Assert.Equal(pair, graph.ProducerOf(world.P("left/2026-01")));
        Assert.Equal(
            [graph.ProducerOf(world.P("report"))], graph.Consumers(pair).ToArray().Distinct());
        Assert.Empty(graph.Problems);
    }

    [Fact]
    public void A_partition_that_nothing_produces_is_named_with_its_chain_and_what_was_meant()
    {
        var world = new PlanWorld(
            Job("raw", "raw/{date:date}"),
            Job("month", "month/{m:month}", "raw/{m}-31"),
            Job("report", "report", "month/2026-02", "month/2026-01"));

        var graph = world.Analyze("report", "raws/2026-01-01");

        Assert.Equal(
            [
                "no-producer: nothing produces raws/2026-01-01; nearest: raw/{date:date}",
                "no-producer: nothing produces raw/2026-02-31 (input of job month, "
                    + "quoin.yaml:15:3); nearest: raw/{date:date}; "
                    + "\"2026-02-31\" is not a date (2026-01-31)",
            ],
            graph.Problems.Select(problem => $"{problem.Code}: {problem.Message}"));
        Assert.Equal(["report", "month/2026-02", "raw/2026-02-31"], graph.Problems[1].Chain);
        Assert.Equal(["raws/2026-01-01"], graph.Problems[0].Chain);
        Assert.Equal(1, graph.ProblemOf(graph.ProducerOf(world.P("report"))));
        Assert.Equal(-1, graph.ProblemOf(graph.ProducerOf(world.P("month/2026-01"))));
        Assert.Equal(JobGraph.Nobody, graph.ProducerOf(world.P("raws/2026-01-01")));
    }

    [Fact]
    public void A_cycle_is_reported_once_and_whole_and_blocks_what_reads_from_it()
    {
        var world = new PlanWorld(
            Job("a", "a/{i:int}", "c/{i}"),
            Job("b", "b/{i:int}", "a/{i}"),
            Job("c", "c/{i:int}", "b/{i}"),
            Job("free", "free"),
            Job("top", "top", "b/1", "free"));

        var graph = world.Analyze("top");

        var problem = Assert.Single(graph.Problems);
        Assert.Equal("cycle", problem.Code);
        Assert.Equal("a/1 -> b/1 -> c/1 -> a/1", problem.Message);
        Assert.Equal(["top", "b/1", "a/1", "c/1", "b/1", "a/1"], problem.Chain);
        Assert.Equal(
            "free -1, top 0, b/1 0, a/1 0, c/1 0",
            string.Join(", ", graph.Order.ToArray().Select(
                node => $"{world.Names.Text(graph.Outputs(node)[0])} {graph.ProblemOf(node)}")));
    }

    [Fact]
    public void Two_cycles_are_two_problems()
    {
        var world = new PlanWorld(
            Job("a", "a", "b"), Job("b", "b", "a"),
            Job("x", "x", "y", "a"), Job("y", "y", "z"), Job("z", "z", "x"));

        var graph = world.Analyze("x");

        Assert.Equal(
            ["a -> b -> a", "x -> z -> y -> x"], graph.Problems.Select(problem => problem.Message));
    }

    // Without a lower bound the walk would go back to the year 1.
    [Fact]
    public void A_chain_without_a_lower_bound_is_a_runaway_within_seconds()
    {
        var world = new PlanWorld(Job("daily", "daily/{d:date}", "daily/{d-1d}"), Job("ok", "ok"));
        var watch = Stopwatch.StartNew();

        var graph = world.Analyze("daily/2026-01-31", "ok");

        var problem = Assert.Single(graph.Problems);
        Assert.Equal("runaway", problem.Code);
        Assert.Equal(
            "analysis gave up after 10,003 rounds, at daily/1998-09-12; "
            + "job daily (quoin.yaml:14:3) has no lower bound",
            problem.Message);
        Assert.Equal("daily/2026-01-31", problem.Chain[0]);
        Assert.Equal("... (9,993 more)", problem.Chain[3]);
        Assert.Equal("daily/1998-09-12", problem.Chain[^1]);
        Assert.Equal(-1, graph.ProblemOf(graph.ProducerOf(world.P("ok"))));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Too_many_partitions_are_a_runaway_too()
    {
        var world = new PlanWorld(Job("tree", "t/{x}", "t/{x}0", "t/{x}1"));

        var graph = world.Analyze(new AnalysisOptions { PartitionsMax = 5_000 }, "t/0");

        Assert.Equal(
            "analysis gave up at 5,001 partitions, at t/0001110001001; "
            + "job tree (quoin.yaml:14:3) has no lower bound",
            Assert.Single(graph.Problems).Message);
    }

    [Fact]
    public void A_chain_as_long_as_the_graph_has_jobs_is_no_runaway()
    {
        var world = new PlanWorld(Enumerable.Range(0, 300)
            .Select(i => Job($"j{i}", $"p{i}", i == 0 ? [] : [$"p{i - 1}"])));

        var graph = world.Analyze(new AnalysisOptions { RoundsMax = 10 }, "p299");

        Assert.Empty(graph.Problems);
        Assert.Equal(300, graph.Count);
        Assert.Equal("p0", world.Names.Text(graph.Outputs(graph.Order[0])[0]));
    }

    [Fact]
    public void Inputs_that_a_run_found_are_inputs_of_the_next_plan()
    {
        var world = new PlanWorld(Job("a", "a"), Job("b", "b"), Job("x", "x", "a"));
        var options = new AnalysisOptions
        {
            FoundInputs = partition => partition == world.P("x") ? [world.P("b")] : [],
        };

        Assert.Equal("a <-\nb <-\nx <- a b", Dump(world.Analyze(options, "x")));
    }

    [Fact]
    public void An_argument_without_a_text_is_a_problem_of_its_partition()
    {
        var world = new PlanWorld(Job("d", "d/{d:date}") with { Exec = [At("x"), At("{d-1d}")] });

        var graph = world.Analyze("d/0001-01-01", "d/0001-01-02");

        Assert.Equal(
            "job d (quoin.yaml:14:3): \"{d-1d}\" of d/0001-01-01 leaves the years 1 to 9999",
            Assert.Single(graph.Problems).Message);
        Assert.Equal(1, graph.Count);
    }

    [Fact]
    public void A_wanted_source_is_no_node()
    {
        var world = new PlanWorld(Source("s", "data/s.csv"));

        var graph = world.Analyze("s");

        Assert.Equal(0, graph.Count);
        Assert.Equal(["s"], graph.Sources.Select(world.Names.Text));
    }

    internal static string Dump(JobGraph graph) => string.Join('\n', graph.Order.ToArray().Select(
        node => (Texts(graph, graph.Outputs(node)) + " <- "
            + Texts(graph, graph.Inputs(node))).TrimEnd()));

    static string Texts(JobGraph graph, ReadOnlySpan<PartitionId> partitions) =>
        string.Join(' ', partitions.ToArray().Select(graph.Names.Text));
}
