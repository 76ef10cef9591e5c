namespace Quoin.Core;

/// <summary>A run that could start now, with everything that decides its turn.</summary>
/// <param name="Partition">Its first output; what it is known by.</param>
/// <param name="Priority">The highest of the wants that demand it; higher first.</param>
/// <param name="IsLate">Its deadline is nearer than its rank is long; late ones first.</param>
/// <param name="RankMs">Upward rank; longer first.</param>
/// <param name="TimeoutMs">0: none; longer first. Says something when no history does.</param>
public readonly record struct ReadyRun(
    PartitionId Partition, int Priority, bool IsLate, long RankMs, long TimeoutMs);

/// <summary>
/// What could start now, in the order in which it should: priority, late ones, rank, timeout, name
/// ascending. The order is total, so the same runs always come in the same order, whenever they
/// were added. Every change is O(log n).
/// </summary>
public sealed class ReadyQueue(PartitionNames names)
{
    readonly Dictionary<PartitionId, ReadyRun> byPartition = [];
    readonly SortedSet<ReadyRun> ordered = new(new Order(names));

    /// <summary>How many runs are ready.</summary>
    public int Count => ordered.Count;

    /// <summary>All in order. Throws when the queue is changed before the end.</summary>
    public IEnumerable<ReadyRun> InOrder => ordered;

    /// <summary>Adds a run, or changes its place when it is there already.</summary>
    public void Put(in ReadyRun run)
    {
        Remove(run.Partition);
        byPartition.Add(run.Partition, run);
        ordered.Add(run);
    }

    /// <summary>Takes a run out; false when it is not there.</summary>
    public bool Remove(PartitionId partition) =>
        byPartition.Remove(partition, out var run) && ordered.Remove(run);

    /// <summary>True when the run is there.</summary>
    public bool Contains(PartitionId partition) => byPartition.ContainsKey(partition);

    /// <summary>
    /// The first run that may start, taken out, with its resources taken from the ledger; null when
    /// none may. The first that does not fit reserves its earliest start; later runs pass it only
    /// if that does not delay it. The two functions are asked in order, of as few runs as possible.
    /// </summary>
    /// <param name="ledger">What is free.</param>
    /// <param name="nowMs">On the clock of the ledger's ends.</param>
    /// <param name="needOf">What a run takes; for other machines no core of this one.</param>
    /// <param name="estimateMs">How long it will take.</param>
    /// <param name="missesMax">
    /// For other machines: after so many that do not fit the rest is not tried. Here: null, and
    /// nothing is tried when no core is free.
    /// </param>
    public ReadyRun? TakeNext(
        ResourceLedger ledger, long nowMs, Func<PartitionId, ResourceVector> needOf,
        Func<PartitionId, int> estimateMs, int? missesMax = null)
    {
        ResourceLedger.Reservation? reserved = null;
        foreach (var run in ordered)
        {
            if (missesMax is null && ledger.IsFull) return null;
            var need = needOf(run.Partition);
            if (!ledger.Fits(need))
            {
                if (--missesMax <= 0) return null;
                reserved ??= ledger.Reserve(need, nowMs);
                continue;
            }
            var end = nowMs + estimateMs(run.Partition);
            if (reserved is not null && !ledger.MayPass(reserved, need, end)) continue;
            ledger.Take(run.Partition, need, end);
            Remove(run.Partition);
            return run;
        }
        return null;
    }

    sealed class Order(PartitionNames names) : IComparer<ReadyRun>
    {
        public int Compare(ReadyRun x, ReadyRun y)
        {
            if (x.Partition == y.Partition) return 0;
            if (x.Priority != y.Priority) return y.Priority.CompareTo(x.Priority);
            if (x.IsLate != y.IsLate) return y.IsLate.CompareTo(x.IsLate);
            if (x.RankMs != y.RankMs) return y.RankMs.CompareTo(x.RankMs);
            if (x.TimeoutMs != y.TimeoutMs) return y.TimeoutMs.CompareTo(x.TimeoutMs);
            return names.Utf8(x.Partition).SequenceCompareTo(names.Utf8(y.Partition));
        }
    }
}
