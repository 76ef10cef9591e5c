using System.Diagnostics;
using System.Net.Sockets;

namespace Quoin.EndToEndTests.Supervisor;

/// <summary>
/// What brought the original down, or made it lie: full disks, too many clients, slow readers of
/// the database, more changes than the system can tell of.
/// </summary>
public sealed class WeaknessTests
{
    [Fact]
    public void Of_four_hundred_connections_those_without_a_descriptor_wait_their_turn()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", [.. Enumerable.Range(0, 400).Select(i => $"key-{i} {i}")]);
        world.StartBy("sh", "-c", "ulimit -n 256; exec \"$0\" \"$@\"");
        using var areMany = new ManualResetEventSlim();
        var (answers, served) = (new string[400], 0);
        var workers = Enumerable.Range(0, 400).Select(i => new Thread(
            () =>
            {
                using var worker = new LineWorker(world.Socket);
                answers[i] = worker.Ask("READY");
                if (Interlocked.Increment(ref served) == 100) areMany.Set();
                areMany.Wait();
            },
            256 * 1024)).ToList();
        foreach (var worker in workers) worker.Start();
        areMany.Wait(TestContext.Current.CancellationToken);
        world.Noticed(); // Files are read all the while.
        foreach (var worker in workers) worker.Join();
        Assert.All(answers, it => Assert.StartsWith("JOB ", it));
        Assert.Equal(400, answers.Distinct().Count());
    }

    [Fact]
    public void On_a_full_disk_nothing_is_given_out_and_nothing_is_lost()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "c 1");
        world.StartBy("sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\"");
        Assert.Equal("JOB a 1", world.Ready());
        LimitFiles(world, "0:");
        world.Write("f.2.txt", "b 2");
        world.Process.WaitForLine(
            line => line.StartsWith("Reading pauses", StringComparison.Ordinal));
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("", world.Done("a")); // Unanswered: it is said again.
        Assert.Equal("NOJOBS", world.Ready());
        LimitFiles(world, "unlimited:");
        var next = DoneInTime(world, "a");
        // Until the newer file is read the older one's c waits. Of both, c is first by scramble.
        Assert.Equal("JOB c 1", next == "NOJOBS" ? world.ReadyInTime() : next);
        Assert.Equal("JOB b 2", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Ready());
    }

    // Every file that would grow beyond this cannot be written to.
    static void LimitFiles(SupervisorWorld world, string size) =>
        world.Workspace.StartProgram(
            "prlimit", "--pid", $"{world.Process.Id}", $"--fsize={size}").WaitForExit().Expect(0);

    static string DoneInTime(SupervisorWorld world, string key)
    {
        while (true)
            if (world.Done(key) is { Length: > 0 } answer) return answer;
    }

    [Fact]
    public void Changes_that_nobody_was_told_of_are_found()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt.part", "a 1").Start();
        Assert.Equal("JOB a 1", world.Ready());
        var events = int.Parse(File.ReadAllText("/proc/sys/fs/inotify/max_queued_events"));
        world.Process.Signal(19);
        for (var i = 0; i <= events / 2; i++) // Two alike in a row would count as one.
        {
            File.WriteAllText(Path.Combine(world.Folder, "noise.txt"), "");
            File.Delete(Path.Combine(world.Folder, "noise.txt"));
        }
        world.Move("f.1.txt.part", "f.1.txt").Append("f.1.txt", "b 2\n").Write("g.1.txt", "c 3");
        world.Process.Signal(18);
        string[] found = [world.ReadyInTime(), world.ReadyInTime()];
        Assert.Equal(["JOB b 2", "JOB c 3"], found.Order());
        Assert.Equal("NOJOBS", world.Ready());
    }

    [Fact]
    public void Workers_are_answered_while_files_are_read_and_forgotten()
    {
        using var world = new SupervisorWorld();
        world.Start();
        using var worker = new LineWorker(world.Socket);
        for (var i = 0; i < 4; i++)
        {
            world.Write(
                $"f{i}.1.txt", [.. Enumerable.Range(0, 15_000).Select(n => $"key-{i}-{n} {n}")]);
        }
        var begun = Stopwatch.GetTimestamp();
        while (worker.Ask("READY") == "NOJOBS") // Nothing is read yet.
            Assert.True(Stopwatch.GetElapsedTime(begun) < TestWorkspace.Patience);
        var (jobs, reading) = Ask(worker, 300);
        Assert.Equal(300, jobs);
        Assert.True(reading < TimeSpan.FromMilliseconds(50), $"{reading}");
        for (var i = 0; i < 4; i++) world.Delete($"f{i}.1.txt");
        var (_, forgetting) = Ask(worker, 300);
        Assert.True(forgetting < TimeSpan.FromMilliseconds(50), $"{forgetting}");
        world.Noticed();
        Assert.Equal("NOJOBS", worker.Ask("READY"));
    }

    // How many jobs there were, and what the faster half of the answers took at most: the rest
    // is the machine's.
    static (int Jobs, TimeSpan Slow) Ask(LineWorker worker, int times)
    {
        var (jobs, took) = (0, new List<TimeSpan>());
        while (took.Count < times)
        {
            var since = Stopwatch.GetTimestamp();
            var isJob = worker.Ask("READY") != "NOJOBS";
            if (isJob) jobs++;
            took.Add(Stopwatch.GetElapsedTime(since));
        }
        return (jobs, took.Order().ElementAt(times / 2));
    }

    [Fact]
    public void Who_waits_hears_of_a_line_within_fifty_milliseconds()
    {
        using var world = new SupervisorWorld();
        world.Start();
        var worker = world.Connect();
        Assert.Equal("OK 60", worker.Ask("HELLO w1"));
        var took = new List<TimeSpan>();
        for (var i = 0; i < 15; i++)
        {
            worker.Say("WAIT 30\n");
            var since = Stopwatch.GetTimestamp();
            world.Append("f.1.txt.part", $"key-{i} {i}\n");
            Assert.Equal($"JOB key-{i} {i}", worker.ReadLine());
            took.Add(Stopwatch.GetElapsedTime(since));
        }
        // Most of them are; a busy machine is late with some.
        Assert.True(took.Order().ElementAt(2) < TimeSpan.FromMilliseconds(50), $"{took.Max()}");
    }
}
