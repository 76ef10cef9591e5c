using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>What has to be planned again while several wants are open.</summary>
public sealed class ReplanTests
{
    static readonly TimeSpan limit = TimeSpan.FromSeconds(30);

    // The plan of what a run found is for a want that needs it. It went to the newest want, which
    // then asked for it as well, and failed with it.
    [Fact]
    public async Task A_want_does_not_fail_with_what_another_ones_run_found_it_needs()
    {
        using var world = new EngineWorld("""
            quoin: 1
            name: replan
            jobs:
              a:
                outputs: [a]
                exec: [sh, a.sh]
              found:
                outputs: [found]
                exec: [sh, -c, "exit 1"]
              z:
                outputs: [z]
                exec: [sh, -c, 'read -r x < gate-z; echo z > "$0"', "{out}"]
            """);
        world.Write("a.sh", """
            read -r x < gate-a
            echo '@quoin {"needs":["found"]}'
            """);
        foreach (var gate in (string[])["gate-a", "gate-z"])
        {
            using var process = Process.Start(
                "mkfifo", Path.Combine(world.Workspace.Root, gate));
            process.WaitForExit();
        }
        var ct = TestContext.Current.CancellationToken;
        await using var session = world.Open();
        var a = session.WantAsync(new WantRequest { Targets = ["a"] });
        var z = session.WantAsync(new WantRequest { Targets = ["z"] });
        await session.AskAsync(_ => []).WaitAsync(limit, ct); // Both are accepted and planned.

        using var gateA = Open(world, "gate-a");
        Assert.Equal(WantOutcome.Failed, (await a.WaitAsync(limit, ct)).Outcome);
        using var gateZ = Open(world, "gate-z");
        Assert.Equal(WantOutcome.Succeeded, (await z.WaitAsync(limit, ct)).Outcome);
    }

    // For reading too, so that it waits for nobody; what is written stays until it is read.
    static FileStream Open(EngineWorld world, string gate)
    {
        var pipe = new FileStream(
            Path.Combine(world.Workspace.Root, gate), FileMode.Open, FileAccess.ReadWrite);
        pipe.Write("go\n"u8);
        pipe.Flush();
        return pipe;
    }
}
