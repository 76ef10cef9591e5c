using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// What <c>/proc</c> says of processes. Everything in it may be gone in the next moment: what
/// cannot be read counts as not there.
/// </summary>
static class ProcFiles
{
    const int TicksPerSecond = 100; // USER_HZ, fixed on Linux's interfaces

    /// <summary>Processor time, resident memory and number of the processes of a group.</summary>
    public static (long CpuMs, long MemoryKb, int Processes) Group(int group)
    {
        long ticks = 0, pages = 0;
        var count = 0;
        foreach (var pid in Pids())
        {
            if (Stat(pid) is not { } fields || fields.Length < 22 || Number(fields[2]) != group)
                continue;
            // utime, stime, and those of children that were waited for
            for (var i = 11; i <= 14; i++) ticks += Number(fields[i]);
            pages += Number(fields[21]);
            count++;
        }
        return (ticks * 1000 / TicksPerSecond, pages * (Environment.SystemPageSize / 1024), count);
    }

    /// <summary>The largest resident memory that a process had so far; 0 when unknown.</summary>
    public static int PeakKb(int pid)
    {
        foreach (var line in Text($"/proc/{pid}/status").AsSpan().EnumerateLines())
        {
            if (!line.StartsWith("VmHWM:")) continue;
            var number = line[6..].Trim();
            return int.TryParse(number[..number.IndexOf(' ')], out var kb) ? kb : 0;
        }
        return 0;
    }

    /// <summary>When a process started, in clock ticks since boot; 0 when there is none.</summary>
    public static long StartedAt(int pid) =>
        Stat(pid) is { Length: > 19 } fields ? Number(fields[19]) : 0;

    /// <summary>
    /// Kills every process whose environment has all of these <c>name=value</c> texts, and
    /// returns how many there were.
    /// </summary>
    public static int KillMarked(params ReadOnlySpan<string> marks)
    {
        var killed = 0;
        foreach (var pid in Pids())
        {
            if (pid == Environment.ProcessId) continue;
            var environment = Bytes($"/proc/{pid}/environ").AsSpan();
            var all = true;
            foreach (var mark in marks) all &= Has(environment, Encoding.UTF8.GetBytes(mark));
            if (all && Libc.kill(pid, Libc.SigKill) == 0) killed++;
        }
        return killed;
    }

    static bool Has(ReadOnlySpan<byte> environment, ReadOnlySpan<byte> mark)
    {
        foreach (var range in environment.Split((byte)0))
            if (environment[range].SequenceEqual(mark)) return true;
        return false;
    }

    // The fields from the third on: the second, the name, may hold anything.
    static string[]? Stat(int pid)
    {
        var text = Text($"/proc/{pid}/stat");
        var name = text.LastIndexOf(')');
        return name < 0 ? null : text[(name + 2)..].Split(' ');
    }

    static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    static List<int> Pids()
    {
        var pids = new List<int>();
        var fd = Libc.Open("/proc", Libc.ReadOnly | Libc.DirectoryOnly);
        if (fd < 0) return pids;
        foreach (var name in Folders.List(fd))
        {
            if (Utf8Parser.TryParse(name.AsSpan(0, name.Length - 1), out int pid, out var length)
                && length == name.Length - 1) pids.Add(pid);
        }
        _ = Libc.close(fd);
        return pids;
    }

    static string Text(string path) => Encoding.UTF8.GetString(Bytes(path));

    static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
