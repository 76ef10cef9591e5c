using System.Diagnostics;

namespace Quoin.EndToEndTests.Supervisor;

/// <summary>Ends, kills and starts; second instances; databases that are not ours.</summary>
public sealed class RestartTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_given_out_is_not_given_again_and_the_rest_is(bool isKilled)
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", [.. Enumerable.Range(0, 10).Select(i => $"key-{i} {i}")]).Start();
        var given = Enumerable.Range(0, 4).Select(_ => world.Ready()["JOB ".Length..]).ToList();
        if (isKilled) world.Kill();
        else Assert.True(world.Stop() < TimeSpan.FromSeconds(1));
        world.Start();
        var rest = world.All();
        Assert.Equal(6, rest.Count);
        Assert.Empty(given.Intersect(rest));
        Assert.Equal("NOJOBS", world.Done(given[0].Split(' ')[0]));
        world.Write("f.2.txt", given[0]).Noticed();
        Assert.Equal("JOB " + given[0], world.Ready());
    }

    [Fact]
    public void The_order_of_giving_out_survives()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "b 1", "c 1", "d 1").Start();
        var given = world.All().Select(it => it.Split(' ')[0]).ToList();
        foreach (var key in given) world.Done(key);
        world.Kill().Write("f.2.txt", "d 2", "c 2", "b 2", "a 2").Start();
        Assert.Equal(given, world.All().Select(it => it.Split(' ')[0]));
    }

    [Fact]
    public void What_changed_while_it_was_down_is_noticed()
    {
        using var world = new SupervisorWorld();
        world.Write("f1.1.txt", "a 1").Write("f2.1.txt.part", "b 1").Append("f2.1.txt.part", "tor");
        world.Write("f4.1.txt", "x 1").Write("f5.1.txt.part", "g 1").Start();
        Assert.Equal(4, world.All().Count);
        foreach (var key in (string[])["a", "b", "x", "g"]) world.Done(key);
        world.Kill();
        world.Delete("f1.1.txt").Append("f2.1.txt.part", "n 2\nc 3\n");
        world.Move("f2.1.txt.part", "f2.1.txt").Write("f3.1.txt", "e 1");
        world.Delete("f4.1.txt").Write("f4.2.txt", "x 2");
        world.Start();
        Assert.Equal(["c 3", "e 1", "torn 2", "x 2"], world.All().Order());
    }

    [Fact]
    public void Killed_while_it_reads_it_reads_on()
    {
        using var world = new SupervisorWorld();
        var lines = Enumerable.Range(0, 40_000).Select(i => $"key-{i} {i} more words").ToArray();
        world.Start();
        for (var i = 0; i < 4; i++)
        {
            world.Write($"f{i}.1.txt", lines[(i * 10_000)..((i + 1) * 10_000)]);
            if (i % 2 == 1) world.Kill().Start();
        }
        world.Noticed();
        using var worker = new LineWorker(world.Socket);
        var seen = new HashSet<string>();
        while (worker.Ask("READY") is var answer && answer != "NOJOBS")
            Assert.True(seen.Add(answer), answer);
        Assert.Equal(40_000, seen.Count);
    }

    [Fact]
    public void Killed_under_load_no_answered_job_is_given_again()
    {
        using var world = new SupervisorWorld("--hold", "300s");
        var lines = Enumerable.Range(0, 600).Select(i => $"key-{i} {i}").ToArray();
        world.Write("f.1.txt", lines).Start();
        var seen = new HashSet<string>();
        for (var round = 0; round < 6; round++)
        {
            using var worker = new LineWorker(world.Socket);
            for (var i = 0; i < 90; i++)
            {
                var answer = worker.Ask("READY");
                if (answer == "NOJOBS") break;
                Assert.True(seen.Add(answer), answer);
            }
            worker.Say("READY\nREADY\n");
            world.Kill().Start();
        }
        foreach (var job in world.All()) Assert.True(seen.Add("JOB " + job), job);
        Assert.InRange(seen.Count, 588, 600); // At most two in each kill are out, unread.
    }

    [Fact]
    public void A_second_instance_is_refused_by_database_and_by_socket()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Start();
        var watch = Stopwatch.StartNew();
        var same = world.Workspace.Quoin("supervisor", "state.db", "in", "other").Expect(1);
        Assert.Contains($"pid {world.Process.Id}", same.Stderr);
        Assert.False(world.Workspace.Exists("other"));
        var other = world.Workspace.Quoin("supervisor", "other.db", "in", "s").Expect(1);
        Assert.Contains($"pid {world.Process.Id}", other.Stderr);
        Assert.False(world.Workspace.Exists("other.db"));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(4), $"{watch.Elapsed}");
        Assert.Equal("JOB a 1", world.Ready());
    }

    [Fact]
    public void A_stale_socket_is_replaced_and_what_is_no_socket_is_left_alone()
    {
        using var world = new SupervisorWorld();
        world.Start().Kill();
        Assert.True(world.Workspace.Exists("s"));
        world.Start();
        world.Stop();
        Assert.False(world.Workspace.Exists("s"));
        world.Workspace.Write("s", "mine");
        world.Workspace.Quoin("supervisor", "state.db", "in", "s").Expect(1);
        Assert.Equal("mine", world.Workspace.Read("s"));
    }

    [Fact]
    public void Missing_folders_are_made_but_not_that_of_the_database()
    {
        using var world = new SupervisorWorld();
        var process = world.Workspace.Start("supervisor", "state.db", "a/b/in", "c/d/s");
        process.WaitForLine(line => line.StartsWith("Serving", StringComparison.Ordinal));
        Assert.True(Directory.Exists(world.Workspace.PathOf("a/b/in")));
        process.Interrupt();
        process.WaitForExit().Expect(0);
        world.Workspace.Quoin("supervisor", "no/state.db", "in", "s").Expect(1);
        world.Workspace.Quoin("supervisor", "state.db", "in").Expect(2);
        world.Workspace.Quoin("supervisor", "state.db", "in", "s", "more").Expect(2);
    }

    [Fact]
    public void What_is_no_database_of_ours_or_the_originals_is_refused_untouched()
    {
        using var world = new SupervisorWorld();
        var text = string.Concat(Enumerable.Repeat("no database at all ", 100));
        world.Workspace.Write("state.db", text);
        world.Workspace.Quoin("supervisor", "state.db", "in", "s").Expect(1);
        Assert.Equal(text, world.Workspace.Read("state.db"));
    }

    [Fact]
    public void With_few_descriptors_the_rest_of_the_connections_waits_and_files_are_read()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", [.. Enumerable.Range(0, 300).Select(i => $"key-{i} {i}")]);
        var process = world.Workspace.StartProgram(
            "sh", "-c", $"ulimit -n 256; exec {TestWorkspace.Binary} supervisor state.db in s");
        process.WaitForLine(line => line.StartsWith("Serving", StringComparison.Ordinal));
        var workers = Enumerable.Range(0, 250).Select(_ => world.Connect()).ToList();
        foreach (var worker in workers) worker.Say("READY\n");
        Assert.StartsWith("JOB ", workers[0].ReadLine());
        world.Write("g.1.txt", "loner");
        process.WaitForLine(line => line.Contains("'g.1.txt'", StringComparison.Ordinal));
        for (var i = 1; i < workers.Count; i++)
        {
            workers[i - 1].Dispose();
            Assert.StartsWith("JOB ", workers[i].ReadLine());
        }
    }
}
