using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// Who has taken how much of the cores, the memory and the named pools. A run takes all that it
/// needs at once or nothing, so runs never wait for each other half fed.
/// </summary>
public sealed class ResourceLedger
{
    readonly string[] pools; // Sorted; places are arrays in this order.
    readonly Amount all;
    readonly bool countsMemory;
    readonly Dictionary<PartitionId, Taken> taken = [];
    Amount free;

    /// <summary>
    /// Capacities: cores, bytes of memory (0: not counted), places by pool. A pool that is not
    /// listed has no places.
    /// </summary>
    public ResourceLedger(int cpu, long memoryBytes, ImmutableSortedDictionary<string, int> pools)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cpu);
        ArgumentOutOfRangeException.ThrowIfNegative(memoryBytes);
        this.pools = [.. pools.Keys.Order(StringComparer.Ordinal)];
        countsMemory = memoryBytes > 0;
        all = free = new Amount(
            cpu, countsMemory ? memoryBytes : long.MaxValue / 2,
            [.. this.pools.Select(pool => pools[pool])]);
    }

    /// <summary>How many runs hold something.</summary>
    public int Count => taken.Count;

    /// <summary>Cores that nobody has.</summary>
    public int FreeCpu => free.Cpu;

    /// <summary>True: no core is free, so nothing that needs one can start.</summary>
    public bool IsFull => free.Cpu <= 0;

    /// <summary>
    /// Null when the run could start on an idle machine, else what it asks too much of: such a run
    /// would wait for ever.
    /// </summary>
    public string? WhyNever(ResourceVector need)
    {
        if (need.Cpu > all.Cpu) return $"it needs {need.Cpu} cores, there are {all.Cpu}";
        if (countsMemory && need.MemoryBytes > all.Memory)
            return $"it needs {need.MemoryBytes} bytes of memory, there are {all.Memory}";
        foreach (var claim in need.Pools)
        {
            var pool = IndexOf(claim.Pool);
            if (pool < 0) return $"it needs pool {claim.Pool}, which is not declared under pools";
            if (claim.Places > all.Pools[pool])
                return $"it needs {claim.Places} places of pool {claim.Pool}, "
                    + $"there are {all.Pools[pool]}";
        }
        return null;
    }

    /// <summary>True when all that the run needs is free now.</summary>
    public bool Fits(ResourceVector need) => Covers(free, need);

    /// <summary>
    /// Takes all that the run needs; false, and nothing is taken, when it does not fit or the run
    /// has something already. <paramref name="endMs"/> is when it will probably give it back, on
    /// the caller's clock.
    /// </summary>
    public bool Take(PartitionId run, ResourceVector need, long endMs)
    {
        if (!Fits(need) || taken.ContainsKey(run)) return false;
        free = Less(free, need);
        taken.Add(run, new Taken(need, endMs));
        return true;
    }

    /// <summary>Gives back what the run took; false when it has nothing.</summary>
    public bool Give(PartitionId run)
    {
        if (!taken.Remove(run, out var held)) return false;
        free = More(free, held.Need);
        return true;
    }

    /// <summary>What the run holds; null: nothing.</summary>
    public ResourceVector? TakenBy(PartitionId run) =>
        taken.TryGetValue(run, out var held) ? held.Need : null;

    /// <summary>
    /// When a run that does not fit now could start, if everybody ends as estimated (what should
    /// have ended already is expected at once); null when never.
    /// </summary>
    public Reservation? Reserve(ResourceVector need, long nowMs)
    {
        if (!Covers(all, need)) return null;
        var then = free;
        foreach (var held in taken.Values.OrderBy(held => held.EndMs))
        {
            if (Covers(then, need)) break;
            then = More(then, held.Need);
            nowMs = Math.Max(nowMs, held.EndMs);
        }
        return new Reservation(nowMs, Less(then, need));
    }

    /// <summary>
    /// True when a run that ends at <paramref name="endMs"/> does not delay a reservation: it ends
    /// by then, or what it takes will be free beside what is reserved. Without the second case one
    /// run that waits for a full pool would leave all cores idle.
    /// </summary>
    public bool MayPass(Reservation reserved, ResourceVector need, long endMs) =>
        endMs <= reserved.StartMs || Covers(reserved.Rest, need);

    bool Covers(in Amount amount, ResourceVector need)
    {
        if (amount.Cpu < need.Cpu || amount.Memory < need.MemoryBytes) return false;
        foreach (var claim in need.Pools)
        {
            var pool = IndexOf(claim.Pool);
            if (pool < 0 || amount.Pools[pool] < claim.Places) return false;
        }
        return true;
    }

    Amount Less(in Amount amount, ResourceVector need) => Add(amount, need, -1);

    Amount More(in Amount amount, ResourceVector need) => Add(amount, need, 1);

    Amount Add(in Amount amount, ResourceVector need, int sign)
    {
        var places = amount.Pools;
        if (!need.Pools.IsEmpty) places = [.. places];
        foreach (var claim in need.Pools) places[IndexOf(claim.Pool)] += sign * claim.Places;
        return new Amount(
            amount.Cpu + (sign * need.Cpu), amount.Memory + (sign * need.MemoryBytes), places);
    }

    int IndexOf(string pool) => Array.BinarySearch(pools, pool, StringComparer.Ordinal);

    /// <summary>
    /// The earliest start of a run that waits, and what will be free beside it then.
    /// </summary>
    public sealed record Reservation
    {
        internal Reservation(long startMs, Amount rest) => (StartMs, Rest) = (startMs, rest);

        /// <summary>On the caller's clock.</summary>
        public long StartMs { get; }

        internal Amount Rest { get; }
    }

    readonly record struct Taken(ResourceVector Need, long EndMs);

    internal readonly record struct Amount(int Cpu, long Memory, int[] Pools);
}
