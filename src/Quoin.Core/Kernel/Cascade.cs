namespace Quoin.Core;

/// <summary>
/// The transitions that follow from an event at once and are not logged. They run in strata: a
/// stratum starts only when all lower ones have nothing left. Without the strata the result would
/// depend on the order of the rules, and replay on the order of a dictionary.
/// </summary>
/// <remarks>
/// 0: a Live partition satisfies planned wants and unblocks partitions, a Failed one fails them, a
/// demanded Missing or Tainted one becomes Wanted. A Live resource is held from then on by whom it
/// satisfied. 1: wants end, or are ready; a Waiting partition with nothing left to wait for becomes
/// Wanted. 2: what nobody demands goes back to where it was, and a resource is let go. 3: a want
/// whose use is over ends when all that it let go is released.
/// </remarks>
sealed class Cascade
{
    readonly Queue<int> changed = new(); // stratum 0: partitions
    readonly Queue<int> wants = new(); // stratum 1
    readonly Queue<int> waiting = new(); // stratum 1: partitions
    readonly Queue<(int P, int Owner)> undemanded = new(); // stratum 2: they lost a demand
    readonly Queue<(int By, int P)> lost = new(); // stratum 0: who counts on what is gone
    readonly Queue<RunToken> over = new(); // stratum 3: runs of resources that ended
    readonly Queue<int> cleanups = new(); // stratum 3: wants that let something go
    readonly HashSet<RunToken> letGo = []; // since the event

    public void PlaceChanged(PartitionId p) => changed.Enqueue(p.Value);

    public void WantChanged(WantId want) => wants.Enqueue(want.Value);

    public void DemandLost(PartitionId p, int owner = 0) => undemanded.Enqueue((p.Value, owner));

    /// <summary>
    /// Somebody (of a want: ~id) counts on, or asks for, a resource that is not to be had.
    /// </summary>
    public void Lost(int requester, PartitionId p) => lost.Enqueue((requester, p.Value));

    /// <summary>A want waits for the release of its thing from now on.</summary>
    public void LetGoNow(RunToken run) => letGo.Add(run);

    /// <summary>True when that follows from the event at hand.</summary>
    public bool IsLetGoNow(RunToken run) => letGo.Contains(run);

    public void CleanupChanged(int want) => cleanups.Enqueue(want);

    /// <summary>A run is over: whoever waits for that looks when all else has followed.</summary>
    public void Settled(RunToken run) => over.Enqueue(run);

    /// <summary>Runs everything that follows.</summary>
    public void Settle(KernelState s)
    {
        while (true)
        {
            if (changed.TryDequeue(out var p)) Stratum0(s, new PartitionId(p));
            else if (lost.TryDequeue(out var pair))
                Resources.Lose(s, pair.By, new PartitionId(pair.P));
            else if (wants.TryDequeue(out var w)) EndWant(s, w);
            else if (waiting.TryDequeue(out p)) Unblocked(s, new PartitionId(p));
            else if (undemanded.TryDequeue(out var idle))
                Withdraw(s, new PartitionId(idle.P), idle.Owner);
            else if (over.TryDequeue(out var run)) Resources.Settle(s, run, isIncomplete: false);
            else if (cleanups.TryDequeue(out w)) EndReleasing(s, w);
            else break;
        }
        letGo.Clear();
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
            case PartitionPlace.Releasing or PartitionPlace.Released:
            case PartitionPlace.Quarantined:
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
                if (want.IsPlanned && !demand.Settled)
                {
                    if (s.IsResource(p)) demand.Settled = true; // From now on it holds it.
                    else s.Demands.Remove(d, ref s.CellOf(p).DemandHead, ref want.RequestHead);
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

    /// <summary>A partition cannot be had, or not any more: nor can what asks for it.</summary>
    public void FailRequesters(KernelState s, PartitionId p)
    {
        // Each failed requester drops all its demands, so the chain is read from its head.
        while (s.CellOf(p).DemandHead is var d and not DemandPool.None)
        {
            var demand = s.Demands[d];
            if (demand.IsWant)
            {
                var want = s.WantTable[demand.Want.Value];
                s.Demands.Remove(d, ref s.CellOf(p).DemandHead, ref want.RequestHead);
                if (!demand.Settled) want.Remaining--;
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
        if (!s.WantTable.TryGetValue(id, out var want) || !want.IsPlanned || want.IsReleasing)
            return;
        var ends = want.Remaining == 0
            || (want.HasFailed && want.Options.OnFailure != FailureMode.KeepGoing);
        var holds = want.Remaining == 0 && want.RequestHead != DemandPool.None;
        if (holds && !want.HasFailed)
        {
            if (want.IsReady) return;
            want.IsReady = true; // What it still asks for is what it holds.
            s.Notices.Usable.Add(want);
        }
        else if (ends)
            Tokens.EndWant(s, want, want.HasFailed ? WantOutcome.Failed : WantOutcome.Succeeded);
    }

    static void Unblocked(KernelState s, PartitionId p)
    {
        if (s.PlaceOf(p) == PartitionPlace.Waiting && s.OutstandingInputs(p) == 0)
            Tokens.BackToWanted(s, p);
    }

    static void EndReleasing(KernelState s, int id)
    {
        var cleanup = s.CleanupTable.GetValueOrDefault(id);
        if (cleanup is { Owed: > 0 }) return;
        s.CleanupTable.Remove(id);
        if (s.WantTable.TryGetValue(id, out var want) && want.IsReleasing)
            Tokens.EndWant(
                s, want,
                cleanup is { IsIncomplete: true } ? WantOutcome.Failed : WantOutcome.Succeeded);
    }

    static void Withdraw(KernelState s, PartitionId p, int owner)
    {
        var place = s.PlaceOf(p);
        if (s.LifeOf(p) is { } life && place != PartitionPlace.Building)
        {
            Resources.LetGo(s, p, life, owner);
            return;
        }
        var works = place is PartitionPlace.Wanted or PartitionPlace.Planned
            or PartitionPlace.Waiting;
        if (works && !s.IsDemanded(p))
            Tokens.BackToPrevious(s, p);
        else if (s.HolderOf(p) is { } run)
        {
            if (run.Life is not null) Resources.LetGo(s, p, run, owner);
            s.Notices.MaybeUndemanded.Add(run);
        }
    }
}
