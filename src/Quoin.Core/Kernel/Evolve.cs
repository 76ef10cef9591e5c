using System.Collections.Immutable;
using System.Diagnostics;

namespace Quoin.Core;

/// <summary>
/// Replays facts: the marking after an event and everything that follows from it at once. Looks at
/// nothing but the event and the state. What cannot happen but did is a corrupt log or a bug of
/// ours: it throws.
/// </summary>
public static class Evolve
{
    /// <summary>Changes the state; what followed is in <see cref="KernelState.Notices"/>.</summary>
    /// <exception cref="UnreachableException">The event does not fit the state.</exception>
    public static void Apply(KernelState s, BuildEvent e)
    {
        s.Sequence++;
        switch (e)
        {
            case RunCompleted x: Complete(s, x); break;
            case RunScheduled x: Schedule(s, x); break;
            case RunLeased x: Lease(s, x); break;
            case PartitionPlanned x: Plan(s, x); break;
            case PartitionStale x: Unpublish(s, x.Partition, PartitionPlace.Wanted); break;
            case PartitionCurrent x: Keep(s, x); break;
            case RunFailed x: Fail(s, x); break;
            case RunDepMissed x: MissInputs(s, x); break;
            case WantAccepted x: Accept(s, x); break;
            case WantPlanned x: Planned(s, x); break;
            case WantCancelled x: Tokens.EndWant(s, Want(s, x.Want), WantOutcome.Cancelled); break;
            case AnalysisFailed x: Tokens.EndWant(s, Want(s, x.Want), WantOutcome.Failed); break;
            case ConfigFailed x: Block(s, x); break;
            case PartitionTainted x: Unpublish(s, x.Partition, PartitionPlace.Tainted); break;
            case RunCancelRequested x: RequestCancel(s, x); break;
            case RunCancelAcked x: Release(s, Run(s, x.Run)); break;
            case LeaseExpired x: Expire(s, x); break;
            case WorkerAdded x: AddWorker(s, x); break;
            case WorkerRemoved x: s.WorkerTable.Remove(x.Worker.Owner); break;
            case WantOffered x: Offer(s, x); break;
            case WantExpired x: Tokens.EndWant(s, Want(s, x.Want), WantOutcome.Expired); break;
            case RunDeferred or RunWoken or RunStarted or ReleaseScheduled or ResourceEnded:
            case ResourceReleased or ReleaseFailed or ExternalSeen or InterventionOpened:
            case InterventionResolved or WantReleaseRequested:
                EvolveResources.Apply(s, e);
                break;
            case WantReady x: EvolveResources.Ready(s, x); break;
            case PlanExtended or StaleReportRejected or WantSucceeded or WantFailed:
            case WantDelegated or OutputsRemoved or CommandAnswered:
            case FeedLinesAccepted or FeedFileRemoved or RunUndelivered or RunUnowned:
                break; // They tell people; the state follows from other events, or is a book's.
            default: throw new UnreachableException($"{e.GetType().Name} has no transition.");
        }
        s.Cascade.Settle(s);
    }

    static void Accept(KernelState s, WantAccepted e)
    {
        s.WantTable.Remove(e.Want.Value); // It may have been an offer.
        var want = new WantToken
        {
            Id = e.Want,
            AcceptedAt = s.Sequence,
            Targets = e.Targets,
            Options = e.Options,
            Request = e.Request,
            Remaining = e.Targets.Length,
        };
        s.WantTable.Add(e.Want.Value, want);
        s.LastWant = Math.Max(s.LastWant, e.Want.Value);
        foreach (var p in e.Targets) Tokens.Demand(s, ~e.Want.Value, p, s.Sequence);
    }

    static void Offer(KernelState s, WantOffered e)
    {
        s.WantTable.Add(e.Want.Value, new WantToken
        {
            Id = e.Want,
            AcceptedAt = s.Sequence,
            Targets = e.Targets,
            Options = e.Options,
            Request = e.Request,
            OfferedUntil = e.Expires,
        });
        s.LastWant = Math.Max(s.LastWant, e.Want.Value);
    }

    static void Planned(KernelState s, WantPlanned e)
    {
        var want = Want(s, e.Want);
        want.IsPlanned = true;
        for (var d = want.RequestHead; d != DemandPool.None; d = s.Demands[d].NextOfRequester)
        {
            var target = new PartitionId(s.Demands[d].Target);
            if (s.PlaceOf(target) == PartitionPlace.Live) s.Cascade.PlaceChanged(target);
        }
        s.Cascade.WantChanged(e.Want); // All its targets may have failed while it was planned.
    }

    static void Plan(KernelState s, PartitionPlanned e)
    {
        var acceptedAt = s.WantTable.TryGetValue(e.For.Value, out var want) ? want.AcceptedAt : 0;
        var config = s.Configs.Add(new ConfigToken
        {
            Job = e.Job,
            Outputs = e.Outputs,
            Inputs = e.Inputs,
            Definition = e.Definition,
            For = e.For,
            Resource = e.Resource,
        });
        s.Configs.Use(config); // Ours, until the outputs point at it.
        foreach (var p in e.Outputs)
        {
            s.CellOf(p); // Siblings that nobody asked for have a token from now on.
            if (s.PlaceOf(p) is not (PartitionPlace.Wanted or PartitionPlace.Planned)) continue;
            Tokens.SetConfig(s, p, config);
            s.CellOf(p).IsResource = e.Resource is not null;
            Tokens.DropRequests(s, p.Value);
            s.Move(p, PartitionPlace.Planned);
            foreach (var input in e.Inputs) Tokens.Demand(s, p.Value, input, acceptedAt);
            if (s.OutstandingInputs(p) == 0) s.Notices.Ready.Add(p);
            // Only what a want names does it hold: what that stands on is held by that.
            if (want is { Options.OnFailure: FailureMode.KeepGoing } && e.Resource is null)
                KeepGoing(s, want, p);
        }
        s.Configs.Release(config);
    }

    // A want that keeps going asks for everything that is planned for it: when one consumer fails,
    // its other inputs are still built. Without failures it changes nothing.
    static void KeepGoing(KernelState s, WantToken want, PartitionId p)
    {
        for (var d = s.CellOf(p).DemandHead; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
            if (s.Demands[d].Requester == ~want.Id.Value) return;
        Tokens.Demand(s, ~want.Id.Value, p, want.AcceptedAt);
        want.Remaining++;
    }

    static void Unpublish(KernelState s, PartitionId p, PartitionPlace to)
    {
        Expect(s, p, PartitionPlace.Live);
        Tokens.Unsettle(s, p);
        if (to == PartitionPlace.Wanted)
        {
            Tokens.Want(s, p);
            s.Cascade.DemandLost(p); // Perhaps nobody demands it: then it goes straight back.
            return;
        }
        s.Move(p, to);
        s.Cascade.PlaceChanged(p);
    }

    static void Keep(KernelState s, PartitionCurrent e)
    {
        Expect(s, e.Partition, PartitionPlace.Planned);
        Tokens.DropRequests(s, e.Partition.Value);
        Tokens.ClearConfig(s, e.Partition);
        s.Move(e.Partition, PartitionPlace.Live);
        s.Cascade.PlaceChanged(e.Partition);
    }

    static void Block(KernelState s, ConfigFailed e)
    {
        foreach (var p in e.Outputs)
        {
            if (s.PlaceOf(p) is PartitionPlace.Wanted or PartitionPlace.Planned)
                Tokens.Fail(
                    s, p, new Failure(FailureCause.Config, s.Sequence) { Problem = e.Problem });
        }
    }

    static void Schedule(KernelState s, RunScheduled e)
    {
        var config = ConfigOf(s, e)
            ?? throw new UnreachableException($"{e.Run} claims nothing planned.");
        var run = new RunToken
        {
            Id = e.Run,
            Config = config,
            Claims = e.Claims,
            Life = config.Resource is null ? null : EvolveResources.Begin(s, e),
        };
        if (run.Life is not null && s.LivesTable.TryGetValue(e.Claims[0].Value, out var earlier))
            run.Failures = earlier.Failures;
        if (run.Life is not null) s.Notices.Resources.Add(run);
        s.RunTable.Add(e.Run.Value, run);
        s.LastRun = Math.Max(s.LastRun, e.Run.Value);
        foreach (var p in e.Claims)
        {
            ref var cell = ref s.CellOf(p);
            if (cell.Place is PartitionPlace.Missing or PartitionPlace.Failed
                or PartitionPlace.Tainted or PartitionPlace.Live or PartitionPlace.Released)
            {
                if (cell.Place == PartitionPlace.Live) Tokens.Unsettle(s, p);
                cell.Previous = cell.Place;
            }
            Tokens.SetConfig(s, p, config.Index);
            Tokens.KeepHolds(s, p, config);
            s.CellOf(p).Run = e.Run.Value;
            s.Move(p, PartitionPlace.Building);
        }
    }

    // The config with just these outputs. Claims may be planned under others that overlap it.
    static ConfigToken? ConfigOf(KernelState s, RunScheduled e)
    {
        ConfigToken? first = null;
        foreach (var p in e.Claims)
        {
            if (s.PlaceOf(p) != PartitionPlace.Planned || s.ConfigOf(p) is not { } config) continue;
            if (HasOutputs(config, e)) return config;
            first ??= config;
        }
        return first;
    }

    static bool HasOutputs(ConfigToken config, RunScheduled e)
    {
        var outputs = config.Outputs.AsSpan();
        if (e.Shadowed.IsEmpty) return outputs.SequenceEqual(e.Claims.AsSpan());
        if (outputs.Length != e.Claims.Length + e.Shadowed.Length) return false;
        foreach (var p in outputs)
            if (!e.Claims.Contains(p) && !e.Shadowed.Contains(p)) return false;
        return true;
    }

    static void Lease(KernelState s, RunLeased e)
    {
        var run = Run(s, e.Run);
        if (run.Life is not null)
        {
            EvolveResources.Lease(s, run, e);
            return;
        }
        if (run.Place != RunPlace.Queued || e.Epoch != run.Epoch + 1)
            throw new UnreachableException($"{e} on {run.Place}, epoch {run.Epoch}");
        run.Place = RunPlace.Running;
        run.Epoch = e.Epoch;
        run.Worker = e.Worker;
        run.RetryAt = null;
        var inputs = run.Config.Inputs;
        if (inputs.Length > 0)
        {
            run.InputRuns = new int[inputs.Length];
            for (var i = 0; i < inputs.Length; i++) run.InputRuns[i] = PublisherOf(s, inputs[i]);
        }
        if (s.WorkerTable.TryGetValue(e.Worker.Owner, out var worker)) worker.Busy++;
    }

    static void Complete(KernelState s, RunCompleted e)
    {
        var run = Run(s, e.Run);
        if (run.Life is not null)
        {
            EvolveResources.Complete(s, run, e);
            return;
        }
        var moved = HaveInputsMoved(s, run);
        EndRun(s, run);
        foreach (var output in e.Outputs) Publish(s, e, output, moved);
        foreach (var output in e.Adopted) Publish(s, e, output, moved);
    }

    /// <summary>
    /// An input of a run was replaced or withdrawn since the run was leased: which content it read
    /// nobody knows.
    /// </summary>
    internal static bool HaveInputsMoved(KernelState s, RunToken run)
    {
        for (var i = 0; i < run.InputRuns.Length; i++)
        {
            var publisher = PublisherOf(s, run.Config.Inputs[i]);
            if (publisher == 0 || publisher != run.InputRuns[i]) return true;
        }
        return false;
    }

    static void Publish(KernelState s, RunCompleted e, OutputManifest output, bool inputsMoved)
    {
        var p = output.Partition;
        Tokens.Publish(s, p, new Manifest(e.Run, output.Digest, output.Bytes, e.Fingerprint)
        {
            PublishedAtMs = e.Usage.StartedAt.ToUnixTimeMilliseconds() + e.Usage.ElapsedMs,
            ElapsedMs = e.Usage.ElapsedMs,
        });
        // Made from inputs that were replaced or withdrawn meanwhile: published, and stale.
        if (inputsMoved && s.IsDemanded(p)) Tokens.Want(s, p);
    }

    static void Fail(KernelState s, RunFailed e)
    {
        var run = Run(s, e.Run);
        run.Failures++;
        if (run.Life is not null)
        {
            EvolveResources.Fail(s, run, e);
            return;
        }
        if (e.RetryAt is { } retryAt)
        {
            Requeue(s, run, retryAt);
            return;
        }
        EndRun(s, run);
        foreach (var p in run.Claims)
            FailOrRelease(s, p, new Failure(FailureCause.Run, s.Sequence)
            {
                Run = run.Id,
                RunFailure = e.Failure,
            });
    }

    static void MissInputs(KernelState s, RunDepMissed e)
    {
        var run = Run(s, e.Run);
        var acceptedAt =
            s.WantTable.TryGetValue(run.Config.For.Value, out var want) ? want.AcceptedAt : 0;
        var cycle = WaitsFor.Reaches(s, e.Needs, run.Claims);
        EndRun(s, run);
        foreach (var p in run.Claims)
        {
            // What it holds it goes on to hold: it is run again.
            if (cycle || !s.IsDemanded(p))
            {
                FailOrRelease(
                    s, p, new Failure(FailureCause.Cycle, s.Sequence) { Run = run.Id });
                continue;
            }
            var found = e.Needs.Except(run.Config.Inputs).ToArray(); // The rest was lost.
            if (found.Length > 0) s.FoundTable[p.Value] = [.. s.FoundInputs(p).Union(found)];
            s.Move(p, PartitionPlace.Waiting);
            foreach (var input in e.Needs) Tokens.Demand(s, p.Value, input, acceptedAt);
            if (s.OutstandingInputs(p) == 0) Tokens.BackToWanted(s, p);
        }
    }

    static void RequestCancel(KernelState s, RunCancelRequested e)
    {
        var run = Run(s, e.Run);
        if (run.Place is RunPlace.Queued or RunPlace.Deferred) Release(s, run);
        else run.Place = RunPlace.Cancelling;
    }

    static void Expire(KernelState s, LeaseExpired e)
    {
        var run = Run(s, e.Run);
        if (run.Place == RunPlace.Cancelling)
        {
            Release(s, run);
            return;
        }
        if (!e.IsReturned) run.Losses++;
        if (e.RetryAt is { } retryAt)
        {
            Requeue(s, run, retryAt);
            return;
        }
        EndRun(s, run);
        foreach (var p in run.Claims)
            FailOrRelease(s, p, new Failure(FailureCause.Run, s.Sequence)
            {
                Run = run.Id,
                RunFailure = new RunFailure(FailureCategory.Lost, "its worker's lease was over"),
            });
    }

    // T9: the claims of a stopped run are free; what was demanded meanwhile is wanted again.
    static void Release(KernelState s, RunToken run)
    {
        EndRun(s, run);
        foreach (var p in run.Claims)
        {
            if (run.Doom is { } doom)
            {
                FailOrRelease(s, p, doom);
                continue;
            }
            if (s.IsDemanded(p)) Tokens.BackToWanted(s, p);
            else Tokens.BackToPrevious(s, p);
        }
    }

    internal static void FailOrRelease(KernelState s, PartitionId p, Failure failure)
    {
        if (s.IsDemanded(p)) Tokens.Fail(s, p, failure);
        else Tokens.BackToPrevious(s, p);
    }

    static void Requeue(KernelState s, RunToken run, DateTimeOffset retryAt)
    {
        FreeSlot(s, run);
        run.Place = RunPlace.Queued;
        run.RetryAt = retryAt;
        s.Notices.Released.Add(run);
    }

    internal static void EndRun(KernelState s, RunToken run)
    {
        if (run.Life is not null)
        {
            Resources.Drop(s, run);
            return;
        }
        if (run.Place != RunPlace.Queued) FreeSlot(s, run);
        s.RunTable.Remove(run.Id.Value);
        s.Notices.Released.Add(run);
    }

    static void FreeSlot(KernelState s, RunToken run)
    {
        if (s.WorkerTable.TryGetValue(run.Worker.Owner, out var worker)) worker.Busy--;
        run.Worker = default;
    }

    // A worker that is known already has another number of slots now, and what it runs it runs on.
    static void AddWorker(KernelState s, WorkerAdded e) =>
        s.WorkerTable[e.Worker.Owner] = new WorkerToken
        {
            Id = e.Worker,
            Slots = e.Slots,
            Labels = e.Labels,
            Busy = s.WorkerTable.TryGetValue(e.Worker.Owner, out var known) ? known.Busy : 0,
        };

    static int PublisherOf(KernelState s, PartitionId p) =>
        s.PlaceOf(p) == PartitionPlace.Live && s.TryGetManifest(p, out var m) ? m.Run.Value : 0;

    internal static WantToken Want(KernelState s, WantId id) =>
        s.WantTable.TryGetValue(id.Value, out var want)
            ? want
            : throw new UnreachableException($"{id} is not open.");

    internal static RunToken Run(KernelState s, RunId id) =>
        s.RunTable.TryGetValue(id.Value, out var run)
            ? run
            : throw new UnreachableException($"{id} is not active.");

    internal static void Expect(KernelState s, PartitionId p, PartitionPlace place)
    {
        if (s.PlaceOf(p) != place)
            throw new UnreachableException($"{s.Names.Text(p)} is {s.PlaceOf(p)}, not {place}.");
    }
}
