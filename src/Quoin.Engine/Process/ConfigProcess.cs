using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Text;

namespace Quoin.Engine;

/// <summary>How a command ended whose answer is its stdout.</summary>
public sealed record CommandResult
{
    /// <summary>0 to 255; -1 when it could not start, or a signal ended it.</summary>
    public required int ExitCode { get; init; }

    /// <summary>All that it wrote to stdout.</summary>
    public required ReadOnlyMemory<byte> Stdout { get; init; }

    /// <summary>
    /// The end of what it wrote to stderr, at most 8 KiB; what is not UTF-8 is U+FFFD.
    /// </summary>
    public required string StderrTail { get; init; }

    /// <summary>Null when it ended by itself with an exit code; else why not, for people.</summary>
    public string? Problem { get; init; }

    /// <summary>True when it exited with 0 and nothing else was wrong.</summary>
    public bool Ok => ExitCode == 0 && Problem is null;
}

/// <summary>
/// What runs the commands that planning asks: <see cref="ConfigProcess"/>, and in tests something
/// that knows the answers.
/// </summary>
public interface ICommandRunner
{
    /// <summary>Whether several may be run at a time, each on its own thread.</summary>
    bool SideBySide { get; }

    /// <summary>Runs a command to its end; see <see cref="ConfigProcess"/>.</summary>
    CommandResult Run(
        ImmutableArray<string> argv, string workingDirectory,
        ImmutableSortedDictionary<string, string> env, ReadOnlySpan<byte> stdin, TimeSpan timeout,
        CancellationToken ct);
}

/// <summary>
/// Runs the short commands that planning asks: a job's <c>config</c>, a <c>conditions</c> probe.
/// Same spawn, environment and guardian as attempts, but without staging, reports or a log. Blocks
/// the calling thread; one <c>poll</c> feeds stdin and reads both outputs, so that neither side can
/// wait for the other for ever.
/// </summary>
public sealed unsafe class ConfigProcess : ICommandRunner
{
    /// <summary>The most that a command may answer.</summary>
    public const int StdoutBytesMax = 64 << 20;

    const int StderrBytesMax = 8 << 10, GraceMs = 500;
    const int In = 0, Out = 1, Err = 2, Process = 3;

    readonly Guardian guardian;
    readonly JobEnvironment environment;

    /// <param name="guardian">Kills what is left when this process dies.</param>
    public ConfigProcess(Guardian guardian)
    {
        this.guardian = guardian;
        environment = new JobEnvironment(guardian.Owner, Environment.GetEnvironmentVariable);
    }

    /// <inheritdoc/>
    public bool SideBySide => true;

    /// <summary>
    /// Runs a command to its end. Whatever it does is an answer: too much output, a timeout and a
    /// program that cannot start are <see cref="CommandResult.Problem"/>.
    /// </summary>
    /// <param name="argv">The program and its arguments; no shell.</param>
    /// <param name="workingDirectory">Absolute.</param>
    /// <param name="env">
    /// Declared variables; PATH, HOME, LANG and TMPDIR come from Quoin's own.
    /// </param>
    /// <param name="stdin">What it can read; then the end of the file.</param>
    /// <param name="timeout">After it: SIGTERM, and SIGKILL half a second later.</param>
    /// <param name="ct">Nobody wants to know any more: SIGKILL.</param>
    public CommandResult Run(
        ImmutableArray<string> argv, string workingDirectory,
        ImmutableSortedDictionary<string, string> env, ReadOnlySpan<byte> stdin, TimeSpan timeout,
        CancellationToken ct)
    {
        var buffers = SlotBuffers.OfThread;
        var problems = new List<string>();
        buffers.Argv.Clear();
        foreach (var argument in argv)
        {
            if (argument.Contains('\0'))
                problems.Add($"argument \"{argument}\" holds a NUL character");
            else buffers.Argv.Add(argument);
        }
        if (argv.IsDefaultOrEmpty || argv[0].Length == 0)
            problems.Add("there is no command to run");
        JobEnvironment.Check(env, problems);
        if (problems.Count > 0) return NotStarted(string.Join("; ", problems));
        environment.Fill(env, buffers.Environment);
        guardian.EnsureStarted();

        var places = stackalloc int[6];
        places[0] = places[2] = places[4] = -1;
        if (Libc.pipe2(places, Libc.CloseOnExec) != 0
            || Libc.pipe2(places + 2, Libc.CloseOnExec) != 0
            || Libc.pipe2(places + 4, Libc.CloseOnExec) != 0)
        {
            var cannot = $"cannot make a pipe: {Libc.Describe(Libc.Error)}";
            for (var i = 0; i < 6; i += 2) Close(places[i], places[i] < 0 ? -1 : places[i + 1]);
            return NotStarted(cannot);
        }
        var error = Spawn.Start(
            buffers.Argv, buffers.Environment, environment.SearchPath(env),
            new SpawnPlaces
            {
                WorkingDirectory = workingDirectory,
                Stdin = places[0],
                Stdout = places[3],
                Stderr = places[5],
            },
            out var pid);
        Close(places[0], places[3], places[5]);
        if (error != 0)
        {
            Close(places[1], places[2], places[4]);
            return NotStarted(SpawnFailure.Explain(error, buffers, workingDirectory).Reason);
        }
        var slot = guardian.Watch(pid);
        return new Call(pid, places[1], places[2], places[4], timeout, buffers.Read)
            .Finish(stdin, () => guardian.Forget(slot), ct);
    }

    static CommandResult NotStarted(string problem) =>
        new() { ExitCode = -1, Stdout = default, StderrTail = "", Problem = problem };

    static void Close(params ReadOnlySpan<int> fds)
    {
        foreach (var fd in fds)
            if (fd >= 0) _ = Libc.close(fd);
    }

    /// <summary>One command that is running.</summary>
    sealed class Call(int pid, int stdin, int stdout, int stderr, TimeSpan timeout, byte[] buffer)
    {
        readonly ArrayBufferWriter<byte> answer = new();
        readonly byte[] tail = new byte[StderrBytesMax];
        int tailed, written;
        bool killed;
        string? problem;

        public CommandResult Finish(
            ReadOnlySpan<byte> input, Action beforeReap, CancellationToken ct)
        {
            var pidfd = Libc.PidfdOpen(pid);
            var fds = stackalloc Libc.PollFd[4];
            fds[In] = new Libc.PollFd { Fd = stdin, Events = Libc.PollOut };
            fds[Out] = new Libc.PollFd { Fd = stdout, Events = Libc.PollIn };
            fds[Err] = new Libc.PollFd { Fd = stderr, Events = Libc.PollIn };
            fds[Process] = new Libc.PollFd { Fd = pidfd, Events = Libc.PollIn };
            if (input.IsEmpty) CloseOne(fds, In);
            using (ct.Register(() => _ = Libc.kill(-pid, Libc.SigKill))) Watch(fds, input);
            if (ct.IsCancellationRequested) problem ??= "nobody waits for its answer any more";
            _ = Libc.kill(-pid, Libc.SigKill);
            CloseOne(fds, In);
            // What is in the pipes now is the end: a process that ran away is not waited for.
            for (var i = Out; i <= Err; i++)
                while (fds[i].Fd >= 0 && Ready(fds, i)) Read(fds, i);
            CloseOne(fds, Out);
            CloseOne(fds, Err);
            CloseOne(fds, Process);
            beforeReap();
            int status;
            Libc.Usage usage;
            while (Libc.wait4(pid, &status, 0, &usage) < 0 && Libc.Error == Libc.EINTR) { }
            return Result(status);
        }

        void Watch(Libc.PollFd* fds, ReadOnlySpan<byte> input)
        {
            var (end, terminated) = (After(timeout), false);
            while (true)
            {
                var now = Stopwatch.GetTimestamp();
                if (end <= now)
                {
                    killed = terminated;
                    _ = Libc.kill(-pid, killed ? Libc.SigKill : Libc.SigTerm);
                    problem ??= $"it did not end within {timeout.TotalSeconds:0.#} s";
                    // Killed: it ends now, or hangs in the kernel; then wait4 waits with it.
                    if (killed) return;
                    (terminated, end) = (true, After(TimeSpan.FromMilliseconds(GraceMs)));
                }
                var wait = Math.Clamp((end - now) * 1000 / Stopwatch.Frequency + 1, 0, 60_000);
                if (Libc.poll(fds, 4, (int)wait) < 0 && Libc.Error != Libc.EINTR)
                    throw new IOException($"poll: {Libc.Describe(Libc.Error)}");
                if (fds[In].Fd >= 0 && fds[In].Seen != 0) Write(fds, input);
                if (fds[Out].Fd >= 0 && fds[Out].Seen != 0) Read(fds, Out);
                if (fds[Err].Fd >= 0 && fds[Err].Seen != 0) Read(fds, Err);
                if (fds[Process].Seen != 0) return;
            }
        }

        void Write(Libc.PollFd* fds, ReadOnlySpan<byte> input)
        {
            // Poll says that a page fits: more could block.
            var piece = input.Slice(written, Math.Min(4096, input.Length - written));
            nint count;
            fixed (byte* start = piece) count = Libc.write(fds[In].Fd, start, piece.Length);
            if (count > 0) written += (int)count;
            else if (Libc.Error == Libc.EINTR) return;
            // A command that does not read its input is no error; SIGPIPE is ignored here.
            if (count <= 0 || written == input.Length) CloseOne(fds, In);
        }

        void Read(Libc.PollFd* fds, int index)
        {
            nint count;
            fixed (byte* start = buffer) count = Libc.read(fds[index].Fd, start, buffer.Length);
            if (count < 0 && Libc.Error == Libc.EINTR) return;
            if (count <= 0) CloseOne(fds, index);
            else if (index == Err) KeepTail(buffer.AsSpan(0, (int)count));
            else if (answer.WrittenCount + count <= StdoutBytesMax)
                answer.Write(buffer.AsSpan(0, (int)count));
            else
            {
                problem ??= $"it wrote more than {StdoutBytesMax >> 20} MiB to stdout";
                _ = Libc.kill(-pid, Libc.SigKill);
                killed = true;
            }
        }

        void KeepTail(ReadOnlySpan<byte> piece)
        {
            if (piece.Length > StderrBytesMax) piece = piece[^StderrBytesMax..];
            var keep = Math.Min(tailed, StderrBytesMax - piece.Length);
            tail.AsSpan(tailed - keep, keep).CopyTo(tail);
            piece.CopyTo(tail.AsSpan(keep));
            tailed = keep + piece.Length;
        }

        static bool Ready(Libc.PollFd* fds, int index) =>
            Libc.poll(fds + index, 1, 0) > 0;

        static void CloseOne(Libc.PollFd* fds, int index)
        {
            if (fds[index].Fd >= 0) _ = Libc.close(fds[index].Fd);
            fds[index].Fd = -1;
        }

        static long After(TimeSpan time) => time.TotalSeconds > 1e9
            ? long.MaxValue
            : Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

        CommandResult Result(int status)
        {
            var signal = status & 0x7F;
            if (signal != 0) problem ??= $"ended by {ExitMeaning.SignalName(signal)}";
            return new CommandResult
            {
                ExitCode = signal == 0 ? (status >> 8) & 0xFF : -1,
                Stdout = answer.WrittenMemory,
                StderrTail = Encoding.UTF8.GetString(tail, 0, tailed),
                Problem = problem,
            };
        }
    }
}
