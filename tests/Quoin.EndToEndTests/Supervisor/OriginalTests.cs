namespace Quoin.EndToEndTests.Supervisor;

/// <summary>
/// From the original and back to it, on one database: what stands for it is the program that the
/// measurements compare with, which keeps its tables the same way.
/// </summary>
public sealed class OriginalTests
{
    static readonly string[] lines = ["a 1", "b 1", "c 1"];

    [Fact]
    public void A_database_goes_from_the_original_to_quoin_and_back()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "python3 runs the original's stand-in");
        using var world = new SupervisorWorld();
        world.Write("f1.1.txt", lines);
        Original(world, () =>
        {
            Assert.Equal("JOB a 1", world.Ready()); // In scrambled order: a, c, b.
            Assert.Equal("JOB c 1", world.Done("a"));
        });
        world.Write("f2.1.txt", "a 2", "c 2").Start();
        Assert.Equal(["JOB b 1", "JOB a 2"], [world.Ready(), world.Ready()]);
        Assert.Equal("NOJOBS", world.Done("b", 7));
        Assert.Equal("JOB c 2", world.Done("c"));
        world.Write("f1.2.txt", lines);
        world.Noticed();
        world.Stop();
        Original(world, () =>
        {
            Assert.Equal("JOB b 1", world.Ready()); // a and c are out.
            Assert.Equal("NOJOBS", world.Ready());
            Assert.Equal("JOB a 1", world.Done("a"));
        });
        world.Start();
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("JOB c 1", world.Done("c"));
    }

    static void Original(SupervisorWorld world, Action action)
    {
        var path = Path.Combine(RepositoryRoot(), "bench", "peers", "supervisor.py");
        var process = world.Workspace.StartProgram("python3", path, "state.db", "in", "s");
        TestWorkspace.Until(() => IsUp(world));
        action();
        process.Kill();
        process.WaitForExit();
        File.Delete(world.Socket);
    }

    // It reads what is there before it answers.
    static bool IsUp(SupervisorWorld world)
    {
        try
        {
            world.Ask("");
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }

    internal static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Quoin.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
