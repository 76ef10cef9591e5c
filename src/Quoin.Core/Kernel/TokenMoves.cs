namespace Quoin.Core;

/// <summary>
/// What transitions have in common: moves of one token together with the demands and the config
/// that go with its place. Called by <see cref="Evolve"/> and <see cref="Cascade"/> only.
/// </summary>
static class Tokens
{
    /// <summary>Adds a demand and, where the target lies idle, wants it.</summary>
    public static void Demand(KernelState s, int requester, PartitionId target, long acceptedAt)
    {
        if (requester >= 0) s.CellOf(new PartitionId(requester)); // Grow first: refs follow.
        var place = s.CellOf(target).Place;
        var settled = requester >= 0 && place == PartitionPlace.Live;
        s.Demands.Add(
            requester, target.Value, settled,
            ref s.CellOf(target).DemandHead, ref s.RequestHeadOf(requester));
        if (requester >= 0 && !settled) s.CellOf(new PartitionId(requester)).Outstanding++;
        switch (place)
        {
            case PartitionPlace.Missing or PartitionPlace.Tainted or PartitionPlace.Released:
                Want(s, target);
                break;
            case PartitionPlace.Quarantined: // Nobody can have it before a person has answered.
                s.Cascade.Lost(requester, target);
                break;
            case PartitionPlace.Live or PartitionPlace.Building when s.IsResource(target):
                Resources.Revive(s, target);
                break;
            case PartitionPlace.Failed when FailedBefore(s, target, acceptedAt):
                Want(s, target);
                break;
            case PartitionPlace.Failed:
                s.Cascade.PlaceChanged(target);
                break;
            case PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Building:
            case PartitionPlace.Waiting or PartitionPlace.Live or PartitionPlace.Releasing:
                break;
        }
    }

    // A new want tries again what failed before it; within one want a failure is final.
    static bool FailedBefore(KernelState s, PartitionId p, long acceptedAt) =>
        !s.TryGetFailure(p, out var failure) || failure.At < acceptedAt;

    /// <summary>From an idle place to Wanted, keeping where it came from.</summary>
    public static void Want(KernelState s, PartitionId p)
    {
        ref var cell = ref s.CellOf(p);
        cell.Previous = cell.Place;
        s.Move(p, PartitionPlace.Wanted);
        s.Notices.ToPlan.Add(p);
    }

    /// <summary>Live no longer: those who counted on it wait again.</summary>
    public static void Unsettle(KernelState s, PartitionId p)
    {
        for (var d = s.CellOf(p).DemandHead; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
        {
            ref var demand = ref s.Demands[d];
            if (!demand.Settled) continue;
            demand.Settled = false;
            s.CellOf(new PartitionId(demand.Requester)).Outstanding++;
        }
    }

    /// <summary>From a run's or a plan's hand back to Wanted: still demanded.</summary>
    public static void BackToWanted(KernelState s, PartitionId p)
    {
        DropRequests(s, p.Value);
        ClearConfig(s, p);
        s.Move(p, PartitionPlace.Wanted);
        s.Notices.ToPlan.Add(p);
    }

    /// <summary>Nobody demands it: back to where it was before.</summary>
    public static void BackToPrevious(KernelState s, PartitionId p)
    {
        DropRequests(s, p.Value);
        ClearConfig(s, p);
        s.Move(p, s.CellOf(p).Previous);
    }

    /// <summary>Published.</summary>
    public static void Publish(KernelState s, PartitionId p, in Manifest manifest)
    {
        DropRequests(s, p.Value);
        ClearConfig(s, p);
        s.SetManifest(p, manifest);
        s.Move(p, PartitionPlace.Live);
        s.Cascade.PlaceChanged(p);
    }

    /// <summary>It cannot be had.</summary>
    public static void Fail(KernelState s, PartitionId p, Failure failure)
    {
        DropRequests(s, p.Value);
        ClearConfig(s, p);
        // What was withdrawn from trust stays so, although the taint itself is no place any more.
        if (s.CellOf(p).Previous == PartitionPlace.Tainted && s.TryGetManifest(p, out var manifest))
            s.SetManifest(p, manifest with { Fingerprint = default });
        s.Move(p, PartitionPlace.Failed);
        s.FailureTable[p.Value] = failure;
        s.Notices.Failed.Add(p);
        s.Cascade.PlaceChanged(p);
    }

    /// <summary>
    /// A requester asks for nothing any more, and holds nothing; <paramref name="owner"/> is the
    /// want that waits for the release of what it held, 0: the one that planned it.
    /// </summary>
    public static void DropRequests(KernelState s, int requester, int owner = 0)
    {
        ref var head = ref s.RequestHeadOf(requester);
        while (head != DemandPool.None)
        {
            var d = head;
            var target = new PartitionId(s.Demands[d].Target);
            var settled = s.Demands[d].Settled;
            s.Demands.Remove(d, ref s.CellOf(target).DemandHead, ref head);
            if (!settled || s.IsResource(target)) s.Cascade.DemandLost(target, owner);
        }
        if (requester >= 0) s.CellOf(new PartitionId(requester)).Outstanding = 0;
    }

    /// <summary>
    /// A partition that goes into a run's hands asks for nothing any more, but what it reads
    /// and is a resource it holds on to.
    /// </summary>
    public static void KeepHolds(KernelState s, PartitionId p, ConfigToken config)
    {
        for (var d = s.CellOf(p).RequestHead; d != DemandPool.None;)
        {
            ref var demand = ref s.Demands[d];
            var (next, target) = (demand.NextOfRequester, new PartitionId(demand.Target));
            var isHold = demand.Settled && s.IsResource(target) && config.Inputs.Contains(target);
            if (!isHold)
            {
                var settled = demand.Settled;
                s.Demands.Remove(
                    d, ref s.CellOf(target).DemandHead, ref s.CellOf(p).RequestHead);
                if (!settled || s.IsResource(target)) s.Cascade.DemandLost(target, 0);
            }
            d = next;
        }
        s.CellOf(p).Outstanding = 0;
    }

    /// <summary>Points a partition at its config.</summary>
    public static void SetConfig(KernelState s, PartitionId p, int config)
    {
        s.Configs.Use(config);
        ClearConfig(s, p);
        s.CellOf(p).Config = config;
    }

    public static void ClearConfig(KernelState s, PartitionId p)
    {
        ref var cell = ref s.CellOf(p);
        if (cell.Config < 0) return;
        s.Configs.Release(cell.Config);
        cell.Config = -1;
    }

    /// <summary>
    /// The want leaves the state; what it still asked for is no longer demanded by it.
    /// </summary>
    public static void EndWant(KernelState s, WantToken want, WantOutcome outcome)
    {
        DropRequests(s, ~want.Id.Value, want.Id.Value);
        s.WantTable.Remove(want.Id.Value);
        s.Notices.Ended.Add((want, outcome));
    }
}
