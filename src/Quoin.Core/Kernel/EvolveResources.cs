using System.Diagnostics;

namespace Quoin.Core;

/// <summary>
/// Replays the facts about things outside (rows N of the net); the part of <see cref="Evolve"/>
/// that belongs to resources.
/// </summary>
static class EvolveResources
{
    public static void Apply(KernelState s, BuildEvent e)
    {
        switch (e)
        {
            case RunDeferred x: Defer(s, x); break;
            case RunWoken x: Wake(s, x); break;
            case RunStarted x: Start(s, x); break;
            case ExternalSeen x: See(s, x); break;
            case ReleaseScheduled x: ScheduleRelease(s, x); break;
            case ResourceEnded x: End(s, x); break;
            case ResourceReleased x: Released(s, x); break;
            case ReleaseFailed x: FailRelease(s, x); break;
            case InterventionOpened x: Open(s, x); break;
            case InterventionResolved x: Resolve(s, x); break;
            case WantReleaseRequested x: BeginRelease(s, Evolve.Want(s, x.Want)); break;
            default: throw new UnreachableException($"{e.GetType().Name} has no transition.");
        }
    }

    public static ResourceLife Begin(KernelState s, RunScheduled e)
    {
        var p = e.Claims[0];
        if (e.Claims.Length != 1 || e.Shadowed.Length > 0)
            throw new UnreachableException($"{e.Run} is the life of more than {s.Names.Text(p)}.");
        return new ResourceLife
        {
            Until = e.Activation,
            NotAfter = e.NotAfter,
            Recipe = e.Recipe,
        };
    }

    // How long it may be used is counted from then; nothing else follows from it.
    public static void Ready(KernelState s, WantReady e)
    {
        if (s.WantTable.TryGetValue(e.Want.Value, out var want)) want.ReadyAt = e.At;
    }

    public static void Lease(KernelState s, RunToken run, RunLeased e)
    {
        var life = run.Life!;
        if (run.Place == RunPlace.Cancelling || e.Epoch != run.Epoch + 1)
            throw new UnreachableException($"{e} on {run.Place}, epoch {run.Epoch}");
        if (run.Place == RunPlace.Running)
        {
            run.Losses++; // Its lease is over.
            var p = run.Claims[0];
            // What nobody wants any more is not asked for again: whatever is there is released.
            if (life.Direction == RunDirection.Acquire && (life.IsFailed || !s.IsDemanded(p)))
                Resources.Release(s, p, run);
        }
        run.Place = RunPlace.Running;
        run.Epoch = e.Epoch;
        run.Worker = e.Worker;
        life.Until = null;
        life.Claims++;
        life.RoundSince ??= e.At;
        life.IsReentry = life.IsInDoubt;
        if (life.Direction != RunDirection.Acquire) return;
        life.IsInDoubt = true;
        life.DoubtUntil = e.DoubtUntil;
    }

    static void Defer(KernelState s, RunDeferred e)
    {
        var run = Running(s, e, e.Epoch);
        var life = run.Life!;
        Sleep(s, run, e.Until);
        if (e.State.Length > 0) life.State = e.State;
        switch (e.Kind)
        {
            case DeferKind.Busy:
                life.Answered();
                life.IsLaunched = true;
                if (e.Reset) (life.Polls, life.RoundSince) = (0, e.At);
                else life.Polls++;
                break;
            case DeferKind.Unknown:
                (life.Claims, life.IsWoken) = (0, false);
                life.Unknowns++;
                life.UnknownSince ??= e.At;
                break;
        }
    }

    static void Sleep(KernelState s, RunToken run, DateTimeOffset? until)
    {
        run.Place = RunPlace.Deferred;
        run.Worker = default;
        run.Life!.Until = until;
        s.Notices.Resources.Add(run);
    }

    static void Wake(KernelState s, RunWoken e)
    {
        var run = Evolve.Run(s, e.Run);
        var life = run.Life!;
        if (run.Place == RunPlace.Running)
        {
            life.IsWoken = true;
            return;
        }
        if (life.Until is null || life.Until > e.At) life.Until = e.At;
        s.Notices.Resources.Add(run);
    }

    static void Start(KernelState s, RunStarted e)
    {
        var run = Running(s, e, e.Epoch);
        var life = run.Life!;
        life.Answered();
        life.BeginRound();
        life.Hook = e.Hook;
        if (e.Connections.Length > 0) life.Connections = e.Connections;
        life.IsLaunched = true;
        // It exists: a hook may be repeated, and the window was about the launch.
        life.NotAfter = null;
        run.Place = RunPlace.Queued;
        run.Worker = default;
        s.Notices.Resources.Add(run);
    }

    public static void Complete(KernelState s, RunToken run, RunCompleted e)
    {
        var life = run.Life!;
        var p = run.Claims[0];
        life.Answered();
        // A hook that has nothing to add leaves what the launch said.
        if (e.Connections.Length > 0) life.Connections = e.Connections;
        var output = e.Outputs[0];
        s.SetManifest(p, new Manifest(e.Run, output.Digest, output.Bytes, e.Fingerprint)
        {
            PublishedAtMs = e.Usage.StartedAt.ToUnixTimeMilliseconds() + e.Usage.ElapsedMs,
            ElapsedMs = e.Usage.ElapsedMs,
        });
        s.LivesTable.Remove(p.Value);
        if (life.IsFailed || !s.IsDemanded(p))
        {
            Resources.Release(s, p, run);
            return;
        }
        BeginWatch(s, p, run, e.WatchAt);
    }

    static void BeginWatch(
        KernelState s, PartitionId p, RunToken run, DateTimeOffset? watchAt)
    {
        var life = run.Life!;
        (life.Direction, life.Hook, life.NotAfter) = (RunDirection.Watch, 0, null);
        life.BeginRound();
        Sleep(s, run, watchAt);
        s.Move(p, PartitionPlace.Live);
        s.Cascade.PlaceChanged(p);
    }

    public static void Fail(KernelState s, RunToken run, RunFailed e)
    {
        var life = run.Life!;
        var p = run.Claims[0];
        var failure = new Failure(FailureCause.Run, s.Sequence)
        {
            Run = run.Id,
            RunFailure = e.Failure,
        };
        // Silence is no answer: a call may still have an effect.
        var doubt = life.DoubtUntil;
        if (e.Failure.Category != FailureCategory.Lost) life.Answered();
        // What an earlier call asked for, unheard of, may come yet, whatever this one was told.
        if (e.MayExist && life.IsReentry) life.DoubtUntil = doubt;
        if (e.RetryAt is not null)
            s.LivesTable[p.Value] = new(run.Failures, e.MayExist ? e.RetryAt : null);
        else s.LivesTable.Remove(p.Value);
        if (e.MayExist)
        {
            Resources.Release(s, p, run);
            if (e.RetryAt is null) Resources.FailNow(s, p, run, failure);
        }
        else if (e.RetryAt is { } retryAt)
        {
            (life.Hook, life.IsLaunched, life.ExternalId) = (0, false, "");
            life.BeginRound();
            Sleep(s, run, retryAt);
        }
        else
        {
            Evolve.EndRun(s, run);
            if (!s.IsDemanded(p)) Resources.EndUndemanded(s, p, run);
            else if (life.IsFailed) Tokens.BackToWanted(s, p); // By somebody who came later.
            else Tokens.Fail(s, p, failure);
        }
    }

    static void See(KernelState s, ExternalSeen e)
    {
        var life = Evolve.Run(s, e.Run).Life!;
        if (e.ExternalId.Length > 0) (life.ExternalId, life.IsLaunched) = (e.ExternalId, true);
        if (!e.Extra.IsDefaultOrEmpty)
            life.Extra =
            [
                .. life.Extra.Union(e.Extra).Where(id => id != life.ExternalId)
                    .Order(StringComparer.Ordinal),
            ];
    }

    static void ScheduleRelease(KernelState s, ReleaseScheduled e)
    {
        var run = Evolve.Run(s, e.Run);
        var p = run.Claims[0];
        if (e.NotBefore is { } keep)
        {
            run.Life!.KeptUntil = keep;
            Resources.Settle(s, run, isIncomplete: false);
            s.Notices.Resources.Add(run);
            return;
        }
        Resources.Release(s, p, run);
    }

    static void End(KernelState s, ResourceEnded e)
    {
        var run = Running(s, e, e.Epoch);
        var p = run.Claims[0];
        run.Life!.Answered();
        Evolve.Expect(s, p, PartitionPlace.Live);
        Resources.Release(s, p, run);
        var isOver = new List<WantToken>();
        if (e.Failure is null)
        {
            foreach (var want in s.Holders(p).Wants.Select(id => s.WantTable[id.Value]))
                if (want.IsReady) isOver.Add(want);
        }
        foreach (var want in isOver) BeginRelease(s, want);
        // Whoever only asks for it waits for its next life.
        Resources.LoseHolders(s, p, onlyHolders: true);
    }

    static void BeginRelease(KernelState s, WantToken want)
    {
        want.IsReleasing = true;
        Tokens.DropRequests(s, ~want.Id.Value, want.Id.Value);
        s.Cascade.CleanupChanged(want.Id.Value);
    }

    static void Released(KernelState s, ResourceReleased e)
    {
        var run = Running(s, e, e.Epoch);
        var life = run.Life!;
        var p = run.Claims[0];
        Evolve.Expect(s, p, PartitionPlace.Releasing);
        life.Answered();
        if (!life.Extra.Contains(e.ExternalId))
        {
            Resources.End(s, p, run);
            return;
        }
        life.Extra = life.Extra.Remove(e.ExternalId);
        life.BeginRound();
        run.Place = RunPlace.Queued; // Once more, for the next of them.
        run.Worker = default;
        s.Notices.Resources.Add(run);
    }

    static void FailRelease(KernelState s, ReleaseFailed e)
    {
        var run = Running(s, e, e.Epoch);
        var life = run.Life!;
        life.Answered();
        life.ReleaseFailures++;
        if (e.RetryAt is { } retryAt) Sleep(s, run, retryAt);
        else Resources.Quarantine(s, run.Claims[0], run);
    }

    static void Open(KernelState s, InterventionOpened e)
    {
        var run = Evolve.Run(s, e.Run);
        var p = run.Claims[0];
        s.LastIntervention = Math.Max(s.LastIntervention, e.Intervention.Value);
        s.InterventionTable.Add(
            e.Intervention.Value,
            new InterventionToken(e.Intervention, e.Run, e.Code)
            {
                Reason = e.Reason,
                Key = e.Key,
                ExternalIds = e.ExternalIds,
                Partition = p,
            });
        if (e.Parks && s.PlaceOf(p) != PartitionPlace.Quarantined)
            Resources.Quarantine(s, p, run);
    }

    static void Resolve(KernelState s, InterventionResolved e)
    {
        if (!s.InterventionTable.Remove(e.Intervention.Value, out var token))
            throw new UnreachableException($"{e.Intervention} is not open.");
        var p = token.Partition;
        if (s.PlaceOf(p) != PartitionPlace.Quarantined || s.LifeOf(p) is not { } run
            || run.Id != e.Run) return;
        switch (e.Answer)
        {
            case InterventionAnswer.Retry:
                Resources.Release(s, p, run);
                break;
            case InterventionAnswer.Adopt:
                // Who needed it has failed with the question: what is known now is given back.
                run.Life!.ExternalId = e.ExternalId;
                run.Life.Answered();
                Resources.Release(s, p, run);
                break;
            case InterventionAnswer.Released or InterventionAnswer.Abandon:
                run.Life!.IsFailed = false;
                Resources.End(s, p, run);
                break;
            case InterventionAnswer.Closed:
                break;
        }
    }

    static RunToken Running(KernelState s, RunEvent e, int epoch)
    {
        var run = Evolve.Run(s, e.Run);
        if (run.Life is null || run.Place != RunPlace.Running || run.Epoch != epoch)
            throw new UnreachableException($"{e} on {run.Place}, epoch {run.Epoch}");
        run.Worker = default;
        return run;
    }
}
