namespace Quoin.Core;

/// <summary>The wait-for relation between partitions: who asks, outstanding, for whom.</summary>
public static class WaitsFor
{
    /// <summary>
    /// The newest open want that asks for a partition, directly or through what waits for it; null
    /// when none does. Walks up what waits and nothing else.
    /// </summary>
    public static WantToken? NewestWant(KernelState s, PartitionId p)
    {
        WantToken? newest = null;
        var seen = new HashSet<int>();
        var stack = new Stack<PartitionId>([p]);
        while (stack.TryPop(out var next))
        {
            if (!seen.Add(next.Value)) continue;
            var (wants, partitions) = s.Requesters(next);
            foreach (var id in wants)
            {
                var want = s.Wants[id.Value];
                if (newest is null || want.AcceptedAt > newest.AcceptedAt) newest = want;
            }
            foreach (var requester in partitions) stack.Push(requester);
        }
        return newest;
    }

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
