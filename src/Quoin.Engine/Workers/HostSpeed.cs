using System.Diagnostics;
using System.Globalization;

namespace Quoin.Engine;

/// <summary>
/// How fast a core of this host is beside those of others, so that what a run took on one says how
/// long it takes on another. Measured once a host and workspace, in some milliseconds before its
/// first run, and kept in <c>.quoin/host-speed</c>; rounded to steps of a quarter, so that hosts of
/// one kind are one class. Thread safe.
/// </summary>
public sealed class HostSpeed(Workspace workspace)
{
    const double Step = 1.25;
    const int Slices = 5, Rounds = 400_000, HostsMax = 100;

    // What Rounds take on the machine that stands for 1000, measured there.
    const double UsualMs = 1.0;

    static readonly Lazy<int> measured = new(() => Class(Measure()));

    readonly Lock gate = new();
    int? known;

    string FileName => Path.Combine(workspace.QuoinDirectory, "host-speed");

    /// <summary>
    /// In thousandths of a usual core; measures it if nobody did. A file that cannot be read or
    /// written is no reason not to run: then it is what was measured now.
    /// </summary>
    public int Value
    {
        get
        {
            lock (gate) return known ??= Read() ?? Keep(measured.Value);
        }
    }

    /// <summary>The same without measuring: 0 when nobody did.</summary>
    public int Known
    {
        get
        {
            lock (gate) return (known ??= Read()) ?? 0;
        }
    }

    /// <summary>The class of a measured speed: the nearest power of the step.</summary>
    /// <param name="permille">Thousandths of a usual core.</param>
    public static int Class(double permille)
    {
        var steps = Math.Round(Math.Log(Math.Clamp(permille, 10, 100_000) / 1000, Step));
        return (int)Math.Round(1000 * Math.Pow(Step, steps));
    }

    // Whatever else runs meanwhile makes slices longer and none shorter.
    static double Measure()
    {
        var best = double.MaxValue;
        for (var slice = 0; slice < Slices; slice++)
        {
            var start = Stopwatch.GetTimestamp();
            var number = Work((ulong)start | 1);
            var ms = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (number != 0) best = Math.Min(best, ms);
        }
        return 1000 * UsualMs / best;
    }

    // Each round needs the one before it, and a table that fits the nearest cache.
    static ulong Work(ulong number)
    {
        Span<ulong> table = stackalloc ulong[512];
        table.Clear();
        for (var i = 0; i < Rounds; i++)
        {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            ref var cell = ref table[(int)(number & 511)];
            number += cell;
            cell = number;
        }
        return number;
    }

    static string Host => $"{Environment.MachineName}\t{Cpu()}\t";

    static string Cpu()
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/cpuinfo"))
                if (line.StartsWith("model name", StringComparison.Ordinal))
                    return line[(line.IndexOf(':') + 1)..].Trim().Replace('\t', ' ');
        }
        catch (IOException)
        {
            return "";
        }
        return "";
    }

    int? Read()
    {
        try
        {
            var host = Host;
            foreach (var line in File.ReadLines(FileName))
            {
                if (line.StartsWith(host, StringComparison.Ordinal)
                    && int.TryParse(
                        line[host.Length..], NumberStyles.None, CultureInfo.InvariantCulture,
                        out var speed)
                    && speed > 0)
                    return speed;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        return null;
    }

    // The newest ones: containers have another name each time.
    int Keep(int speed)
    {
        try
        {
            var others = File.Exists(FileName) ? File.ReadAllLines(FileName) : [];
            File.WriteAllLines(
                FileName,
                [
                    .. others.TakeLast(HostsMax - 1),
                    $"{Host}{speed.ToString(CultureInfo.InvariantCulture)}",
                ]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return speed;
        }
        return speed;
    }
}
