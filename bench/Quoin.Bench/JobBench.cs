using System.Diagnostics;
using System.Runtime.CompilerServices;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>
/// What the wrapper costs: <c>touch OUTPUT</c> as an attempt (staging, lists, pipes, log, digest,
/// rename), against only starting it and waiting for it. Processor time of this process, without
/// that of the children.
/// </summary>
static class JobBench
{
    const int Count = 1000, Passes = 5;

    public static void Run()
    {
        var root = Path.Join(Path.GetTempPath(), $"quoin-bench-job-{Environment.ProcessId}");
        Directory.CreateDirectory(root);
        try
        {
            using var guardian = new Guardian(Path.Join(root, "guard"), TimeProvider.System);
            var clock = Stopwatch.StartNew();
            guardian.EnsureStarted();
            Console.WriteLine($"guardian started in {clock.Elapsed.TotalMicroseconds:F0} us");
            var processes = new JobProcess(TimeProvider.System, guardian);
            Console.WriteLine($"{Count} x touch OUTPUT, best of {Passes}: us each, CPU and wall");
            foreach (var threads in (int[])[1, 2])
            {
                var bare = Measure(threads, i => Bare(Path.Join(root, $"bare-{i}")));
                var job = Measure(threads, i => Job(processes, root, i));
                Print(threads, "spawn and wait", bare.Cpu, bare.Wall);
                Print(threads, "attempt", job.Cpu, job.Wall);
                Print(threads, "the wrapper", job.Cpu - bare.Cpu, job.Wall - bare.Wall);
            }
        }
        finally
        {
            Directory.Delete(root, true);
        }
    }

    static void Print(int threads, string what, double cpu, double wall) =>
        Console.WriteLine($"{threads} threads  {what,-16} {cpu,6:F0} {wall,6:F0}");

    static (double Cpu, double Wall) Measure(int threads, Action<int> one)
    {
        var best = (Cpu: double.MaxValue, Wall: double.MaxValue);
        for (var pass = 0; pass < Passes; pass++)
        {
            var next = pass * Count;
            var last = next + Count;
            var (clock, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
            var workers = new Thread[threads];
            for (var t = 0; t < threads; t++)
            {
                workers[t] = new Thread(() =>
                {
                    for (int i; (i = Interlocked.Increment(ref next)) <= last;) one(i);
                });
                workers[t].Start();
            }
            foreach (var worker in workers) worker.Join();
            var cpu = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / Count;
            var wall = clock.Elapsed.TotalMicroseconds / Count;
            best = (Math.Min(best.Cpu, cpu), Math.Min(best.Wall, wall));
        }
        return best;
    }

    static void Job(JobProcess processes, string root, int i)
    {
        var result = processes.Run(
            new JobSpec
            {
                Id = new AttemptId(new RunId(i), 1),
                Epoch = 1,
                Config = new JobConfig { Job = "t", Outputs = ["a"], Args = ["touch", "{out}"] },
                WorkingDirectory = root,
                Inputs = [new SpecInput("in", root + "/in", default)],
                Outputs = [new SpecOutput("a", $"{root}/data/{i % 100}/{i}", true)],
                StagingDirectory = $"{root}/staging/r-{i}.1",
                LogFile = $"{root}/log/r-{i}.1.jsonl",
            },
            new JobControl(), NoObserver.Instance);
        if (result.End != JobEnd.Completed)
            throw new InvalidOperationException($"{result.Failure}");
    }

    [SkipLocalsInit]
    static unsafe void Bare(string output)
    {
        var argv = new StringBlock();
        argv.Add("touch");
        argv.Add(output);
        var environment = new StringBlock();
        environment.Add("PATH", "/usr/bin:/bin");
        var error = Spawn.Start(
            argv, environment, "/usr/bin:/bin",
            new SpawnPlaces
            {
                WorkingDirectory = "/tmp",
                Stdin = Spawn.NullFile,
                Stdout = Spawn.NullFile,
                Stderr = Spawn.NullFile,
            },
            out var pid);
        if (error != 0) throw new IOException(Libc.Describe(error));
        int status;
        Libc.Usage usage;
        _ = Libc.wait4(pid, &status, 0, &usage);
    }
}
