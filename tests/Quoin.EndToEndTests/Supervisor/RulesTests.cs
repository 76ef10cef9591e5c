using System.Net.Sockets;

namespace Quoin.EndToEndTests.Supervisor;

/// <summary>Rules of the supervisor that only a whole process can keep or break.</summary>
public sealed class RulesTests
{
    [Fact]
    public void It_takes_three_arguments_and_no_more()
    {
        using var world = new SupervisorWorld();
        var result = world.Workspace.Quoin("supervisor", "state.db", "in", "s", "more").Expect(2);
        Assert.Contains("more", result.Stderr, StringComparison.Ordinal);
        Assert.False(world.Workspace.Exists("state.db"));
    }

    [Fact]
    public void Who_asks_before_the_files_were_read_waits_for_them()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", [.. Enumerable.Range(0, 20_000).Select(i => $"key-{i} {i}")]);
        var process = world.Workspace.Start("supervisor", "state.db", "in", "s");
        LineWorker? early = null;
        while (early is null && !process.HasExited)
        {
            try
            {
                early = new LineWorker(world.Socket);
            }
            catch (SocketException)
            {
                // It does not listen yet.
            }
        }
        using (early) Assert.StartsWith("JOB ", early!.Ask("READY"), StringComparison.Ordinal);
        process.Terminate();
        process.WaitForExit().Expect(0);
    }

    [Fact]
    public void Without_its_database_all_is_new()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "b 2").Start();
        Assert.Equal(["a 1", "b 2"], world.All());
        world.Stop();
        foreach (var file in Directory.GetFiles(world.Workspace.Root, "state.db*"))
            File.Delete(file);
        world.Start();
        Assert.Equal(["a 1", "b 2"], world.All());
    }

    [Fact]
    public void A_DONE_of_what_was_never_given_out_or_twice_is_just_a_READY()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "b 2", "c 3").Start();
        Assert.Equal("JOB a 1", world.Done("nobody", 7));
        Assert.Equal("JOB c 3", world.Done("a"));
        Assert.Equal("JOB b 2", world.Done("a", 5));
        var runs = world.Workspace.Quoin("runs", "--store", "state.db", "--failed").Expect(0);
        Assert.DoesNotContain("update/", runs.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public void Killed_while_it_makes_its_tables_it_starts_again()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1");
        for (var i = 0; i < 4; i++)
        {
            var process = world.Workspace.Start("supervisor", "state.db", "in", "s");
            // Later each time: when the file is there, its log, when it listens.
            var until = (string[])["state.db", "state.db-wal", "state.db-shm", "s"];
            TestWorkspace.Until(() => world.Workspace.Exists(until[i]) || process.HasExited);
            process.Kill();
            process.WaitForExit();
        }
        world.Start();
        Assert.Equal("JOB a 1", world.Ready());
    }
}
