using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Quoin.EndToEndTests.Supervisor;

/// <summary>
/// A running <c>quoin supervisor</c> in a temporary folder: files to write, workers that ask.
/// </summary>
sealed class SupervisorWorld : IDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    readonly List<LineWorker> workers = [];
    readonly string[] options;
    int sentinels;

    public SupervisorWorld(params string[] options)
    {
        this.options = options;
        Directory.CreateDirectory(Folder);
    }

    public TestWorkspace Workspace { get; } = new();

    /// <summary>The folder of the files.</summary>
    public string Folder => Workspace.PathOf("in");

    /// <summary>The socket.</summary>
    public string Socket => Workspace.PathOf("s");

    /// <summary>The process that runs now.</summary>
    public QuoinProcess Process { get; private set; } = null!;

    /// <summary>Starts it, and waits until it serves and has read all files.</summary>
    public SupervisorWorld Start(params string[] more)
    {
        Process = Workspace.Start(["supervisor", "state.db", "in", "s", .. options, .. more]);
        return HasRead();
    }

    /// <summary>
    /// Starts it by way of another program, whose last arguments are the command to become.
    /// </summary>
    public SupervisorWorld StartBy(string program, params string[] arguments)
    {
        Process = Workspace.StartProgram(
            program,
            [.. arguments, TestWorkspace.Binary, "supervisor", "state.db", "in", "s", .. options]);
        return HasRead();
    }

    // A machine with much else to do serves before it has read even a few files.
    SupervisorWorld HasRead()
    {
        Process.WaitForLine(line => line.StartsWith("Serving", StringComparison.Ordinal));
        if (Process.HasPrinted(line => line.StartsWith("Still reading", StringComparison.Ordinal)))
            Process.WaitForLine(line => line.StartsWith("All of in", StringComparison.Ordinal));
        return this;
    }

    /// <summary>Kills it without warning.</summary>
    public SupervisorWorld Kill()
    {
        Process.Kill();
        Process.WaitForExit();
        return this;
    }

    /// <summary>Ends it the friendly way; returns how long that took.</summary>
    public TimeSpan Stop()
    {
        var since = Stopwatch.GetTimestamp();
        Process.Terminate();
        Process.WaitForExit().Expect(0);
        return Stopwatch.GetElapsedTime(since);
    }

    /// <summary>Writes a file of the folder anew.</summary>
    public SupervisorWorld Write(string name, params string[] lines)
    {
        File.WriteAllText(Path.Combine(Folder, name), Text(lines));
        return this;
    }

    /// <summary>Adds to a file of the folder.</summary>
    public SupervisorWorld Append(string name, string text)
    {
        File.AppendAllText(Path.Combine(Folder, name), text);
        return this;
    }

    public SupervisorWorld Append(string name, byte[] bytes)
    {
        using var file = new FileStream(Path.Combine(Folder, name), FileMode.Append);
        file.Write(bytes);
        return this;
    }

    public SupervisorWorld Move(string from, string to)
    {
        File.Move(Path.Combine(Folder, from), Path.Combine(Folder, to), overwrite: true);
        return this;
    }

    public SupervisorWorld Delete(string name)
    {
        File.Delete(Path.Combine(Folder, name));
        return this;
    }

    static string Text(string[] lines) => string.Concat(lines.Select(line => line + "\n"));

    /// <summary>
    /// Returns when the supervisor has seen everything that was done to the folder so far: it
    /// reports a line of a file that came after.
    /// </summary>
    public SupervisorWorld Noticed()
    {
        var name = $"zz-sentinel.{++sentinels}.txt";
        Write(name, "loner");
        Process.WaitForLine(line => line.Contains($"'{name}'", StringComparison.Ordinal));
        return this;
    }

    /// <summary>
    /// What <c>printf TEXT | socat -t5 - UNIX-CONNECT:s</c> prints: the sender ends its side at
    /// once. <c>|</c> stands for the end of an answer.
    /// </summary>
    public string Ask(string text)
    {
        using var worker = new LineWorker(Socket);
        worker.Say(text);
        worker.EndSide();
        return worker.ReadToEnd();
    }

    /// <summary>One READY on a connection of its own.</summary>
    public string Ready() => Ask("READY\n").TrimEnd('\n');

    /// <summary>One DONE on a connection of its own.</summary>
    public string Done(string path, long code = 0) => Ask($"DONE {path} {code}\n").TrimEnd('\n');

    /// <summary>Asks until the answer is another than NOJOBS.</summary>
    public string ReadyInTime()
    {
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since) < patience)
        {
            var answer = Ready();
            if (answer != "NOJOBS") return answer;
        }
        return "NOJOBS";
    }

    /// <summary>All jobs there are, each on a connection of its own.</summary>
    public List<string> All()
    {
        var jobs = new List<string>();
        while (Ready() is var answer && answer != "NOJOBS") jobs.Add(answer["JOB ".Length..]);
        return jobs;
    }

    /// <summary>A worker that stays connected.</summary>
    public LineWorker Connect()
    {
        var worker = new LineWorker(Socket);
        workers.Add(worker);
        return worker;
    }

    public void Dispose()
    {
        foreach (var worker in workers) worker.Dispose();
        Workspace.Dispose();
    }
}

/// <summary>One connection to a supervisor.</summary>
sealed class LineWorker : IDisposable
{
    readonly Socket socket;
    readonly List<byte> rest = [];

    public LineWorker(string path)
    {
        socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = 20_000,
            SendTimeout = 20_000,
        };
        socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    public LineWorker Say(string text) => Say(Encoding.UTF8.GetBytes(text));

    public LineWorker Say(byte[] bytes)
    {
        try
        {
            socket.Send(bytes);
        }
        catch (SocketException)
        {
            // The other side closed; reading shows it.
        }
        return this;
    }

    /// <summary>Says one line and waits for one.</summary>
    public string Ask(string line) => Say(line + "\n").ReadLine();

    public void EndSide() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>The next line; "" when the other side ended.</summary>
    public string ReadLine()
    {
        var buffer = new byte[65536];
        while (true)
        {
            var end = rest.IndexOf((byte)'\n');
            if (end >= 0)
            {
                var line = Encoding.UTF8.GetString([.. rest.Take(end)]);
                rest.RemoveRange(0, end + 1);
                return line;
            }
            var count = Receive(buffer);
            if (count == 0) return "";
            rest.AddRange(buffer.AsSpan(0, count));
        }
    }

    public string ReadToEnd()
    {
        var all = new MemoryStream();
        all.Write([.. rest]);
        var buffer = new byte[65536];
        while (Receive(buffer) is > 0 and var count) all.Write(buffer, 0, count);
        return Encoding.UTF8.GetString(all.ToArray());
    }

    int Receive(byte[] buffer)
    {
        try
        {
            return socket.Receive(buffer);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0; // It closed with bytes of ours unread.
        }
    }

    /// <summary>Closes, whatever is still to be read.</summary>
    public void Dispose() => socket.Dispose();
}
