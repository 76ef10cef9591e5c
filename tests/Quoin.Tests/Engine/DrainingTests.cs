using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Resources;

namespace Quoin.Tests.Engine;

/// <summary>A process that decides, and is told to stop while others want something, too.</summary>
public sealed class DrainingTests : IDisposable
{
    readonly EngineWorld world = new("""
        quoin: 1
        jobs:
          a:
            outputs: [a]
            exec: [sh, -c, 'until [ -e go ]; do sleep 0.02; done; echo 1 > "$0"', "{out}"]
          b: {outputs: [b], exec: [sh, -c, 'echo 1 > "$0"', "{out}"]}
        """)
    { Slots = 1 };

    async Task<BuildSession> BeginAsync()
    {
        var session = world.Open();
        _ = session.WantAsync(new WantRequest { Targets = ["a"] });
        await world.Last.WhenAsync(e => e is RunLeased).OrTell(world);
        _ = session.WantAsync(new WantRequest { Targets = ["b"] });
        await world.Last.WhenAsync(e => e is WantPlanned { Want.Value: 2 }).OrTell(world);
        return session;
    }

    [Fact]
    public async Task What_runs_comes_to_its_end_and_nothing_more_is_started()
    {
        await using (var session = await BeginAsync())
        {
            var drained = session.DrainAsync();
            await session.DoAsync(new CancelWant(new WantId(9), "to see it pass")); // In order.
            Assert.False(drained.IsCompleted);
            world.Write("go", "");
            await drained.OrTell(world);
        }
        Assert.Equal("a", world.Ran);

        await using var next = world.Open();
        await next.WhenIdleAsync().OrTell(world);
        Assert.Equal("b", world.Ran);
    }

    [Fact]
    public async Task What_is_killed_then_is_not_started_again_here()
    {
        await using (var session = await BeginAsync())
        {
            var drained = session.DrainAsync();
            session.Kill();
            await drained.OrTell(world);
        }
        Assert.Equal("", world.Ran);
        Assert.Single(world.Last.Of<RunLeased>());
    }

    public void Dispose() => world.Dispose();
}
