using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// The footprint of each transition, as a function of the event and the marking before it. They
/// may name more than is touched, never less; an event whose cascade reaches far names far tokens.
/// </summary>
static class Footprints
{
    public static Footprint Accepted(KernelState s, WantAccepted e)
    {
        var f = new Footprint();
        f.Write(TokenKind.Want, e.Want.Value);
        f.Write(TokenKind.Order, 0);
        foreach (var p in e.Targets)
        {
            f.Write(p);
            ResourceFootprints.Revive(s, f, p);
        }
        return f;
    }

    public static Footprint Planned(KernelState s, PartitionPlanned e)
    {
        var f = new Footprint();
        // A want that keeps going asks for what is planned for it.
        f.Write(TokenKind.Want, e.For.Value);
        foreach (var p in e.Outputs)
        {
            if (s.PlaceOf(p) is not (PartitionPlace.Wanted or PartitionPlace.Planned))
            {
                f.Read(p);
                continue;
            }
            Reset(s, f, p);
            foreach (var input in e.Inputs) Ask(s, f, p, input);
        }
        return f;
    }

    public static Footprint Stale(KernelState s, PartitionStale e) => Unpublished(s, e.Partition);

    public static Footprint Tainted(KernelState s, PartitionTainted e) =>
        Unpublished(s, e.Partition);

    public static Footprint Current(KernelState s, PartitionCurrent e)
    {
        var f = new Footprint();
        Publish(s, f, e.Partition);
        return f;
    }

    public static Footprint ConfigFailed(KernelState s, ConfigFailed e)
    {
        var f = new Footprint();
        foreach (var p in e.Outputs)
        {
            if (s.PlaceOf(p) is PartitionPlace.Wanted or PartitionPlace.Planned) Fail(s, f, p);
            else f.Read(p);
        }
        return f;
    }

    public static Footprint WantPlanned(KernelState s, WantPlanned e)
    {
        var f = new Footprint();
        f.Write(TokenKind.Want, e.Want.Value);
        if (!s.Wants.TryGetValue(e.Want.Value, out var want)) return f;
        foreach (var p in s.OutstandingTargets(want))
        {
            if (s.PlaceOf(p) == PartitionPlace.Live) f.Write(p);
            else f.Read(p);
        }
        End(s, f, want.Id);
        return f;
    }

    public static Footprint WantEnded(KernelState s, WantEvent e)
    {
        var f = new Footprint();
        End(s, f, e.Want);
        return f;
    }

    public static Footprint Scheduled(KernelState s, RunScheduled e)
    {
        var f = new Footprint();
        f.Write(TokenKind.Run, e.Run.Value);
        foreach (var p in e.Shadowed) f.Read(p);
        foreach (var p in e.Claims)
        {
            Reset(s, f, p);
            if (s.PlaceOf(p) == PartitionPlace.Live) Unsettle(s, f, p);
        }
        return f;
    }

    public static Footprint Leased(KernelState s, RunLeased e)
    {
        var isLife = s.Runs.TryGetValue(e.Run.Value, out var run) && run.Life is not null;
        var f = new Footprint { Slots = isLife ? 0 : 1 };
        f.Write(TokenKind.Run, e.Run.Value);
        f.Read(TokenKind.Worker, 0);
        if (isLife)
        {
            if (run!.Place == RunPlace.Running) f.Write(run.Claims[0]);
            else f.Read(run.Claims[0]);
        }
        else if (run is not null)
            foreach (var input in run.Config.Inputs) f.Read(input);
        return f;
    }

    public static Footprint Completed(KernelState s, RunCompleted e)
    {
        var f = OfRun(s, e, out var run);
        if (run.Life is not null) return ResourceFootprints.Completed(s, f, run);
        foreach (var input in run.Config.Inputs) f.Read(input);
        foreach (var p in e.Discarded) f.Read(p);
        foreach (var output in e.Outputs) Publish(s, f, output.Partition);
        foreach (var output in e.Adopted) Publish(s, f, output.Partition);
        return f;
    }

    public static Footprint Failed(KernelState s, RunFailed e) =>
        AttemptEnded(s, e, e.RetryAt is not null && !e.MayExist);

    public static Footprint Expired(KernelState s, LeaseExpired e) =>
        AttemptEnded(s, e, e.RetryAt is not null);

    public static Footprint InputsMissed(KernelState s, RunDepMissed e)
    {
        var f = OfRun(s, e, out var run);
        f.Read(TokenKind.Want, run.Config.For.Value);
        WaitingFor(s, f, e.Needs);
        var cycle = WaitsFor.Reaches(s, e.Needs, run.Claims);
        foreach (var p in run.Claims)
        {
            if (!s.IsDemanded(p)) f.Write(p);
            else if (cycle) Fail(s, f, p);
            else foreach (var input in e.Needs) Ask(s, f, p, input);
        }
        return f;
    }

    public static Footprint CancelRequested(KernelState s, RunCancelRequested e)
    {
        var f = new Footprint();
        f.Write(TokenKind.Run, e.Run.Value);
        var run = s.Runs[e.Run.Value];
        foreach (var p in run.Claims)
        {
            if (run.Place is RunPlace.Queued or RunPlace.Deferred) Reset(s, f, p);
            else f.Read(p);
            if (run.Life is not null) ResourceFootprints.Settle(s, f, run);
        }
        return f;
    }

    public static Footprint CancelAcked(KernelState s, RunCancelAcked e)
    {
        var f = OfRun(s, e, out var run);
        foreach (var p in run.Claims)
        {
            if (run.Doom is null) Reset(s, f, p);
            else Fail(s, f, p);
        }
        return f;
    }

    public static Footprint Rejected(KernelState s, StaleReportRejected e)
    {
        var f = new Footprint();
        f.Read(TokenKind.Run, e.Run.Value);
        return f;
    }

    public static Footprint WorkerAdded(KernelState s, WorkerAdded e)
    {
        var f = new Footprint { Slots = -e.Slots };
        f.Write(TokenKind.Worker, 0);
        return f;
    }

    public static Footprint WorkerRemoved(KernelState s, WorkerRemoved e)
    {
        var f = new Footprint { Slots = s.Workers[e.Worker.Owner].Slots };
        f.Write(TokenKind.Worker, 0);
        return f;
    }

    static Footprint OfRun(KernelState s, RunEvent e, out RunToken run)
    {
        run = s.Runs[e.Run.Value];
        var isFree = run.Place == RunPlace.Queued || run.Life is not null;
        var f = new Footprint { Slots = isFree ? 0 : -1 };
        f.Write(TokenKind.Run, e.Run.Value);
        return f;
    }

    static Footprint AttemptEnded(KernelState s, RunEvent e, bool again)
    {
        var f = OfRun(s, e, out var run);
        foreach (var p in run.Claims)
        {
            if (again) f.Read(p);
            else if (run.Life is not null || run.Doom is not null
                || (s.IsDemanded(p) && run.Place == RunPlace.Running)) Fail(s, f, p);
            else Reset(s, f, p);
        }
        if (run.Life is not null) ResourceFootprints.Settle(s, f, run);
        return f;
    }

    // x asks for p, which makes it Wanted if it lies idle; x fails if it failed already.
    static void Ask(KernelState s, Footprint f, PartitionId x, PartitionId p)
    {
        f.Write(x);
        f.Write(p);
        ResourceFootprints.Revive(s, f, p);
        if (s.PlaceOf(p) is not (PartitionPlace.Failed or PartitionPlace.Quarantined)) return;
        f.Read(TokenKind.Order, 0);
        Fail(s, f, x);
    }

    // p asks for nothing any more; what it asked for may go back to where it was.
    internal static void Reset(KernelState s, Footprint f, PartitionId p)
    {
        f.Write(p);
        if (!f.Lost.Add(p)) return;
        foreach (var target in RequestsOf(s, s.CellOf(p).RequestHead)) Lose(s, f, target);
    }

    static void Lose(KernelState s, Footprint f, PartitionId p)
    {
        f.Write(p);
        if (s.LifeOf(p) is { } run) ResourceFootprints.LetGo(s, f, run);
        if (s.PlaceOf(p) is PartitionPlace.Wanted or PartitionPlace.Planned
            or PartitionPlace.Waiting) Reset(s, f, p);
    }

    // Live: wants may end, what waits may go on.
    internal static void Publish(KernelState s, Footprint f, PartitionId p)
    {
        Reset(s, f, p);
        if (s.TryGetFailure(p, out _)) f.Write(TokenKind.Order, 0);
        foreach (var requester in RequestersOf(s, p))
        {
            if (requester < 0) End(s, f, new WantId(~requester));
            else if (s.PlaceOf(new(requester)) == PartitionPlace.Waiting)
                Reset(s, f, new(requester));
            else f.Write(TokenKind.Partition, requester);
        }
    }

    // Failed: and so does everybody who asks for it.
    internal static void Fail(KernelState s, Footprint f, PartitionId p)
    {
        var left = new Stack<PartitionId>([p]);
        var seen = new HashSet<PartitionId>();
        f.Write(TokenKind.Order, 0);
        while (left.TryPop(out var next))
        {
            if (!seen.Add(next)) continue;
            Reset(s, f, next);
            if ((s.LifeOf(next) ?? s.HolderOf(next)) is { } run)
            {
                f.Write(TokenKind.Run, run.Id.Value);
                foreach (var claim in run.Claims) left.Push(claim);
            }
            foreach (var requester in RequestersOf(s, next))
            {
                if (requester < 0) End(s, f, new WantId(~requester));
                else left.Push(new PartitionId(requester));
            }
        }
    }

    // The want changes and perhaps ends; then it asks for nothing any more.
    internal static void End(KernelState s, Footprint f, WantId id)
    {
        f.Write(TokenKind.Want, id.Value);
        if (s.FailureTable.Count > 0) f.Write(TokenKind.Order, 0);
        if (!s.Wants.TryGetValue(id.Value, out var want)) return;
        foreach (var target in RequestsOf(s, want.RequestHead)) Lose(s, f, target);
    }

    static Footprint Unpublished(KernelState s, PartitionId p)
    {
        var f = new Footprint();
        f.Write(p);
        Unsettle(s, f, p);
        return f;
    }

    static void Unsettle(KernelState s, Footprint f, PartitionId p)
    {
        foreach (var requester in RequestersOf(s, p))
            if (requester >= 0) f.Write(TokenKind.Partition, requester);
    }

    // The walk of the cycle test: everything that the needs wait for.
    static void WaitingFor(KernelState s, Footprint f, ImmutableArray<PartitionId> needs)
    {
        var left = new Stack<PartitionId>(needs);
        var seen = new HashSet<PartitionId>();
        while (left.TryPop(out var p))
        {
            f.Read(p);
            if (!seen.Add(p)
                || s.PlaceOf(p) is not (PartitionPlace.Planned or PartitionPlace.Waiting)) continue;
            foreach (var target in RequestsOf(s, s.CellOf(p).RequestHead)) left.Push(target);
        }
    }

    static List<PartitionId> RequestsOf(KernelState s, int head)
    {
        var targets = new List<PartitionId>();
        for (var d = head; d != DemandPool.None; d = s.Demands[d].NextOfRequester)
            targets.Add(new PartitionId(s.Demands[d].Target));
        return targets;
    }

    static List<int> RequestersOf(KernelState s, PartitionId p)
    {
        var requesters = new List<int>();
        var head = s.CellOf(p).DemandHead;
        for (var d = head; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
            requesters.Add(s.Demands[d].Requester);
        return requesters;
    }
}
