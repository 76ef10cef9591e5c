using System.Diagnostics;

namespace Quoin.Core;

/// <summary>
/// The guards of things outside (rows N of the net); the part of <see cref="Kernel"/> that belongs
/// to resources and to the wants that hold them.
/// </summary>
static class ResourceDecisions
{
    public static Decision Decide(KernelState s, ResourceCommand command) => command switch
    {
        DeferRun c => Defer(s, c),
        WakeRun c => Wake(s, c),
        StartRun c => Start(s, c),
        SeeExternal c => See(s, c),
        ScheduleRelease c => ScheduleRelease(s, c),
        EndResource c => End(s, c),
        ReleaseDone c => Done(s, c),
        FailRelease c => FailRelease(s, c),
        OpenIntervention c => Open(s, c),
        ResolveIntervention c => Resolve(s, c),
        RequestWantRelease c => Release(s, c),
        OfferWant c => Offer(s, c),
        AcceptOffer c => Accept(s, c),
        ExpireWant c => Expire(s, c),
        _ => throw new UnreachableException($"{command.GetType().Name} has no guard."),
    };

    /// <summary>N2. An activation of a run: it is due, and nobody else may be at it.</summary>
    public static Decision Lease(KernelState s, RunToken run, LeaseRun c)
    {
        var life = run.Life!;
        if (run.Place == RunPlace.Running && !c.TakesOver)
            return new Refusal("run-leased", $"{c.Run} is leased to {run.Worker} already.");
        if (run.Place == RunPlace.Deferred && life.Until is null)
            return new Refusal("asleep", $"{c.Run} waits for nothing that time brings.");
        if (life.Until > c.Now)
            return new Refusal("too-early", $"{c.Run} is not activated before {life.Until:O}.");
        // What was taken over is released if nobody wants it any more.
        if (life.Direction == RunDirection.Acquire && !c.TakesOver
            && (life.IsFailed || !s.IsDemanded(run.Claims[0])))
            return new Refusal("undemanded", $"nobody wants what {c.Run} would acquire.");
        // What may be there already is looked up, however late it is.
        if (c.Now > life.NotAfter && !life.IsInDoubt && !life.IsLaunched)
            return new Refusal(
                "start-window-missed", $"{c.Run} was to begin before {life.NotAfter:O}.");
        if (life.Claims >= c.ClaimsMax)
            return new Refusal(
                "claims-spent", $"{c.Run} was activated {life.Claims} times without an answer.");
        if (!s.Workers.ContainsKey(c.Worker.Owner))
            return new Refusal("no-such-worker", $"{c.Worker} is not registered.");
        return new RunLeased(c.Run, c.Worker, run.Epoch + 1)
        {
            Attempt = run.Attempt,
            At = c.Now,
            DoubtUntil = life.Direction == RunDirection.Acquire ? c.DoubtUntil : null,
        };
    }

    /// <summary>N7, N8. What was to be acquired failed, or its budget is spent.</summary>
    public static Decision Fail(KernelState s, RunToken run, FailRun c)
    {
        if (run.Life!.Direction != RunDirection.Acquire
            || s.PlaceOf(run.Claims[0]) != PartitionPlace.Building) return WrongDirection(run);
        var again = run.Failures < c.Retries && Kernel.Demanded(s, run) && !run.Life.IsFailed;
        return new RunFailed(c.Run, c.Epoch, c.Failure)
        {
            RetryAt = again ? c.RetryAt : null,
            MayExist = c.MayExist && run.Epoch > 0, // Nothing was asked for yet.
            Usage = c.Usage,
        };
    }

    /// <summary>N6. It is there.</summary>
    public static Decision Complete(RunToken run, CompleteRun c)
    {
        if (run.Life!.Direction != RunDirection.Acquire) return WrongDirection(run);
        if (c.Outputs.Length != 1 || c.Outputs[0].Partition != run.Claims[0])
            return new Refusal("output-missing", $"{c.Run} did not publish what it claimed.");
        return new RunCompleted(c.Run, c.Epoch, c.Outputs)
        {
            Fingerprint = c.Fingerprint,
            Usage = c.Usage,
            Connections = c.Connections,
            WatchAt = c.WatchAt,
        };
    }

    static Decision Defer(KernelState s, DeferRun c)
    {
        if (!Runs(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        return new RunDeferred(c.Run, c.Epoch, run.Life!.IsWoken ? c.At : c.Until)
        {
            At = c.At,
            Kind = c.Kind,
            Reset = c.Reset,
            State = c.State,
            Detail = c.Detail,
        };
    }

    static Decision Wake(KernelState s, WakeRun c)
    {
        if (!s.Runs.TryGetValue(c.Run.Value, out var run)) return Kernel.NoSuchRun(c.Run);
        if (run.Life is not { } life)
            return new Refusal("no-resource", $"{c.Run} makes data; it does not sleep.");
        if (c.NotAllowed is { } no) return no;
        var isRunning = run.Place == RunPlace.Running && !life.IsWoken;
        var sleeps = run.Place == RunPlace.Deferred && life.Until > c.At;
        return isRunning || sleeps ? new RunWoken(c.Run, c.At) : Decision.Nothing;
    }

    static Decision Start(KernelState s, StartRun c)
    {
        if (!Runs(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life!.Direction != RunDirection.Acquire || c.Hook != run.Life.Hook + 1)
            return WrongDirection(run);
        return new RunStarted(c.Run, c.Epoch, c.Hook) { Connections = c.Connections };
    }

    static Decision See(KernelState s, SeeExternal c)
    {
        if (!Runs(s, c.Run, c.Epoch, out var run)
            && !(c.IsLate && run is { Life: not null } && c.ExternalId.Length == 0))
            return new StaleReportRejected(c.Run, c.Epoch);
        var known = run!.Life!.ExternalId == c.ExternalId || c.ExternalId.Length == 0;
        return known && c.Extra.All(id => run.Life.Extra.Contains(id))
            ? Decision.Nothing
            : new ExternalSeen(c.Run, c.Epoch, c.ExternalId) { Extra = c.Extra };
    }

    static Decision ScheduleRelease(KernelState s, ScheduleRelease c)
    {
        if (!s.Runs.TryGetValue(c.Run.Value, out var run)) return Kernel.NoSuchRun(c.Run);
        if (run.Life is not { } life)
            return new Refusal("no-resource", $"{c.Run} makes data; nothing is released.");
        var p = run.Claims[0];
        var place = s.PlaceOf(p);
        var isIdle = place switch
        {
            PartitionPlace.Live when c.IsStale => !s.IsHeld(p),
            PartitionPlace.Live => !s.IsNeeded(p),
            // A process that runs is waited for: what comes of it has to be known.
            PartitionPlace.Building => run.Epoch > 0 && run.Place != RunPlace.Running
                && (life.IsFailed || !s.IsDemanded(p)),
            _ => false,
        };
        if (!isIdle)
            return place is PartitionPlace.Releasing or PartitionPlace.Quarantined
                ? Decision.Nothing
                : new Refusal("still-needed", $"{s.Names.Text(p)} is {place} and needed.");
        var keep = place == PartitionPlace.Live && !c.IsStale ? c.KeepUntil : null;
        if (keep is not null)
            return life.KeptUntil is null
                ? new ReleaseScheduled(c.Run, life.LetGoBy) { NotBefore = keep, Reason = "kept" }
                : Decision.Nothing;
        if (life.KeptUntil > c.Now && !c.IsStale)
            return new Refusal("kept", $"{s.Names.Text(p)} is kept until {life.KeptUntil:O}.");
        return new ReleaseScheduled(c.Run, life.LetGoBy)
        {
            Reason = c.IsStale ? "stale" : life.IsFailed ? "failed" : "unused",
        };
    }

    static Decision End(KernelState s, EndResource c)
    {
        if (!Runs(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life!.Direction != RunDirection.Watch) return WrongDirection(run);
        return new ResourceEnded(c.Run, c.Epoch) { Failure = c.Failure };
    }

    static Decision Done(KernelState s, ReleaseDone c)
    {
        if (!Runs(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life!.Direction != RunDirection.Release) return WrongDirection(run);
        if (run.Life.Extra is [var first, ..] && !run.Life.Extra.Contains(c.ExternalId))
            return new Refusal("duplicate-left", $"{c.Run} still has to release {first}.");
        return new ResourceReleased(c.Run, c.Epoch) { ExternalId = c.ExternalId };
    }

    static Decision FailRelease(KernelState s, FailRelease c)
    {
        if (!Runs(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life!.Direction != RunDirection.Release) return WrongDirection(run);
        return new ReleaseFailed(c.Run, c.Epoch, c.Failure) { RetryAt = c.RetryAt };
    }

    static Decision Open(KernelState s, OpenIntervention c)
    {
        if (!s.Runs.TryGetValue(c.Run.Value, out var run)) return Kernel.NoSuchRun(c.Run);
        if (run.Life is null)
            return new Refusal("no-resource", $"{c.Run} makes data; it is simply tried again.");
        foreach (var open in s.Interventions.Values)
            if (open.Run == c.Run && open.Code == c.Code) return Decision.Nothing;
        return new InterventionOpened(new InterventionId(s.LastIntervention + 1), c.Run, c.Code)
        {
            Reason = c.Reason,
            Key = c.Key,
            ExternalIds = c.ExternalIds,
            Parks = c.Parks,
        };
    }

    static Decision Resolve(KernelState s, ResolveIntervention c)
    {
        if (!s.Interventions.TryGetValue(c.Intervention.Value, out var open))
            return c.Intervention.Value <= s.LastIntervention
                ? Decision.Nothing // Answered already.
                : new Refusal(
                    "no-such-intervention",
                    $"There is no intervention {c.Intervention}; see: quoin interventions");
        if (c.Answer == InterventionAnswer.Adopt && c.ExternalId.Length == 0)
            return new Refusal("id-missing", "Adopting needs the thing's name: --adopt ID");
        return new InterventionResolved(c.Intervention, open.Run, c.Answer)
        {
            ExternalId = c.ExternalId,
            By = c.By,
        };
    }

    static Decision Release(KernelState s, RequestWantRelease c)
    {
        if (!s.Wants.TryGetValue(c.Want.Value, out var want)) return Kernel.NotOpen(s, c.Want);
        if (want.IsReleasing) return Decision.Nothing;
        if (want.IsReady) return new WantReleaseRequested(c.Want, c.By);
        var phase = want.OfferedUntil is null ? "being prepared" : "offered";
        return new Refusal(
            "want-not-ready", $"{c.Want} is {phase}: cancel it instead (quoin cancel {c.Want}).");
    }

    static Decision Offer(KernelState s, OfferWant c) =>
        c.Targets.IsEmpty
            ? new Refusal("nothing-wanted", "The want names no partition.")
            : c.NoRoom is { } no ? no
            : new WantOffered(new WantId(s.LastWant + 1), [.. c.Targets.Distinct()], c.Expires)
            {
                Options = c.Options,
                Request = c.Request,
                Command = c.Command,
            };

    static Decision Accept(KernelState s, AcceptOffer c)
    {
        // It may have expired, or another of its group was taken: not what was asked for.
        if (!s.Wants.TryGetValue(c.Want.Value, out var want))
            return new Refusal("no-such-offer", $"There is no offer {c.Want}, or it is over.");
        if (want.OfferedUntil is not { } until) return Decision.Nothing; // Accepted already.
        if (c.Now > until)
            return new Refusal("offer-expired", $"The offer of {c.Want} ended at {until:O}.");
        return new WantAccepted(c.Want, want.Targets)
        {
            Options = want.Options,
            Request = want.Request,
            Command = c.Command,
        };
    }

    static Decision Expire(KernelState s, ExpireWant c) =>
        s.Wants.TryGetValue(c.Want.Value, out var want) && c.Now > want.OfferedUntil
            ? new WantExpired(c.Want)
            : Decision.Nothing;

    static bool Runs(KernelState s, RunId id, int epoch, out RunToken run) =>
        s.RunTable.TryGetValue(id.Value, out run!) && run.Life is not null
        && run.Place == RunPlace.Running && run.Epoch == epoch;

    static Refusal WrongDirection(RunToken run) =>
        new(
            "wrong-direction",
            $"{run.Id} does not say that while it is to {run.Life!.Direction}, "
            + $"hook {run.Life.Hook}.");
}
