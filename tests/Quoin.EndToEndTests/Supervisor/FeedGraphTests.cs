namespace Quoin.EndToEndTests.Supervisor;

/// <summary>The feeds of a graph: commands that run here, and line workers at a socket.</summary>
public sealed class FeedGraphTests
{
    const string Graph = """
        quoin: 1
        feeds:
          lists: {dir: in/, want: "page/{key}"}
          asked: {dir: asked/, want: "picture/{key}"}
        datasets:
          picture/{name}: {path: "pictures/{name}.txt"}
        jobs:
          fetch:
            outputs: ["page/{name}"]
            exec: [sh, -c, "echo $0 $1 $NOTE >> done; echo $1 > $2; echo x >> ended", "{name}",
              "{payload}", "{out}"]
            env: {NOTE: "of-{name}"}
          index:
            outputs: ["index/{name}"]
            inputs: ["page/{name}"]
            exec: [cp, "{in}", "{out}"]
          draw:
            outputs: ["picture/{name}"]
            order: fifo
            line: {socket: s, codes: category, attempts: 2}
        """;

    [Fact]
    public void Commands_run_with_key_and_payload_and_line_workers_get_references()
    {
        using var world = new SupervisorWorld();
        world.Workspace.Write("quoin.yaml", Graph);
        world.Write("f.1.txt", "home {name} x");
        var process = world.Workspace.Start("supervisor", "-j", "1");
        process.WaitForLine(line => line.EndsWith("/s", StringComparison.Ordinal));
        world.Workspace.Write("asked/a.1.txt", "b/c 1\na 2\n");
        string[] jobs = [world.ReadyInTime(), world.ReadyInTime()];
        Assert.Equal(["JOB picture/a 2", "JOB picture/b%2Fc 1"], jobs.Order());
        Assert.Equal("NOJOBS", world.Done("picture/b%2Fc", 75)); // It rests.
        var worker = world.Connect();
        Assert.Equal("OK 60", worker.Ask("HELLO w"));
        Assert.Equal("JOB picture/b%2Fc 1", worker.Ask("WAIT 20")); // Is tried again.
        Assert.Equal("NOJOBS", worker.Ask("DONE picture/b%2Fc 75")); // Twice at most.
        world.Workspace.Write("pictures/a.txt", "a picture");
        Assert.Equal("NOJOBS", world.Done("picture/a"));
        TestWorkspace.Until(() => world.Workspace.Exists("ended"));
        process.Terminate();
        process.WaitForExit().Expect(0);
        Assert.Equal("home {name} x of-home\n", world.Workspace.Read("done"));
        Assert.False(world.Workspace.Exists(".quoin/feeds/fetch.sock"));
        // What the line made is published: who reads it makes only its own.
        world.Workspace.Quoin("build", "index/home").Expect(0);
        Assert.Equal("{name} x\n", world.Workspace.Read(".quoin/data/index/home"));
        Assert.Equal("home {name} x of-home\n", world.Workspace.Read("done"));
        var runs = world.Workspace.Quoin("runs", "--store", ".quoin/lines/draw/state.db");
        Assert.Equal(3, runs.Expect(0).Lines.Count(line => line.Contains("picture/")));
    }

    // Their one slot was taken by whoever waited for a line worker.
    [Fact]
    public void Commands_go_on_while_line_workers_take_their_time()
    {
        using var world = new SupervisorWorld();
        world.Workspace.Write("quoin.yaml", Graph);
        world.Workspace.Write("asked/a.1.txt", "a 1\nb 2\n");
        world.Write("f.1.txt", "one x", "two x", "three x", "four x");
        var process = world.Workspace.Start("supervisor", "-j", "1");
        process.WaitForLine(line => line.EndsWith("/s", StringComparison.Ordinal));
        string[] jobs = [world.ReadyInTime(), world.ReadyInTime()];
        world.Append("f.1.txt", "five x\n");
        TestWorkspace.Until(() => world.Workspace.Exists("ended")
            && world.Workspace.Read("ended") == "x\nx\nx\nx\nx\n");
        Assert.Equal(["JOB picture/a 1", "JOB picture/b 2"], jobs.Order());
        // Told to stop, it does not wait for them either; they are given out once.
        process.Terminate();
        process.WaitForExit().Expect(0);
        process = world.Workspace.Start("supervisor", "-j", "1");
        process.WaitForLine(line => line.EndsWith("/s", StringComparison.Ordinal));
        foreach (var picture in (string[])["a", "b"])
        {
            world.Workspace.Write($"pictures/{picture}.txt", "a picture");
            Assert.Equal("NOJOBS", world.Done($"picture/{picture}"));
        }
        TestWorkspace.Until(() => world.Workspace.Quoin("status", "--json").Expect(0).Stdout
            .Contains("\"live\":7", StringComparison.Ordinal));
        process.Terminate();
        process.WaitForExit().Expect(0);
        Assert.Equal(5, world.Workspace.Read("done").Split('\n').Length - 1);
    }

    [Fact]
    public void A_program_beside_the_graph_is_found_from_anywhere()
    {
        using var world = new SupervisorWorld();
        world.Workspace.Write("quoin.yaml", Graph.Replace("[sh, -c,", "[./tool, -c,"));
        world.Workspace.Write("tool", "#!/bin/sh\nexec sh \"$@\"\n");
        world.Workspace.StartProgram("chmod", "+x", "tool").WaitForExit().Expect(0);
        world.Write("f.1.txt", "home 1");
        var process = world.Workspace.StartProgram(
            "sh", "-c", $"cd in && exec {TestWorkspace.Binary} -C .. supervisor -j 1");
        TestWorkspace.Until(() => world.Workspace.Exists("ended"));
        process.Terminate();
        process.WaitForExit().Expect(0);
        Assert.Equal("home 1 of-home\n", world.Workspace.Read("done"));
    }

    [Fact]
    public void Builds_take_the_newest_payload_and_without_one_are_refused()
    {
        using var world = new SupervisorWorld();
        world.Workspace.Write("quoin.yaml", Graph);
        world.Write("f.9.txt", "home nine").Write("f.10.txt", "home ten");
        world.Workspace.Quoin("build", "page/home").Expect(0);
        Assert.Equal("home ten of-home\n", world.Workspace.Read("done"));
        world.Workspace.Quoin("build", "page/home", "--payload=-x y").Expect(0);
        Assert.Equal("-x y\n", world.Workspace.Read(".quoin/data/page/home"));
        var why = world.Workspace.Quoin("explain", "page/home").Expect(0);
        Assert.Contains("QUOIN_PAYLOAD  -x y -> ten", why.Stdout, StringComparison.Ordinal);
        foreach (var command in (string[])["want", "build"])
        {
            var refused = world.Workspace.Quoin(command, "page/home", "page/none").Expect(4);
            Assert.Contains("error[payload-missing]", refused.Stderr, StringComparison.Ordinal);
        }
        world.Workspace.Quoin("want", "index/home", "--payload", "x").Expect(2);
    }

    [Fact]
    public void A_graph_without_feeds_and_half_of_the_arguments_are_refused()
    {
        using var world = new SupervisorWorld();
        world.Workspace.Write("quoin.yaml", "quoin: 1\n");
        world.Workspace.Quoin("supervisor").Expect(2);
        world.Workspace.Quoin("supervisor", "state.db", "in").Expect(2);
    }
}
