using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// What holds in every state of things outside: J1 to J4 of the page on durable steps, and what is
/// owed to wants, counted anew from the tokens.
/// </summary>
static class ResourceInvariants
{
    public static string? Check(Marking m)
    {
        foreach (var p in m.All)
        {
            if (OfPartition(m, p) is { } broken) return broken;
        }
        foreach (var want in m.Kernel.Wants.Values)
        {
            if (OfWant(m, want) is { } broken) return broken;
        }
        return OfCleanups(m.Kernel);
    }

    static string? OfPartition(Marking m, PartitionId p)
    {
        var s = m.Kernel;
        var (name, place) = (s.Names.Text(p), s.PlaceOf(p));
        if (place is PartitionPlace.Releasing or PartitionPlace.Quarantined
            && s.LifeOf(p) is null) return $"J1: {name} is {place} without a run";
        if (s.LifeOf(p) is not { } run) return null;
        if (run.Life is null) return $"J1: {name} is a resource, and {run.Id} makes data";
        var life = run.Life;
        var fits = place switch
        {
            PartitionPlace.Building => life.Direction == RunDirection.Acquire,
            PartitionPlace.Live => life.Direction == RunDirection.Watch
                && run.Place is RunPlace.Deferred or RunPlace.Running,
            PartitionPlace.Releasing => life.Direction == RunDirection.Release,
            PartitionPlace.Quarantined => run.Place == RunPlace.Deferred && life.Until is null,
            _ => false,
        };
        if (!fits) return $"J1: {name} is {place} and {run.Id} is to {life.Direction}";
        if (place == PartitionPlace.Live && !s.IsNeeded(p) && !CanBeReleased(s, run))
            return $"J2: {name} is Live, nobody needs it, and it is not released";
        if (place == PartitionPlace.Building && run.Epoch > 0 && run.Place != RunPlace.Running
            && !s.IsDemanded(p) && !CanBeReleased(s, run))
            return $"J2: {name} is being acquired, nobody needs it, and it is not released";
        if (life.IsFailed) return null; // It lost what it stood on, or nobody counts on it.
        // N11 takes what it stands on from one that is on its way out.
        var mayHaveLost = place is PartitionPlace.Releasing or PartitionPlace.Quarantined
            && m.Left(Budget.Looks) < m.Instance.Looks;
        foreach (var input in run.Config.Inputs.Where(s.IsResource))
        {
            if (mayHaveLost && !s.Holders(input).Partitions.Contains(p)) continue;
            if (!s.Holders(input).Partitions.Contains(p))
                return $"J3: {name} is {place} and does not hold {s.Names.Text(input)}";
            if (s.PlaceOf(input) != PartitionPlace.Live)
                return $"J3: {name} is {place}, {s.Names.Text(input)} is {s.PlaceOf(input)}";
        }
        return null;
    }

    static bool CanBeReleased(KernelState s, RunToken run) =>
        Kernel.Decide(s, new ScheduleRelease(run.Id, Marking.Now)
        {
            KeepUntil = run.Config.Resource!.Keep > TimeSpan.Zero && run.Life!.KeptUntil is null
                ? Marking.Now : null,
        }).Event is ReleaseScheduled;

    static string? OfWant(Marking m, WantToken want)
    {
        var s = m.Kernel;
        if (!want.IsReady || want.IsReleasing) return null;
        foreach (var p in want.Targets.Where(s.IsResource))
        {
            if (s.PlaceOf(p) != PartitionPlace.Live || !s.Holders(p).Wants.Contains(want.Id))
                return $"J4: {want.Id} is ready, and {s.Names.Text(p)} is {s.PlaceOf(p)}";
        }
        return want.HasFailed || want.Remaining > 0 ? $"J4: {want.Id} is ready too early" : null;
    }

    static string? OfCleanups(KernelState s)
    {
        var owed = s.Runs.Values.Where(run => run.Life?.LetGoBy is not null)
            .CountBy(run => run.Life!.LetGoBy!.Value.Value).ToDictionary();
        foreach (var (want, cleanup) in s.Cleanups)
            if (cleanup.Owed == 0 || cleanup.Owed != owed.GetValueOrDefault(want))
                return $"2.1: w-{want} waits for {cleanup.Owed} releases";
        foreach (var (want, _) in owed)
            if (!s.Cleanups.ContainsKey(want)) return $"2.1: nobody waits for what w-{want} held";
        return s.Wants.Values.FirstOrDefault(
            want => want.IsReleasing && !owed.ContainsKey(want.Id.Value)) is { } idle
            ? $"2.1: {idle.Id} waits for nothing"
            : null;
    }

    static readonly RunFailure Failure = new(FailureCategory.Failed, "exit 1");

    /// <summary>Reports that nobody should make of a resource's run.</summary>
    public static string? Probe(Marking m, RunToken run)
    {
        foreach (var epoch in (int[])[run.Epoch - 1, run.Epoch, run.Epoch + 1])
        {
            var holds = run.Place == RunPlace.Running && epoch == run.Epoch;
            if (!holds && Heard(m, run.Id, epoch))
                return $"N15: {run.Id} is {run.Place} and heard under epoch {epoch}";
        }
        var s = m.Kernel;
        if (Kernel.Decide(s, new ExpireLease(run.Id, run.Epoch, Marking.Now)).Event is not null)
            return $"N2: {run.Id} is given up with its lease";
        var lease = new LeaseRun(run.Id, Marking.Worker, Marking.Now) { ClaimsMax = 99 };
        if (run.Place == RunPlace.Running && Kernel.Decide(s, lease).Event is not null)
            return $"N2: {run.Id} is activated twice";
        if (s.PlaceOf(run.Claims[0]) == PartitionPlace.Quarantined
            && Kernel.Decide(s, lease).Event is not null)
            return $"N2: {run.Id} waits for a person, and is activated";
        var early = lease with { Now = Marking.Now.AddSeconds(-1) };
        if (run.Life!.Until is not null && Kernel.Decide(s, early).Event is not null)
            return $"N2: {run.Id} is activated before its time";
        if (run.Epoch > 0
            && Kernel.Decide(s, new RequestRunCancel(run.Id, "test")).Event is not null)
            return $"T8: {run.Id} may have acted, and is cancelled";
        return Kernel.Decide(s, new ScheduleRelease(run.Id, Marking.Now)).Event is not null
            && !run.Life.IsFailed && s.IsNeeded(run.Claims[0])
            ? $"N10: {run.Id} is released while somebody needs it"
            : null;
    }

    static bool Heard(Marking m, RunId run, int epoch)
    {
        KernelCommand[] reports =
        [
            Moves.Completion(m, run, epoch), new FailRun(run, epoch, Failure) { Retries = 9 },
            new DeferRun(run, epoch, Marking.Now), new StartRun(run, epoch, 1),
            new SeeExternal(run, epoch, "x"), new EndResource(run, epoch),
            new ReleaseDone(run, epoch), new FailRelease(run, epoch, Failure),
        ];
        return reports.Any(
            report => Kernel.Decide(m.Kernel, report).Event is not StaleReportRejected);
    }
}
