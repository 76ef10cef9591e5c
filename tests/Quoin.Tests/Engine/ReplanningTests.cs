using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>When reality departs from the plan, what is left is ranked anew.</summary>
public sealed class ReplanningTests
{
    // x is expected to take twice as long as y. The first x waits until somebody writes to a pipe.
    const string Graph = """
        quoin: 1
        name: departs
        jobs:
          x:
            outputs: ["x/{n:int}"]
            estimate: 60s
            exec: [sh, -c, "if [ {n} = 1 ]; then read word <gate; fi; echo {n} >$0", "{out}"]
          y:
            outputs: ["y/{n:int}"]
            estimate: 30s
            exec: [sh, -c, "echo {n} >$0", "{out}"]
        """;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    // build-process.md, section 7: more than 20 % off; here at most every two seconds.
    [Theory]
    [InlineData(3, "x/1 y/1 y/2 x/2 x/3")]
    [InlineData(1, "x/1 x/2 x/3 y/1 y/2")]
    public async Task A_job_that_is_much_faster_than_expected_comes_later(int seconds, string order)
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var world = new EngineWorld(Graph) { Slots = 1, Clock = clock };
        var gate = Path.Combine(world.Workspace.Root, "gate");
        using (var make = Process.Start("mkfifo", [gate])) await make.WaitForExitAsync(Ct);
        await using (var session = world.Open())
        {
            var report = session.WantAsync(
                new WantRequest { Targets = ["x/1", "x/2", "x/3", "y/1", "y/2"] });
            await world.Last.Started.Task.WaitAsync(TimeSpan.FromSeconds(20), Ct);
            clock.Advance(TimeSpan.FromSeconds(seconds));
            await File.WriteAllTextAsync(gate, "go\n", Ct);
            var end = await report.WaitAsync(TimeSpan.FromSeconds(20), Ct);
            Assert.Equal(WantOutcome.Succeeded, end.Outcome);
        }
        Assert.Equal(order, string.Join(' ', world.Last.Ran));
    }
}
