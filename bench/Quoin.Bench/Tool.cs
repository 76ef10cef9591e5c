using System.Collections;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Bench;

/// <summary>What one run of a program took.</summary>
/// <param name="Seconds">Wall clock from spawn to exit.</param>
/// <param name="CpuSeconds">Of the program and all its children.</param>
/// <param name="PeakKiB">
/// Largest resident set of the program itself, 0 when it was too quick.
/// </param>
readonly record struct ToolRun(double Seconds, double CpuSeconds, long PeakKiB);

/// <summary>
/// Runs other programs and measures them: processor time by wait4, which counts all children too;
/// peak memory by looking at <c>VmHWM</c> every few milliseconds, because the peak that wait4 gives
/// is at least that of the process that spawned, which is this one.
/// </summary>
static unsafe partial class Tool
{
    /// <summary>The program found on PATH, or null.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    /// <summary>
    /// Runs it to its end; its output goes to a file, whose end is shown on failure.
    /// </summary>
    public static ToolRun Run(params string[] argv) => RunTo("/dev/null", argv);

    /// <summary>The same with a place for its output.</summary>
    public static ToolRun RunTo(string outputFile, params string[] argv)
    {
        var actions = stackalloc byte[256]; // posix_spawn_file_actions_t: 80 bytes with glibc.
        const int writeCreateTruncate = 0x1 | 0x40 | 0x200;
        var error = posix_spawn_file_actions_init(actions)
            | posix_spawn_file_actions_addopen(actions, 0, "/dev/null", 0, 0)
            | posix_spawn_file_actions_addopen(actions, 1, outputFile, writeCreateTruncate, 0x1A4)
            | posix_spawn_file_actions_adddup2(actions, 1, 2);
        using var arguments = new StringArray(argv);
        using var environment = new StringArray(
        [
            .. from DictionaryEntry entry in Environment.GetEnvironmentVariables()
               select $"{entry.Key}={entry.Value}",
        ]);

        var clock = Stopwatch.StartNew();
        error |= posix_spawnp(
            out var pid, argv[0], actions, null, arguments.Pointer, environment.Pointer);
        if (error != 0)
            throw new InvalidOperationException($"cannot start {argv[0]}: errno {error}");
        using var ended = new ManualResetEventSlim();
        var peak = 0L;
        var watcher = new Thread(() =>
        {
            while (!ended.Wait(TimeSpan.FromMilliseconds(5))) peak = PeakKiB(pid) ?? peak;
        });
        watcher.Start();
        int status;
        Usage usage;
        while (wait4(pid, &status, 0, &usage) < 0) { }
        var seconds = clock.Elapsed.TotalSeconds;
        ended.Set();
        watcher.Join();
        _ = posix_spawn_file_actions_destroy(actions);
        if (status != 0) throw new InvalidOperationException(Failure(argv, status, outputFile));
        var cpu = usage.UserSeconds + usage.SystemSeconds
            + ((usage.UserMicroseconds + usage.SystemMicroseconds) / 1e6);
        return new ToolRun(seconds, cpu, peak);
    }

    static long? PeakKiB(int pid)
    {
        try
        {
            foreach (var line in File.ReadLines($"/proc/{pid}/status"))
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(6, line.Length - 6 - 2).Trim());
        }
        catch (IOException)
        {
            // It ended between two looks.
        }
        return null;
    }

    static string Failure(string[] argv, int status, string outputFile)
    {
        var message = new StringBuilder($"{string.Join(' ', argv)} ended with status {status}");
        if (outputFile != "/dev/null")
            foreach (var line in File.ReadLines(outputFile).TakeLast(10))
                message.Append("\n  ").Append(line);
        return message.ToString();
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Usage
    {
        public long UserSeconds, UserMicroseconds, SystemSeconds, SystemMicroseconds;
        fixed long others[14];
    }

    /// <summary>A NULL-terminated array of C strings.</summary>
    sealed class StringArray : IDisposable
    {
        readonly nint[] strings;

        public StringArray(string[] values)
        {
            strings = [.. values.Select(Marshal.StringToCoTaskMemUTF8)];
            var count = (nuint)(strings.Length + 1);
            Pointer = (byte**)NativeMemory.AllocZeroed(count, (nuint)sizeof(nint));
            for (var i = 0; i < strings.Length; i++) Pointer[i] = (byte*)strings[i];
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            foreach (var one in strings) Marshal.FreeCoTaskMem(one);
            NativeMemory.Free(Pointer);
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawnp(
        out int pid, string file, void* actions, void* attributes, byte** argv, byte** environment);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(void* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(void* actions);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn_file_actions_addopen(
        void* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(void* actions, int from, int to);

    [LibraryImport("libc")]
    private static partial int wait4(int pid, int* status, int options, Usage* usage);

    /// <summary>
    /// Writes all dirty pages, so that one build does not pay for the one before.
    /// </summary>
    [LibraryImport("libc", EntryPoint = "sync")]
    public static partial void FlushDisks();
}
