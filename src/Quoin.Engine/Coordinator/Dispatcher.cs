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
    static readonly TimeSpan WaitMax = TimeSpan.FromDays(1);

    readonly Coordinator coordinator;
    readonly CoordinatorParts parts;
    readonly Planning planning;
    readonly EarlierRuns earlier;
    readonly ReadyQueue ready;
    readonly ResourceLedger ledger;
    readonly IWorker worker;
    readonly ITimer timer;
    readonly List<PartitionId> held = []; // ready, but an output is in another run's hands
    readonly Dictionary<int, ActiveRun> active = [];
    readonly PriorityQueue<RunId, DateTimeOffset> retries = new();

    public Dispatcher(
        Coordinator coordinator, CoordinatorParts parts, Planning planning, EarlierRuns earlier,
        Mailbox mailbox)
    {
        (this.coordinator, this.parts, this.planning) = (coordinator, parts, planning);
        this.earlier = earlier;
        ready = new ReadyQueue(parts.State.Names);
        ledger = new ResourceLedger(parts.Slots, parts.MemoryBytes, parts.Graph.Pools);
        worker = parts.MakeWorker(mailbox);
        timer = parts.Time.CreateTimer(
            _ => mailbox.Post(new Message.Tick()), null,
            Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    KernelState State => parts.State;

    /// <summary>How many runs hold resources.</summary>
    public int Holding => ledger.Count;

    /// <summary>
    /// A planned partition has all its inputs: test it once more, or queue its run.
    /// </summary>
    public void AddReady(PartitionId p)
    {
        if (!State.IsReady(p) || !planning.TryGetOwner(p, out var planned, out var node)) return;
        var plan = planned.Plan;
        var isDecided = plan.VerdictOf(node) == Verdict.Build && !plan.IsDelegated(node);
        if (!isDecided && IsStillCurrent(plan, node)) return;
        var job = plan.Graph.JobOf(node);
        if (ledger.WhyNever(NeedOf(p)) is { } never)
        {
            Block(job, p, never);
            return;
        }
        var wants = State.Requesters(p).Wants;
        var options = wants.Count == 0
            ? [WantOptionsOf(planned)]
            : wants.Select(w => State.Wants[w.Value].Options).ToArray();
        var rank = planned.Estimates.RankMs(node);
        ready.Put(new ReadyRun(
            p, options.Max(o => o.Priority),
            options.Any(o => IsLate(o, rank)), rank,
            (long)(job.Limits.Timeout?.TotalMilliseconds ?? 0)));
    }

    WantOptions WantOptionsOf(PlannedWant planned) =>
        State.Wants.TryGetValue(planned.Want.Value, out var want)
            ? want.Options
            : WantOptions.Default;

    bool IsLate(WantOptions options, long rankMs) =>
        options.Deadline is { } deadline
        && deadline < parts.Time.GetUtcNow().AddMilliseconds(rankMs);

    // Early cut-off: rebuilt inputs came out the same, so what was published still stands.
    bool IsStillCurrent(Plan plan, int node)
    {
        if (plan.Test.Retest(node).Verdict != Verdict.Current) return false;
        foreach (var output in plan.Graph.Outputs(node))
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

    ResourceVector NeedOf(PartitionId p)
    {
        if (!planning.TryGetOwner(p, out var planned, out var node)) return ResourceVector.OneCpu;
        var job = planned.Plan.Graph.JobOf(node);
        var need = job.ConfigCommand.IsEmpty
            ? job.Limits.Resources
            : planned.Plan.Graph.ConfigOf(node).Resources;
        // More cores than there are slots: it takes them all and runs alone.
        return need.Cpu <= parts.Slots ? need : need with { Cpu = parts.Slots };
    }

    int EstimateOf(PartitionId p) =>
        planning.TryGetOwner(p, out var planned, out var node)
            ? planned.Estimates.EstimateMs(node)
            : 0;

    /// <summary>Starts what fits, most urgent first.</summary>
    public void StartReady()
    {
        StartRetries();
        var self = State.Workers[parts.Worker.Owner];
        while (self.Busy < self.Slots && ready.Count > 0)
        {
            var now = parts.Time.GetUtcNow().ToUnixTimeMilliseconds();
            if (ready.TakeNext(ledger, now, NeedOf, EstimateOf) is not { } next) return;
            Start(next.Partition);
        }
    }

    void Start(PartitionId p)
    {
        if (!planning.TryGetOwner(p, out var planned, out var node))
        {
            ledger.Give(p);
            return;
        }
        var supersede = planned.Plan.Graph.JobOf(node).Limits.Supersede;
        if (coordinator.Do(new ScheduleRun(p, supersede)) is { } refusal)
        {
            ledger.Give(p);
            if (refusal.Code == "output-held") held.Add(p);
            var name = State.Names.Text(p);
            coordinator.AfterCommit(
                () => coordinator.PlanLog.Refused(planned.Want, name, refusal));
            return;
        }
        var run = State.Runs[State.LastRun];
        // Its other outputs became ready with it, and each was added: one of them may be given up.
        foreach (var claim in run.Claims) ready.Remove(claim);
        active[run.Id.Value] = new ActiveRun(planned, node, p);
        Lease(run);
    }

    void StartRetries()
    {
        var now = parts.Time.GetUtcNow();
        while (retries.TryPeek(out var id, out var at) && at <= now)
        {
            if (State.Runs.TryGetValue(id.Value, out var run) && run.Place == RunPlace.Queued)
            {
                var self = State.Workers[parts.Worker.Owner];
                var entry = active[id.Value];
                var end = now.ToUnixTimeMilliseconds() + EstimateOf(entry.Key);
                if (self.Busy >= self.Slots
                    || !ledger.Take(entry.Key, NeedOf(entry.Key), end)) break;
                retries.Dequeue();
                Lease(run);
                continue;
            }
            retries.Dequeue(); // Cancelled while it waited.
        }
        // A clock that was set back makes waits of any length; timers refuse more than 49 days.
        var wait = retries.TryPeek(out _, out var next) && next > now
            ? TimeSpan.FromTicks(Math.Min((next - now).Ticks, WaitMax.Ticks))
            : Timeout.InfiniteTimeSpan;
        timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    void Lease(RunToken run)
    {
        var refusal = coordinator.Do(
            new LeaseRun(run.Id, parts.Worker, parts.Time.GetUtcNow()));
        if (refusal is not null) throw new InvalidOperationException(refusal.ToString());
        var entry = active[run.Id.Value];
        entry.Control = new JobControl(() => parts.Store.LeadHolds);
        var request = RequestOf(run, entry);
        earlier.Started(request, entry.Planned.Plan, entry.Node);
        coordinator.AfterCommit(() => worker.Launch(request));
    }

    LaunchRequest RequestOf(RunToken run, ActiveRun entry)
    {
        var (plan, node) = (entry.Planned.Plan, entry.Node);
        var graph = plan.Graph;
        var job = graph.JobOf(node);
        var inputs = ImmutableArray.CreateBuilder<LaunchInput>(graph.Inputs(node).Length);
        var watched = plan.Test.Fingerprints.FactOf(job).Code.ToBuilder();
        foreach (var input in graph.Inputs(node))
        {
            if (graph.ProducerOf(input) == JobGraph.Source)
            {
                var source = parts.Facts.Source(input);
                inputs.Add(new LaunchInput(input, source.Digest));
                watched.Add(new PathDigest(source.Path, source.Digest));
            }
            else
            {
                State.TryGetManifest(input, out var manifest);
                inputs.Add(new LaunchInput(input, manifest.Digest));
            }
        }
        var text = plan.Test.Fingerprints.TextOf(node).ToArray();
        return new LaunchRequest
        {
            Id = new AttemptId(run.Id, run.Attempt),
            Epoch = run.Epoch,
            Job = job,
            Outputs = [.. graph.Outputs(node)],
            Claims = run.Claims,
            Inputs = inputs.MoveToImmutable(),
            Config = job.ConfigCommand.IsEmpty ? null : graph.ConfigOf(node),
            Fingerprint = Fingerprint.DigestOf(text),
            FingerprintText = text,
            Watched = watched.ToImmutable(),
            Control = entry.Control!,
        };
    }

    /// <summary>An attempt ended; whatever it says counts only under its lease.</summary>
    public void TakeResult(LaunchRequest launch, JobResult result)
    {
        var (run, epoch) = (launch.Id.Run, launch.Epoch);
        foreach (var warning in result.Warnings) parts.Observer.Warn($"{launch.Id}: {warning}");
        switch (result.End)
        {
            case JobEnd.Completed:
                Publish(launch, result);
                break;
            case JobEnd.Failed:
                Fail(launch, result.Failure!, result.Usage);
                break;
            case JobEnd.NeedsInputs:
                Miss(launch, result);
                break;
            case JobEnd.Cancelled:
                // Told to stop by the kernel, or by a kill of the whole process.
                if (State.Runs.TryGetValue(run.Value, out var token)
                    && token.Place == RunPlace.Running)
                    coordinator.Do(new ExpireLease(run, epoch, parts.Time.GetUtcNow()));
                else coordinator.Do(new AckRunCancel(run, epoch) { Usage = result.Usage });
                break;
            case JobEnd.LeaseLost:
                coordinator.CheckLead();
                break;
        }
        coordinator.AfterCommit(() => parts.Observer.AttemptEnded(launch.Id, result));
    }

    void Publish(LaunchRequest launch, JobResult result)
    {
        var outputs = ImmutableArray.CreateBuilder<OutputManifest>(result.Outputs.Length);
        foreach (var output in result.Outputs)
        {
            var id = State.Names.Intern(output.Ref);
            outputs.Add(new OutputManifest(id, output.Digest, output.Bytes));
            var path = parts.Graph.PathOf(State.Names.Utf8(id));
            parts.Files.Published(path, output.Stamp, output.Digest);
        }
        coordinator.Keep(new FingerprintText(launch.Fingerprint, launch.FingerprintText));
        coordinator.Do(new CompleteRun(launch.Id.Run, launch.Epoch, outputs.MoveToImmutable())
        {
            // What it read is not what was digested: published, and at the next test not current.
            Fingerprint = result.SourceMoved ? default : launch.Fingerprint,
            Usage = result.Usage,
        });
    }

    void Fail(LaunchRequest launch, RunFailure failure, RunUsage usage)
    {
        if (!State.Runs.TryGetValue(launch.Id.Run.Value, out var run)) return;
        coordinator.Do(new FailRun(launch.Id.Run, launch.Epoch, failure)
        {
            Retries = earlier.IsAwaited(run.Id)
                ? int.MaxValue // It is what was edited that is tried, under a new plan.
                : RetryRules.RetriesOf(failure.Category, launch.Job.Limits.Retries),
            RetryAt = parts.Time.GetUtcNow()
                + RetryRules.Delay(run.Failures + 1, parts.Random.NextDouble()),
            Usage = usage,
        });
    }

    void Miss(LaunchRequest launch, JobResult result)
    {
        var needs = ImmutableArray.CreateBuilder<PartitionId>(result.Needs.Length);
        foreach (var name in result.Needs)
        {
            var problem = PartitionRef.Check(name);
            var id = problem is null ? State.Names.Intern(name) : default;
            if (problem is null && parts.Graph.FindProducer(State.Names.Utf8(id)).Job is null)
                problem = $"no job makes {name}; a run can only ask for what a job makes";
            if (problem is not null)
            {
                var failure = new RunFailure(FailureCategory.Contract, $"needs: {problem}");
                Fail(launch, failure, result.Usage);
                return;
            }
            needs.Add(id);
        }
        coordinator.Do(new MissInputs(launch.Id.Run, launch.Epoch, needs.ToImmutable())
        {
            Usage = result.Usage,
        });
    }

    /// <summary>A run gave its slot back: it ended, or waits for its next attempt.</summary>
    public void Released(RunToken run)
    {
        if (!active.TryGetValue(run.Id.Value, out var entry)) return;
        ledger.Give(entry.Key);
        entry.Control?.Revoke(); // If it has ended: without effect. If not: its lease is gone.
        if (State.Runs.ContainsKey(run.Id.Value))
        {
            retries.Enqueue(run.Id, run.RetryAt ?? parts.Time.GetUtcNow());
            return;
        }
        active.Remove(run.Id.Value);
        foreach (var p in run.Claims)
        {
            if (State.PlaceOf(p) is not (PartitionPlace.Planned or PartitionPlace.Building))
                planning.Release(p);
        }
        if (held.Count == 0) return;
        PartitionId[] again = [.. held];
        held.Clear();
        foreach (var p in again) AddReady(p);
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
            if (!State.Runs.ContainsKey(run.Id.Value) || Kernel.Demanded(State, run)) continue;
            if (coordinator.Do(new RequestRunCancel(run.Id, "undemanded")) is not null) continue;
            if (active.TryGetValue(run.Id.Value, out var entry) && entry.Control is { } control)
                coordinator.AfterCommit(control.Cancel);
        }
    }

    /// <summary>SIGKILL to everything that runs in this process.</summary>
    public void KillAll()
    {
        foreach (var entry in active.Values) entry.Control?.Kill();
    }

    /// <summary>
    /// From when to when a plan will probably be done, from the work that it holds.
    /// </summary>
    public TimeLeft? TimeLeft(PlannedWant planned) =>
        planned.Estimates.TimeLeft(parts.Slots);

    public void Dispose()
    {
        timer.Dispose();
        worker.Dispose();
    }

    sealed class ActiveRun(PlannedWant planned, int node, PartitionId key)
    {
        public PlannedWant Planned { get; } = planned;
        public int Node { get; } = node;
        public PartitionId Key { get; } = key;
        public JobControl? Control { get; set; }
    }
}
