using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quoin.Storage;

namespace Quoin.EndToEndTests;

/// <summary>
/// A temporary folder and the real binary: write files, run <c>quoin</c> in it, look at what came.
/// The environment of the children is empty but for what a shell has, so that a machine's CI
/// variables change nothing. Disposing ends what is still running and removes the folder.
/// </summary>
sealed class TestWorkspace : IDisposable
{
    /// <summary>
    /// How long a child may take before the test fails with what it printed so far.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly List<QuoinProcess> started = [];

    public TestWorkspace() => Root = Directory.CreateTempSubdirectory("quoin-test-").FullName;

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>Added to the environment of every child; null removes a variable.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    /// <summary><c>QUOIN_BINARY</c>, or the one that was built with the tests.</summary>
    /// <remarks>
    /// In the folder of its own project: here lies what is left of it beside the parts of the web
    /// framework that the fake service brings.
    /// </remarks>
    public static string Binary { get; } =
        System.Environment.GetEnvironmentVariable("QUOIN_BINARY") ?? Built();

    static string Built()
    {
        var here = AppContext.BaseDirectory.TrimEnd('/');
        return Path.GetFullPath(
            Path.Combine(here, "../../Quoin.Cli", Path.GetFileName(here), "quoin"));
    }

    /// <summary>The absolute path of a file of the workspace.</summary>
    public string PathOf(string path) => Path.Combine(Root, path);

    /// <summary>Writes a file, with its folders.</summary>
    public TestWorkspace Write(string path, string text, bool executable = false)
    {
        var full = PathOf(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
        if (executable && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(full, File.GetUnixFileMode(full) | UnixFileMode.UserExecute);
        return this;
    }

    /// <summary>Its store is there; null: it stays a file of the workspace.</summary>
    public TestWorkspace On(PostgresAddress? address)
    {
        if (address is not null) Environment["QUOIN_STORE"] = address.Shown;
        return this;
    }

    /// <summary>The text of a file.</summary>
    public string Read(string path) => File.ReadAllText(PathOf(path));

    /// <summary>True when there is such a file or folder.</summary>
    public bool Exists(string path) => Path.Exists(PathOf(path));

    /// <summary>
    /// Looks again and again until something is so, with a bound; for what sends no signal.
    /// </summary>
    public static void Until(
        Func<bool> isSo, [CallerArgumentExpression(nameof(isSo))] string what = "")
    {
        for (var since = Stopwatch.GetTimestamp(); !isSo();)
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, $"not within time: {what}");
            Thread.Yield();
        }
    }

    /// <summary>Runs <c>quoin</c> to its end.</summary>
    public CommandResult Quoin(params string[] args) => Start(args).WaitForExit();

    /// <summary>Starts <c>quoin</c> and comes back at once.</summary>
    public QuoinProcess Start(params string[] args) => StartProgram(Binary, args);

    /// <summary>Starts any program in the workspace.</summary>
    public QuoinProcess StartProgram(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args)
        {
            WorkingDirectory = Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var kept = new[] { "PATH", "HOME", "DOTNET_ROOT", "TMPDIR", "LANG" }
            .Select(name => (Name: name, Value: System.Environment.GetEnvironmentVariable(name)))
            .Where(variable => variable.Value is not null)
            .ToList();
        start.Environment.Clear();
        foreach (var (name, value) in kept) start.Environment[name] = value;
        foreach (var (name, value) in Environment)
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }
        var process = new QuoinProcess(start);
        started.Add(process);
        return process;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var process in started) process.Dispose();
        try
        {
            LogCheck.Replay(PathOf(".quoin/quoin.db"));
            Directory.Delete(Root, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The test removed it.
        }
    }
}

/// <summary>How a child ended and what it printed.</summary>
sealed record CommandResult(int ExitCode, string Stdout, string Stderr)
{
    /// <summary>The lines of stdout.</summary>
    public string[] Lines => Split(Stdout);

    /// <summary>The lines of stderr.</summary>
    public string[] ErrorLines => Split(Stderr);

    /// <summary>
    /// This result when it has the exit code; else fails with all that was printed.
    /// </summary>
    public CommandResult Expect(int exitCode)
    {
        Xunit.Assert.True(
            ExitCode == exitCode,
            $"exit code {ExitCode}, not {exitCode}\n-- stdout\n{Stdout}\n-- stderr\n{Stderr}");
        return this;
    }

    static string[] Split(string text) => text.TrimEnd('\n') is { Length: > 0 } some
        ? some.Split('\n')
        : [];
}

/// <summary>A child that may still be running. All waits are bounded.</summary>
sealed partial class QuoinProcess : IDisposable
{
    readonly Process process;
    readonly List<string> stdout = [];
    readonly List<string> stderr = [];
    readonly object gate = new();
    int open = 2; // Streams that have not ended.

    internal QuoinProcess(ProcessStartInfo start)
    {
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, e) => Take(stdout, e.Data);
        process.ErrorDataReceived += (_, e) => Take(stderr, e.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The child's process id.</summary>
    public int Id => process.Id;

    /// <summary>It has ended.</summary>
    public bool HasExited => process.HasExited;

    /// <summary>SIGINT: Ctrl-C.</summary>
    public void Interrupt() => Signal(2);

    /// <summary>SIGTERM.</summary>
    public void Terminate() => Signal(15);

    /// <summary>SIGKILL.</summary>
    public void Kill() => Signal(9);

    /// <summary>Sends any signal to this process only.</summary>
    public void Signal(int signal)
    {
        if (!process.HasExited) _ = SendSignal(process.Id, signal); // It may end meanwhile.
    }

    /// <summary>
    /// Waits until it printed a line on stdout or stderr that fits, and returns that line.
    /// </summary>
    public string WaitForLine(Func<string, bool> fits)
    {
        var deadline = Stopwatch.GetTimestamp() + (long)(
            TestWorkspace.Patience.TotalSeconds * Stopwatch.Frequency);
        lock (gate)
        {
            while (true)
            {
                if (stdout.Concat(stderr).FirstOrDefault(fits) is { } line) return line;
                var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), deadline);
                if (open == 0 || left <= TimeSpan.Zero || !Monitor.Wait(gate, left))
                    throw new TimeoutException($"no such line{Printed()}");
            }
        }
    }

    /// <summary>Waits until it printed so many lines; false when it ended before that.</summary>
    public bool WaitForLines(int count)
    {
        lock (gate)
        {
            while (stdout.Count + stderr.Count < count)
            {
                if (open == 0) return false;
                if (!Monitor.Wait(gate, TestWorkspace.Patience))
                    throw new TimeoutException($"only these lines{Printed()}");
            }
            return true;
        }
    }

    /// <summary>True when it ends in so much time; it goes on otherwise.</summary>
    public bool EndsWithin(TimeSpan time) => process.WaitForExit(time);

    /// <summary>It printed such a line by now.</summary>
    public bool HasPrinted(Func<string, bool> fits)
    {
        lock (gate) return stdout.Concat(stderr).Any(fits);
    }

    /// <summary>Waits for the end of the process and of its output.</summary>
    public CommandResult WaitForExit() => WaitForExit(TestWorkspace.Patience);

    /// <summary>The same, for what takes minutes as a whole.</summary>
    public CommandResult WaitForExit(TimeSpan patience)
    {
        if (!process.WaitForExit(patience))
        {
            var printed = Printed();
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"still running after {patience}{printed}");
        }
        process.WaitForExit(); // And for the readers of its output.
        lock (gate)
        {
            return new CommandResult(process.ExitCode, Join(stdout), Join(stderr));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    void Take(List<string> lines, string? line)
    {
        lock (gate)
        {
            if (line is null) open--;
            else lines.Add(line);
            Monitor.PulseAll(gate);
        }
    }

    string Printed()
    {
        lock (gate) return $"\n-- stdout\n{Join(stdout)}\n-- stderr\n{Join(stderr)}";
    }

    static string Join(List<string> lines) => string.Concat(lines.Select(line => line + "\n"));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
