using Quoin.Core;
using Quoin.EndToEndTests.Faults;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Artifacts;

/// <summary>
/// Hosts without a folder in common: two checkouts of one project on one database, which also takes
/// the copies.
/// </summary>
public sealed class ApartTests(PostgresServer server) : IDisposable
{
    const string Graph = """
        quoin: 1
        name: apart
        targets: [c]
        artifacts: { database: true }
        datasets:
          src: { source: src.txt }
          a: { path: out/a }
          b: { path: out/b }
          c: { path: out/c }
        jobs:
          a: { outputs: [a], inputs: [src], exec: [sh, -c, "echo a >> ran; cat $0", "{in}"], stdout: "{out}" }
          b:
            outputs: [b]
            inputs: [a]
            exec: [sh, -c, "echo b >> ran; tr a-z A-Z <$0", "{in}"]
            stdout: "{out}"
            labels: { far: "yes" }
          c: { outputs: [c], inputs: [b], exec: [sh, -c, "echo c >> ran; cat $0 $0", "{in}"], stdout: "{out}" }
        """;

    readonly List<FaultWorld> worlds = [];
    readonly PostgresAddress address = server.NewAddress();

    public void Dispose()
    {
        foreach (var world in worlds) world.Dispose();
    }

    FaultWorld Checkout(string source = "one\n")
    {
        var world = new FaultWorld(address, Graph);
        worlds.Add(world);
        world.Workspace.Write("src.txt", source);
        return world;
    }

    static string[] Far => ["worker", "-j", "2", "--apart", "--label", "far=yes"];

    [Fact]
    public void A_worker_restores_its_inputs_and_hands_in_its_outputs()
    {
        var (near, far) = (Checkout(), Checkout());
        var worker = far.Start(Far);
        worker.WaitForLine(line => line.Contains("waits for runs", StringComparison.Ordinal));
        near.Workspace.Quoin("build", "-j", "1").Expect(0);
        Assert.Equal("ONE\nONE\n", near.Workspace.Read("out/c"));
        Assert.Contains(
            "\"type\":\"restoring\",\"inputs\":[\"a\"],\"from\":[\"database\"]",
            string.Concat(Directory.EnumerateFiles(
                far.Workspace.PathOf(".quoin/log"), "r-*.jsonl").Select(File.ReadAllText)),
            StringComparison.Ordinal);
        Assert.Contains("b", far.Workspace.Read("ran"), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "b", near.Workspace.Exists("ran") ? near.Workspace.Read("ran") : "",
            StringComparison.Ordinal);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
        Assert.Contains(
            "1 of 1 current", near.Workspace.Quoin("build").Expect(0).Stderr,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wanted_is_brought_to_the_host_of_the_build()
    {
        var (near, far) = (Checkout(), Checkout());
        var worker = far.Start(Far);
        worker.WaitForLine(line => line.Contains("waits for runs", StringComparison.Ordinal));
        var built = near.Workspace.Quoin("build", "-j", "0").Expect(0);
        Assert.Contains("restored c (from database)", built.Stderr, StringComparison.Ordinal);
        Assert.Equal("ONE\nONE\n", near.Workspace.Read("out/c"));
        Assert.Equal("a\nb\nc\n", far.Workspace.Read("ran"));
        Assert.False(near.Workspace.Exists("ran"));
        worker.Terminate();
        worker.WaitForExit().Expect(0);
    }

    [Fact]
    public void A_checkout_of_another_state_fails_the_run_and_says_which_file()
    {
        var (near, far) = (Checkout(), Checkout("another\n"));
        var worker = far.Start(Far);
        worker.WaitForLine(line => line.Contains("waits for runs", StringComparison.Ordinal));
        var want = near.Workspace.Quoin("build", "-j", "0").Expect(1);
        Assert.Contains(
            "src.txt is not on this host as it was when this was planned", want.Stderr,
            StringComparison.Ordinal);
        worker.Terminate();
        worker.WaitForExit().Expect(0);
    }

    [Fact]
    public void Without_layers_that_others_see_there_is_no_worker_apart()
    {
        var world = Checkout();
        world.Workspace.Environment["QUOIN_ARTIFACTS"] = "local";
        Assert.Contains(
            "--apart needs artifacts that other hosts see",
            world.Workspace.Quoin(Far).Expect(2).Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_right_to_write_there_is_no_worker_apart()
    {
        var world = Checkout();
        world.Workspace.Write(
            "quoin.yaml", Graph.Replace("database: true", "database: true, write: false"));
        Assert.Contains(
            "forbids that (artifacts: write: false)",
            world.Workspace.Quoin(Far).Expect(2).Stderr, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("artifact.announced")]
    [InlineData("artifact.chunk")]
    [InlineData("artifact.written")]
    [InlineData("artifact.marked")]
    public void Killed_while_it_writes_to_the_database_nobody_sees_half_of_it(string point)
    {
        var near = Checkout();
        near.StartWith(point, "build", "a").WaitForExit().Expect(137);
        near.Workspace.Environment["QUOIN_FAULT"] = null;
        near.Workspace.Quoin("build", "a").Expect(0);
        var other = Checkout();
        other.Workspace.Quoin("build", "a").Expect(0);
        Assert.Equal("one\n", other.Workspace.Read("out/a"));
        Assert.False(other.Workspace.Exists("ran"));
    }
}
