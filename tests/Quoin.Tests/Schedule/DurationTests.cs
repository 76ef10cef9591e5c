using System.Buffers;
using Quoin.Core;
using Quoin.Tests.Planner;
using Xunit;
using static Quoin.Tests.Planner.PlanWorld;

namespace Quoin.Tests.Schedule;

public sealed class DurationTests
{
    readonly PartitionNames names = new();

    [Theory]
    [InlineData("7", 7)]
    [InlineData("7 9", 8)]
    [InlineData("9 1 5", 5)]
    [InlineData("1 2 3 4 5 6 7 8 9", 5)]
    [InlineData("1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", 1)]
    public void The_estimate_is_the_median(string times, int median)
    {
        var history = new DurationHistory(names);
        foreach (var time in times.Split(' ')) history.Add("j", P("x"), int.Parse(time));

        Assert.Equal(median, history.MedianOf(P("x")));
        Assert.Equal(median, history.MedianOf("j"));
        Assert.Equal(median, history.MedianOfAll());
        Assert.Equal(-1, history.MedianOf(P("y")));
        Assert.Equal(-1, history.MedianOf("other"));
    }

    [Fact]
    public void Times_on_different_cores_are_kept_apart_and_survive_a_snapshot()
    {
        var history = new DurationHistory(names);
        foreach (var ms in (ReadOnlySpan<int>)[900, 1_000, 1_100])
            history.Add("j", P("x"), ms, cores: 1);
        history.Add("j", P("x"), 300, cores: 4);
        history.Add("j", P("y"), 500, cores: 4);
        var bytes = new ArrayBufferWriter<byte>();
        history.Write(bytes);

        var read = DurationHistory.TryRead(bytes.WrittenSpan, names);

        foreach (var one in (DurationHistory[])[history, read!])
        {
            Assert.Equal([new(1, 1_000), new(4, 300)], one.ByCores(P("x")));
            Assert.Equal([new(1, 1_000), new(4, 400)], one.ByCores("j"));
            Assert.Empty(one.ByCores("other"));
            Assert.Equal(900, one.MedianOf("j"));
        }
    }

    [Fact]
    public void Only_the_last_20_of_a_partition_count()
    {
        var history = new DurationHistory(names);
        for (var i = 0; i < 1_000; i++) history.Add("j", P("x"), i);

        Assert.Equal((980 + 999) / 2, history.MedianOf(P("x")));
        Assert.Equal((900 + 999) / 2, history.MedianOf("j"));
    }

    [Fact]
    public void Partitions_do_not_mix()
    {
        for (var seed = 1; seed <= 20; seed++)
        {
            var random = new Random(seed);
            var history = new DurationHistory(names);
            var expected = Enumerable.Range(0, 30).Select(_ => new List<int>()).ToArray();
            for (var i = 0; i < 2_000; i++)
            {
                var (p, time) = (random.Next(random.Next(1, 31)), random.Next(10_000));
                history.Add("j", P($"p{p}"), time);
                expected[p].Add(time);
            }
            foreach (var (p, times) in expected.Index())
            {
                var last = times.TakeLast(20).Order().ToList();
                var median = last.Count == 0 ? -1
                    : last.Count % 2 == 1 ? last[last.Count / 2]
                    : (last[(last.Count / 2) - 1] + last[last.Count / 2]) / 2;
                Assert.True(median == history.MedianOf(P($"p{p}")), $"seed {seed}, p{p}");
            }
        }
    }

    [Fact]
    public void What_was_written_is_read()
    {
        var random = new Random(1);
        var history = new DurationHistory(names);
        for (var i = 0; i < 3_000; i++)
            history.Add($"j{random.Next(5)}", P($"p{random.Next(200)}"), random.Next(100_000));
        var buffer = new ArrayBufferWriter<byte>();
        history.Write(buffer);

        var other = new PartitionNames();
        other.Intern("something else");
        var read = DurationHistory.TryRead(buffer.WrittenSpan, other)!;

        Assert.Equal(history.PartitionCount, read.PartitionCount);
        Assert.Equal(history.MedianOfAll(), read.MedianOfAll());
        for (var i = 0; i < 5; i++) Assert.Equal(history.MedianOf($"j{i}"), read.MedianOf($"j{i}"));
        for (var i = 0; i < 200; i++)
            Assert.Equal(history.MedianOf(P($"p{i}")), read.MedianOf(other.Intern($"p{i}")));
        // What is added later goes on where the other stopped.
        read.Add("j1", other.Intern("p7"), 5);
        history.Add("j1", P("p7"), 5);
        Assert.Equal(history.MedianOf(P("p7")), read.MedianOf(other.Intern("p7")));
    }

    [Fact]
    public void Broken_bytes_are_no_history()
    {
        var history = new DurationHistory(names);
        history.Add("j", P("x"), 5);
        var buffer = new ArrayBufferWriter<byte>();
        history.Write(buffer);
        var bytes = buffer.WrittenSpan.ToArray();

        for (var cut = 0; cut < bytes.Length; cut++)
            Assert.Null(DurationHistory.TryRead(bytes.AsSpan(..cut), new PartitionNames()));
        Assert.Null(DurationHistory.TryRead([.. bytes, 0], new PartitionNames()));
        Assert.NotNull(DurationHistory.TryRead(bytes, new PartitionNames()));
    }

    [Fact]
    public void A_million_partitions_with_one_attempt_take_8_bytes_each()
    {
        var history = new DurationHistory(names);
        for (var i = 0; i < 1_000_000; i++) history.Add("j", new PartitionId(i), i);

        Assert.InRange(history.Bytes, 8_000_000, 8_200_000);
    }

    [Fact]
    public void The_first_source_that_applies_wins()
    {
        var world = new PlanWorld(
            Limited("declared", estimate: 30, timeout: 100), Limited("timeout", timeout: 100),
            Limited("tagged", tags: ["t"]), Limited("sibling", tags: ["t"]), Limited("plain"));
        var history = new DurationHistory(world.Names);
        Estimate Of(string name) =>
            new DurationEstimates(world.Graph, history)
                .Of(world.Graph.FindJob(name)!, world.P(name));

        Assert.Equal(new Estimate(30_000, EstimateSource.Declared), Of("declared"));
        Assert.Equal(new Estimate(50_000, EstimateSource.Timeout), Of("timeout"));
        Assert.Equal(new Estimate(1_000, EstimateSource.Default), Of("plain"));
        history.Add("sibling", world.P("sibling/other"), 700);
        history.Add("elsewhere", world.P("elsewhere"), 100);
        Assert.Equal(new Estimate(700, EstimateSource.Job), Of("sibling"));
        Assert.Equal(new Estimate(700, EstimateSource.Tag), Of("tagged"));
        Assert.Equal(new Estimate(400, EstimateSource.All), Of("plain"));
        history.Add("declared", world.P("declared"), 9);
        Assert.Equal(new Estimate(9, EstimateSource.Partition), Of("declared"));
        Assert.Equal(
            [1.0, 1.2, 1.5, 2.0, 2.5, 2.5, 2.5, 1.4, 1.2, 1.7],
            Enum.GetValues<EstimateSource>().Select(source => new Estimate(1, source).Penalty));
    }

    [Fact]
    public void Only_what_runs_is_estimated()
    {
        var world = new PlanWorld(Job("a", "a"), Job("b", "b", "a"), Job("c", "c", "b"));
        world.Build("b");
        var history = new DurationHistory(world.Names);
        history.Add("c", world.P("c"), 300);
        var plan = world.Plan("c");

        var estimates = PlanEstimates.Of(
            plan.Graph, plan.IsPlanned, new DurationEstimates(world.Graph, history),
            new TimetableRoom(1, 0, world.Graph.Pools, world.Names));

        Assert.Equal([300, 0, 0], estimates.Milliseconds);
        Assert.Equal(1.0, estimates.Penalty);
    }

    PartitionId P(string name) => names.Intern(name);

    static JobDeclaration Limited(
        string name, int? estimate = null, int? timeout = null, params string[] tags) =>
        Job(name, name) with
        {
            Tags = [.. tags],
            Limits = new JobLimits
            {
                Estimate = estimate is { } e ? TimeSpan.FromSeconds(e) : null,
                Timeout = timeout is { } t ? TimeSpan.FromSeconds(t) : null,
            },
        };
}
