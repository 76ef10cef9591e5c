using Quoin.Core;

namespace Quoin.Tests.Engine;

/// <summary>A want that a process continues whose graph cannot make what it asks for.</summary>
public sealed class GraphUnavailableTests
{
    const string Before = """
        quoin: 1
        name: before
        jobs:
          a: { outputs: ["old/{x}"], exec: [touch, "{out}"] }
        """;

    [Fact]
    public async Task It_fails_and_says_that_the_graph_is_another_one()
    {
        using var world = new EngineWorld(Before) { Slots = 0, IsShared = true };
        await using (var first = world.Open())
        {
            _ = first.WantAsync(new() { Targets = ["old/1"] });
            await world.Last.WhenAsync(e => e is WantPlanned).WaitAsync(
                TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
        world.Write("quoin.yaml", Before.Replace("old", "new"));
        await using (var second = world.Open())
            await second.WhenIdleAsync().WaitAsync(
                TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        var problem = Assert.Single(world.Last.Of<ConfigFailed>()).Problem;
        Assert.Equal("graph-unavailable", problem.Code);
        Assert.Matches(
            "^w-1 was accepted with another graph; of the one here \\([0-9a-f]{8}\\) nothing "
            + "produces old/1\\. Continue it where its graph is, or cancel it "
            + "\\(quoin cancel w-1\\)$", problem.Message);
        Assert.Single(world.Last.Of<WantFailed>());
    }
}
