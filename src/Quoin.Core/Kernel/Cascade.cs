namespace Quoin.Core;

/// <summary>
/// The transitions that follow from an event at once and are not logged. They run in strata: a
/// stratum starts only when all lower ones have nothing left. Without the strata the result would
/// depend on the order of the rules, and replay on the order of a dictionary.
/// </summary>
/// <remarks>
/// 0: a Live partition satisfies planned wants and unblocks partitions, a Failed one fails them, a
/// demanded Missing or Tainted one becomes Wanted. 1: wants end; a Waiting partition with nothing
/// left to wait for becomes Wanted. 2: what nobody demands goes back to where it was.
/// </remarks>
sealed class Cascade
{
    readonly Queue<int> changed = new(); // stratum 0: partitions
    readonly Queue<int> wants = new(); // stratum 1
    readonly Queue<int> waiting = new(); // stratum 1: partitions
    readonly Queue<int> undemanded = new(); // stratum 2: partitions that lost a demand

    public void PlaceChanged(PartitionId p) => changed.Enqueue(p.Value);

    public void WantChanged(WantId want) => wants.Enqueue(want.Value);

    public void DemandLost(PartitionId p) => undemanded.Enqueue(p.Value);

    /// <summary>Runs everything that follows.</summary>
    public void Settle(KernelState s)
    {
        while (true)
        {
            if (changed.TryDequeue(out var p)) Stratum0(s, new PartitionId(p));
            else if (wants.TryDequeue(out var w)) EndWant(s, w);
            else if (waiting.TryDequeue(out p)) Unblocked(s, new PartitionId(p));
            else if (undemanded.TryDequeue(out p)) Withdraw(s, new PartitionId(p));
            else return;
        }
    }

    void Stratum0(KernelState s, PartitionId p)
    {
        switch (s.PlaceOf(p))
        {
            case PartitionPlace.Live:
                Satisfy(s, p);
                break;
            case PartitionPlace.Failed:
                FailRequesters(s, p);
                break;
            case PartitionPlace.Missing or PartitionPlace.Tainted when s.IsDemanded(p):
                Tokens.Want(s, p);
                break;
            case PartitionPlace.Missing or PartitionPlace.Tainted:
            case PartitionPlace.Wanted or PartitionPlace.Planned:
            case PartitionPlace.Building or PartitionPlace.Waiting:
                break;
        }
    }

    void Satisfy(KernelState s, PartitionId p)
    {
        var d = s.CellOf(p).DemandHead;
        while (d != DemandPool.None)
        {
            ref var demand = ref s.Demands[d];
            var next = demand.NextOnTarget;
            if (demand.IsWant)
            {
                var want = s.WantTable[demand.Want.Value];
                if (want.IsPlanned)
                {
                    s.Demands.Remove(d, ref s.CellOf(p).DemandHead, ref want.RequestHead);
                    want.Remaining--;
                    if (want.Remaining == 0) wants.Enqueue(want.Id.Value);
                }
            }
            else if (!demand.Settled)
            {
                demand.Settled = true;
                var x = new PartitionId(demand.Requester);
                ref var cell = ref s.CellOf(x);
                if (--cell.Outstanding == 0)
                {
                    if (cell.Place == PartitionPlace.Waiting) waiting.Enqueue(x.Value);
                    else if (cell.Place == PartitionPlace.Planned) s.Notices.Ready.Add(x);
                }
            }
            d = next;
        }
    }

    void FailRequesters(KernelState s, PartitionId p)
    {
        // Each failed requester drops all its demands, so the chain is read from its head.
        while (s.CellOf(p).DemandHead is var d and not DemandPool.None)
        {
            var demand = s.Demands[d];
            if (demand.IsWant)
            {
                var want = s.WantTable[demand.Want.Value];
                s.Demands.Remove(d, ref s.CellOf(p).DemandHead, ref want.RequestHead);
                want.Remaining--;
                want.Failed.Add(p);
                wants.Enqueue(want.Id.Value);
            }
            else
            {
                var x = new PartitionId(demand.Requester);
                Tokens.Fail(s, x, new Failure(FailureCause.Upstream, s.Sequence));
            }
        }
    }

    static void EndWant(KernelState s, int id)
    {
        if (!s.WantTable.TryGetValue(id, out var want) || !want.IsPlanned) return;
        var ends = want.Remaining == 0
            || (want.HasFailed && want.Options.OnFailure != FailureMode.KeepGoing);
        if (ends)
            Tokens.EndWant(s, want, want.HasFailed ? WantOutcome.Failed : WantOutcome.Succeeded);
    }

    static void Unblocked(KernelState s, PartitionId p)
    {
        if (s.PlaceOf(p) == PartitionPlace.Waiting && s.OutstandingInputs(p) == 0)
            Tokens.BackToWanted(s, p);
    }

    static void Withdraw(KernelState s, PartitionId p)
    {
        var place = s.PlaceOf(p);
        var works = place is PartitionPlace.Wanted or PartitionPlace.Planned
            or PartitionPlace.Waiting;
        if (works && !s.IsDemanded(p))
            Tokens.BackToPrevious(s, p);
        else if (s.HolderOf(p) is { } run)
            s.Notices.MaybeUndemanded.Add(run);
    }
}
