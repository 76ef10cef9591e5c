namespace Quoin.Core;

/// <summary>The wait-for relation between partitions: who asks, outstanding, for whom.</summary>
static class WaitsFor
{
    /// <summary>
    /// True when one of <paramref name="from"/> is, or waits for, directly or not, one of
    /// <paramref name="goals"/>. Walks what waits and nothing else.
    /// </summary>
    public static bool Reaches(
        KernelState s, IEnumerable<PartitionId> from, IReadOnlyCollection<PartitionId> goals)
    {
        var seen = new HashSet<int>();
        var stack = new Stack<PartitionId>(from);
        while (stack.TryPop(out var p))
        {
            if (goals.Contains(p)) return true;
            if (!seen.Add(p.Value)
                || s.PlaceOf(p) is not (PartitionPlace.Planned or PartitionPlace.Waiting)) continue;
            var d = s.CellOf(p).RequestHead;
            for (; d != DemandPool.None; d = s.Demands[d].NextOfRequester)
                if (!s.Demands[d].Settled) stack.Push(new PartitionId(s.Demands[d].Target));
        }
        return false;
    }
}
