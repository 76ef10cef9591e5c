using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// A store as of one position of its log, with what people ask for and the kernel forgets: wants
/// and runs that are over. It is a fold of the log and nothing else. Belongs to whoever holds the
/// lock of <see cref="StoreViews"/>.
/// </summary>
sealed class StoreState
{
    readonly SortedIds[] byState = SortedIds.ForEach<RunState>();
    readonly Dictionary<string, List<int>> byJob = new(StringComparer.Ordinal);
    readonly List<PartitionId> moved = [];
    readonly Queue<WorkerRow> left = new();
    RunRow?[] runs = new RunRow?[256];
    string?[] jobs = new string?[256]; // By partition.
    int[] lastRuns = new int[256]; // By partition; 0: none.

    public StoreState()
    {
        Kernel = new KernelState(new PartitionNames()) { Moved = moved };
        History = new DurationHistory(Kernel.Names);
        Partitions = new PartitionIndex(Kernel);
        Events = new EventIndex(Kernel.Names);
    }

    /// <summary>Everything that is not over.</summary>
    public KernelState Kernel { get; }

    /// <summary>Durations of successful attempts.</summary>
    public DurationHistory History { get; }

    /// <summary>All partitions by name and place.</summary>
    public PartitionIndex Partitions { get; }

    /// <summary>What was made from what.</summary>
    public Lineage Lineage { get; } = new();

    /// <summary>Where in the log everything is.</summary>
    public EventIndex Events { get; }

    /// <summary>The names behind the ids.</summary>
    public PartitionNames Names => Kernel.Names;

    /// <summary>The last event that was read.</summary>
    public long Position { get; private set; }

    /// <summary>When that was recorded.</summary>
    public DateTimeOffset At { get; private set; }

    /// <summary>All wants that there were.</summary>
    public WantTable Wants { get; } = new();

    /// <summary>The highest id of a run.</summary>
    public int LastRun { get; private set; }

    /// <summary>All questions, open and answered, by id.</summary>
    public SortedDictionary<int, QuestionRow> Questions { get; } = [];

    /// <summary>Workers that are there and <see cref="LeftMax"/> that left last, by owner.
    /// </summary>
    public Dictionary<string, WorkerRow> Workers { get; } = new(StringComparer.Ordinal);

    /// <summary>So many workers are remembered that are gone.</summary>
    public const int LeftMax = 100;

    /// <summary>Answers to commands of this API.</summary>
    public AnswerBook Answers { get; } = new();

    /// <summary>How many attempts ended how, since the log began.</summary>
    public SortedDictionary<string, long> AttemptsEnded { get; } = new(StringComparer.Ordinal);

    /// <summary>Called with each attempt that ends, and its job; null: nobody counts.</summary>
    public Action<string, AttemptRow>? OnAttemptEnded { get; set; }

    /// <summary>A want of any time.</summary>
    public WantRow? Want(int id) => Wants.Find(id);

    /// <summary>A run of any time.</summary>
    public RunRow? Run(int id) => id > 0 && id <= LastRun ? runs[id] : null;

    /// <summary>How many runs stand so.</summary>
    public int CountRuns(RunState state) => byState[(int)state].Count;

    /// <summary>The jobs that runs were for.</summary>
    public IEnumerable<string> Jobs => byJob.Keys.Order(StringComparer.Ordinal);

    /// <summary>
    /// Runs, the newest first, with an id below <paramref name="before"/>; in one state, of one
    /// job, of one want. It looks at no more than <see cref="LookedAtMax"/>: then the page is
    /// shorter, and <paramref name="next"/> says where to go on (null: that was all).
    /// </summary>
    public List<RunRow> RunPage(
        RunState? state, string? job, int? want, int? before, int limit, out int? next)
    {
        var page = new List<RunRow>();
        var looked = 0;
        next = null;
        foreach (var id in RunIds(state, job, want, before ?? int.MaxValue))
        {
            if (page.Count == limit || looked++ == LookedAtMax)
            {
                next = id + 1;
                break;
            }
            if (runs[id] is { } run && (state is null || run.State == state)
                && (job is null || run.Job == job) && (want is null || run.Want.Value == want))
                page.Add(run);
        }
        return page;
    }

    /// <summary>So many rows one question costs at most.</summary>
    public const int LookedAtMax = 20_000;

    IEnumerable<int> RunIds(RunState? state, string? job, int? want, int before)
    {
        if (want is { } w) return Want(w) is { } row ? Below(row.Runs, before) : [];
        if (state is { } s) return byState[(int)s].Before(id => id >= before);
        if (job is not null)
            return byJob.TryGetValue(job, out var ids) ? Below(ids, before) : [];
        return SortedIds.Down(Math.Min(before - 1, LastRun));
    }

    /// <summary>Runs in one of these states, the oldest first.</summary>
    public List<RunRow> OldestRuns(int limit, params ReadOnlySpan<RunState> states)
    {
        var ids = new List<int>();
        foreach (var state in states) ids.AddRange(byState[(int)state].From(_ => true).Take(limit));
        return [.. ids.Order().Take(limit).Select(id => runs[id]!)];
    }

    /// <summary>The runs that hold or held a partition, the newest first.</summary>
    public IEnumerable<RunRow> RunsOf(PartitionId p)
    {
        for (var id = p.Value < lastRuns.Length ? lastRuns[p.Value] : 0; id > 0;)
        {
            var run = runs[id]!;
            yield return run;
            id = run.RunsBefore[run.Claims.IndexOf(p)];
        }
    }

    static IEnumerable<int> Below(List<int> ids, int before)
    {
        var at = ids.BinarySearch(before);
        for (var i = (at < 0 ? ~at : at) - 1; i >= 0; i--) yield return ids[i];
    }

    /// <summary>The job that makes a partition, as it was planned last; empty: none did.</summary>
    public string JobOf(PartitionId p) =>
        p.Value < jobs.Length ? jobs[p.Value] ?? "" : "";

    /// <summary>The next event of the log.</summary>
    public void Apply(LoggedEvent logged)
    {
        var e = logged.Event;
        (Position, At) = (logged.Position, logged.At);
        Events.Add(logged);
        if (e is RunScheduled scheduled) Schedule(scheduled, logged.At);
        StateLoader.Observe(History, Kernel, e);
        Evolve.Apply(Kernel, e);
        Kernel.Notices.Clear();
        switch (e)
        {
            case RunEvent run: ApplyRun(run, logged.At); break;
            case WantEvent want: ApplyWant(want, logged); break;
            case PartitionPlanned planned:
                var job = string.Intern(planned.Job);
                foreach (var output in planned.Outputs) Growing.Slot(ref jobs, output.Value) = job;
                Lineage.Add(planned);
                break;
            case WorkerAdded worker:
                Workers[worker.Worker.Owner] =
                    new WorkerRow(
                        worker.Worker.Owner, worker.Slots - worker.Ahead, logged.At);
                break;
            case WorkerRemoved worker: Leave(worker, logged.At); break;
            case CommandAnswered answer when IsOurs(answer.Command):
                Answers.Add(
                    answer.Command, new(logged.Position, answer.Code, answer.Message, null),
                    logged.At);
                break;
        }
        foreach (var p in moved) Partitions.Update(p);
        moved.Clear();
    }

    /// <summary>
    /// Ids of commands that this API sends begin so; only their answers are kept.
    /// </summary>
    public const string CommandPrefix = "http/";

    static bool IsOurs(string command) =>
        command.StartsWith(CommandPrefix, StringComparison.Ordinal);

    // Those that left long ago are forgotten, unless one came back under the same name.
    void Leave(WorkerRemoved e, DateTimeOffset at)
    {
        if (!Workers.TryGetValue(e.Worker.Owner, out var gone) || gone.LeftAt is not null) return;
        gone.LeftAt = at;
        left.Enqueue(gone);
        if (left.Count <= LeftMax) return;
        var old = left.Dequeue();
        if (Workers.GetValueOrDefault(old.Owner) == old) Workers.Remove(old.Owner);
    }

    void Schedule(RunScheduled e, DateTimeOffset at)
    {
        var first = e.Claims.IsEmpty ? default : e.Claims[0];
        var want = e.Claims.IsEmpty ? default : Kernel.ConfigOf(first)?.For ?? default;
        var run = new RunRow(e.Run, e.Claims.IsEmpty ? "" : JobOf(first), want, e.Claims)
        {
            ScheduledAt = at,
            RunsBefore =
                [.. e.Claims.Select(p => p.Value < lastRuns.Length ? lastRuns[p.Value] : 0)],
        };
        foreach (var p in e.Claims) Growing.Slot(ref lastRuns, p.Value) = e.Run.Value;
        Growing.Slot(ref runs, e.Run.Value) = run;
        LastRun = Math.Max(LastRun, e.Run.Value);
        byState[(int)run.State].Add(e.Run.Value);
        if (!byJob.TryGetValue(run.Job, out var ids)) byJob[run.Job] = ids = [];
        ids.Add(e.Run.Value);
        Want(want.Value)?.Runs.Add(e.Run.Value);
    }

    void ApplyRun(RunEvent e, DateTimeOffset at)
    {
        if (Run(e.Run.Value) is not { } run) return;
        switch (e)
        {
            case RunLeased x: Lease(run, x, at); break;
            case RunCompleted x:
                EndAttempt(run, at, "completed", x.Usage, null);
                run.RestoredFrom = x.RestoredFrom;
                if (Want(run.Want.Value) is { } want) want.RunsDone++;
                if (Kernel.Runs.ContainsKey(run.Id.Value)) Move(run, RunState.Deferred);
                else End(run, x.RestoredFrom.Length == 0 ? RunState.Built : RunState.Restored, at);
                break;
            case RunFailed x:
                EndAttempt(run, at, "failed", x.Usage, x.Failure);
                Retry(run, x.RetryAt, at);
                break;
            case LeaseExpired x:
                if (x.IsReturned) EndAttempt(run, at, "given-back", default, null);
                else EndAttempt(run, at, "lost", default, WorkerIsGone);
                Retry(run, x.RetryAt, at);
                break;
            case RunDepMissed x:
                EndAttempt(run, at, "needs-inputs", x.Usage, null);
                End(run, RunState.NeedsInputs, at);
                break;
            case RunCancelRequested when run.State != RunState.Running:
                End(run, RunState.Cancelled, at);
                break;
            case RunCancelAcked x:
                EndAttempt(run, at, "cancelled", x.Usage, null);
                End(run, RunState.Cancelled, at);
                break;
            case RunDeferred x:
                EndAttempt(run, at, "deferred", default, null);
                run.RetryAt = x.Until;
                Move(run, RunState.Deferred);
                break;
            case RunStarted: Move(run, RunState.Queued); break;
            case ExternalSeen x: run.ExternalId = x.ExternalId; break;
            case ResourceReleased when !Kernel.Runs.ContainsKey(run.Id.Value):
                EndAttempt(run, at, "released", default, null);
                End(run, RunState.Released, at);
                break;
            case InterventionOpened x:
                var about = run.Claims.IsEmpty ? "" : Names.Text(run.Claims[0]);
                Questions[x.Intervention.Value] = new QuestionRow(x, about, at);
                break;
            case InterventionResolved x
                when Questions.TryGetValue(x.Intervention.Value, out var question):
                (question.AnsweredAt, question.Answer) = (at, x);
                break;
        }
        Settle(run, at);
    }

    // What ends a call about a thing outside without saying so (its release failed, a person has
    // to decide): the kernel knows where its run is.
    void Settle(RunRow run, DateTimeOffset at)
    {
        if (run.EndedAt is not null) return;
        RunState? place = Kernel.Runs.GetValueOrDefault(run.Id.Value)?.Place switch
        {
            RunPlace.Queued => RunState.Queued,
            RunPlace.Running or RunPlace.Cancelling => RunState.Running,
            RunPlace.Deferred => RunState.Deferred,
            null => null,
        };
        if (place == RunState.Running) return;
        EndAttempt(run, at, "answered", default, null);
        if (place is { } now) Move(run, now);
        else End(run, RunState.Released, at);
    }

    static readonly RunFailure WorkerIsGone =
        new(FailureCategory.Lost, "its worker is gone");

    void Lease(RunRow run, RunLeased e, DateTimeOffset at)
    {
        if (run.Last is { } before)
        {
            run.Earlier ??= [];
            // Each look at a thing outside is a lease of its own: of very many the first and the
            // last ones have to do.
            if (run.Earlier.Count >= AttemptsMax) run.Earlier.RemoveAt(AttemptsMax / 2);
            run.Earlier.Add(before);
        }
        run.Last = new AttemptRow
        {
            Attempt = e.Attempt,
            Epoch = e.Epoch,
            Worker = e.Worker.Owner,
            LeasedAt = at,
        };
        run.RetryAt = null;
        if (Workers.TryGetValue(e.Worker.Owner, out var worker)) worker.Running.Add(run.Id.Value);
        Move(run, RunState.Running);
    }

    const int AttemptsMax = 100;

    void EndAttempt(
        RunRow run, DateTimeOffset at, string outcome, RunUsage usage, RunFailure? failure)
    {
        if (run.Last is not { EndedAt: null } last) return;
        (last.EndedAt, last.Outcome, last.Usage, last.Failure) = (at, outcome, usage, failure);
        AttemptsEnded[outcome] = AttemptsEnded.GetValueOrDefault(outcome) + 1;
        OnAttemptEnded?.Invoke(run.Job, last);
        if (!Workers.TryGetValue(last.Worker, out var worker)) return;
        worker.Running.Remove(run.Id.Value);
        worker.Ended++;
    }

    void Retry(RunRow run, DateTimeOffset? retryAt, DateTimeOffset at)
    {
        run.RetryAt = retryAt;
        if (retryAt is null && !Kernel.Runs.ContainsKey(run.Id.Value))
            End(run, RunState.Failed, at);
        else Move(run, Kernel.Runs.TryGetValue(run.Id.Value, out var token)
            && token.Place == RunPlace.Deferred ? RunState.Deferred : RunState.Queued);
    }

    void End(RunRow run, RunState state, DateTimeOffset at)
    {
        run.EndedAt = at;
        Move(run, state);
    }

    void Move(RunRow run, RunState to)
    {
        if (run.State == to) return;
        byState[(int)run.State].Remove(run.Id.Value);
        byState[(int)to].Add(run.Id.Value);
        run.State = to;
    }

    void ApplyWant(WantEvent e, LoggedEvent logged)
    {
        switch (e)
        {
            case WantAccepted x when Want(x.Want.Value) is { } offer:
                Wants.Move(offer, WantStanding.Open); // An offer that somebody took.
                Answer(x.Command, logged, x.Want);
                return;
            case WantAccepted x:
                AddNew(x.Want, x.Targets, x.Options, x.Request, WantStanding.Open);
                Answer(x.Command, logged, x.Want);
                return;
            case WantOffered x:
                AddNew(x.Want, x.Targets, x.Options, x.Request, WantStanding.Offered);
                Answer(x.Command, logged, x.Want);
                return;
        }

        void AddNew(
            WantId id, ImmutableArray<PartitionId> targets, WantOptions options, string request,
            WantStanding standing) => Wants.Add(new WantRow(id, targets, options)
            {
                Request = request,
                AcceptedAt = logged.At,
                Standing = standing,
            });

        if (Want(e.Want.Value) is not { } want) return;
        switch (e)
        {
            case WantPlanned x: (want.Counts, want.IsPlanned) = (x.Counts, true); break;
            case PlanExtended x: want.Counts = Sum(want.Counts, x.Added); break;
            case AnalysisFailed x: want.Problems = x.Problems; break;
            case WantDelegated x: want.Delegated.Add((x.Partition, x.Run)); break;
            case WantReady: Wants.Move(want, WantStanding.Ready); break;
            case WantReleaseRequested: Wants.Move(want, WantStanding.Releasing); break;
            case WantSucceeded: End(want, WantStanding.Succeeded, logged.At); break;
            case WantFailed x:
                want.Failed = x.Failed;
                End(want, WantStanding.Failed, logged.At);
                break;
            case WantExpired: End(want, WantStanding.Expired, logged.At); break;
            case WantCancelled x:
                want.By = x.By;
                End(want, WantStanding.Cancelled, logged.At);
                break;
        }
    }

    void Answer(string command, LoggedEvent logged, WantId want)
    {
        if (IsOurs(command))
            Answers.Add(
                command, new CommandAnswer(logged.Position, "done", "", want), logged.At);
    }

    void End(WantRow want, WantStanding standing, DateTimeOffset at)
    {
        Wants.Move(want, standing);
        want.EndedAt = at;
    }

    static PlanCounts Sum(PlanCounts a, PlanCounts b) => new(
        a.Total + b.Total, a.Current + b.Current, a.Build + b.Build, a.Maybe + b.Maybe,
        a.Blocked + b.Blocked);
}
