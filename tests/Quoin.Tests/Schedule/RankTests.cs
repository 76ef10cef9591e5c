using Quoin.Core;
using Quoin.Tests.Planner;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Schedule;

public sealed class RankTests
{
    [Fact]
    public void The_rank_is_the_longest_way_to_the_end()
    {
        // a(5) > b(3) > d(2), a > c(10) > d
        var graph = Graph("a", "b a", "c a", "d b c");

        var times = Times(graph, "a5000 b3000 c10000 d2000");

        Assert.Equal(
            "a 17000, b 5000, c 12000, d 2000", Text(graph, UpwardRank.Of(graph, times)));
        Assert.Equal("a > c > d (17s)", CriticalPath.Of(graph, times).Text(graph));
    }

    [Fact]
    public void What_does_not_run_is_not_on_the_path()
    {
        var graph = Graph("a", "b a", "c b");

        var times = Times(graph, "a3000 b0 c4000");

        Assert.Equal("a > c (7s)", CriticalPath.Of(graph, times).Text(graph));
        Assert.Equal(new CriticalPath([], 0).Nodes, CriticalPath.Of(graph, new int[3]).Nodes);
    }

    [Fact]
    public void A_chain_of_a_hundred_thousand_needs_no_stack()
    {
        var world = new PlanWorld(Job("n", "n/{i:int}", "n/{i-1}"), Job("end", "end", "n/100000"));
        var analysis = new Analysis(
            world.Graph, world.Names, new AnalysisOptions { RoundsMax = 99_999 });
        analysis.Start([world.P("end")]);
        var graph = analysis.Finish();
        var times = new int[graph.Count];
        Array.Fill(times, 1);

        Assert.Equal(100_002, graph.Count);
        Assert.Equal(100_002, CriticalPath.Of(graph, times).Milliseconds);
    }

    [Fact]
    public void On_random_graphs_it_is_the_brute_force_longest_path()
    {
        for (var seed = 1; seed <= 60; seed++)
        {
            var random = new Random(seed);
            var count = random.Next(1, 14);
            var graph = Graph([.. Enumerable.Range(0, count).Select(i => $"n{i} "
                + string.Join(' ', Enumerable.Range(0, i).Where(_ => random.Next(3) == 0)
                    .Select(j => $"n{j}")))]);
            var times = Enumerable.Range(0, count).Select(_ => random.Next(0, 100)).ToArray();

            var ranks = UpwardRank.Of(graph, times);

            for (var node = 0; node < count; node++)
                Assert.True(Longest(graph, times, node) == ranks[node], $"seed {seed}, {node}");
            Assert.True(ranks.Max() == CriticalPath.Of(graph, times).Milliseconds, $"seed {seed}");
            var sum = CriticalPath.Of(graph, times).Nodes.Sum(node => (long)times[node]);
            Assert.True(ranks.Max() == sum, $"seed {seed}");
        }
    }

    [Theory]
    [InlineData(100_000, 10_000, 4, 1.0, "25s-32s")]
    [InlineData(100_000, 60_000, 4, 1.0, "1m00s-1m10s")]
    [InlineData(60_000, 60_000, 1, 1.0, "1m00s")]
    [InlineData(60_000, 60_000, 1, 2.0, "30s-2m00s")]
    [InlineData(0, 0, 2, 1.0, "0s")]
    public void The_time_left_is_a_range(
        long work, long path, int slots, double penalty, string text) =>
        Assert.Equal(text, TimeLeft.Of(work, path, slots, penalty).ToString());

    [Fact]
    public void Hundred_columns_of_names_are_cut_in_the_middle()
    {
        var graph = Graph(
            [.. Enumerable.Range(0, 40).Select(i => i == 0 ? "n0" : $"n{i} n{i - 1}")]);
        var times = new int[40];
        Array.Fill(times, 500);

        Assert.Equal(
            "n0 > n1 > n2 > ... (29 more) > n32 > n33 > n34 > n35 > n36 > n37 > n38 > n39 (20s)",
            CriticalPath.Of(graph, times).Text(graph));
    }

    static long Longest(JobGraph graph, int[] times, int node) => times[node]
        + graph.Consumers(node).ToArray()
            .Select(consumer => Longest(graph, times, consumer)).DefaultIfEmpty().Max();

    // Each "name input input"; node i is the i-th.
    internal static JobGraph Graph(params string[] nodes)
    {
        var jobs = nodes.Select(node => node.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(words => Job(words[0], words[0], words[1..])).ToList();
        var world = new PlanWorld(jobs);
        return world.Analyze([.. jobs.Select(job => job.Name.Text)]);
    }

    static int[] Times(JobGraph graph, string times)
    {
        var result = new int[graph.Count];
        foreach (var word in times.Split(' '))
        {
            var node = graph.ProducerOf(graph.Names.Intern(word.AsSpan(0, 1)));
            result[node] = int.Parse(word.AsSpan(1));
        }
        return result;
    }

    static string Text(JobGraph graph, long[] ranks) => string.Join(", ", ranks.Select(
        (rank, node) => $"{graph.Names.Text(graph.Outputs(node)[0])} {rank}"));
}
