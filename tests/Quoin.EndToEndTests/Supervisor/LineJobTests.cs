namespace Quoin.EndToEndTests.Supervisor;

/// <summary>Jobs of a graph whose runs line workers do.</summary>
public sealed class LineJobTests
{
    const string Graph = """
        quoin: 1
        feeds:
          asked: {dir: asked/, want: "picture/{key}"}
        datasets:
          picture/{name}: {path: "pictures/{name}.txt"}
        jobs:
          page:
            outputs: ["page/{name}"]
            exec: [sh, -c, "echo $0 >> pages; echo $0 > $1", "{name}", "{out}"]
          draw:
            outputs: ["picture/{name}"]
            inputs: ["page/{name}"]
            order: fifo
            line: {socket: s, name: key, codes: CODES, attempts: 2}
          frame:
            outputs: ["frame/{name}"]
            inputs: ["picture/{name}"]
            exec: [cp, "{in}", "{out}"]
        """;

    static SupervisorWorld World(string codes = "opaque")
    {
        var world = new SupervisorWorld();
        world.Workspace.Write("quoin.yaml", Graph.Replace("CODES", codes));
        return world;
    }

    static QuoinProcess Serve(SupervisorWorld world)
    {
        var process = world.Workspace.Start("supervisor", "-j", "2");
        process.WaitForLine(line => line.EndsWith("/s", StringComparison.Ordinal));
        return process;
    }

    static void Stop(QuoinProcess process)
    {
        process.Terminate();
        process.WaitForExit().Expect(0);
    }

    [Fact]
    public void Its_inputs_are_built_first_and_its_readers_after_it()
    {
        using var world = World();
        world.Workspace.Write("asked/a.1.txt", "home old\n").Write("asked/a.2.txt", "home a  b\n");
        world.Workspace.Quoin("want", "picture/none").Expect(4);
        var plan = world.Workspace.Quoin("plan", "frame/home").Expect(0);
        Assert.Contains("page/home", plan.Stdout, StringComparison.Ordinal);
        var build = world.Workspace.Start("build", "frame/home", "-j", "2");
        build.WaitForLine(line => line.Contains("no supervisor serves the workers of draw: start"));
        var status = world.Workspace.Quoin("status").Expect(0);
        Assert.Contains("1 run of draw: no supervisor", status.Stderr, StringComparison.Ordinal);
        var process = Serve(world);
        // The newest line; the supervisor itself brings it, too, and both want one run.
        build.WaitForLine(line => line.Contains("of another process: build picture/home"));
        Assert.Equal("JOB home a  b", world.ReadyInTime());
        Assert.Equal("home\n", world.Workspace.Read("pages"));
        world.Workspace.Write("pictures/home.txt", "drawn");
        world.Done("home");
        build.WaitForExit().Expect(0);
        Assert.Equal("drawn", world.Workspace.Read(".quoin/data/frame/home"));
        Assert.Equal("drawn", world.Workspace.Read("pictures/home.txt"));
        Stop(process);
        world.Workspace.Quoin("build", "frame/home").Expect(0); // Nothing to do.
        var again = world.Workspace.Quoin("explain", "picture/home").Expect(0);
        Assert.Contains("current", again.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_any_code_is_opaque_a_success_without_output_is_a_record()
    {
        using var world = World();
        var process = Serve(world);
        var build = world.Workspace.Start("build", "frame/home", "--payload=x", "picture/home");
        build.WaitForExit().Expect(2); // A payload is for one.
        build = world.Workspace.Start("build", "picture/home", "--payload=x y");
        Assert.Equal("JOB home x y", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("home"));
        build.WaitForExit().Expect(0);
        Assert.Equal(
            "quoin line run\npayload x y\ncode 0\n", world.Workspace.Read("pictures/home.txt"));
        // Any other code is a failure, once.
        build = world.Workspace.Start("build", "picture/home", "--payload=z");
        Assert.Equal("JOB home z", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("home", 75));
        Assert.Contains("its worker said 75", build.WaitForExit().Expect(1).Stderr
            + world.Workspace.Quoin("explain", "picture/home").Stdout, StringComparison.Ordinal);
        Stop(process);
    }

    [Fact]
    public void With_categories_what_is_temporary_comes_again_and_the_output_has_to_be_there()
    {
        using var world = World("category");
        var process = Serve(world);
        var build = world.Workspace.Start("build", "picture/home", "--payload=x");
        Assert.Equal("JOB home x", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("home", 75));
        var worker = world.Connect();
        worker.Ask("HELLO w");
        Assert.Equal("JOB home x", worker.Ask("WAIT 20"));
        Assert.Equal("NOJOBS", worker.Ask("DONE home 0"));
        Assert.Contains("is not there", build.WaitForExit().Expect(1).Stderr
            + world.Workspace.Quoin("explain", "picture/home").Stdout, StringComparison.Ordinal);
        Stop(process);
    }

    [Fact]
    public void The_more_urgent_one_comes_first_and_who_is_stopped_takes_back_what_it_asked()
    {
        using var world = World();
        var process = Serve(world);
        void Asked(int count)
        {
            var folder = world.Workspace.PathOf(".quoin/lines/draw/asked");
            TestWorkspace.Until(() => Directory.GetFiles(folder).Length == count);
        }
        var first = world.Workspace.Start("build", "picture/a", "--payload=1");
        Asked(1);
        var second = world.Workspace.Start(
            "build", "picture/b", "--payload=2", "--priority", "5");
        Asked(2);
        var third = world.Workspace.Start("build", "picture/c", "--payload=3");
        Asked(3);
        third.Terminate();
        third.WaitForExit();
        Asked(2);
        world.Workspace.Write(".quoin/lines/draw/asked/z.1.txt", "loner\n");
        process.WaitForLine(line => line.Contains("'z.1.txt'", StringComparison.Ordinal));
        Assert.Equal(
            ["JOB b 2", "JOB a 1", "NOJOBS"], [world.Ready(), world.Ready(), world.Ready()]);
        world.Done("a");
        world.Done("b");
        first.WaitForExit().Expect(0);
        second.WaitForExit().Expect(0);
        Stop(process);
    }

    [Fact]
    public void Killed_and_stopped_supervisors_lose_and_repeat_nothing()
    {
        using var world = World();
        world.Workspace.Write("asked/a.1.txt", "a 1\nb 2\n");
        var process = Serve(world);
        string[] jobs = [world.ReadyInTime(), world.ReadyInTime()];
        Assert.Equal(["JOB a 1", "JOB b 2"], jobs.Order());
        process.Kill(); // And with it the builds that brought them.
        process.WaitForExit();
        process = Serve(world);
        Assert.Equal("NOJOBS", world.Done("a")); // Whoever asks for it next has it.
        Stop(process);
        process = Serve(world);
        Assert.Equal("NOJOBS", world.Done("b"));
        TestWorkspace.Until(() => world.Workspace.Exists("pictures/a.txt")
            && world.Workspace.Exists("pictures/b.txt"));
        Stop(process);
        var runs = world.Workspace.Quoin("runs", "--store", ".quoin/lines/draw/state.db");
        Assert.Equal(2, runs.Expect(0).Lines.Count(line => line.Contains("picture/")));
        process = Serve(world);
        world.Workspace.Quoin("build", "frame/a", "frame/b").Expect(0); // Nobody else is at it.
        Assert.Equal("NOJOBS", world.Ready());
        Stop(process);
    }

    [Fact]
    public void The_end_for_a_build_that_was_killed_is_the_next_ones()
    {
        using var world = World();
        var process = Serve(world);
        var build = world.Workspace.Start("build", "picture/c", "--payload=3");
        Assert.Equal("JOB c 3", world.ReadyInTime());
        build.Kill();
        build.WaitForExit();
        Assert.Equal("NOJOBS", world.Done("c"));
        world.Workspace.Quoin("build", "picture/c", "--payload=3").Expect(0);
        Assert.Equal("NOJOBS", world.Ready());
        Stop(process);
    }
}
