using System.Diagnostics;
using System.Globalization;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Bench;

/// <summary>
/// What things outside cost that wait: many that sleep, all of them due in one instant, and those
/// that are looked at again and again, by processes and in this one.
/// </summary>
static class SleepersBench
{
    static readonly int sleepers = Number("QUOIN_BENCH_SLEEPERS", 10_000);
    static readonly int pollers = Number("QUOIN_BENCH_POLLERS", 1_000);
    static readonly TimeSpan window = TimeSpan.FromSeconds(
        Number("QUOIN_BENCH_SECONDS", 30));

    static int Number(string variable, int otherwise) =>
        int.TryParse(
            Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture,
            out var number) ? number : otherwise;

    public static void Run()
    {
        var place = Directory.CreateTempSubdirectory("quoin-bench-").FullName;
        try
        {
            Sleep(Path.Combine(place, "sleep"));
            PollHere(Path.Combine(place, "here"));
            PollByProcess(Path.Combine(place, "process"));
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    static void Sleep(string folder)
    {
        var isWake = false;
        using var host = new ThingHost(folder, _ => new(ResourceAnswerKind.Busy)
        {
            Defer = new DeferReport(
                TimeSpan.FromDays(Volatile.Read(ref isWake) ? 2 : 1), false, null),
        });
        host.Want(1); // The first one loads what is needed once.
        host.WaitForAnswers(1);
        var (threads, memory) = (Threads, Memory());
        var clock = Stopwatch.StartNew();
        host.Want(sleepers);
        host.WaitForAnswers(sleepers);
        Console.WriteLine(Invariant(
            $"{sleepers:N0} runs asked for, busy, asleep: {clock.Elapsed.TotalSeconds:F2} s"));
        Wait(TimeSpan.FromSeconds(5)); // What the runtime compiles anew is compiled by then.
        var bytes = Memory() - memory;
        Console.WriteLine(Invariant(
            $"asleep: {bytes / 1e6:F1} MB (goal 50), {bytes / sleepers:N0} bytes each, ")
            + Invariant($"{Threads - threads} threads more"));
        var (cpu, position) = (Cpu, host.Position);
        clock.Restart();
        Wait(window);
        Console.WriteLine(Invariant(
            $"idle with {sleepers:N0} timers: {Percent(Cpu - cpu, clock):F2} % of a core ")
            + $"(goal 1), {host.Position - position} events");

        Volatile.Write(ref isWake, true);
        (cpu, var answers) = (Cpu, host.Answers);
        clock.Restart();
        host.WakeAll();
        host.WaitForAnswers(answers + sleepers);
        Console.WriteLine(Invariant(
            $"{sleepers:N0} due at one instant, called and asleep again: ")
            + Invariant($"{clock.Elapsed.TotalSeconds:F2} s, {(Cpu - cpu).TotalSeconds:F2} s of ")
            + "processor time (goal 2)\n");
    }

    static void PollHere(string folder)
    {
        using var host = new ThingHost(folder, _ => new(ResourceAnswerKind.Busy)
        {
            Defer = new DeferReport(TimeSpan.FromSeconds(1), false, null),
        });
        host.Want(pollers);
        host.WaitForAnswers(pollers * 15); // What the runtime compiles anew is compiled by then.
        var (cpu, answers, clock) = (Cpu, host.Answers, Stopwatch.StartNew());
        Wait(window);
        var rate = (host.Answers - answers) / clock.Elapsed.TotalSeconds;
        Console.WriteLine(Invariant(
            $"{pollers:N0} looked at every second in this process: {rate:F0} looks a second, ")
            + Invariant($"{Percent(Cpu - cpu, clock):F1} % of a core (goal 20)\n"));
    }

    static void PollByProcess(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "quoin.yaml"), ThingHost.Yaml(
            "sh, poll", pollers));
        File.WriteAllText(
            Path.Combine(folder, "poll"),
            "echo '@quoin {\"defer\":{\"after\":\"10s\"}}'\n");
        using var build = Process.Start(new ProcessStartInfo("/bin/sh", [
            "-c", $"exec {BuildBench.QuoinBinary} -C {folder} build --plain >/dev/null 2>&1"]))!;
        Wait(TimeSpan.FromSeconds(20)); // All were asked for once.
        var (before, clock) = (Times(build.Id), Stopwatch.StartNew());
        Wait(window);
        var (after, seconds) = (Times(build.Id), clock.Elapsed.TotalSeconds);
        build.Kill(entireProcessTree: true);
        build.WaitForExit();
        Console.WriteLine(Invariant(
            $"{pollers:N0} looked at every 10 s by a process each, % of a core: the engine ")
            + Invariant($"{100 * (after.Own - before.Own) / seconds:F1} (goal 20), the processes ")
            + Invariant($"{100 * (after.Children - before.Children) / seconds:F1}"));
    }

    // Seconds of processor time of a process, and of those that it waited for.
    static (double Own, double Children) Times(int process)
    {
        var fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ');
        double Ticks(int field) =>
            double.Parse(fields[field - 3], CultureInfo.InvariantCulture) / 100;
        return (Ticks(14) + Ticks(15), Ticks(16) + Ticks(17));
    }

    static long Memory()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    static TimeSpan Cpu
    {
        get
        {
            using var self = Process.GetCurrentProcess();
            return self.TotalProcessorTime;
        }
    }

    static int Threads
    {
        get
        {
            using var self = Process.GetCurrentProcess();
            return self.Threads.Count;
        }
    }

    static double Percent(TimeSpan cpu, Stopwatch clock) => 100 * (cpu / clock.Elapsed);

    // What is measured here is time that passes.
    static void Wait(TimeSpan time) => Task.Delay(time).GetAwaiter().GetResult();

    static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
