using System.Globalization;

namespace Quoin.Engine;

/// <summary>
/// Which CPUs a run gets on a machine with several NUMA nodes: all of one node, so that its memory
/// is near. The node at a pointer if nothing runs there, else the next free one, else the pointed
/// one; the pointer moves past the choice. In the node the lowest free CPUs; too few: the run goes
/// where the system puts it. Safe for many threads.
/// </summary>
public sealed class CpuPlacement
{
    static readonly Lazy<CpuPlacement?> ofHost = new(() => Read("/sys/devices/system/node"));

    readonly Lock gate = new();
    readonly int[][] nodes;
    readonly int[] runs;
    readonly HashSet<int> taken = [];
    int pointer;
    bool isOff;

    internal CpuPlacement(params int[][] nodes) =>
        (this.nodes, runs) = (nodes, new int[nodes.Length]);

    /// <summary>That of this machine; null: it has one node, and nothing is bound.</summary>
    public static CpuPlacement? OfHost => ofHost.Value;

    /// <summary>
    /// The nodes that the system describes in a folder, with those of their CPUs that this process
    /// may use; null: fewer than two.
    /// </summary>
    public static CpuPlacement? Read(string folder)
    {
        try
        {
            if (!Directory.Exists(folder)) return null;
            var allowed = Affinity.OfThread();
            var nodes = Directory.GetDirectories(folder, "node*")
                .Where(node => int.TryParse(
                    Path.GetFileName(node)["node".Length..], CultureInfo.InvariantCulture, out _))
                .OrderBy(node => int.Parse(
                    Path.GetFileName(node)["node".Length..], CultureInfo.InvariantCulture))
                .Select(node => CpusOf(File.ReadAllText(Path.Combine(node, "cpulist")))
                    .Where(allowed.Contains).ToArray())
                .Where(cpus => cpus.Length > 0)
                .ToArray();
            return nodes.Length < 2 ? null : new CpuPlacement(nodes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // It suggests where runs lie, and never keeps anything from running.
        }
    }

    /// <summary>The CPUs of a list as the system writes them: <c>0-3,8,10-11</c>.</summary>
    internal static IEnumerable<int> CpusOf(string list)
    {
        foreach (var range in list.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = range.Split('-');
            if (ends.Length > 2
                || !int.TryParse(ends[0], CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(ends[^1], CultureInfo.InvariantCulture, out var last)) yield break;
            for (var cpu = first; cpu <= last; cpu++) yield return cpu;
        }
    }

    /// <summary>
    /// So many CPUs of one node, until they are given back; null: nothing is bound.
    /// </summary>
    internal CpuPlace? Take(int count)
    {
        lock (gate)
        {
            if (isOff) return null;
            var node = pointer;
            for (var i = 0; i < nodes.Length; i++)
            {
                if (runs[(pointer + i) % nodes.Length] > 0) continue;
                node = (pointer + i) % nodes.Length;
                break;
            }
            pointer = (node + 1) % nodes.Length;
            var free = nodes[node].Where(cpu => !taken.Contains(cpu)).Take(count).ToArray();
            if (free.Length < count) free = [];
            runs[node]++;
            taken.UnionWith(free);
            return new CpuPlace(this, node, free);
        }
    }

    internal void Give(CpuPlace place)
    {
        lock (gate)
        {
            runs[place.Node]--;
            taken.ExceptWith(place.Cpus);
        }
    }

    /// <summary>It cannot be done here: nobody tries it again.</summary>
    /// <returns>True the first time: it is to be said.</returns>
    internal bool TurnOff()
    {
        lock (gate) return !isOff && (isOff = true);
    }
}

/// <summary>The CPUs of a run, none where there were too few.</summary>
sealed class CpuPlace(CpuPlacement placement, int node, int[] cpus) : IDisposable
{
    int isGiven;

    public int Node { get; } = node;

    public IReadOnlyList<int> Cpus { get; } = cpus;

    /// <summary>
    /// What this thread starts from now on runs there. Null: that is done, or there is nothing to
    /// do. Else why it cannot be done, said once.
    /// </summary>
    public string? Enter(out int[] before)
    {
        before = [];
        if (Cpus.Count == 0) return null;
        var all = Affinity.OfThread();
        if (Affinity.Set(Cpus) is not 0 and var error)
            return placement.TurnOff()
                ? $"runs cannot be bound to CPUs here ({Libc.Describe(error)}); they are not"
                : null;
        before = [.. all];
        return null;
    }

    /// <summary>This thread runs where it did before.</summary>
    public static void Leave(int[] before)
    {
        if (before.Length > 0) _ = Affinity.Set(before);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isGiven, 1) == 0) placement.Give(this);
    }
}

/// <summary>The CPUs that a thread, and what it starts, may run on.</summary>
static unsafe class Affinity
{
    const int Bytes = 1024; // 8192 CPUs, as many as Linux can be built for.

    public static HashSet<int> OfThread()
    {
        var mask = stackalloc byte[Bytes];
        new Span<byte>(mask, Bytes).Clear();
        var cpus = new HashSet<int>();
        if (Libc.sched_getaffinity(0, Bytes, mask) != 0) return cpus;
        for (var cpu = 0; cpu < Bytes * 8; cpu++)
            if ((mask[cpu / 8] & (1 << (cpu % 8))) != 0) cpus.Add(cpu);
        return cpus;
    }

    /// <summary>0, or the error.</summary>
    public static int Set(IEnumerable<int> cpus)
    {
        var mask = stackalloc byte[Bytes];
        new Span<byte>(mask, Bytes).Clear();
        foreach (var cpu in cpus) mask[cpu / 8] |= (byte)(1 << (cpu % 8));
        return Libc.sched_setaffinity(0, Bytes, mask) == 0 ? 0 : Libc.Error;
    }
}
