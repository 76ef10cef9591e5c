using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Quoin.Bench;

/// <summary>
/// Several processes on one store: a cold build by workers on PostgreSQL beside one on SQLite that
/// has all slots itself, the time from a want to its first process, and what idle processes cost.
/// </summary>
static class HostsBench
{
    const int Tasks = 10_000, Rounds = 3, Wants = 20;
    static readonly TimeSpan idle = TimeSpan.FromSeconds(30);

    const string Stamped = """
        quoin: 1
        jobs:
          at:
            outputs: ["at/{n:int}"]
            exec: [date, "+%s%N"]
            stdout: "{out}"
          long:
            outputs: [long]
            exec: [sleep, "120"]

        """;

    public static void Run()
    {
        using var server = new PrivatePostgres();
        var place = Directory.CreateTempSubdirectory("quoin-bench-").FullName;
        try
        {
            Cold(server, place);
            Latency(server, place);
            Idle(server, place);
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    static void Cold(PrivatePostgres server, string place)
    {
        Console.WriteLine(Invariant(
            $"wide {Tasks:N0}, cold, seconds of wall clock; {Rounds} rounds in turns\n"));
        List<double> embedded = [], workers = [];
        for (var round = 0; round < Rounds; round++)
        {
            var sqlite = Wide(Path.Combine(place, $"sqlite{round}"));
            Tool.FlushDisks();
            embedded.Add(Build(sqlite, "", "-j", "2").Seconds);
            var postgres = Wide(Path.Combine(place, $"postgres{round}"));
            var store = Store(server, $"cold{round}");
            Tool.FlushDisks();
            using var one = new Worker(postgres, store, "-j", "1");
            using var two = new Worker(postgres, store, "-j", "1");
            workers.Add(Build(postgres, store, "-j", "0").Seconds);
        }
        Console.WriteLine($"SQLite, -j 2                             {Times(embedded)}");
        Console.WriteLine($"PostgreSQL, -j 0 and two workers of -j 1 {Times(workers)}");
        Console.WriteLine(Invariant(
            $"ratio of the medians: {Median(workers) / Median(embedded):F2} (goal 1.3)\n"));
    }

    static void Latency(PrivatePostgres server, string place)
    {
        Console.WriteLine(Invariant(
            $"milliseconds from the start of `quoin build` to its first process, {Wants} times\n"));
        var folder = Folder(Path.Combine(place, "latency"), Stamped);
        Latency("SQLite, alone", folder, "", withWorker: false);
        Latency("SQLite, -j 0 and an idle worker", folder, "", withWorker: true);
        var store = Store(server, "latency");
        folder = Folder(Path.Combine(place, "latency-postgres"), Stamped);
        Latency("PostgreSQL, alone", folder, store, withWorker: false);
        Latency("PostgreSQL, -j 0 and an idle worker", folder, store, withWorker: true);
        Console.WriteLine();
    }

    static void Latency(string name, string folder, string store, bool withWorker)
    {
        Build(folder, store, "at/0"); // The store is made.
        using var worker = withWorker ? new Worker(folder, store, "-j", "1") : null;
        var first = withWorker ? 1_000 : 1;
        var waits = new List<double>();
        for (var n = first; n < first + Wants; n++)
        {
            var from = TimeProvider.System.GetUtcNow();
            Build(folder, store, $"at/{n}", "-j", withWorker ? "0" : "1");
            var nanoseconds = long.Parse(
                File.ReadAllText($"{folder}/.quoin/data/at/{n}"), CultureInfo.InvariantCulture);
            waits.Add((DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / 100) - from)
                .TotalMilliseconds);
        }
        Console.WriteLine(Invariant(
            $"{name,-40} median {Median(waits),5:F0} ({waits.Min():F0}-{waits.Max():F0})"));
    }

    static void Idle(PrivatePostgres server, string place)
    {
        Console.WriteLine(Invariant(
            $"idle for {idle.TotalSeconds:F0} s: a coordinator whose one run sleeps on a worker, ")
            + "and two workers\n");
        foreach (var (name, store) in (ReadOnlySpan<(string, string)>)
            [("SQLite", ""), ("PostgreSQL", Store(server, "idle"))])
        {
            var folder = Folder(Path.Combine(place, $"idle{name}"), Stamped);
            using var one = new Worker(folder, store, "-j", "1");
            using var two = new Worker(folder, store, "-j", "1");
            using var build = new Worker(folder, store, ["build", "long", "-j", "0"]);
            Wait(TimeSpan.FromSeconds(5)); // All of it has begun.
            Worker[] all = [build, one, two];
            var (cpu, queries) = (all.Select(p => p.Cpu).ToArray(), Transactions(server, "idle"));
            var clock = Stopwatch.StartNew();
            Wait(idle);
            var seconds = clock.Elapsed.TotalSeconds;
            var used = all.Select((p, i) => 100 * (p.Cpu - cpu[i]).TotalSeconds / seconds);
            var asked = (Transactions(server, "idle") - queries) / seconds / all.Length;
            Console.WriteLine(Invariant($"{name,-12} % of a core: ")
                + string.Join(", ", used.Select(percent => Invariant($"{percent:F2}")))
                + (store.Length == 0
                    ? ""
                    : Invariant($"; {asked:F2} transactions a second and process")));
        }
    }

    // What is measured here is time that passes.
    static void Wait(TimeSpan time) => Task.Delay(time).GetAwaiter().GetResult();

    // A database of its own, so that its counters count nothing else.
    static string Store(PrivatePostgres server, string name)
    {
        server.CreateDatabase(name);
        return $"postgres://test@/{name}?host={server.Folder}";
    }

    static long Transactions(PrivatePostgres server, string database)
    {
        using var connection = new NpgsqlConnection(
            $"Host={server.Folder};Username=test;Database=postgres;Pooling=false");
        connection.Open();
        using var command = new NpgsqlCommand(
            "SELECT coalesce(sum(xact_commit + xact_rollback), 0)::bigint FROM pg_stat_database "
            + $"WHERE datname = '{database}'", connection);
        return (long)command.ExecuteScalar()!;
    }

    static string Wide(string folder)
    {
        var graph = BuildGraph.Wide(Tasks);
        Folder(folder, graph.QuoinYaml);
        foreach (var sub in graph.Folders) Directory.CreateDirectory($"{folder}/{sub}");
        Directory.CreateDirectory($"{folder}/src");
        for (var i = 0; i < graph.Sources; i++) File.WriteAllText($"{folder}/src/{i}", $"{i}\n");
        return folder;
    }

    static string Folder(string folder, string yaml)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText($"{folder}/quoin.yaml", yaml);
        return folder;
    }

    static ToolRun Build(string folder, string store, params string[] args) => Tool.RunTo(
        folder + ".log",
        [BuildBench.QuoinBinary, "-C", folder, "build", .. args, "--plain", .. OptionOf(store)]);

    static string[] OptionOf(string store) => store.Length == 0 ? [] : ["--store", store];

    static string Times(List<double> seconds) => Invariant(
        $"{Median(seconds),6:F2} ({seconds.Min():F2}-{seconds.Max():F2})");

    static double Median(IEnumerable<double> values) => BuildBench.Median(values);

    static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    /// <summary>A process of quoin in the background.</summary>
    sealed class Worker : IDisposable
    {
        readonly Process process;

        public Worker(string folder, string store, params string[] args)
        {
            string[] command = args is ["build", ..] ? args : ["worker", .. args];
            var line = string.Join(' ', [BuildBench.QuoinBinary, "-C", folder, .. command]);
            process = Process.Start(new ProcessStartInfo("/bin/sh", [
                "-c", $"exec {line} \"$@\" >>{folder}.worker.log 2>&1", "sh",
                .. OptionOf(store)]))!;
        }

        public TimeSpan Cpu
        {
            get
            {
                process.Refresh();
                return process.TotalProcessorTime;
            }
        }

        public void Dispose()
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }
    }
}
