using Quoin.Core;

namespace Quoin.Tests.Model;

/// <summary>
/// The kernel once more, written from the design's tables for clarity: one method a command, which
/// says why not, or changes the marking. It shares nothing with the production kernel but the
/// records of commands.
/// </summary>
sealed class ReferenceKernel : ReferenceCascade
{
    /// <summary>The state did not change, and nothing was wrong.</summary>
    public const string Nothing = "nothing";

    /// <summary>Null: something happened; else why not.</summary>
    public string? Do(KernelCommand command)
    {
        Sequence++; // Of the event that this becomes.
        var answer = command switch
        {
            AcceptWant c => Accept(c),
            CancelWant c => Cancel(c),
            ProposePlan c => Propose(c.Event),
            KeepCurrent c => Keep(c),
            ScheduleRun c => Schedule(c),
            LeaseRun c => Lease(c),
            CompleteRun c => Complete(c),
            FailRun c => FailOne(c),
            MissInputs c => Miss(c),
            RequestRunCancel c => RequestCancel(c),
            AckRunCancel c => Ack(c),
            ExpireLease c => Expire(c),
            Taint c => TaintOne(c.Partition.Value),
            AddWorker c => Add(c),
            RemoveWorker c => Remove(c),
            _ => throw new NotSupportedException(command.ToString()),
        };
        if (answer is null) Settle();
        else Sequence--;
        return answer;
    }

    string? Accept(AcceptWant c)
    {
        if (c.Targets.IsEmpty) return "nothing-wanted";
        var id = ++LastWant;
        Wants.Add(id, new OpenWant { AcceptedAt = Sequence, Mode = c.Options.OnFailure });
        foreach (var target in Ids(c.Targets).Distinct()) Demand(~id, target, Sequence);
        return null;
    }

    string? Cancel(CancelWant c)
    {
        if (!Wants.ContainsKey(c.Want.Value))
            return c.Want.Value <= LastWant ? Nothing : "no-such-want";
        EndWant(c.Want.Value);
        return null;
    }

    string? Propose(BuildEvent e)
    {
        switch (e)
        {
            case PartitionPlanned x: return Plan(x);
            case PartitionStale x:
                if (!IsLive(x.Partition.Value)
                    || !Demands.Any(d => d.Target == x.Partition.Value)) return Nothing;
                Want(x.Partition.Value);
                return null;
            case ConfigFailed x:
                var open = Ids(x.Outputs).Where(IsPlannable).ToArray();
                foreach (var p in open) Fail(p, FailureCause.Config, 0);
                return open.Length == 0 ? Nothing : null;
            case WantPlanned x when Wants.TryGetValue(x.Want.Value, out var want):
                want.IsPlanned = true;
                return null;
            case AnalysisFailed x when Wants.ContainsKey(x.Want.Value):
                EndWant(x.Want.Value);
                return null;
            case PlanExtended x when Wants.ContainsKey(x.Want.Value): return null;
            default: return Nothing;
        }
    }

    bool IsPlannable(int p) => At(p).Place is PartitionPlace.Wanted or PartitionPlace.Planned;

    string? Plan(PartitionPlanned e)
    {
        var outputs = Ids(e.Outputs).Where(IsPlannable).ToArray();
        if (outputs.Length == 0) return Nothing;
        var want = Wants.GetValueOrDefault(e.For.Value);
        foreach (var p in outputs)
        {
            AsksNothing(p);
            (At(p).Config, At(p).Place) = (e, PartitionPlace.Planned);
            foreach (var input in Ids(e.Inputs)) Demand(p, input, want?.AcceptedAt ?? 0);
            // A want that keeps going asks for all that is planned for it.
            if (want?.Mode == FailureMode.KeepGoing) Demands.Add((~e.For.Value, p));
        }
        return null;
    }

    string? Keep(KeepCurrent c)
    {
        var p = c.Partition.Value;
        if (!IsReady(p)) return "not-ready";
        var part = At(p);
        if (part.Previous is not (PartitionPlace.Live or PartitionPlace.Failed)
            || part.Manifest is not { } manifest || manifest.Fingerprint != c.Fingerprint)
            return "not-current";
        AsksNothing(p);
        (part.Place, part.Failure) = (PartitionPlace.Live, null);
        return null;
    }

    string? Schedule(ScheduleRun c)
    {
        if (!IsReady(c.Ready.Value)) return "not-ready";
        var config = At(c.Ready.Value).Config!;
        var outputs = Ids(config.Outputs).ToArray();
        if (outputs.Any(p => At(p).Place == PartitionPlace.Building)) return "output-held";
        var claims = outputs.Where(p => c.Supersede || !IsLive(p)).ToArray();
        Runs.Add(++LastRun, new ActiveRun { Config = config, Claims = claims });
        foreach (var p in claims)
        {
            var part = At(p);
            if (part.Place is PartitionPlace.Missing or PartitionPlace.Failed
                or PartitionPlace.Tainted or PartitionPlace.Live) part.Previous = part.Place;
            AsksNothing(p);
            (part.Place, part.Config) = (PartitionPlace.Building, config);
        }
        return null;
    }

    string? Lease(LeaseRun c)
    {
        if (!Runs.TryGetValue(c.Run.Value, out var run)) return "no-such-run";
        if (run.Place != RunPlace.Queued) return "run-leased";
        if (run.RetryAt > c.Now) return "too-early";
        if (!Workers.TryGetValue(c.Worker.Owner, out var slots)) return "no-such-worker";
        if (Busy(c.Worker.Owner) >= slots) return "no-free-slot";
        (run.Place, run.Worker, run.RetryAt) = (RunPlace.Running, c.Worker.Owner, null);
        run.Epoch++;
        run.InputRuns = [.. Ids(run.Config.Inputs).Select(Publisher)];
        return null;
    }

    bool Holds(RunId id, int epoch, out ActiveRun run) =>
        Runs.TryGetValue(id.Value, out run!) && run.Place != RunPlace.Queued && run.Epoch == epoch;

    string? Complete(CompleteRun c)
    {
        if (!Holds(c.Run, c.Epoch, out var run)) return null; // Told, and without effect.
        var published = c.Outputs.Select(output => output.Partition.Value).ToArray();
        if (run.Claims.Except(published).Any()) return "output-missing";
        var taken = c.Outputs.DistinctBy(output => output.Partition).Where(output =>
            run.Claims.Contains(output.Partition.Value)
            || At(output.Partition.Value).Place is not (PartitionPlace.Building
                or PartitionPlace.Live)).ToArray();
        // What it read is not what is published now, or was not published when it was leased.
        var inputs = Ids(run.Config.Inputs).Select(Publisher).ToArray();
        var moved = inputs.Contains(0) || !inputs.SequenceEqual(run.InputRuns);
        Runs.Remove(c.Run.Value);
        foreach (var output in taken.OrderBy(o => !run.Claims.Contains(o.Partition.Value)))
        {
            var p = output.Partition.Value;
            var demanded = IsDemanded(p);
            AsksNothing(p);
            var part = At(p);
            part.Manifest = new Manifest(
                c.Run, output.Digest, output.Bytes, moved ? default : c.Fingerprint);
            (part.Place, part.Failure) = (PartitionPlace.Live, null);
            if (moved && demanded) Want(p);
        }
        return null;
    }

    string? FailOne(FailRun c)
    {
        if (!Holds(c.Run, c.Epoch, out var run)) return null;
        if (run.Place == RunPlace.Cancelling) return Release(c.Run.Value);
        return EndAttempt(
            c.Run.Value, () => run.Failures++, run.Failures < c.Retries, c.RetryAt);
    }

    string? Expire(ExpireLease c)
    {
        if (!Holds(c.Run, c.Epoch, out var run)) return Nothing;
        if (run.Place == RunPlace.Cancelling) return Release(c.Run.Value);
        // What is given back costs nothing.
        return EndAttempt(
            c.Run.Value, () => run.Losses += c.IsReturned ? 0 : 1,
            c.IsReturned || run.Losses < c.Losses, c.RetryAt);
    }

    // Another attempt while there is budget and somebody asks; else the claims fail or are free.
    string? EndAttempt(int id, Action count, bool hasBudget, DateTimeOffset retryAt)
    {
        var run = Runs[id];
        count();
        if (hasBudget && IsDemanded(run))
        {
            (run.Place, run.Worker, run.RetryAt) = (RunPlace.Queued, "", retryAt);
            return null;
        }
        Runs.Remove(id);
        foreach (var p in run.Claims) FailOrRelease(p, FailureCause.Run, id);
        return null;
    }

    void FailOrRelease(int p, FailureCause cause, int run)
    {
        if (IsDemanded(p)) Fail(p, cause, run);
        else BackToPrevious(p);
    }

    string? Miss(MissInputs c)
    {
        if (!Holds(c.Run, c.Epoch, out var run)) return null;
        if (run.Place == RunPlace.Cancelling) return Release(c.Run.Value);
        var inputs = Ids(run.Config.Inputs);
        var needs = Ids(c.Needs).Distinct().Where(p => inputs.Contains(p) == c.AreLost).ToArray();
        if (needs.Length == 0)
            return EndAttempt(c.Run.Value, () => run.Failures++, false, default);
        var acceptedAt = Wants.GetValueOrDefault(run.Config.For.Value)?.AcceptedAt ?? 0;
        var isCycle = needs.Any(need => WaitsFor(need, run.Claims, []));
        Runs.Remove(c.Run.Value);
        foreach (var p in run.Claims)
        {
            if (isCycle || !IsDemanded(p))
            {
                FailOrRelease(p, FailureCause.Cycle, c.Run.Value);
                continue;
            }
            At(p).Found.UnionWith(needs.Except(inputs));
            At(p).Place = PartitionPlace.Waiting;
            foreach (var need in needs) Demand(p, need, acceptedAt);
            if (Outstanding(p) == 0) BackToWanted(p);
        }
        return null;
    }

    bool WaitsFor(int p, int[] goals, HashSet<int> seen)
    {
        if (goals.Contains(p)) return true;
        if (!seen.Add(p)
            || At(p).Place is not (PartitionPlace.Planned or PartitionPlace.Waiting)) return false;
        return Demands.Where(d => d.Requester == p && !IsLive(d.Target)).ToArray()
            .Any(d => WaitsFor(d.Target, goals, seen));
    }

    string? RequestCancel(RequestRunCancel c)
    {
        if (!Runs.TryGetValue(c.Run.Value, out var run)) return "no-such-run";
        if (run.Place == RunPlace.Cancelling) return Nothing;
        if (IsDemanded(run) && !(c.ToReplan && run.Place == RunPlace.Queued))
            return "still-demanded";
        if (run.Place == RunPlace.Queued) return Release(c.Run.Value);
        run.Place = RunPlace.Cancelling;
        return null;
    }

    string? Ack(AckRunCancel c) =>
        Holds(c.Run, c.Epoch, out var run) && run.Place == RunPlace.Cancelling
            ? Release(c.Run.Value)
            : null;

    // It stopped: what is demanded is wanted again, the rest is as it was.
    string? Release(int id)
    {
        var run = Runs[id];
        Runs.Remove(id);
        foreach (var p in run.Claims)
        {
            if (IsDemanded(p)) BackToWanted(p);
            else BackToPrevious(p);
        }
        return null;
    }

    string? TaintOne(int p)
    {
        if (At(p).Place == PartitionPlace.Tainted) return Nothing;
        if (!IsLive(p)) return "not-live";
        At(p).Place = PartitionPlace.Tainted;
        return null;
    }

    string? Add(AddWorker c)
    {
        if (Workers.GetValueOrDefault(c.Worker.Owner) == c.Slots) return Nothing;
        Workers[c.Worker.Owner] = c.Slots;
        return null;
    }

    string? Remove(RemoveWorker c)
    {
        if (!Workers.ContainsKey(c.Worker.Owner)) return Nothing;
        if (Busy(c.Worker.Owner) > 0) return "worker-busy";
        Workers.Remove(c.Worker.Owner);
        return null;
    }
}
