using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests;

/// <summary>The same on PostgreSQL, where workers of other processes run them.</summary>
public sealed class PostgresMoldableTests(PostgresServer server) : MoldableTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>Runs that could take one core or several.</summary>
public class MoldableTests
{
    const string Graph = """
        quoin: 1
        name: molds
        targets: [all]
        jobs:
          part:
            outputs: ["part/{n:int}"]
            resources: { cpu: 1-4 }
            estimate: 4s
            exec: [sh, -c, "echo $QUOIN_CPU > {out}"]
          all:
            outputs: [all]
            inputs: ["part/{n:range(1,4)}"]
            resources: { cpu: 1-16 }
            estimate: 4s
            exec: [sh, -c, '(cat "$@"; echo $QUOIN_CPU) >"$0"', "{out}", "{in...}"]
          fixed:
            outputs: [fixed]
            resources: { cpu: 3 }
            exec: [sh, -c, "echo $QUOIN_CPU > {out}"]
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    [Fact]
    public void Those_beside_each_other_share_the_slots_and_the_last_gets_all()
    {
        using var world = new Faults.FaultWorld(NewAddress(), Graph);

        world.Start("build", "all", "fixed", "-j", "4").WaitForExit().Expect(0);

        Assert.Equal("1\n1\n1\n1\n4\n", world.Workspace.Read(".quoin/data/all"));
        Assert.Equal("3\n", world.Workspace.Read(".quoin/data/fixed"));
    }

    [Fact]
    public void A_worker_gives_them_no_more_than_it_has()
    {
        using var world = new Faults.FaultWorld(NewAddress(), Graph);
        var worker = world.Start("worker", "-j", "4");
        worker.WaitForLine(line => line.Contains("waits for runs", StringComparison.Ordinal));

        world.Start("build", "part/7", "-j", "0").WaitForExit().Expect(0);
        world.Start("build", "all", "-j", "0").WaitForExit().Expect(0);
        worker.Terminate();
        worker.WaitForExit().Expect(0);

        Assert.Equal("4\n", world.Workspace.Read(".quoin/data/part/7"));
        Assert.Equal("1\n1\n1\n1\n4\n", world.Workspace.Read(".quoin/data/all"));
    }
}
