using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What runs next: ready partitions in order of urgency, the resources that runs take, retries that
/// wait for their time, and the runs in the slots of this process. It holds no truth; the kernel
/// may refuse whatever it proposes. Belongs to the coordinator's thread.
/// </summary>
sealed class Dispatcher : IDisposable
{
    readonly Coordinator coordinator;
    readonly CoordinatorParts parts;
    readonly Planning planning;
    readonly EarlierRuns earlier;
    readonly ReadyQueue ready;
    readonly ReadyQueue labelled; // Those that this process lacks a label for.
    readonly ResourceLedger ledger;
    readonly RemoteRuns remote;
    readonly Outcomes outcomes;
    readonly RunNeeds needs;
    readonly IWorker worker;
    readonly ITimer timer;
    readonly List<PartitionId> held = []; // ready, but an output is in another run's hands
    readonly Dictionary<int, ActiveRun> active = [];
    readonly WaitingRuns retries;
    readonly WaitingTeller teller;

    public Dispatcher(
        Coordinator coordinator, CoordinatorParts parts, Planning planning, EarlierRuns earlier,
        RemoteRuns remote, Mailbox mailbox)
    {
        (this.coordinator, this.parts, this.planning) = (coordinator, parts, planning);
        (this.earlier, this.remote) = (earlier, remote);
        outcomes = new Outcomes(coordinator, parts, earlier);
        Draining = new Draining(coordinator);
        retries = new WaitingRuns(parts.Time);
        teller = new WaitingTeller(parts);
        ready = new ReadyQueue(parts.State.Names);
        labelled = new ReadyQueue(parts.State.Names);
        ledger = new ResourceLedger(parts.Slots, parts.MemoryBytes, parts.Graph.Pools);
        needs = new RunNeeds(parts, planning, ledger);
        Replanning = new Replanning(coordinator, parts, planning, remote);
        worker = parts.MakeWorker(mailbox);
        Holdings = new Holdings(coordinator, parts, planning, needs, ledger, remote, worker);
        timer = parts.Time.CreateTimer(
            _ => mailbox.Post(new Message.Tick()), null,
            Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    KernelState State => parts.State;

    /// <summary>Things outside.</summary>
    public Holdings Holdings { get; }

    /// <summary>When this process takes nothing more.</summary>
    public Draining Draining { get; }

    /// <summary>When ranks are decided anew.</summary>
    public Replanning Replanning { get; }

    /// <summary>What is ready, waits and runs, for all wants together.</summary>
    public PlanStanding Standing
    {
        get
        {
            var self = State.Workers.GetValueOrDefault(parts.Worker.Owner);
            var running = State.Runs.Count - retries.Count;
            var waitsFor = ready.Count > 0 && self?.Busy < self?.Slots ? "memory or a pool"
                : ready.Count > 0 ? "a slot"
                : labelled.Count > 0 ? "a worker with labels"
                : running == 0 && retries.Count > 0 ? "a timer"
                : held.Count > 0 ? "an output of another run"
                : "";
            return new(ready.Count + labelled.Count, retries.Count, running, waitsFor);
        }
    }

    /// <summary>How many runs hold resources.</summary>
    public int Holding => ledger.Count;

    /// <summary>Says it when runs are ready that nobody who is there can take.</summary>
    public void TellWaiting()
    {
        var (runs, labels) = (0, ImmutableArray<string>.Empty);
        if (labelled.Count > 0 && needs.LabelsOf(labelled.InOrder.First().Partition) is var needed
            && !remote.Matches(needed))
            (runs, labels) = (labelled.Count, needed);
        else if (Holdings.Stranded is { Runs: > 0 } calls) (runs, labels) = calls;
        else if (parts.Slots == 0 && !remote.Any) runs = ready.Count + retries.Count;
        else if (State.Runs.Count == 0) runs = ready.Count; // Too big for all who are there.
        teller.Tell(runs, labels);
    }

    /// <summary>All that runs or could run only waits for line workers.</summary>
    public bool OnlyLinesAreLeft => State.Runs.Count > 0
        && State.Runs.Values.All(run => IsLine(run.Config.Job)) && ready.InOrder
            .Concat(labelled.InOrder).All(next => IsLine(State.ConfigOf(next.Partition)?.Job));

    bool IsLine(string? job) => job is not null
        && parts.Graph.FindJob(job) is { } found && LineRequests.IsAskedFor(found);

    /// <summary>A planned partition has all its inputs: test it, or queue its run.</summary>
    public void AddReady(PartitionId p)
    {
        if (!State.IsReady(p) || !planning.TryGetOwner(p, out var planned, out var node)) return;
        var plan = planned.Plan;
        var isDecided = plan.VerdictOf(node) == Verdict.Build && !plan.IsDelegated(node);
        if (!isDecided && IsStillCurrent(planned, node)) return;
        var job = plan.Graph.JobOf(node);
        if (PlanEvents.IsLacking(plan, node, State.ConfigOf(p)!))
        {
            coordinator.Do(new ProposePlan(
                PlanEvents.PlannedOf(plan, planned.Want, node, withResources: true)));
            return;
        }
        if (job.Resource is not null) Holdings.AddReady(p);
        if (job.Resource is not null) return;
        var isOurs = AreOurs(job.Limits.Labels);
        var need = isOurs && parts.Slots > 0 && !remote.Any ? needs.NeedOf(p) : needs.PoolsOf(p);
        if (ledger.WhyNever(need) is { } never)
        {
            Block(job, p, never);
            return;
        }
        var wants = State.Requesters(p).Wants;
        var options = wants.Count == 0
            ? [planned.Options]
            : wants.Select(w => State.Wants[w.Value].Options).ToArray();
        var rank = planned.Estimates.RankMs(node);
        (isOurs ? ready : labelled).Put(new ReadyRun(
            p, options.Max(o => o.Priority),
            options.Any(o => o.Deadline < parts.Time.GetUtcNow().AddMilliseconds(rank)), rank,
            (long)(job.Limits.Timeout?.TotalMilliseconds ?? 0)));
    }

    // Early cut-off: rebuilt inputs came out the same, so what was published still stands.
    bool IsStillCurrent(PlannedWant planned, int node)
    {
        if (planning.Retest(planned, node).Verdict != Verdict.Current) return false;
        foreach (var output in planned.Plan.Graph.Outputs(node))
        {
            if (!State.IsReady(output)) continue;
            if (!State.TryGetManifest(output, out var manifest)
                || coordinator.Do(new KeepCurrent(output, manifest.Fingerprint)) is not null)
                return false;
            planning.Release(output);
        }
        return true;
    }

    void Block(Job job, PartitionId p, string why) =>
        coordinator.Do(new ProposePlan(new ConfigFailed(
            job.Name, [p],
            new PlanProblem("resources-exceeded", $"job {job.Name} {why} ({job.Location})"))));

    /// <summary>
    /// Starts what fits, most urgent first: here, and beyond that at workers of other processes.
    /// </summary>
    public void StartReady()
    {
        if (remote.Any) remote.Recount();
        if (Replanning.TryUpdate()) OrderAgain();
        var self = State.Workers[parts.Worker.Owner];
        var isLeaving = Draining.Holds(self);
        if (!isLeaving) retries.Start(StartAgain);
        Holdings.Start();
        var now = parts.Time.GetUtcNow().ToUnixTimeMilliseconds();
        while (!isLeaving && self.Busy < self.Slots && ready.Count > 0
            && ready.TakeNext(ledger, now, needs.NeedOf, needs.EstimateMs) is { } next)
        {
            if (Schedule(next.Partition) is { } run) Lease(run);
            now = parts.Time.GetUtcNow().ToUnixTimeMilliseconds();
        }
        var wait = Holdings.Sooner(isLeaving ? null : retries.Next, Holdings.Next);
        if (remote.Any)
        {
            OfferFrom(labelled, now);
            OfferFrom(ready, now);
        }
        if (remote.Offered > 0 && !isLeaving
            && TakeBack(ready.Count == 0 ? self.Slots - self.Busy : 0) is { } old
            && !(wait < old)) wait = old;
        timer.Change(wait ?? Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    void OrderAgain()
    {
        foreach (var queue in (ReadOnlySpan<ReadyQueue>)[ready, labelled])
            foreach (var run in queue.InOrder.ToArray())
                if (planning.TryGetOwner(run.Partition, out var planned, out var node))
                    queue.Put(run with { RankMs = planned.Estimates.RankMs(node) });
    }

    // How long until there may be more to take back; null: nothing was offered.
    TimeSpan? TakeBack(int most)
    {
        var runs = remote.TakeBack(
            run => AreOurs(run.Labels), most, out var wait);
        if (runs.Count > 0)
            coordinator.AfterCommit(() => coordinator.Post(new Message.TakenBack(runs)));
        return wait;
    }

    /// <summary>
    /// Their rows are out of the queue, unless a worker was quicker, which is known by now.
    /// </summary>
    public void StartHere(IReadOnlyList<RunId> runs)
    {
        foreach (var id in runs)
        {
            if (!remote.IsUnclaimed(id) || !active.TryGetValue(id.Value, out var entry)) continue;
            remote.Withdraw(id, isRowThere: false);
            entry.IsRowThere = false;
            ledger.Give(entry.Key);
            retries.Put(id, null);
        }
    }

    // Beyond so many that find no room the rest will hardly find any.
    const int MissesMax = 256;

    void OfferFrom(ReadyQueue queue, long now)
    {
        while (queue.Count > 0 && remote.HasAnyRoom
            && queue.TakeNext(ledger, now, OfferNeedOf, needs.EstimateMs, MissesMax) is { } next)
        {
            if (Schedule(next.Partition) is { } run) Offer(run);
        }
    }

    bool AreOurs(ImmutableArray<string> labels) =>
        labels.All(label => parts.Labels.Contains(label));

    // More than there can ever be: nobody has room for it now.
    static readonly ResourceVector noRoom = new() { Cpu = int.MaxValue };

    ResourceVector OfferNeedOf(PartitionId p) => needs.MayGo(p)
        && remote.HasRoom(needs.LabelsOf(p), needs.DeclaredBy(p).MemoryBytes, needs.UsualMs(p))
            ? needs.PoolsOf(p)
            : noRoom;

    RunToken? Schedule(PartitionId p)
    {
        if (!planning.TryGetOwner(p, out var planned, out var node))
        {
            ledger.Give(p);
            return null;
        }
        var supersede = planned.Plan.Graph.JobOf(node).Limits.Supersede;
        if (coordinator.Do(new ScheduleRun(p, supersede)) is { } refusal)
        {
            ledger.Give(p);
            if (refusal.Code == "output-held") held.Add(p);
            var name = State.Names.Text(p);
            coordinator.PlanLog.Refused(planned.Want, name, refusal);
            return null;
        }
        var run = State.Runs[State.LastRun];
        // Its other outputs became ready, and were added: one of them may be given up.
        foreach (var claim in run.Claims)
        {
            ready.Remove(claim);
            labelled.Remove(claim);
        }
        active[run.Id.Value] = new ActiveRun(planned, node, p);
        return run;
    }

    // False: there is no room for it yet.
    bool StartAgain(RunId id)
    {
        if (!State.Runs.TryGetValue(id.Value, out var run) || run.Place != RunPlace.Queued)
            return true; // Cancelled while it waited.
        var entry = active[id.Value];
        if (entry.Planned is not { } planned)
        {
            // Its plan died with the coordinator that had it.
            coordinator.Do(new RequestRunCancel(run.Id, "restart") { ToReplan = true });
            return true;
        }
        var self = State.Workers[parts.Worker.Owner];
        var end = parts.Time.GetUtcNow().ToUnixTimeMilliseconds() + needs.EstimateMs(entry.Key);
        var labels = planned.Plan.Graph.JobOf(entry.Node).Limits.Labels;
        if (self.Busy < self.Slots && AreOurs(labels)
            && ledger.Take(entry.Key, needs.NeedOf(entry.Key), end))
        {
            Lease(run);
            return true;
        }
        var memory = needs.DeclaredBy(entry.Key).MemoryBytes;
        if (!needs.MayGo(entry.Key) || !remote.HasRoom(labels, memory, needs.UsualMs(entry.Key))
            || !ledger.Take(entry.Key, needs.PoolsOf(entry.Key), end)) return false;
        Offer(run);
        return true;
    }

    void Lease(RunToken run)
    {
        var refusal = coordinator.Do(new LeaseRun(run.Id, parts.Worker, Now(run)));
        if (refusal is not null) throw new InvalidOperationException(refusal.ToString());
        var entry = active[run.Id.Value];
        entry.IsRemote = false;
        entry.Control = new JobControl(() => parts.Store.LeadHolds);
        var request = LaunchRequests.Of(parts, run, entry, entry.Control) with
        {
            Cores = ledger.TakenBy(entry.Key)?.Cpu,
        };
        earlier.Started(request, entry.Planned!.Plan, entry.Node);
        Draining.Begun(request);
        coordinator.AfterCommit(() => worker.Launch(request));
    }

    // The wait is over, by a clock that nobody sets; the wall clock may have been set back.
    DateTimeOffset Now(RunToken run) =>
        parts.Time.GetUtcNow() is var now && run.RetryAt > now ? run.RetryAt.Value : now;

    void Offer(RunToken run)
    {
        var entry = active[run.Id.Value];
        (entry.IsRemote, entry.IsRowThere, entry.Control) = (true, true, null);
        var need = needs.DeclaredBy(entry.Key);
        var labels = entry.Planned!.Plan.Graph.JobOf(entry.Node).Limits.Labels;
        var cores = remote.CpuFor(labels, need.Cpu);
        var request = LaunchRequests.Of(parts, run, entry, new JobControl()) with
        {
            Cores = need.CpuMost > 0 ? cores : null,
        };
        earlier.Started(request, entry.Planned!.Plan, entry.Node);
        coordinator.Keep(new FingerprintText(request.Fingerprint, request.FingerprintText));
        remote.Offer(
            new OfferedRun
            {
                Run = run.Id,
                Epoch = run.Epoch,
                Attempt = run.Attempt,
                Priority = LaunchRequests.PriorityOf(State, entry.Key),
                Cpu = cores,
                MemoryBytes = need.MemoryBytes,
                Labels = labels,
                Spec = AttemptSpec.Of(request, parts.Graph, State.Names).ToBytes(),
            },
            needs.UsualMs(entry.Key));
    }

    /// <summary>A worker took a run out of the queue.</summary>
    public void TakeLease(RunId id, int epoch, WorkerId who)
    {
        // Otherwise it was taken back, and the worker learns that with its next turn.
        if (!State.Runs.TryGetValue(id.Value, out var run) || run.Place != RunPlace.Queued
            || run.Epoch + 1 != epoch) return;
        var now = Now(run);
        var isGone = !State.Workers.ContainsKey(who.Owner);
        if (isGone) coordinator.Do(new AddWorker(who, 1));
        if (coordinator.Do(new LeaseRun(id, who, now)) is not null)
        {
            remote.Withdraw(id, isRowThere: true);
            if (active.TryGetValue(id.Value, out var entry) && entry.Planned is not null)
                Offer(run);
            return;
        }
        remote.Claimed(id, who.Owner, 1);
        if (!isGone) return;
        // It may be running there all the same: the next attempt is another one than this.
        coordinator.Do(new ExpireLease(id, epoch, now));
        remote.Leave(who.Owner, isRowThere: true);
    }

    /// <summary>Their input is gone: they stop, and then have failed.</summary>
    public void StopDoomed(RunToken[] runs) => Array.ForEach(runs, Stop);

    void Stop(RunToken run)
    {
        var entry = active.GetValueOrDefault(run.Id.Value);
        if (entry?.Control is { } control) coordinator.AfterCommit(control.Cancel);
        else if (entry is { IsRemote: true }) remote.Stop(run.Id, kill: false);
    }

    /// <summary>True when somebody has it in hand.</summary>
    public bool IsActive(RunId run) => active.ContainsKey(run.Value);

    /// <summary>
    /// A run that a worker held when this process took the lead: it goes on.
    /// </summary>
    public void Adopt(RunToken run, bool isRowThere)
    {
        var need = parts.Graph.FindJob(run.Config.Job)?.Limits.Resources ?? ResourceVector.OneCpu;
        var key = run.Claims[0];
        active[run.Id.Value] = new ActiveRun(null, -1, key)
        {
            IsRemote = true,
            IsRowThere = isRowThere,
        };
        ledger.Take(
            key, need with { Cpu = 0, MemoryBytes = 0 },
            parts.Time.GetUtcNow().ToUnixTimeMilliseconds());
        remote.Claimed(run.Id, run.Worker.Owner, need.Cpu);
        if (run.Place == RunPlace.Cancelling) remote.Stop(run.Id, kill: false);
    }

    /// <summary>An attempt of this process ended.</summary>
    public void TakeResult(LaunchRequest launch, JobResult result)
    {
        if (result.End == JobEnd.Completed)
            coordinator.Keep(new FingerprintText(launch.Fingerprint, launch.FingerprintText));
        result = Draining.Ended(launch, result);
        Replanning.Took(active.GetValueOrDefault(launch.Id.Run.Value), result);
        if (result.Log is { } log) coordinator.Keep(new RunLogText(launch.Id, log));
        if (result.End == JobEnd.LeaseLost) coordinator.CheckLead();
        else
            outcomes.Take(
                new EndedAttempt(launch.Id, launch.Epoch, launch.Fingerprint, result));
        coordinator.AfterCommit(() => parts.Observer.AttemptEnded(launch.Id, result));
    }

    /// <summary>An attempt of a worker ended.</summary>
    public void TakeResult(EndedAttempt ended)
    {
        if (active.TryGetValue(ended.Id.Run.Value, out var entry)) entry.IsRowThere = false;
        Replanning.Took(entry, ended.Result);
        if (ended.Result.End != JobEnd.LeaseLost) outcomes.Take(ended);
        else
            coordinator.Do(
                new ExpireLease(ended.Id.Run, ended.Epoch, parts.Time.GetUtcNow()));
        coordinator.AfterCommit(() => parts.Observer.AttemptEnded(ended.Id, ended.Result));
    }

    /// <summary>A run gave its slot back: it ended, or waits for its next attempt.</summary>
    public void Released(RunToken run)
    {
        if (run.Life is not null) Holdings.Look(run);
        if (!active.TryGetValue(run.Id.Value, out var entry)) return;
        ledger.Give(entry.Key);
        if (entry.IsRemote) remote.Withdraw(run.Id, entry.IsRowThere);
        entry.Control?.Revoke(); // If it has ended: without effect. If not: its lease is gone.
        if (State.Runs.ContainsKey(run.Id.Value))
        {
            retries.Put(run.Id, run.RetryAt);
            return;
        }
        active.Remove(run.Id.Value);
        foreach (var p in run.Claims)
        {
            if (State.PlaceOf(p) is not (PartitionPlace.Planned or PartitionPlace.Building))
                planning.Release(p);
        }
        if (entry.Planned is { } planned) parts.Keeping.Ended(run, planned);
        if (held.Count == 0) return;
        PartitionId[] again = [.. held];
        held.Clear();
        foreach (var p in again) AddReady(p);
    }

    /// <summary>
    /// What stays only as long as somebody reads it goes. Not before all plans of this turn are
    /// made: they may count on it.
    /// </summary>
    public void Drop()
    {
        var gone = parts.Keeping.TakeDroppable(planning);
        if (gone.Count == 0) return;
        coordinator.Note(new OutputsRemoved([.. gone], "keep"));
        var paths = gone.ConvertAll(p =>
            parts.Workspace.Absolute(parts.Graph.PathOf(State.Names.Utf8(p))));
        coordinator.AfterCommit(() => paths.ForEach(path => _ = Folders.RemoveAny(path)));
    }

    /// <summary>
    /// Stops runs that nobody demands any more, except after <c>--fail-fast</c>, which lets what
    /// runs come to its end.
    /// </summary>
    public void CancelUndemanded(
        IEnumerable<RunToken> runs, IReadOnlyList<(WantToken Want, WantOutcome Outcome)> ended)
    {
        if (ended.Any(e => e.Outcome == WantOutcome.Failed
            && e.Want.Options.OnFailure == FailureMode.FailFast)) return;
        foreach (var run in runs.Distinct())
        {
            if (run.Life is not null || !State.Runs.ContainsKey(run.Id.Value)
                || Kernel.Demanded(State, run)) continue;
            if (coordinator.Do(new RequestRunCancel(run.Id, "undemanded")) is null) Stop(run);
        }
    }

    /// <summary>SIGKILL to everything that runs in this process.</summary>
    public void KillAll()
    {
        foreach (var entry in active.Values) entry.Control?.Kill();
        Holdings.KillAll();
    }

    public void Dispose()
    {
        timer.Dispose();
        worker.Dispose();
    }
}
