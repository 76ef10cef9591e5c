using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// What the events say about one want: the model behind every kind of output of <c>quoin build</c>.
/// It is a fold like the kernel's state, smaller, and it knows no clock, no terminal and no store.
/// Feed it every event from the want's acceptance on; events of other wants are looked at because
/// their runs may make what this one waits for. Without an id the first want that was accepted
/// without a command is the one that is watched: those of other processes come by one.
/// </summary>
sealed class BuildProgress(WantId? want, PartitionNames names)
{
    readonly Dictionary<PartitionId, BuildTask> tasks = []; // By output, of all wants.
    readonly List<BuildTask> mine = [];
    readonly HashSet<PartitionId> demanded = [];
    readonly HashSet<PartitionId> targets = [];
    readonly HashSet<PartitionId> blocked = [];
    readonly Dictionary<RunId, BuildTask> runs = [];
    readonly Dictionary<StaleReason, int> staleCounts = [];
    readonly Dictionary<WorkerId, int> slots = [];
    readonly List<ProgressNotice> delegated = [];
    WantId? watched = want;

    /// <summary>The want that is watched.</summary>
    public WantId Want => watched ?? default;

    /// <summary>The want was accepted.</summary>
    public bool IsAccepted => watched is not null;

    /// <summary>The names that the events' ids mean.</summary>
    public PartitionNames Names { get; } = names;

    /// <summary>How it stands.</summary>
    public BuildPhase Phase { get; private set; }

    /// <summary>All that it holds is there, and in use.</summary>
    public bool IsReady { get; private set; }

    /// <summary>When somebody asked for it; without that, when it was accepted.</summary>
    public DateTimeOffset StartedAt { get; set; }

    /// <summary>When it ended; null while it is open.</summary>
    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>
    /// How many of the want's targets somebody asked for, where that is known: what only blocked
    /// partitions need is a target too, behind them.
    /// </summary>
    public int? Requested { get; set; }

    /// <summary>How many partitions were wanted.</summary>
    public int Wanted { get; private set; }

    /// <summary>How many of them cannot be had; known at the end.</summary>
    public int WantedFailed { get; private set; }

    /// <summary>The plan's counts; they change only by growth.</summary>
    public PlanCounts Counts { get; private set; }

    /// <summary>Partitions that were built for this want, or restored.</summary>
    public int Built { get; private set; }

    /// <summary>Those of them that no job had to make.</summary>
    public int Restored => mine.Where(task => task is { RestoredFrom.Length: > 0,
        State: TaskState.Built, IsDelegated: false }).Sum(task => task.Outputs.Length);

    /// <summary>Partitions whose test passed after their inputs were rebuilt.</summary>
    public int CurrentAfterAll { get; private set; }

    /// <summary>Partitions that other wants' runs make.</summary>
    public int Delegated { get; private set; }

    /// <summary>Whose.</summary>
    public SortedSet<WantId> DelegatedTo { get; } =
        new(Comparer<WantId>.Create((a, b) => a.Value.CompareTo(b.Value)));

    /// <summary>Those of them that are there now.</summary>
    public int DelegatedDone { get; private set; }

    /// <summary>Partitions whose run failed for good.</summary>
    public int Failed { get; private set; }

    /// <summary>Partitions that will not be made.</summary>
    public int Cancelled { get; private set; }

    /// <summary>Runs of this want that a worker has now.</summary>
    public int Running { get; private set; }

    /// <summary>Partitions that were there before, or turned out to be.</summary>
    public int Current => Counts.Current + CurrentAfterAll;

    /// <summary>Partitions that are there.</summary>
    public int Done => Current + Built + DelegatedDone;

    /// <summary>Partitions that are not there yet and may still be.</summary>
    public int Left => Math.Max(0, Counts.Total - Done - Failed - Cancelled - Counts.Blocked);

    /// <summary>Slots of all workers of the store.</summary>
    public int Slots => slots.Values.Sum();

    /// <summary>Processor time of this want's attempts.</summary>
    public TimeSpan Cpu { get; private set; }

    /// <summary>Wall clock of this want's attempts, added up.</summary>
    public TimeSpan Busy { get; private set; }

    /// <summary>This want's tasks, in the order in which they were planned.</summary>
    public IReadOnlyList<BuildTask> Tasks => mine;

    /// <summary>Runs that failed for good, oldest first.</summary>
    public List<BuildFailure> Failures { get; } = [];

    /// <summary>What analysis found.</summary>
    public List<PlanProblem> Problems { get; } = [];

    /// <summary>How many partitions were found stale, by reason; <c>Maybe</c> is not one.</summary>
    public IReadOnlyDictionary<StaleReason, int> StaleCounts => staleCounts;

    /// <summary>
    /// The first stale partition with a detail: what the plan line names as the reason.
    /// </summary>
    public PartitionStale? FirstStale { get; private set; }

    /// <summary>The task that ends the longest path of runs so far.</summary>
    public BuildTask? PathEnd { get; private set; }

    /// <summary>How long it will still take; null: too little is known.</summary>
    public TimeLeftAt? TimeLeft { get; set; }

    /// <summary>Runs of others that nobody was told of, as the plan is not complete.</summary>
    public IReadOnlyList<ProgressNotice> TakeDelegated()
    {
        ProgressNotice[] taken = [.. delegated];
        delegated.Clear();
        return taken;
    }

    /// <summary>A partition's name.</summary>
    public string NameOf(PartitionId id) => Names.Text(id);

    /// <summary>There is no want, because the plan found nothing to do, or only problems.</summary>
    public void NothingToDo(
        PlanCounts counts, int wanted, IReadOnlyList<PlanProblem> problems)
    {
        Counts = counts;
        Wanted = wanted;
        Problems.AddRange(problems);
        Phase = problems.Count == 0 ? BuildPhase.Succeeded : BuildPhase.Failed;
    }

    /// <summary>Takes the next event and adds what people may want to read of it.</summary>
    public void Apply(LoggedEvent logged, List<ProgressNotice> notices)
    {
        var at = logged.At;
        switch (logged.Event)
        {
            case WantEvent e:
                if (e is WantAccepted { Command: "" }) watched ??= e.Want;
                if (e.Want == watched) ApplyWant(e, at, notices);
                break;
            case RunEvent e:
                ApplyRun(e, at, notices);
                break;
            case PartitionPlanned e:
                Plan(e);
                break;
            case PartitionStale { Reason: not StaleReason.Maybe } e:
                staleCounts[e.Reason] = staleCounts.GetValueOrDefault(e.Reason) + 1;
                if (e.Detail.Length > 0) FirstStale ??= e;
                break;
            case PartitionCurrent e:
                if (Mine(e.Partition) is not { IsOver: false } current) break;
                current.State = TaskState.Current;
                CurrentAfterAll += current.Outputs.Length;
                notices.Add(new ProgressNotice.Current(at, current));
                break;
            case ConfigFailed e
                when Phase != BuildPhase.Planning && !e.Outputs.Any(demanded.Contains):
                break; // Of another want.
            case ConfigFailed e:
                AddProblem(e.Problem, at, notices);
                foreach (var output in e.Outputs) blocked.Add(output);
                if (Phase != BuildPhase.Planning)
                    foreach (var output in e.Outputs) CancelConsumers(output, at, notices);
                break;
            case WorkerAdded e:
                slots[e.Worker] = e.Slots - e.Ahead;
                break;
            case WorkerRemoved e:
                slots.Remove(e.Worker);
                break;
        }
    }

    void ApplyWant(WantEvent logged, DateTimeOffset at, List<ProgressNotice> notices)
    {
        switch (logged)
        {
            case WantAccepted e:
                if (StartedAt == default) StartedAt = at;
                Wanted = Requested ?? e.Targets.Length;
                targets.UnionWith(e.Targets.Take(Wanted));
                foreach (var target in e.Targets) Demand(target);
                break;
            case WantPlanned e:
                Counts = e.Counts;
                Phase = BuildPhase.Running;
                TimeLeft = TimeLeftAt.Of(e, at);
                notices.Add(new ProgressNotice.Planned(at));
                notices.AddRange(TakeDelegated());
                foreach (var partition in blocked) CancelConsumers(partition, at, notices);
                break;
            case PlanExtended e when tasks.TryGetValue(e.By, out var again)
                && again is { IsMine: true, IsResource: true }:
                break; // The next life of the same thing.
            case PlanExtended e:
                Counts = new PlanCounts(
                    Counts.Total + e.Added.Total, Counts.Current + e.Added.Current,
                    Counts.Build + e.Added.Build, Counts.Maybe + e.Added.Maybe,
                    Counts.Blocked + e.Added.Blocked);
                if (e.Added.Total > 0)
                    notices.Add(new ProgressNotice.Grew(at, e.Added.Total, e.By));
                break;
            case WantDelegated e:
                Delegate(e, at, notices);
                break;
            case AnalysisFailed e:
                foreach (var problem in e.Problems) AddProblem(problem, at, notices);
                End(BuildPhase.AnalysisFailed, at, notices);
                break;
            case WantReady e:
                IsReady = true;
                notices.Add(new ProgressNotice.Ready(at, e));
                break;
            case WantReleaseRequested:
                IsReady = false;
                break;
            case WantSucceeded:
                End(BuildPhase.Succeeded, at, notices);
                break;
            case WantFailed e:
                WantedFailed = e.Failed.Count(targets.Contains);
                End(BuildPhase.Failed, at, notices);
                break;
            case WantCancelled:
                End(BuildPhase.Cancelled, at, notices);
                break;
        }
    }

    // One problem may block many wanted partitions; it is told once.
    void AddProblem(PlanProblem problem, DateTimeOffset at, List<ProgressNotice> notices)
    {
        if (Problems.Exists(p => p.Code == problem.Code && p.Message == problem.Message)) return;
        Problems.Add(problem);
        notices.Add(new ProgressNotice.Problem(at, problem));
    }

    void End(BuildPhase phase, DateTimeOffset at, List<ProgressNotice> notices)
    {
        if (EndedAt is not null) return;
        Phase = phase;
        EndedAt = at;
        if (phase != BuildPhase.Succeeded)
        {
            // What is not there and has not failed by itself is not going to be made for this want.
            foreach (var task in mine.Where(t => !t.IsOver && t.State != TaskState.Running))
                Cancel(task, null, at, notices);
        }
        notices.Add(new ProgressNotice.Ended(at));
    }

    void ApplyRun(RunEvent logged, DateTimeOffset at, List<ProgressNotice> notices)
    {
        if (logged is RunScheduled scheduled)
        {
            if (!tasks.TryGetValue(scheduled.Claims[0], out var planned)) return;
            planned.Run = scheduled.Run;
            planned.IsReleasing = false;
            runs[scheduled.Run] = planned;
            return;
        }
        if (!runs.TryGetValue(logged.Run, out var task)) return;
        var wasRunning = task is { IsMine: true, State: TaskState.Running };
        // Of one that another want's plan brought nothing else says what it is.
        if (logged is RunLeased { At: not null }) task.IsResource = true;
        task.IsReleasing |= logged is RunFailed { MayExist: true } or ResourceEnded
            or ReleaseScheduled { NotBefore: null };
        switch (logged)
        {
            case RunLeased when task.IsResource && (task.IsOver || task.IsReleasing):
                break; // It is looked at, or given back.
            case RunDeferred or RunStarted or LeaseExpired { IsReturned: true }
                when !task.IsOver && !task.IsReleasing:
                task.State = TaskState.Waiting;
                break;
            case RunLeased e:
                task.State = TaskState.Running;
                task.Attempt = e.Attempt;
                task.StartedAt = at;
                task.Worker = e.Worker;
                if (task.IsMine && task.AskedAt is null)
                    notices.Add(new ProgressNotice.Started(at, task));
                if (task.IsResource) task.AskedAt ??= at;
                break;
            case RunCompleted e:
                Complete(task, e, at, notices);
                break;
            case RunFailed { RetryAt: { } retryAt } e:
                Account(task, e.Usage);
                Retry(task, e.Failure, retryAt - at, at, notices);
                break;
            case RunFailed e:
                Account(task, e.Usage);
                Fail(task, e.Failure, at, notices);
                break;
            case LeaseExpired { RetryAt: { } retryAt }:
                Retry(task, Lost, retryAt - at, at, notices);
                break;
            case LeaseExpired:
                Fail(task, Lost, at, notices);
                break;
            case RunDepMissed e:
                Account(task, e.Usage);
                task.State = TaskState.Waiting;
                if (task.IsMine)
                    notices.Add(new ProgressNotice.NeedsMore(at, task, e.Needs.Length));
                break;
            case RunCancelRequested when task.State != TaskState.Running:
                if (!task.IsOver) Cancel(task, null, at, notices);
                break;
            case RunCancelAcked e:
                Account(task, e.Usage);
                if (!task.IsOver) Cancel(task, null, at, notices);
                break;
        }
        if (task is { IsMine: true, IsResource: true })
            notices.Add(new ProgressNotice.Resource(at, task, logged));
        var isRunning = task is { IsMine: true, State: TaskState.Running };
        Running += (isRunning ? 1 : 0) - (wasRunning ? 1 : 0);
    }

    static RunFailure Lost => new(FailureCategory.Lost, "its worker is gone");

    void Complete(
        BuildTask task, RunCompleted e, DateTimeOffset at, List<ProgressNotice> notices)
    {
        if (task.State is TaskState.Built or TaskState.Current) return;
        if (task.IsMine && task.State == TaskState.Cancelled) Cancelled -= task.Outputs.Length;
        (task.State, task.RestoredFrom) = (TaskState.Built, e.RestoredFrom);
        foreach (var input in task.Inputs)
        {
            if (Mine(input) is { } from && from.PathMs > (task.PathFrom?.PathMs ?? 0))
                task.PathFrom = from;
        }
        task.PathMs = e.Usage.ElapsedMs + (task.PathFrom?.PathMs ?? 0);
        if (!task.IsMine) return;
        Account(task, e.Usage);
        if (task.IsDelegated) DelegatedDone += task.Outputs.Length;
        else Built += task.Outputs.Length;
        if (task.PathMs >= (PathEnd?.PathMs ?? 0)) PathEnd = task;
        notices.Add(new ProgressNotice.Built(at, task, e.Usage));
    }

    static void Retry(
        BuildTask task, RunFailure failure, TimeSpan delay, DateTimeOffset at,
        List<ProgressNotice> notices)
    {
        task.State = TaskState.Retrying;
        if (task.IsMine) notices.Add(new ProgressNotice.Retried(at, task, failure, delay));
    }

    void Fail(BuildTask task, RunFailure failure, DateTimeOffset at, List<ProgressNotice> notices)
    {
        if (task.IsOver) return;
        task.State = TaskState.Failed;
        if (!task.IsMine) return;
        Failed += task.Outputs.Length;
        var cancelled = new List<ProgressNotice>();
        foreach (var output in task.Outputs) CancelConsumers(output, at, cancelled);
        var result = new BuildFailure(
            task, new AttemptId(task.Run ?? default, task.Attempt), failure)
        {
            Elapsed = at - task.StartedAt,
            Blocks = [.. cancelled.OfType<ProgressNotice.Cancelled>().Select(c => c.Task)],
        };
        Failures.Add(result);
        notices.Add(new ProgressNotice.Failed(at, result));
        notices.AddRange(cancelled);
    }

    void Account(BuildTask task, RunUsage usage)
    {
        if (!task.IsMine || task.IsDelegated) return;
        Cpu += TimeSpan.FromMilliseconds(usage.CpuMs);
        Busy += TimeSpan.FromMilliseconds(usage.ElapsedMs);
    }

    void CancelConsumers(PartitionId partition, DateTimeOffset at, List<ProgressNotice> notices)
    {
        foreach (var (task, input) in BuildTask.Blocked(mine, partition))
            Cancel(task, input, at, notices);
    }

    void Cancel(
        BuildTask task, PartitionId? because, DateTimeOffset at, List<ProgressNotice> notices)
    {
        task.State = TaskState.Cancelled;
        if (!task.IsMine) return;
        Cancelled += task.Outputs.Length;
        notices.Add(new ProgressNotice.Cancelled(at, task, because));
    }

    void Plan(PartitionPlanned e)
    {
        if (tasks.TryGetValue(e.Outputs[0], out var task) && task.Outputs.SequenceEqual(e.Outputs))
        {
            task.Inputs = e.Inputs; // Planned again, with the inputs that its run asked for.
            if (task is { IsOver: true, IsMine: true } && e.For == Want) Reopen(task);
            if (!task.IsOver) task.State = TaskState.Waiting;
        }
        else
        {
            task = new BuildTask(e.Job, e.Outputs, e.Inputs)
            {
                IsResource = e.Resource is not null,
            };
            foreach (var output in e.Outputs) tasks[output] = task;
        }
        if (e.For == Want || e.Outputs.Any(demanded.Contains)) Include(task);
    }

    // What another want's run made of older sources, or failed to, is made for this one.
    void Reopen(BuildTask task)
    {
        var count = task.Outputs.Length;
        switch (task.State)
        {
            case TaskState.Built when task.IsDelegated: DelegatedDone -= count; break;
            case TaskState.Built: Built -= count; break;
            case TaskState.Current: CurrentAfterAll -= count; break;
            case TaskState.Failed: Failed -= count; break;
            case TaskState.Cancelled: Cancelled -= count; break;
            case TaskState.Waiting or TaskState.Running or TaskState.Retrying: return;
        }
        if (task.IsDelegated) Delegated -= count;
        task.IsDelegated = false;
        task.State = TaskState.Waiting;
    }

    void Demand(PartitionId partition)
    {
        if (demanded.Add(partition) && tasks.TryGetValue(partition, out var task)) Include(task);
    }

    // With what it requires, as far as that is planned already. A chain may be long: no recursion.
    void Include(BuildTask first)
    {
        var reached = new Stack<BuildTask>([first]);
        while (reached.TryPop(out var task))
        {
            if (!task.IsMine)
            {
                task.IsMine = true;
                mine.Add(task);
                if (task.State == TaskState.Running) Running++;
            }
            foreach (var input in task.Inputs)
            {
                if (demanded.Add(input) && tasks.TryGetValue(input, out var next))
                    reached.Push(next);
            }
        }
    }

    void Delegate(WantDelegated e, DateTimeOffset at, List<ProgressNotice> notices)
    {
        if (!tasks.TryGetValue(e.Partition, out var task))
        {
            task = new BuildTask("", [e.Partition], []) { StartedAt = at };
            tasks[e.Partition] = task;
        }
        task.Run ??= e.Run;
        runs.TryAdd(e.Run, task);
        Include(task);
        if (!task.IsDelegated)
        {
            task.IsDelegated = true;
            Delegated += task.Outputs.Length;
        }
        if (e.To is { } to) DelegatedTo.Add(to);
        // A part of the plan: told behind its line.
        (Phase == BuildPhase.Planning ? delegated : notices)
            .Add(new ProgressNotice.Delegated(at, e.Partition, e.Run, e.To));
    }

    BuildTask? Mine(PartitionId partition) =>
        tasks.TryGetValue(partition, out var task) && task.IsMine ? task : null;
}
