using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>One supervisor, theirs or ours, with its files.</summary>
sealed class SupervisorWorld(
    string place, bool isPeer, SupervisorWorld? filled = null) : IDisposable
{
    public const int Lines = 100_000, Files = 4;

    /// <summary>The program of the original, if there is one here.</summary>
    public static readonly string? Original =
        Environment.GetEnvironmentVariable("QUOIN_BENCH_SUPERVISOR");

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
        var python = Original ?? Path.Combine(ResultsFile.Root, "bench/peers/supervisor.py");
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
