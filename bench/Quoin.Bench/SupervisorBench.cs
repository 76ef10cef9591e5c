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
    const int Lines = 100_000, Files = 4, PeerQuestions = 2000, Questions = 20_000;
    const int Warming = 10_000;

    static readonly string? original = Environment.GetEnvironmentVariable("QUOIN_BENCH_SUPERVISOR");

    static int Rounds => int.TryParse(
        Environment.GetEnvironmentVariable("QUOIN_BENCH_ROUNDS"), out var rounds) ? rounds : 5;

    public static void Run()
    {
        var memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        Console.WriteLine(
            $"{Lines:N0} lines in {Files} files in memory, median of {Rounds} rounds; "
            + (original is null
                ? "peer: bench/peers/supervisor.py, a stand-in for the original"
                : "peer: the original"));
        Console.WriteLine("durability: both commit before they answer; the peer with a rollback "
            + "journal, quoin with a write-ahead log, both synchronous=FULL");
        Console.WriteLine("bare: a loop that answers when it has written the same rows with SQLite "
            + "alone; echo: one that writes nothing\n");
        Console.WriteLine($"{"",-34} {"peer",14} {"quoin",14} {"ratio",8} {"bare",10} {"echo",10}");
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
        var rates = new Dictionary<bool, List<double>> { [true] = [], [false] = [] };
        var tails = new Dictionary<bool, List<double>> { [true] = [], [false] = [] };
        var work = new Dictionary<bool, List<double>> { [true] = [], [false] = [] };
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var filled in (SupervisorWorld[])[theirs, ours])
            {
                using var world = filled.Copy();
                world.Start();
                world.Ask("HELLO\n"); // Answered by its end, when it serves.
                var before = world.CpuMicroseconds();
                var result = LineLoad.Run(
                    world.Socket, connections, world.IsPeer ? PeerQuestions : Questions, isDone);
                work[world.IsPeer].Add((world.CpuMicroseconds() - before) / result.Answers);
                rates[world.IsPeer].Add(result.PerSecond);
                tails[world.IsPeer].Add(result.Percentile(0.99) / 1000);
            }
        }
        var name = $"{(isDone ? "DONE" : "READY")} to JOB, {connections} connections";
        var (bare, bareTail) = Floor(ours, connections, isDone, isWritten: true);
        var (echo, echoTail) = Floor(ours, connections, isDone, isWritten: false);
        Print(name + ", /s", Median(rates[true]), Median(rates[false]),
            1 / Median(rates[false]), 1 / Median(rates[true]), bare, echo);
        Print("  p99, ms", Median(tails[true]), Median(tails[false]),
            Median(tails[false]), Median(tails[true]), bareTail, echoTail);
        Print("  CPU of the server, us an answer", Median(work[true]), Median(work[false]),
            Median(work[false]), Median(work[true]));
    }

    // How fast the client and the way are alone, and with the rows that must be written.
    static (double Rate, double Tail) Floor(
        SupervisorWorld filled, int connections, bool isDone, bool isWritten)
    {
        var results = Enumerable.Range(0, Rounds).Select(_ =>
        {
            using var world = filled.Copy();
            using var floor = new LineFloor(world.Socket, isWritten ? world.Database : null);
            return LineLoad.Run(world.Socket, connections, Questions, isDone);
        }).ToList();
        return (Median([.. results.Select(it => it.PerSecond)]),
            Median([.. results.Select(it => it.Percentile(0.99) / 1000)]));
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
                + $"{result.Percentile(0.5),7:F0} us median, {result.PerSecond,8:N0} /s"));
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
        string name, double peer, double quoin, double less, double more, double? bare = null,
        double? echo = null) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-34} {peer,14:N1} {quoin,14:N1} {more / less,7:F1}x {bare,10:N1} {echo,10:N1}")
            .TrimEnd());

    /// <summary>One supervisor, theirs or ours, with its files.</summary>
    sealed class SupervisorWorld(
        string place, bool isPeer, SupervisorWorld? filled = null) : IDisposable
    {
        readonly DirectoryInfo root = Directory.CreateDirectory(
            Path.Combine(place, $"quoin-bench-{Guid.CreateVersion7():N}"));
        Process? process;

        public bool IsPeer => isPeer;

        public string Socket => Path.Combine(root.FullName, "s");

        string Folder => filled?.Folder ?? Path.Combine(root.FullName, "in");

        public string Database => Path.Combine(root.FullName, "state.db");

        /// <summary>All lines are in the database, and nobody is there.</summary>
        public void Fill()
        {
            WriteFiles();
            Start();
            Ask("HELLO\n");
            Settle();
            Stop();
        }

        /// <summary>Another one with the same files, and a copy of the database.</summary>
        public SupervisorWorld Copy()
        {
            var copy = new SupervisorWorld(place, isPeer, this);
            foreach (var end in (string[])["", "-wal"])
                if (File.Exists(Database + end)) File.Copy(Database + end, copy.Database + end);
            return copy;
        }

        public void WriteFiles(int lines = Lines)
        {
            Directory.CreateDirectory(Folder);
            for (var file = 0; file < Files; file++)
            {
                File.WriteAllText(
                    Path.Combine(Folder, $"f{file}.1.txt"), Text(file, lines / Files));
            }
        }

        static string Text(int file, int lines)
        {
            var text = new StringBuilder(lines * 50);
            for (var i = 0; i < lines; i++)
            {
                var version = i % 97;
                text.Append(CultureInfo.InvariantCulture,
                    $"package-{file}-{i} 1.{version}.0 1.{version + 1}.0 https://a.org/{i}\n");
            }
            return text.ToString();
        }

        public long WriteParts()
        {
            Directory.CreateDirectory(Folder);
            var texts = Enumerable.Range(0, Files)
                .Select(file => Encoding.ASCII.GetBytes(Text(file, Lines / Files))).ToList();
            var files = texts.Select(
                (_, i) => File.Create(Path.Combine(Folder, $"f{i}.1.txt.part"), 1)).ToList();
            for (var at = 0; at < texts.Max(text => text.Length); at += 65536)
            {
                for (var i = 0; i < Files; i++)
                {
                    if (at >= texts[i].Length) continue;
                    files[i].Write(texts[i].AsSpan(at, Math.Min(65536, texts[i].Length - at)));
                }
            }
            foreach (var file in files) file.Dispose();
            return texts.Sum(text => (long)text.Length);
        }

        public void Start()
        {
            Directory.CreateDirectory(Folder);
            File.Delete(Socket);
            var python = original ?? Path.Combine(ResultsFile.Root, "bench/peers/supervisor.py");
            string[] argv = isPeer
                ? ["python3", python, Database, Folder, Socket]
                : [BuildBench.QuoinBinary, "supervisor", Database, Folder, Socket, "-q"];
            process = Process.Start(new ProcessStartInfo(argv[0], argv[1..])
            {
                RedirectStandardOutput = isPeer,
            })!;
            if (isPeer) process.BeginOutputReadLine();
            while (!File.Exists(Socket) && !process.HasExited) Thread.Yield();
        }

        public Socket Connect()
        {
            var socket = new Socket(
                AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            while (true)
            {
                try
                {
                    socket.Connect(new UnixDomainSocketEndPoint(Socket));
                    return socket;
                }
                catch (SocketException) when (!process!.HasExited)
                {
                    Thread.Yield(); // Bound and not listening yet, or too many at once.
                }
            }
        }

        public string Ask(string text)
        {
            using var socket = Connect();
            socket.Send(Encoding.ASCII.GetBytes(text));
            var buffer = new byte[65536];
            return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
        }

        /// <summary>Returns when so many bytes of lines are in.</summary>
        public void WaitUntilRead(long bytes)
        {
            using var look = SqliteConnection.Open(Database, SqliteNative.OpenReadOnly, 5000);
            while (!process!.HasExited)
            {
                var isThere = isPeer
                    ? look.Number("SELECT count(*) FROM queue"u8) >= Lines
                    : look.Number("SELECT sum(read_to) FROM feed_file"u8) >= bytes;
                if (isThere) return;
                Thread.Yield();
            }
        }

        /// <summary>Returns when what comes later has come: the rows of the table queue.</summary>
        public void Settle()
        {
            if (isPeer) return;
            using var look = SqliteConnection.Open(Database, SqliteNative.OpenReadOnly, 5000);
            while (look.Number("""
                SELECT (SELECT max(id) FROM feed_piece) > filled_to
                  OR EXISTS (SELECT 1 FROM event WHERE position > written_to
                    AND type BETWEEN 'run-' AND 'run-z') FROM feed_state
                """u8) > 0) Thread.Yield();
        }

        public double CpuMicroseconds()
        {
            process!.Refresh();
            return process.TotalProcessorTime.TotalMicroseconds;
        }

        public double PeakMb() => File.ReadLines($"/proc/{process!.Id}/status")
            .Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Select(line => long.Parse(line.AsSpan(6, line.Length - 8).Trim()) / 1024.0).First();

        public void Stop()
        {
            if (process is null) return;
            if (!process.HasExited) process.Kill();
            process.WaitForExit();
            process.Dispose();
            process = null;
        }

        public void Dispose()
        {
            Stop();
            root.Delete(recursive: true);
        }
    }
}
