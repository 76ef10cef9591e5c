using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Engine;

namespace Quoin.Tests.Schedule;

/// <summary>What a run took on one host says how long it takes on another.</summary>
public sealed class HostSpeedTests
{
    readonly PartitionNames names = new();

    PartitionId P(string name) => names.Intern(name);

    static Graph GraphOf(string yaml)
    {
        using var world = new EngineWorld(yaml);
        return GraphLoader.Load(world.Workspace.Root, world.Workspace.GraphFile).Graph!;
    }

    const string Yaml = """
        quoin: 1
        name: hosts
        jobs:
          j: { outputs: ["x/{n}"], exec: [touch, "{out}"] }
        """;

    [Theory]
    [InlineData(1000, 600, EstimateSource.Partition, 1.0)]
    [InlineData(2000, 300, EstimateSource.OtherHosts, 1.2)]
    [InlineData(500, 1200, EstimateSource.OtherHosts, 1.2)]
    [InlineData(0, 600, EstimateSource.Partition, 1.0)]
    public void A_partition_measured_elsewhere_is_scaled_and_less_sure(
        int speed, int expected, EstimateSource source, double penalty)
    {
        var graph = GraphOf(Yaml);
        var history = new DurationHistory(names);
        history.Add("j", P("x/1"), 600, speed: 1000);
        var estimate = new DurationEstimates(graph, history, () => speed)
            .Of(graph.Jobs[0], P("x/1"));
        Assert.Equal(new Estimate(expected, source), estimate);
        Assert.Equal(penalty, estimate.Penalty);
    }

    [Fact]
    public void Of_hosts_of_two_speeds_all_attempts_count_and_a_snapshot_keeps_them()
    {
        var graph = GraphOf(Yaml);
        var history = new DurationHistory(names);
        history.Add("j", P("x/1"), 800, speed: 500); // 400 on one of 1000.
        history.Add("j", P("x/1"), 500, speed: 1000);
        history.Add("j", P("x/2"), 900, speed: 1000);
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        history.Write(bytes);
        foreach (var one in new[] { history, DurationHistory.TryRead(bytes.WrittenSpan, names)! })
        {
            var estimates = new DurationEstimates(graph, one, () => 1000);
            Assert.Equal(
                new Estimate(450, EstimateSource.OtherHosts),
                estimates.Of(graph.Jobs[0], P("x/1")));
            Assert.Equal(
                new Estimate(900, EstimateSource.Partition),
                estimates.Of(graph.Jobs[0], P("x/2")));
            Assert.Equal(
                new Estimate(500, EstimateSource.Job), estimates.Of(graph.Jobs[0], P("x/3")));
            Assert.Equal(1000, one.LastSpeed);
        }
    }

    [Fact]
    public void On_other_cores_of_other_hosts_it_is_least_sure()
    {
        var graph = GraphOf(Yaml);
        var history = new DurationHistory(names);
        history.Add("j", P("x/1"), 1000, cores: 1, speed: 1000);
        var estimates = new DurationEstimates(graph, history, () => 2000)
            .Of(graph.Jobs[0], P("x/1"), new CoreRange(1, 4));
        Assert.Equal(new Estimate(500, EstimateSource.OtherHosts), estimates.Of(1));
        Assert.Equal(EstimateSource.OtherHostsAndCores, estimates.Of(4).Source);
        Assert.Equal(1.7, estimates.Of(4).Penalty);
    }

    [Theory]
    [InlineData(1000, 1000)]
    [InlineData(1110, 1000)]
    [InlineData(1130, 1250)]
    [InlineData(900, 1000)]
    [InlineData(880, 800)]
    [InlineData(0, 9)]
    public void Hosts_about_as_fast_as_each_other_are_one_class(double measured, int expected) =>
        Assert.Equal(expected, HostSpeed.Class(measured));

    [Fact]
    public async Task A_run_says_how_fast_its_host_is_and_it_is_measured_once()
    {
        using var world = new EngineWorld(Yaml);
        Assert.Equal("Succeeded", await world.BuildAsync("x/1"));
        var speed = Assert.Single(world.Last.Of<RunCompleted>()).Usage.HostSpeed;
        Assert.InRange(speed, 10, 20_000);
        var file = Path.Combine(world.Workspace.QuoinDirectory, "host-speed");
        var line = Assert.Single(File.ReadAllLines(file));
        Assert.EndsWith($"\t{speed}", line);
        File.WriteAllText(file, line.Replace($"\t{speed}", "\t4321\n"));
        Assert.Equal("Succeeded", await world.BuildAsync("x/2"));
        Assert.Equal(4321, Assert.Single(world.Last.Of<RunCompleted>()).Usage.HostSpeed);
        var history = StateLoader.Load(world.Store, new PartitionNames()).History;
        Assert.Equal((speed, 4321), (history.BaseSpeed, history.LastSpeed));
    }
}
