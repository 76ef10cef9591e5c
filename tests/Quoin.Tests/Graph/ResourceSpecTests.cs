using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests;

/// <summary>The <c>resource</c> of a job in a graph file.</summary>
public class ResourceSpecTests
{
    const string Session = """
        quoin: 1
        jobs:
          storage: { outputs: ["storage/{id:int}"], exec: [site, mkdir, "{id}"],
                     resource: { release: [site, rmdir, "{id}"] } }
          session:
            outputs: ["session/{id:int}"]
            inputs: ["storage/{id}"]
            exec: [site, launch, "{id}"]
            timeout: 20s
            resource:
              watch: [site, look, "{id}"]
              release: [site, stop, "{id-1}"]
              startup: [[site, requirements, "{id}"], [site, hello]]
              start: window
              identity: none
              on-doubt: repeat
              keep: 1h
              poll: { every: 200ms, max: 1s, count: 100 }
              watch-poll: { every: 2m }
              unknown: { count: 3, time: 5s }
              release-time: 1m
              settle: 10s
        """;

    [Fact]
    public void What_is_not_said_has_the_defaults_of_the_design()
    {
        var job = Load(Session).Jobs[0];
        var resource = job.Resource!;

        Assert.Equal(["site", "rmdir", "{id}"], resource.Release);
        Assert.Empty(resource.Watch);
        Assert.Empty(resource.Startup);
        Assert.Equal(
            (ResourceStart.Now, ResourceIdentity.Key, ResourceDoubt.Ask),
            (resource.Start, resource.Identity, resource.OnDoubt));
        Assert.Equal(TimeSpan.Zero, resource.Keep);
        Assert.Equal(TimeSpan.FromSeconds(60), resource.Timeout);
        Assert.Equal(
            new PollLimits
            {
                Every = TimeSpan.FromSeconds(5),
                Max = TimeSpan.FromSeconds(60),
                Count = null,
                Time = TimeSpan.FromHours(1),
            },
            resource.Poll);
        Assert.Null(resource.WatchPoll.Time);
        Assert.Equal((10, TimeSpan.FromMinutes(10)), (resource.UnknownMax, resource.UnknownTime));
        Assert.Equal(TimeSpan.FromHours(24), resource.ReleaseTime);
        Assert.Equal(TimeSpan.FromSeconds(60), resource.Settle);
        Assert.Equal(4, job.Limits.Retries);
    }

    [Fact]
    public void What_is_said_counts()
    {
        var resource = Load(Session).Jobs[1].Resource!;

        Assert.Equal(
            (ResourceStart.Window, ResourceIdentity.None, ResourceDoubt.Repeat),
            (resource.Start, resource.Identity, resource.OnDoubt));
        Assert.Equal(TimeSpan.FromHours(1), resource.Keep);
        Assert.Equal(TimeSpan.FromSeconds(20), resource.Timeout);
        Assert.Equal(
            new PollLimits
            {
                Every = TimeSpan.FromMilliseconds(200),
                Max = TimeSpan.FromSeconds(1),
                Count = 100,
                Time = TimeSpan.FromMinutes(15),
            },
            resource.Poll);
        Assert.Equal(TimeSpan.FromMinutes(2), resource.WatchPoll.Max);
        Assert.Equal((3, TimeSpan.FromSeconds(5)), (resource.UnknownMax, resource.UnknownTime));
        Assert.Equal(TimeSpan.FromMinutes(1), resource.ReleaseTime);
        Assert.Equal(TimeSpan.FromSeconds(10), resource.Settle);
    }

    [Fact]
    public void Its_commands_are_those_of_one_partition()
    {
        var commands = Load(Session).Jobs[1].CommandsOf("session/42");

        Assert.Equal(["site", "stop", "41"], commands.Release);
        Assert.Equal(["site", "look", "42"], commands.Watch);
        Assert.Equal(
            ["site requirements 42", "site hello"],
            commands.Startup.Select(hook => string.Join(' ', hook)));
        Assert.Throws<InvalidOperationException>(
            () => Load(Session).Jobs[1].CommandsOf("storage/42"));
    }

    static Graph Load(string yaml)
    {
        using var folder = new TestFolder();
        folder.Write("quoin.yaml", yaml);
        var load = GraphLoader.Load(folder.Root, "quoin.yaml");
        Assert.Empty(load.Problems);
        return load.Graph!;
    }
}
