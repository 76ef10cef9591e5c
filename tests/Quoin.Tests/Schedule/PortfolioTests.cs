using System.Collections.Immutable;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Schedule;

public sealed class PortfolioTests
{
    // One that scales well: 1,000 ms, 550, 400, 325 on 1 to 4 cores.
    static readonly CoreTime[] scales = [new(1, 1_000), new(2, 550), new(4, 325)];

    [Fact]
    public void A_run_alone_gets_all_that_it_can_use()
    {
        var choice = Choose(RankTests.Graph("a"), 4, All(1));

        Assert.Equal("a=4 best for all 325", Text(choice));
    }

    [Fact]
    public void As_many_runs_as_slots_get_one_core_each()
    {
        var choice = Choose(RankTests.Graph("a", "b", "c", "d"), 4, All(4));

        Assert.Equal("a=1 b=1 c=1 d=1 1 core each 1000", Text(choice));
    }

    [Fact]
    public void Two_beside_each_other_share_the_slots()
    {
        var choice = Choose(RankTests.Graph("a", "b", "c a b"), 4, All(3));

        Assert.Equal("a=2 b=2 c=4 fair share 875", Text(choice));
    }

    [Fact]
    public void The_long_chain_gets_the_cores_and_what_is_beside_it_one()
    {
        // Eight after each other beside two that nobody waits for, on one slot more than one uses.
        string[] chain = ["k0", .. Enumerable.Range(1, 7).Select(i => $"k{i} k{i - 1}")];
        var graph = RankTests.Graph([.. chain, "x", "y"]);

        var choice = Choose(graph, 5, All(10));

        Assert.Equal([4, 4, 4, 4, 4, 4, 4], choice.Cores[..7]);
        Assert.Equal([1, 1], choice.Cores[8..]);
        Assert.InRange(choice.Times.MakespanMs, 8 * 325, 9 * 325);
    }

    [Fact]
    public void It_is_never_worse_than_one_core_each_and_keeps_what_is_as_good()
    {
        for (var seed = 1; seed <= 100; seed++)
        {
            var random = new Random(seed);
            var count = random.Next(1, 30);
            var graph = RankTests.Graph([.. Enumerable.Range(0, count).Select(i => $"n{i} "
                + string.Join(' ', Enumerable.Range(0, i).Where(_ => random.Next(5) == 0)
                    .Select(j => $"n{j}")))]);
            var slots = random.Next(1, 9);
            var moldable = new CoreEstimates?[count];
            for (var i = 0; i < count; i++)
                if (random.Next(3) > 0)
                    moldable[i] = new CoreEstimates(
                        [new(1, random.Next(100, 1_000))], EstimateSource.Job, new(1, slots));
            var tasks = Tasks(graph, moldable);

            var choice = Portfolio.Choose(tasks, moldable, Room(graph, slots));
            var again = Portfolio.Choose(tasks, moldable, Room(graph, slots), choice.Cores);

            var alone = Timetable.Of(tasks, Room(graph, slots));
            Assert.True(choice.Times.MakespanMs <= alone.MakespanMs, $"seed {seed}");
            Assert.Equal("", again.Strategy);
            Assert.Equal(choice.Cores, again.Cores);
        }
    }

    [Fact]
    public void What_gets_slower_beyond_two_cores_gets_two()
    {
        var slower = new CoreEstimates(
            [new(1, 1_000), new(2, 600), new(4, 900)], EstimateSource.Partition, new(1, 4));

        Assert.Equal(2, slower.Best);
        Assert.Equal("a=2 best for all 600", Text(Choose(RankTests.Graph("a"), 4, [slower])));
    }

    static CoreEstimates?[] All(int count) =>
        [.. Enumerable.Repeat(new CoreEstimates(scales, EstimateSource.Job, new(1, 4)), count)];

    static PortfolioChoice Choose(JobGraph graph, int slots, CoreEstimates?[] moldable) =>
        Portfolio.Choose(Tasks(graph, moldable), moldable, Room(graph, slots));

    static TimetableTasks Tasks(JobGraph graph, CoreEstimates?[] moldable) => new()
    {
        Order = graph,
        EstimatesMs = [.. moldable.Select(times => times?.Of(1).Milliseconds ?? 500)],
        KeyOf = node => graph.Outputs(node)[0],
    };

    static TimetableRoom Room(JobGraph graph, int slots) =>
        new(slots, 0, ImmutableSortedDictionary<string, int>.Empty, graph.Names);

    static string Text(PortfolioChoice choice) => string.Join(' ', choice.Cores.Select(
        (cores, node) => $"{(char)('a' + node)}={cores}"))
        + $" {choice.Strategy} {choice.Times.MakespanMs}";
}
