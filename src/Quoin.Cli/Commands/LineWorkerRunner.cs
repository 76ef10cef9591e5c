using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>How <c>quoin worker --line</c> works.</summary>
sealed record LineWorkerOptions(string Socket, int Slots, TimeSpan? Timeout, string[] Command)
{
    /// <summary>Slots that others use, too; null: all of them are its own.</summary>
    public SharedSlots? Shared { get; init; }

    /// <summary>
    /// Its commands only bring lines to line workers: each needs a place, they end when this
    /// process does, and go on when it is started again. Null: they do the work.
    /// </summary>
    public LookAhead? Ahead { get; init; }
}

/// <summary>
/// A ready worker of a supervisor: each slot names itself, waits for a job, runs the command with
/// the key and the payload in its words, and says how it ended. While a job runs the slot is heard
/// of, also over a restart of the supervisor; a job that is no longer its own is killed.
/// </summary>
sealed class LineWorkerRunner(Cli cli, LineWorkerOptions options, CancellationToken drain)
{
    /// <summary>
    /// The variable that says that a build has a slot that others wait for: when its own want has
    /// ended it does not stay for what only waits for line workers.
    /// </summary>
    public const string LeavesLines = "QUOIN_LEAVES_LINES";

    static readonly TimeSpan again = TimeSpan.FromSeconds(5), grace = TimeSpan.FromSeconds(5);

    // What another process of this name had comes back at once.
    readonly string name =
        options.Ahead is null ? Sanitized(ThisMachine.NewWorkerId().Owner) : "build";

    static string Sanitized(string text) => string.Concat(
        text.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '-').TakeLast(56));

    /// <summary>Works until told to stop; then what runs ends first.</summary>
    public void Run()
    {
        var slots = Enumerable.Range(1, options.Slots)
            .Select(slot => new Thread(() => Work($"{name}.{slot}"))).ToList();
        foreach (var slot in slots) slot.Start();
        foreach (var slot in slots) slot.Join();
    }

    void Work(string worker)
    {
        using var line = new Line(options.Socket, worker);
        using var onDrain = drain.Register(line.Interrupt);
        var question = "WAIT 30";
        var hasPlace = options.Ahead is null;
        while (true)
        {
            if (drain.IsCancellationRequested && question[0] != 'D') return;
            hasPlace = hasPlace || options.Ahead!.Enter(drain);
            if (!hasPlace) return;
            line.IsIdle = question[0] == 'W';
            var answer = line.Ask(question);
            line.IsIdle = false;
            if (answer is null)
            {
                // The same message again: what it says may not have been heard.
                drain.WaitHandle.WaitOne(again);
                if (!drain.IsCancellationRequested) continue;
                line.GiveBack(); // A job may just have been on its way.
                return;
            }
            question = "WAIT 30";
            if (!answer.StartsWith("JOB ", StringComparison.Ordinal))
            {
                options.Ahead?.Leave();
                hasPlace = options.Ahead is null;
                continue;
            }
            if (drain.IsCancellationRequested)
            {
                line.GiveBack(); // A DONE is also a READY.
                return;
            }
            var words = answer.Split(' ', 3);
            using var slot = options.Shared?.Enter();
            if (slot is not null && !IsMine(line, words[1], slot)) continue;
            var code = Execute(line, words[1], words.Length > 2 ? words[2] : "");
            if (code is { } ended) question = $"DONE {words[1]} {ended}";
        }
    }

    // Waits for a slot; false: the job was taken away meanwhile, or it is time to end.
    bool IsMine(Line line, string key, SharedSlots.Place slot)
    {
        while (!slot.Wait(line.Beat) && !drain.IsCancellationRequested)
            if (!line.Holds(key)) return false;
        if (!drain.IsCancellationRequested) return true;
        line.GiveBack();
        return false;
    }

    // The exit code; null: the job was taken away meanwhile.
    int? Execute(Line line, string key, string payload)
    {
        var argv = options.Command.Select(word => Filled(word, key, payload)).ToList();
        var start = new ProcessStartInfo(argv[0], argv.Skip(1));
        start.Environment["QUOIN_KEY"] = key;
        start.Environment["QUOIN_PAYLOAD"] = payload;
        var isTethered = options.Ahead is not null;
        start.RedirectStandardInput = isTethered;
        if (isTethered) start.Environment[Tether.Variable] = "1";
        if (options.Shared is not null) start.Environment[LeavesLines] = "1";
        var since = Stopwatch.GetTimestamp();
        using var process = Start(start);
        if (process is null) return 127;
        var pausing = new Thread(() => Pause(process));
        var onDrain = isTethered ? drain.Register(pausing.Start) : default;
        try
        {
            while (!process.WaitForExit(line.Beat))
            {
                var isLate = options.Timeout is { } limit
                    && Stopwatch.GetElapsedTime(since) > limit;
                var isOurs = line.Holds(key);
                if (isOurs && !isLate) continue;
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
                return isOurs ? 124 : null;
            }
        }
        finally
        {
            onDrain.Dispose();
            if (pausing.ThreadState != System.Threading.ThreadState.Unstarted) pausing.Join();
        }
        if (!isTethered || process.ExitCode != ExitCode.Terminated) return process.ExitCode;
        line.GiveBack(); // It goes on after the next start.
        return null;
    }

    // What it asked a line worker for goes on, and another build takes it up after the next start.
    static void Pause(Process process)
    {
        Tether.AskToStop(process);
        // Asked once it waits for runs that others want, too; these wait for workers, and are done
        // by the next build just as well.
        if (!process.WaitForExit(grace)) Tether.AskToStop(process);
    }

    // What a payload says is never taken for a capture.
    static string Filled(string word, string key, string payload) => string.Join(
        payload,
        word.Split("{payload}").Select(
            part => part.Replace("{key}", key, StringComparison.Ordinal)));

    Process? Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            cli.Say($"{start.FileName} cannot be started: {e.Message}");
            return null;
        }
    }

    /// <summary>One connection under one name, made again when it is lost.</summary>
    sealed class Line(string path, string worker) : IDisposable
    {
        volatile Socket? socket;
        StreamReader? reader;
        string held = "";
        volatile bool isInterrupted;

        /// <summary>It has no job, and waits for one.</summary>
        public volatile bool IsIdle;

        /// <summary>Ends a wait for a job, from another thread, and all later ones.</summary>
        public void Interrupt()
        {
            isInterrupted = true;
            try
            {
                if (IsIdle) socket?.Shutdown(SocketShutdown.Both);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // It has just ended by itself.
            }
        }

        /// <summary>How often the supervisor has to hear of it.</summary>
        public TimeSpan Beat { get; private set; } = TimeSpan.FromSeconds(20);

        /// <summary>The answer; null: there is no connection, or it broke.</summary>
        public string? Ask(string question)
        {
            try
            {
                if (socket is null) Connect();
                if (IsIdle && isInterrupted) return null;
                socket!.Send(Encoding.UTF8.GetBytes(question + "\n"));
                var answer = reader!.ReadLine();
                if (answer is null) Close();
                else if (answer.StartsWith("JOB ", StringComparison.Ordinal))
                    held = answer.Split(' ', 3)[1];
                else if (!answer.StartsWith("OK ", StringComparison.Ordinal)) held = "";
                return answer;
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                Close();
                return null;
            }
        }

        void Connect()
        {
            socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            reader = new StreamReader(new NetworkStream(socket), new UTF8Encoding(false));
            var hello = $"HELLO {worker}{(held.Length > 0 ? " " + held : "")}\n";
            socket.Send(Encoding.UTF8.GetBytes(hello));
            var words = (reader.ReadLine() ?? "").Split(' ');
            if (words.Length < 2 || words[0] != "OK" || !int.TryParse(words[1], out var lease))
                throw new IOException("the supervisor does not know HELLO");
            Beat = TimeSpan.FromSeconds(Math.Max(0.2, lease / 3.0));
        }

        /// <summary>Whether a job is still its own, as far as can be known.</summary>
        public bool Holds(string key) =>
            Ask("BEAT") is not { } answer || answer.Split(' ').Skip(2).Contains(key);

        /// <summary>What it has goes to others at once: a HELLO that does not name it.</summary>
        public void GiveBack()
        {
            held = "";
            Close();
            Ask("BEAT");
        }

        void Close()
        {
            reader?.Dispose();
            socket?.Dispose();
            (socket, reader) = (null, null);
        }

        public void Dispose() => Close();
    }
}
