using System.Collections.Immutable;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Schedule;

public sealed class TimetableTests
{
    [Fact]
    public void The_longest_chain_starts_first_and_the_rest_beside_it()
    {
        // A chain of three beside six short ones, on two slots.
        var graph = RankTests.Graph("a", "b a", "c b", "u", "v", "w", "x", "y", "z");
        var times = Lay(graph, slots: 2, 10, 10, 10, 5, 5, 5, 5, 5, 5);

        Assert.Equal("a 1 0-10, u 2 0-5, v 2 5-10, b 1 10-20, w 2 10-15, x 2 15-20, c 1 20-30, "
            + "y 2 20-25, z 2 25-30", Text(graph, times));
        Assert.Equal((30, 30, 30), (times.MakespanMs, times.LowerBoundMs, times.PathMs));
    }

    [Fact]
    public void No_schedule_is_shorter_than_all_work_shared_by_all_slots()
    {
        var graph = RankTests.Graph("a", "b", "c");

        var times = Lay(graph, slots: 2, 10, 10, 10);

        Assert.Equal((20, 15, 10), (times.MakespanMs, times.LowerBoundMs, times.PathMs));
    }

    [Fact]
    public void What_does_not_run_holds_nothing_up()
    {
        var graph = RankTests.Graph("a", "b a", "c b");

        Assert.Equal("c 1 0-7", Text(graph, Lay(graph, slots: 1, 0, 0, 7)));
    }

    [Fact]
    public void A_run_of_more_cores_than_there_are_takes_all_and_pools_are_kept()
    {
        var graph = RankTests.Graph("a", "b", "c");
        var pools = ImmutableSortedDictionary<string, int>.Empty.Add("db", 1);
        var needs = new[]
        {
            new ResourceVector { Cpu = 8 },
            new ResourceVector { Pools = [new PoolClaim("db", 1)] },
            new ResourceVector { Pools = [new PoolClaim("db", 1)] },
        };

        var times = Timetable.Of(
            new TimetableTasks
            {
                Order = graph,
                EstimatesMs = [30, 20, 10],
                KeyOf = node => graph.Outputs(node)[0],
                NeedOf = node => needs[node],
            },
            new TimetableRoom(2, 0, pools, graph.Names));

        Assert.Equal("a 1,2 0-30, b 1 30-50, c 1 50-60", Text(graph, times));
    }

    [Fact]
    public void Every_run_starts_after_its_inputs_and_no_slot_has_two()
    {
        for (var seed = 1; seed <= 40; seed++)
        {
            var random = new Random(seed);
            var count = random.Next(1, 40);
            var graph = RankTests.Graph([.. Enumerable.Range(0, count).Select(i => $"n{i} "
                + string.Join(' ', Enumerable.Range(0, i).Where(_ => random.Next(6) == 0)
                    .Select(j => $"n{j}")))]);
            var slots = random.Next(1, 6);
            var estimates = Enumerable.Range(0, count).Select(_ => random.Next(1, 50)).ToArray();

            var times = Lay(graph, slots, estimates);

            Assert.True(count == times.Runs.Length, $"seed {seed}");
            Assert.True(times.LowerBoundMs <= times.MakespanMs, $"seed {seed}");
            var runs = times.Runs.ToDictionary(run => run.Node);
            foreach (var run in times.Runs)
                foreach (var consumer in graph.Consumers(run.Node))
                    Assert.True(run.EndMs <= runs[consumer].StartMs, $"seed {seed}");
            foreach (var slot in times.Runs.GroupBy(run => run.Slots.Single()))
                foreach (var (before, after) in slot.Zip(slot.Skip(1)))
                    Assert.True(before.EndMs <= after.StartMs, $"seed {seed}");
        }
    }

    // build-process.md, scenario 25: timeouts only, a long chain beside many short jobs, 8 slots.
    [Fact]
    public void With_timeouts_only_a_long_chain_beside_short_jobs_ends_near_the_bound()
    {
        string[] chain = ["k0", .. Enumerable.Range(1, 19).Select(i => $"k{i} k{i - 1}")];
        string[] crowd = [.. Enumerable.Range(0, 400).Select(i => $"s{i}")];
        var graph = RankTests.Graph([.. chain, .. crowd]);
        int[] timeouts = [.. chain.Select(_ => 600_000), .. crowd.Select(_ => 120_000)];
        var random = new Random(25);
        int[] actual = [.. timeouts.Select(ms => (int)(ms * (0.2 + (0.3 * random.NextDouble()))))];

        var times = Timetable.Of(
            new TimetableTasks
            {
                Order = graph,
                EstimatesMs = [.. timeouts.Select(ms => ms / 2)],
                ActualMs = actual,
                KeyOf = node => graph.Outputs(node)[0],
                TimeoutOf = node => timeouts[node],
            },
            Room(graph, 8));

        Assert.Equal("k0", graph.Names.Text(graph.Outputs(times.Runs[0].Node)[0]));
        Assert.InRange(times.MakespanMs / (double)times.LowerBoundMs, 1.0, 1.03);
    }

    static Timetable Lay(JobGraph graph, int slots, params int[] estimates) => Timetable.Of(
        new TimetableTasks
        {
            Order = graph,
            EstimatesMs = estimates,
            KeyOf = node => graph.Outputs(node)[0],
        },
        Room(graph, slots));

    static TimetableRoom Room(JobGraph graph, int slots) =>
        new(slots, 0, ImmutableSortedDictionary<string, int>.Empty, graph.Names);

    static string Text(JobGraph graph, Timetable times) => string.Join(", ", times.Runs.Select(
        run => $"{graph.Names.Text(graph.Outputs(run.Node)[0])} "
            + $"{string.Join(',', run.Slots.Select(slot => slot + 1))} {run.StartMs}-{run.EndMs}"));
}
