using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// What each event may do, written down a second time from the table of transitions: looked at
/// before the event and again after it.
/// </summary>
static class Contracts
{
    /// <summary>Takes note before an event; the answer says after it what is wrong.</summary>
    public static Func<string?> Of(Marking m, BuildEvent e)
    {
        var s = m.Kernel;
        var before = m.All.Select(p => Seen.Of(s, p)).ToArray();
        var rule = Before(m, e, before);
        var final = e is PartitionPlanned planned ? FinalFailures(s, planned) : [];
        return () => rule ?? Published(m, e, before) ?? After(m, e, before) ?? Ended(m)
            ?? (final.Any(p => s.PlaceOf(p) != PartitionPlace.Failed)
                ? "P1: a plan tries again what failed after its want was accepted" : null);
    }

    static string? Before(Marking m, BuildEvent e, Seen[] before)
    {
        var s = m.Kernel;
        var run = e is RunEvent x && s.Runs.TryGetValue(x.Run.Value, out var found) ? found : null;
        return e switch
        {
            RunScheduled scheduled => Claims(m, scheduled, before),
            RunLeased leased when run?.Life is { } life => run.Place != RunPlace.Cancelling
                && leased.Epoch == run.Epoch + 1 && life.Claims < m.Instance.ClaimsMax
                ? null : "N2: a run is activated once too often",
            RunLeased leased => run is { Place: RunPlace.Queued } && leased.Epoch == run.Epoch + 1
                ? null : "T3: only a queued run is leased, under the next epoch",
            RunCompleted completed => Holds(run, completed.Epoch) ?? (
                completed.Outputs.Select(o => o.Partition).ToHashSet().SetEquals(run!.Claims)
                    ? null : "T4: a run publishes all that it claims"),
            RunFailed { RetryAt: not null } when run?.Life is not null
                && (run.Failures >= m.Instance.Retries || !Demanded(run, before)) =>
                "N7: tried again without budget or demand",
            RunFailed when run is { Life: not null, Place: not RunPlace.Running } => null,
            RunFailed failed => Holds(run, failed.Epoch) ?? (run!.Place != RunPlace.Running
                ? "T5: what was told to stop does not fail"
                : failed.RetryAt is not null
                    && (run.Failures >= m.Instance.Retries || !Demanded(run, before))
                    ? "T5: tried again without budget or demand" : null),
            RunDepMissed missed => Holds(run, missed.Epoch),
            RunCancelAcked acked => Holds(run, acked.Epoch)
                ?? (run!.Place == RunPlace.Cancelling ? null : "T9: nobody told it to stop"),
            RunCancelRequested => run is null ? "T8: no such run"
                : m.Left(Budget.Drops) == 0 && Demanded(run, before)
                    ? "T8: a run is told to stop that somebody demands" : null,
            LeaseExpired expired => Holds(run, expired.Epoch) ?? (expired.RetryAt is not null
                && (run!.Place != RunPlace.Running || run.Losses >= m.Instance.Losses
                    || !Demanded(run, before))
                ? "T10: tried again without budget or demand" : null),
            PartitionTainted tainted => before[tainted.Partition.Value].Is(PartitionPlace.Live)
                ? null : "T12: only what is Live is tainted",
            PartitionStale stale => before[stale.Partition.Value] is { Place: PartitionPlace.Live }
                && s.CellOf(stale.Partition).DemandHead != DemandPool.None
                ? null : "P2: only what is Live and asked for is stale",
            PartitionCurrent current => Current(s, current.Partition, before),
            WorkerRemoved => s.Runs.Values.Any(r => r.Place != RunPlace.Queued)
                ? "T13: the worker has runs" : null,
            _ => null,
        };
    }

    static PartitionId[] FinalFailures(KernelState s, PartitionPlanned e) =>
    [
        .. from p in e.Inputs
           where s.PlaceOf(p) == PartitionPlace.Failed
           let failed = s.TryGetFailure(p, out var failure) ? failure.At : 0
           where s.Wants.TryGetValue(e.For.Value, out var want) && failed > want.AcceptedAt
           select p,
    ];

    static string? Holds(RunToken? run, int epoch) =>
        run is not null && run.Place != RunPlace.Queued && run.Epoch == epoch
            ? null
            : "I2: a report under an old lease is heard";

    static bool Demanded(RunToken run, Seen[] before) =>
        run.Claims.Any(p => before[p.Value].Demanded);

    static string? Claims(Marking m, RunScheduled e, Seen[] before)
    {
        var (job, _) = Marking.JobOf(e.Run);
        var declared = m.Ps(m.Instance.Jobs[job].Outputs);
        foreach (var p in declared)
        {
            var (name, seen) = (m.Names.Text(p), before[p.Value]);
            if (seen.Is(PartitionPlace.Building)) return $"I1: {name} is held by another run";
            var isShadowed = seen.Is(PartitionPlace.Live) && !m.Instance.Jobs[job].Supersedes;
            if (e.Claims.Contains(p) == isShadowed || e.Shadowed.Contains(p) != isShadowed)
                return $"T2: {name} is declared, {seen.Place} and not claimed";
        }
        var config = e.Claims.Select(p => m.Kernel.ConfigOf(p))
            .FirstOrDefault(c => c?.Job == $"j{job}");
        if (config is null) return "T2: none of its claims is planned";
        foreach (var input in config.Inputs)
            if (!before[input.Value].Is(PartitionPlace.Live))
                return $"T2: its input {m.Names.Text(input)} is {before[input.Value].Place}";
        return null;
    }

    static string? Current(KernelState s, PartitionId p, Seen[] before)
    {
        if (!before[p.Value].Is(PartitionPlace.Planned)) return "P3: it is not planned";
        if (s.ConfigOf(p)!.Inputs.Any(input => !before[input.Value].Is(PartitionPlace.Live)))
            return "P3: an input is not Live";
        return s.PreviousPlaceOf(p) is PartitionPlace.Live or PartitionPlace.Failed
            && before[p.Value].Publisher > 0
            ? null
            : "P3: what was published before is missing or not trusted";
    }

    // I2: what a partition holds is changed by the run that holds it, or by one that found it free.
    static string? Published(Marking m, BuildEvent e, Seen[] before)
    {
        foreach (var p in m.All)
        {
            var now = Seen.Of(m.Kernel, p);
            var (was, name) = (before[p.Value], m.Names.Text(p));
            if (now.Publisher == was.Publisher) continue;
            if (e is not RunCompleted completed || now.Publisher != completed.Run.Value)
                return $"I2: {e.GetType().Name} changed what {name} holds";
            if (was.Holder == completed.Run.Value) continue;
            if (was.Place is PartitionPlace.Building or PartitionPlace.Live)
                return $"I2: {completed.Run} published {name}, which it did not hold";
        }
        return null;
    }

    static string? After(Marking m, BuildEvent e, Seen[] before)
    {
        var s = m.Kernel;
        switch (e)
        {
            case WantAccepted accepted:
                return accepted.Targets.All(p => s.PlaceOf(p) is not (PartitionPlace.Failed
                    or PartitionPlace.Missing or PartitionPlace.Tainted))
                    ? null : "T1: a target is not wanted";
            case RunScheduled scheduled:
                return s.Runs[scheduled.Run.Value].Config.Outputs.ToHashSet()
                    .SetEquals(scheduled.Claims.Concat(scheduled.Shadowed))
                    ? null : "T2: the run has the config of other outputs";
            case RunFailed or RunCompleted or RunCancelAcked
                when s.Runs.TryGetValue(((RunEvent)e).Run.Value, out var life)
                    && life.Life is not null:
                return e is RunCompleted && life.Claims.Any(p =>
                    s.PlaceOf(p) == PartitionPlace.Live && !s.IsNeeded(p))
                    ? $"N6: {life.Id} is held by nobody" : null;
            case RunFailed { RetryAt: not null } or LeaseExpired { RetryAt: not null }:
                return s.Runs[((RunEvent)e).Run.Value].Place == RunPlace.Queued
                    ? null : "T5: it is tried again and not queued";
            case RunFailed or LeaseExpired or RunCancelAcked or RunDepMissed or RunCompleted:
                return s.Runs.ContainsKey(((RunEvent)e).Run.Value)
                    ? "I3: the run ended and is there" : Freed(m, e, before);
            case RunCancelRequested requested when before.Any(p => p.Runs(requested.Run)):
                return s.Runs.TryGetValue(requested.Run.Value, out var told)
                    && told.Place == RunPlace.Cancelling
                    ? null : "T8: a running process is told to stop, and its claims are free";
            case StaleReportRejected:
                return m.All.All(p => Seen.Of(s, p) == before[p.Value])
                    ? null : "T11: a rejected report changed something";
            default: return null;
        }
    }

    static string? Freed(Marking m, BuildEvent e, Seen[] before)
    {
        var run = ((RunEvent)e).Run;
        foreach (var p in m.All.Where(p => before[p.Value].Holder == run.Value))
        {
            var (was, now, name) = (before[p.Value], m.Kernel.PlaceOf(p), m.Names.Text(p));
            if (was.IsLife || was.IsDoomed) continue; // Told to fail while it ran.
            if (now == PartitionPlace.Building) return $"I3: {name} stays held by {run}";
            if (!was.Demanded && e is not RunCompleted && now != was.Previous)
                return $"T5: {name} was {was.Previous}, nobody demands it, and it is {now}";
            if (was.Demanded && e is RunCompleted && was.InputsMoved && now == PartitionPlace.Live)
                return $"T4: {name} was made from inputs that moved, and counts as current";
            if (e is RunCompleted { Fingerprint.Exists: true } && was.InputsMoved)
                return $"T4: {name} was made from inputs that moved, and has their fingerprint";
            if (was.Demanded && e is RunCancelAcked && now != PartitionPlace.Wanted)
                return $"T9: {name} is demanded and {now}";
        }
        return null;
    }

    // A want fails for what it asked for or needs, and for nothing else.
    static string? Ended(Marking m)
    {
        foreach (var (want, outcome) in m.Kernel.Notices.Ended)
        {
            if (outcome == WantOutcome.Succeeded && (want.HasFailed || want.Remaining > 0))
                return $"I5: {want.Id} succeeded without all that it wanted";
            if (outcome == WantOutcome.Succeeded && !want.IsReleasing
                && want.Targets.Any(m.Kernel.IsResource))
                return $"2.1: {want.Id} succeeded and never held what it asked for";
            var closure = Closure(m, m.Instance.Wants[want.Id.Value - 1].Targets);
            if (want.Failed.Any(p => !closure.Contains(m.Instance.Partitions[p.Value])))
                return $"I5: {want.Id} failed for something that it does not need";
        }
        return null;
    }

    static HashSet<char> Closure(Marking m, string targets)
    {
        var closure = new HashSet<char>();
        var left = new Stack<char>(targets);
        while (left.TryPop(out var letter))
        {
            if (!closure.Add(letter)) continue;
            foreach (var job in m.Instance.Jobs.Where(job => job.Outputs.Contains(letter)))
                foreach (var other in job.Outputs + job.Inputs + job.Finds) left.Push(other);
        }
        return closure;
    }

    /// <summary>What a rule wants to know of a partition before an event.</summary>
    readonly record struct Seen(
        PartitionPlace Place, PartitionPlace Previous, bool Demanded, int Holder, int Publisher)
    {
        public bool InputsMoved { get; init; }
        public bool HolderRuns { get; init; }
        public bool IsLife { get; init; }
        public bool IsDoomed { get; init; }

        public bool Runs(RunId run) => HolderRuns && Holder == run.Value;

        public bool Is(PartitionPlace place) => Place == place;

        public static Seen Of(KernelState s, PartitionId p)
        {
            // Not HolderOf, which relies on what is checked here.
            var holder = s.PlaceOf(p) != PartitionPlace.Building ? null
                : s.Runs.Values.FirstOrDefault(run => run.Claims.Contains(p));
            return new(
                s.PlaceOf(p), s.PreviousPlaceOf(p), s.IsDemanded(p), holder?.Id.Value ?? 0,
                s.TryGetManifest(p, out var manifest) ? manifest.Run.Value : 0)
            {
                InputsMoved = holder is not null && Moved(s, holder),
                HolderRuns = holder is { Place: RunPlace.Running or RunPlace.Cancelling },
                IsLife = holder?.Life is not null,
                IsDoomed = holder?.Doom is not null,
            };
        }

        static bool Moved(KernelState s, RunToken run)
        {
            for (var i = 0; i < run.InputRuns.Length; i++)
            {
                var input = run.Config.Inputs[i];
                var publisher = s.PlaceOf(input) == PartitionPlace.Live
                    && s.TryGetManifest(input, out var manifest) ? manifest.Run.Value : 0;
                if (publisher == 0 || publisher != run.InputRuns[i]) return true;
            }
            return false;
        }
    }
}
