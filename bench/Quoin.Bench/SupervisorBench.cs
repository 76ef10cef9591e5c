using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// <c>quoin supervisor</c> beside a Python supervisor of the same make: reading files, giving out
/// jobs, with few and many workers and with much given out already.
/// </summary>
static class SupervisorBench
{
    const int Lines = SupervisorWorld.Lines, PeerQuestions = 2000, Questions = 20_000;
    const int Warming = 10_000;


    static int Rounds => int.TryParse(
        Environment.GetEnvironmentVariable("QUOIN_BENCH_ROUNDS"), out var rounds) ? rounds : 5;

    public static void Run()
    {
        var memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        Console.WriteLine(
            $"{Lines:N0} lines in {SupervisorWorld.Files} files in memory, "
            + $"median of {Rounds} rounds; "
            + (SupervisorWorld.Original is null
                ? "peer: bench/peers/supervisor.py, a stand-in for the original"
                : "peer: the original"));
        Console.WriteLine("durability: both commit before they answer; the peer with a rollback "
            + "journal, quoin with a write-ahead log, both synchronous=FULL");
        Console.WriteLine("rows: SQLite alone writes the same rows, those of half of the "
            + "connections in a commit, and nobody asks");
        Console.WriteLine("bare: a loop that answers what is there when it has written these rows; "
            + "echo: one that writes nothing");
        Console.WriteLine("one connection: client, bare and echo look for the next line all the "
            + "time; otherwise they sleep until it comes\n");
        Console.WriteLine($"{"",-34} {"peer",10} {"quoin",10} {"ratio",8} {"rows",10} {"bare",10} "
            + $"{"echo",10}");
        Ingest(memory);
        Dispatch(memory);
        NoJobs(memory);
        WhileReading(memory);
        OnDisk();
    }

    // Where a sync takes its time.
    static void OnDisk()
    {
        var disk = Path.Combine(ResultsFile.Root, "artifacts");
        Console.WriteLine($"\nthe same on a disk: {Syncs(disk):N0} syncs of 4 KB a second");
        Dispatch(disk);
    }

    static void Dispatch(string place)
    {
        using var theirs = new SupervisorWorld(place, isPeer: true);
        using var ours = new SupervisorWorld(place, isPeer: false);
        foreach (var world in (SupervisorWorld[])[theirs, ours]) world.Fill();
        foreach (var isDone in (bool[])[false, true])
            foreach (var connections in (int[])[1, 8, 64])
                Dispatch(theirs, ours, connections, isDone);
    }

    static double Syncs(string folder)
    {
        const int count = 500;
        var path = Path.Combine(folder, $"quoin-bench-{Guid.CreateVersion7():N}");
        using var file = new FileStream(
            path, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        var since = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            file.Write(new byte[4096]);
            file.Flush(flushToDisk: true);
        }
        return count / Stopwatch.GetElapsedTime(since).TotalSeconds;
    }

    /// <summary>What stays as it is however much is there.</summary>
    public static void RunFlat()
    {
        var memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        Idle(memory);
        Flat(memory);
    }

    static void Ingest(string place)
    {
        var (peer, quoin) = Both(place, world =>
        {
            world.WriteFiles();
            var since = Stopwatch.GetTimestamp();
            world.Start();
            world.Ask("READY\n");
            return Stopwatch.GetElapsedTime(since).TotalSeconds;
        });
        Print("files at start, lines/s", Lines / peer, Lines / quoin, quoin, peer);
        (peer, quoin) = Both(place, world =>
        {
            world.Start();
            var since = Stopwatch.GetTimestamp();
            var total = world.WriteParts();
            world.WaitUntilRead(total);
            return Stopwatch.GetElapsedTime(since).TotalSeconds;
        });
        Print(".part in 64 KiB pieces, lines/s", Lines / peer, Lines / quoin, quoin, peer);
        (peer, quoin) = Both(place, world =>
        {
            world.WriteFiles();
            world.Start();
            world.Ask("READY\n");
            world.Settle();
            world.Stop();
            var since = Stopwatch.GetTimestamp();
            world.Start();
            world.Ask("READY\n");
            return Stopwatch.GetElapsedTime(since).TotalSeconds;
        });
        Print("restart to first JOB, ms", peer * 1000, quoin * 1000, quoin, peer);
    }

    // Each time from a copy of a database with all lines in it, of which none was given out.
    static void Dispatch(
        SupervisorWorld theirs, SupervisorWorld ours, int connections, bool isDone)
    {
        var (peer, quoin, bare, echo) = (new Seen(), new Seen(), new Seen(), new Seen());
        var rows = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            Serve(theirs, PeerQuestions, peer);
            Serve(ours, Questions, quoin);
            rows.Add(RowsPerSecond(ours, Math.Max(1, connections / 2), isDone));
            Floor(isWritten: true, bare);
            Floor(isWritten: false, echo);
        }
        Print($"{(isDone ? "DONE" : "READY")} to JOB, {connections} connections, /s",
            peer.Rate, quoin.Rate, 1 / quoin.Rate, 1 / peer.Rate, Median(rows), bare.Rate,
            echo.Rate);
        Print("  p99, ms", peer.Tail, quoin.Tail, quoin.Tail, peer.Tail,
            rows: null, bare.Tail, echo.Tail);
        Print("  CPU of the server, us an answer", peer.Work, quoin.Work, quoin.Work, peer.Work);

        void Serve(SupervisorWorld filled, int questions, Seen seen)
        {
            using var world = filled.Copy();
            world.Start();
            world.Ask("HELLO\n"); // Answered by its end, when it serves.
            var before = world.CpuMicroseconds();
            var result = LineLoad.Run(world.Socket, connections, questions, isDone);
            seen.Add(result, (world.CpuMicroseconds() - before) / result.Answers);
        }

        void Floor(bool isWritten, Seen seen)
        {
            using var world = ours.Copy();
            using var floor = new LineFloor(
                world.Socket, isWritten ? world.Database : null, isAwake: connections == 1);
            seen.Add(LineLoad.Run(world.Socket, connections, Questions, isDone));
        }
    }

    // The rows alone, in commits of half of the connections: the other half asks meanwhile.
    static double RowsPerSecond(SupervisorWorld filled, int group, bool isDone)
    {
        using var world = filled.Copy();
        using var rows = new LineRows(world.Database);
        var given = new Queue<byte[]>();
        var since = Stopwatch.GetTimestamp();
        for (var done = 0; done < Questions; done += group)
        {
            for (var i = 0; i < group; i++)
            {
                var ended = isDone && given.Count >= 2 * group ? given.Dequeue() : null;
                given.Enqueue(rows.Give(ended));
            }
            rows.Commit();
        }
        return Questions / Stopwatch.GetElapsedTime(since).TotalSeconds;
    }

    sealed class Seen
    {
        readonly List<double> rates = [], tails = [], works = [];

        public double Rate => Median(rates);

        public double Tail => Median(tails);

        public double Work => Median(works);

        public void Add(LineLoadResult result, double work = 0)
        {
            rates.Add(result.PerSecond);
            tails.Add(result.Percentile(0.99) / 1000);
            works.Add(work);
        }
    }

    static void NoJobs(string place)
    {
        var (peer, quoin) = Both(place, world =>
        {
            world.WriteFiles(3000);
            world.Start();
            world.Ask("READY\n");
            world.Settle();
            LineLoad.Run(world.Socket, 1, 3000, isDone: false);
            return LineLoad.Run(world.Socket, 1, 200, isDone: false).Percentile(0.5);
        });
        Print("NOJOBS with 3,000 out, us", peer, quoin, quoin, peer);
    }

    static void WhileReading(string place)
    {
        var (peer, quoin) = Both(place, world =>
        {
            world.Start();
            world.Ask("READY\n");
            var writing = Task.Run(world.WriteParts);
            var worst = 0.0;
            while (!writing.IsCompleted)
            {
                worst = Math.Max(
                    worst, LineLoad.Run(world.Socket, 1, 20, isDone: false).Latencies[^1]);
            }
            return worst / 1000;
        });
        Print("worst READY while lines come, ms", peer, quoin, quoin, peer);
    }

    static void Flat(string place)
    {
        using var world = new SupervisorWorld(place, isPeer: false);
        world.WriteFiles(1_040_000);
        world.Start();
        world.Ask("READY\n");
        world.Settle();
        Console.WriteLine($"\npeak memory with 1,040,000 lines read: {world.PeakMb():N0} MB");
        var given = 1; // The READY above.
        foreach (var target in (int[])[2_000, 20_000, 1_000_000])
        {
            // The first ones are slower, until client and server have a core each.
            var warming = Math.Min(target - given, Warming);
            var rush = target - given - warming;
            if (rush > 0) LineLoad.Run(world.Socket, 64, rush, isDone: false);
            world.Settle();
            LineLoad.Run(world.Socket, 1, warming, isDone: false);
            var result = LineLoad.Run(world.Socket, 1, 5_000, isDone: false);
            given = target + 5_000;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"READY to JOB with {target,9:N0} given out: "
                + $"{result.Percentile(0.5),4:F0} us median, "
                + $"{result.Percentile(0.99),4:F0} us p99, "
                + $"{result.Latencies[^1] / 1000,4:F0} ms at most, {result.PerSecond,6:N0} /s"));
        }
        Console.WriteLine($"peak memory with {given:N0} of them in flight: {world.PeakMb():N0} MB");
    }

    static void Idle(string place)
    {
        foreach (var isPeer in (bool[])[true, false])
        {
            using var world = new SupervisorWorld(place, isPeer);
            world.WriteFiles();
            world.Start();
            world.Ask("READY\n");
            world.Settle();
            var before = world.PeakMb();
            var idle = Enumerable.Range(0, 1000).Select(_ => world.Connect()).ToList();
            foreach (var connection in idle) connection.Send("READY\n"u8);
            world.Ask("READY\n");
            Console.WriteLine(
                $"{(isPeer ? "peer" : "quoin")}: peak {before:N0} MB with {Lines:N0} lines, "
                + $"{world.PeakMb():N0} MB with 1,000 connections more");
            foreach (var connection in idle) connection.Dispose();
        }
    }

    static (double Peer, double Quoin) Both(string place, Func<SupervisorWorld, double> measure)
    {
        var found = new Dictionary<bool, List<double>> { [true] = [], [false] = [] };
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var isPeer in (bool[])[true, false])
            {
                using var world = new SupervisorWorld(place, isPeer);
                found[isPeer].Add(measure(world));
            }
        }
        return (Median(found[true]), Median(found[false]));
    }

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    static void Print(
        string name, double peer, double quoin, double less, double more, double? rows = null,
        double? bare = null, double? echo = null) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-34} {peer,10:N1} {quoin,10:N1} {more / less,7:F1}x {rows,10:N1} {bare,10:N1} "
            + $"{echo,10:N1}").TrimEnd());
}
