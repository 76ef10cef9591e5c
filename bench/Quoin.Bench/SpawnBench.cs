using System.Diagnostics;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>
/// Starts <c>/bin/true</c> many times and waits for each: <see cref="Process"/> against
/// <c>posix_spawn</c>, with and without captured output, on 1, 2 and 8 threads. Best of 5 passes.
/// </summary>
static class SpawnBench
{
    const int Count = 1000, Passes = 5;

    public static void Run()
    {
        Console.WriteLine($"{Count} x /bin/true, best of {Passes}: processes/s, CPU us each");
        foreach (var threads in (int[])[1, 2, 8])
        {
            Measure("Process.Start", threads, () => WithProcess(false));
            Measure("Process.Start, captured", threads, () => WithProcess(true));
            Measure("posix_spawn", threads, () => WithSpawn(false));
            Measure("posix_spawn, captured", threads, () => WithSpawn(true));
        }
    }

    static void Measure(string what, int threads, Action one)
    {
        var (best, cpu) = (TimeSpan.MaxValue, TimeSpan.Zero);
        for (var pass = 0; pass < Passes; pass++)
        {
            var (clock, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
            var workers = new Thread[threads];
            for (var t = 0; t < threads; t++)
            {
                workers[t] = new Thread(() =>
                {
                    for (var i = 0; i < Count / threads; i++) one();
                });
                workers[t].Start();
            }
            foreach (var worker in workers) worker.Join();
            if (clock.Elapsed >= best) continue;
            (best, cpu) = (clock.Elapsed, Environment.CpuUsage.TotalTime - before);
        }
        Console.WriteLine(
            $"{what,-26} {threads} threads {Count / best.TotalSeconds,8:F0}/s "
            + $"{cpu.TotalMicroseconds / Count,8:F0} us");
    }

    static void WithProcess(bool captured)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/true")
        {
            RedirectStandardOutput = captured,
            RedirectStandardError = captured,
        })!;
        if (captured)
        {
            process.StandardOutput.ReadToEnd();
            process.StandardError.ReadToEnd();
        }
        process.WaitForExit();
    }

    static unsafe void WithSpawn(bool captured)
    {
        var argv = new StringBlock();
        argv.Add("/bin/true");
        var environment = new StringBlock();
        environment.Add("PATH", "/usr/bin:/bin");
        var pipes = stackalloc int[4];
        if (captured)
        {
            Libc.pipe2(pipes, Libc.CloseOnExec);
            Libc.pipe2(pipes + 2, Libc.CloseOnExec);
        }
        var error = Spawn.Start(
            argv, environment, "/usr/bin:/bin",
            new SpawnPlaces
            {
                WorkingDirectory = "/tmp",
                Stdin = Spawn.NullFile,
                Stdout = captured ? pipes[1] : Spawn.NullFile,
                Stderr = captured ? pipes[3] : Spawn.NullFile,
            },
            out var pid);
        if (error != 0) throw new IOException(Libc.Describe(error));
        if (captured)
        {
            var buffer = stackalloc byte[256];
            for (var i = 0; i < 4; i += 2)
            {
                Libc.close(pipes[i + 1]);
                while (Libc.read(pipes[i], buffer, 256) > 0) { }
                Libc.close(pipes[i]);
            }
        }
        int status;
        Libc.Usage usage;
        Libc.wait4(pid, &status, 0, &usage);
    }
}
