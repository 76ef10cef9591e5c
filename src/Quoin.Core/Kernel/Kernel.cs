using System.Collections.Immutable;
using System.Diagnostics;

namespace Quoin.Core;

/// <summary>
/// Decides what happens: pure guards over the marking. Every fact of a store comes from here, and
/// <see cref="Evolve"/> applies it. A run takes the tokens of all its declared outputs in one
/// event, so two active runs can never hold one partition.
/// </summary>
public static class Kernel
{
    /// <summary>The facts that answer a command, or why not. Changes nothing.</summary>
    public static Decision Decide(KernelState s, KernelCommand command) => command switch
    {
        CompleteRun c => Complete(s, c),
        ScheduleRun c => Schedule(s, c),
        LeaseRun c => Lease(s, c),
        FailRun c => Fail(s, c),
        MissInputs c => Miss(s, c),
        KeepCurrent c => Keep(s, c),
        ProposePlan c => Propose(s, c),
        AcceptWant c => Accept(s, c),
        CancelWant c => Cancel(s, c),
        RequestRunCancel c => RequestCancel(s, c),
        AckRunCancel c => AckCancel(s, c),
        ExpireLease c => Expire(s, c),
        Taint c => TaintLive(s, c),
        AddWorker c => Add(s, c),
        RemoveWorker c => Remove(s, c),
        ResourceCommand c => ResourceDecisions.Decide(s, c),
        _ => throw new UnreachableException($"{command.GetType().Name} has no guard."),
    };

    static Decision Accept(KernelState s, AcceptWant c)
    {
        if (c.Targets.IsEmpty) return new Refusal("nothing-wanted", "The want names no partition.");
        var targets = Distinct(c.Targets);
        return new WantAccepted(new WantId(s.LastWant + 1), targets)
        {
            Options = c.Options,
            Request = c.Request,
            Command = c.Command,
        };
    }

    static Decision Cancel(KernelState s, CancelWant c)
    {
        if (!s.Wants.TryGetValue(c.Want.Value, out var want)) return NotOpen(s, c.Want);
        return want.IsReleasing
            ? new Refusal("want-releasing", $"{c.Want} is over; what it held is being released.")
            : new WantCancelled(c.Want, c.By);
    }

    internal static Decision NotOpen(KernelState s, WantId want) =>
        want.Value <= s.LastWant
            ? Decision.Nothing // Ended already.
            : new Refusal("no-such-want", $"There is no want {want}; see: quoin status");

    static Decision Propose(KernelState s, ProposePlan c) => c.Event switch
    {
        PartitionPlanned e => e.Outputs.Any(p => IsPlannable(s, p)) ? e : Decision.Nothing,
        PartitionStale e => s.PlaceOf(e.Partition) == PartitionPlace.Live
            && !s.IsResource(e.Partition)
            && s.CellOf(e.Partition).DemandHead != DemandPool.None ? e : Decision.Nothing,
        ConfigFailed e => e.Outputs.Any(p => IsPlannable(s, p)) ? e : Decision.Nothing,
        WantPlanned e => IfOpen(s, e),
        PlanExtended e => IfOpen(s, e),
        AnalysisFailed e => IfOpen(s, e),
        _ => throw new UnreachableException($"{c.Event.GetType().Name} is not a plan's event."),
    };

    static Decision IfOpen(KernelState s, WantEvent e) =>
        s.Wants.TryGetValue(e.Want.Value, out var want) && want.OfferedUntil is null
            ? e : Decision.Nothing;

    static bool IsPlannable(KernelState s, PartitionId p) =>
        s.PlaceOf(p) is PartitionPlace.Wanted or PartitionPlace.Planned;

    static Decision Keep(KernelState s, KeepCurrent c)
    {
        if (!s.IsReady(c.Partition)) return NotReady(s, c.Partition);
        if (s.PreviousPlaceOf(c.Partition) is not (PartitionPlace.Live or PartitionPlace.Failed)
            || !s.TryGetManifest(c.Partition, out var manifest)
            || manifest.Fingerprint != c.Fingerprint)
            return new Refusal(
                "not-current",
                $"{s.Names.Text(c.Partition)} was not published with this fingerprint.");
        return new PartitionCurrent(c.Partition) { Fingerprint = c.Fingerprint };
    }

    static Decision Schedule(KernelState s, ScheduleRun c)
    {
        if (!s.IsReady(c.Ready)) return NotReady(s, c.Ready);
        var outputs = s.ConfigOf(c.Ready)!.Outputs;
        var shadowed = ImmutableArray<PartitionId>.Empty;
        foreach (var p in outputs)
        {
            if (s.HolderOf(p) is { } holder)
                return new Refusal(
                    "output-held", $"{s.Names.Text(p)} is held by {holder.Id}; it is tried again.");
            if (s.PlaceOf(p) == PartitionPlace.Live && !c.Supersede) shadowed = shadowed.Add(p);
        }
        var claims = shadowed.IsEmpty ? outputs : outputs.RemoveRange(shadowed);
        return new RunScheduled(new RunId(s.LastRun + 1), claims, shadowed)
        {
            Activation = c.Activation,
            NotAfter = c.NotAfter,
            Recipe = c.Recipe,
        };
    }

    static Decision Lease(KernelState s, LeaseRun c)
    {
        if (!s.Runs.TryGetValue(c.Run.Value, out var run)) return NoSuchRun(c.Run);
        if (run.Life is not null) return ResourceDecisions.Lease(s, run, c);
        if (run.Place != RunPlace.Queued)
            return new Refusal("run-leased", $"{c.Run} is leased to {run.Worker} already.");
        if (run.RetryAt > c.Now)
            return new Refusal("too-early", $"{c.Run} is not tried again before {run.RetryAt:O}.");
        if (!s.Workers.TryGetValue(c.Worker.Owner, out var worker))
            return new Refusal("no-such-worker", $"{c.Worker} is not registered.");
        if (worker.Busy >= worker.Slots)
            return new Refusal("no-free-slot", $"{c.Worker} has {worker.Slots} slots, all taken.");
        return new RunLeased(c.Run, c.Worker, run.Epoch + 1) { Attempt = run.Attempt };
    }

    static Decision Complete(KernelState s, CompleteRun c)
    {
        if (!Holds(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life is not null) return ResourceDecisions.Complete(run, c);
        // Its fingerprint tells of the inputs as they were when it was leased. When one is other
        // now, what was made has none: else it would be current once the input is as before.
        var fingerprint = Evolve.HaveInputsMoved(s, run) ? default : c.Fingerprint;
        if (AreTheClaims(run, c.Outputs))
            return new RunCompleted(c.Run, c.Epoch, c.Outputs)
            {
                Fingerprint = fingerprint,
                Usage = c.Usage,
                RestoredFrom = c.RestoredFrom,
            };
        var claimed = ImmutableArray.CreateBuilder<OutputManifest>(run.Claims.Length);
        var adopted = ImmutableArray<OutputManifest>.Empty;
        var discarded = ImmutableArray<PartitionId>.Empty;
        foreach (var output in c.Outputs.DistinctBy(output => output.Partition))
        {
            if (run.Claims.Contains(output.Partition)) claimed.Add(output);
            else if (s.PlaceOf(output.Partition) is PartitionPlace.Building or PartitionPlace.Live)
                discarded = discarded.Add(output.Partition);
            else adopted = adopted.Add(output);
        }
        if (claimed.Count != run.Claims.Length)
            return new Refusal("output-missing", $"{c.Run} did not publish all that it claimed.");
        return new RunCompleted(c.Run, c.Epoch, claimed.DrainToImmutable())
        {
            Adopted = adopted,
            Discarded = discarded,
            Fingerprint = fingerprint,
            Usage = c.Usage,
            RestoredFrom = c.RestoredFrom,
        };
    }

    // What nearly every run publishes: its claims in their order, no more and no less.
    static bool AreTheClaims(RunToken run, ImmutableArray<OutputManifest> outputs)
    {
        if (outputs.Length != run.Claims.Length) return false;
        for (var i = 0; i < outputs.Length; i++)
            if (outputs[i].Partition != run.Claims[i]) return false;
        return true;
    }

    static Decision Fail(KernelState s, FailRun c)
    {
        if (c.ByTimer && s.RunTable.TryGetValue(c.Run.Value, out var asleep)
            && asleep is { Life: not null, Place: RunPlace.Deferred or RunPlace.Queued }
            && asleep.Epoch == c.Epoch)
            return ResourceDecisions.Fail(s, asleep, c);
        if (!Holds(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life is not null) return ResourceDecisions.Fail(s, run, c);
        // A run that was told to stop does not fail: its end is the acknowledgement.
        if (run.Place == RunPlace.Cancelling)
            return new RunCancelAcked(c.Run, c.Epoch) { Usage = c.Usage };
        var again = run.Failures < c.Retries && Demanded(s, run);
        return new RunFailed(c.Run, c.Epoch, c.Failure)
        {
            RetryAt = again ? c.RetryAt : null,
            Usage = c.Usage,
        };
    }

    static Decision Miss(KernelState s, MissInputs c)
    {
        if (!Holds(s, c.Run, c.Epoch, out var run)) return new StaleReportRejected(c.Run, c.Epoch);
        if (run.Life is not null)
            return new Refusal("no-needs", $"{c.Run} is a resource's: its inputs are declared.");
        if (run.Place == RunPlace.Cancelling)
            return new RunCancelAcked(c.Run, c.Epoch) { Usage = c.Usage };
        var needs = Distinct(c.Needs).RemoveAll(
            p => run.Config.Inputs.Contains(p) != c.AreLost);
        if (needs.IsEmpty)
        {
            const string Reason = "it reported needs that are inputs of it already";
            var failure = new RunFailure(FailureCategory.Contract, Reason);
            return new RunFailed(c.Run, c.Epoch, failure) { Usage = c.Usage };
        }
        return new RunDepMissed(c.Run, c.Epoch, needs) { Usage = c.Usage };
    }

    static Decision RequestCancel(KernelState s, RequestRunCancel c)
    {
        if (!s.Runs.TryGetValue(c.Run.Value, out var run)) return NoSuchRun(c.Run);
        if (run.Place == RunPlace.Cancelling) return Decision.Nothing;
        if (run.Life is { Direction: not RunDirection.Acquire } || (run.Life is not null
            && run.Epoch > 0))
            return new Refusal("may-exist", $"{c.Run} is released, not cancelled.");
        var dropped = c.ToReplan && run.Place == RunPlace.Queued;
        return Demanded(s, run) && !dropped
            ? new Refusal("still-demanded", $"{c.Run} makes what an open want asks for.")
            : new RunCancelRequested(c.Run, c.By);
    }

    static Decision AckCancel(KernelState s, AckRunCancel c)
    {
        if (!Holds(s, c.Run, c.Epoch, out var run) || run.Place != RunPlace.Cancelling)
            return new StaleReportRejected(c.Run, c.Epoch);
        return new RunCancelAcked(c.Run, c.Epoch) { Usage = c.Usage };
    }

    static Decision Expire(KernelState s, ExpireLease c)
    {
        // Another activation takes a resource's run over (N2): it has to know what was done.
        if (!Holds(s, c.Run, c.Epoch, out var run) || run.Life is not null)
            return Decision.Nothing;
        var again = run.Place == RunPlace.Running && (c.IsReturned || run.Losses < c.Losses)
            && Demanded(s, run);
        return new LeaseExpired(c.Run, c.Epoch)
        {
            IsReturned = c.IsReturned,
            RetryAt = again ? c.RetryAt : null,
        };
    }

    static Decision TaintLive(KernelState s, Taint c) => s.PlaceOf(c.Partition) switch
    {
        PartitionPlace.Live when s.IsResource(c.Partition) =>
            new Refusal(
                "is-resource",
                $"{s.Names.Text(c.Partition)} is held, not published; see: quoin release"),
        PartitionPlace.Live => new PartitionTainted(c.Partition, c.By, c.Why),
        PartitionPlace.Tainted => Decision.Nothing,
        PartitionPlace.Missing or PartitionPlace.Wanted or PartitionPlace.Planned
            or PartitionPlace.Building or PartitionPlace.Waiting or PartitionPlace.Failed
            or PartitionPlace.Releasing or PartitionPlace.Released
            or PartitionPlace.Quarantined =>
            new Refusal(
                "not-live",
                $"{s.Names.Text(c.Partition)} is {s.PlaceOf(c.Partition)}: nothing to taint."),
    };

    static Decision Add(KernelState s, AddWorker c) =>
        s.Workers.TryGetValue(c.Worker.Owner, out var known) && known.Slots == c.Slots
            && known.Labels.SequenceEqual(c.Labels)
            ? Decision.Nothing
            : new WorkerAdded(c.Worker, c.Slots) { Ahead = c.Ahead, Labels = c.Labels };

    static Decision Remove(KernelState s, RemoveWorker c)
    {
        if (!s.Workers.TryGetValue(c.Worker.Owner, out var worker)) return Decision.Nothing;
        return worker.Busy > 0
            ? new Refusal("worker-busy", $"{c.Worker} still has {worker.Busy} runs.")
            : new WorkerRemoved(c.Worker);
    }

    /// <summary>
    /// True when a want or a waiting partition asks for something that the run holds.
    /// </summary>
    public static bool Demanded(KernelState s, RunToken run)
    {
        foreach (var p in run.Claims)
            if (s.IsDemanded(p)) return true;
        return false;
    }

    // A report counts only under the newest lease of a run that is active.
    static bool Holds(KernelState s, RunId id, int epoch, out RunToken run) =>
        s.RunTable.TryGetValue(id.Value, out run!)
        && run.Place is (RunPlace.Running or RunPlace.Cancelling)
        && run.Epoch == epoch;

    internal static Refusal NoSuchRun(RunId run) =>
        new("no-such-run", $"{run} is not active; see: quoin runs");

    static Refusal NotReady(KernelState s, PartitionId p) =>
        new(
            "not-ready",
            $"{s.Names.Text(p)} is {s.PlaceOf(p)}, {s.OutstandingInputs(p)} inputs open.");

    static ImmutableArray<PartitionId> Distinct(ImmutableArray<PartitionId> ids) =>
        ids.Length < 2 ? ids : [.. ids.Distinct()];
}
