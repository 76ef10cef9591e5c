using Quoin.EndToEndTests.Faults;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresSharedSlotsTests(PostgresServer server) : SharedSlotsTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>How much runs at once when several processes build on one store.</summary>
public class SharedSlotsTests
{
    const string Runs = """
          one:
            outputs: ["one/{n:int}"]
            exec:
              - sh
              - -c
              - |
                echo + >>marks; echo {n} >>ran
                until [ -e go ]; do sleep .02; done
                echo {n} >{out}; echo - >>marks
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    // build-process.md, scenario 16: -j is a process's own, a pool is the whole store's.
    [Theory]
    [InlineData("", 4)]
    [InlineData("    resources: { pools: { db: 1 } }\n", 2)]
    public void Two_processes_have_their_slots_together_and_share_pools(string needs, int most)
    {
        using var world = new FaultWorld(
            NewAddress(),
            "quoin: 1\nname: slots\npools: { db: 2 }\n"
                + "targets: [one/1, one/2, one/3, one/4, one/5, one/6, one/7, one/8]\n"
                + $"jobs:\n{Runs}\n{needs}");
        var first = world.Start("build", "-j", "2");
        world.WaitForRuns(2);
        var second = world.Start("build", "-j", "2");
        world.WaitForRuns(most);
        second.WaitForLine(line => line.StartsWith("w-2", StringComparison.Ordinal));
        world.Workspace.Write("go", "");

        first.WaitForExit().Expect(0);
        second.WaitForExit().Expect(0);

        Assert.Equal(8, world.Executions);
        var (now, atOnce) = (0, 0);
        foreach (var mark in world.Workspace.Read("marks").Where(mark => mark is '+' or '-'))
            atOnce = Math.Max(atOnce, now += mark == '+' ? 1 : -1);
        Assert.Equal(most, atOnce);
    }
}
