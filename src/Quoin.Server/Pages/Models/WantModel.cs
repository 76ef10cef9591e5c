using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>How the runs of one job stand for a want.</summary>
public sealed record WantJob(string Job)
{
    /// <summary>Ended well.</summary>
    public int Done { get; init; }

    /// <summary>A worker has them.</summary>
    public int Running { get; init; }

    /// <summary>Failed for good.</summary>
    public int Failed { get; init; }

    /// <summary>Not there yet, those that run among them.</summary>
    public int Left { get; init; }

    /// <summary>What the attempts took together.</summary>
    public TimeSpan Took { get; init; }
}

/// <summary>A run of another want that this one waits or waited for.</summary>
/// <param name="Partition">What it makes.</param>
/// <param name="Run">The run.</param>
/// <param name="By">Whose plan brought it; 0: nobody knows.</param>
/// <param name="State">How it stands.</param>
public sealed record Delegation(string Partition, RunId Run, WantId By, string State);

/// <summary>A step of the longest way through a want.</summary>
public sealed record CriticalStep(RunId Run, string Partition, TimeSpan Took);

/// <summary>A want: what it asks for, its plan, its runs in time, and what it waits for.</summary>
public sealed record WantModel
{
    /// <summary>The most rows of each table.</summary>
    public const int RowsMax = 100;

    const int RunsMax = 5_000;

    /// <summary>As in the list of wants.</summary>
    public required WantLine Line { get; init; }

    /// <summary>Some of what it asks for.</summary>
    public required ImmutableArray<PartitionLine> Targets { get; init; }

    /// <summary>How much it asks for.</summary>
    public required int TargetCount { get; init; }

    /// <summary>Priority, deadline, window.</summary>
    public required WantOptions Options { get; init; }

    /// <summary>How the plan divides its partitions; null: there is no plan yet.</summary>
    public required PlanCounts? Counts { get; init; }

    /// <summary>Who gave it up; empty: nobody.</summary>
    public required string By { get; init; }

    /// <summary>What analysis found.</summary>
    public required ImmutableArray<PlanProblem> Problems { get; init; }

    /// <summary>Wanted partitions that cannot be had.</summary>
    public required ImmutableArray<PartitionLine> Failed { get; init; }

    /// <summary>Its runs by job.</summary>
    public required ImmutableArray<WantJob> Jobs { get; init; }

    /// <summary>Its attempts in time.</summary>
    public required Timeline Timeline { get; init; }

    /// <summary>The chain of runs that bounded its time, first to run first.</summary>
    public required ImmutableArray<CriticalStep> Path { get; init; }

    /// <summary>Runs of other wants that it counts on.</summary>
    public required ImmutableArray<Delegation> Delegated { get; init; }

    /// <summary>Its newest runs.</summary>
    public required ImmutableArray<RunLine> Runs { get; init; }

    /// <summary>How many it has.</summary>
    public required int RunCount { get; init; }

    internal static WantModel? Of(
        StoreState s, WantId id, Holdups holdups, Graph? graph, DateTimeOffset now)
    {
        if (s.Want(id.Value) is not { } want) return null;
        var open = s.Kernel.Wants.GetValueOrDefault(id.Value);
        var work = open is null ? null : WantWork.Of(s, open, graph, now);
        var runs = want.Runs.TakeLast(RunsMax).Select(s.Run).OfType<RunRow>().ToList();
        var path = PathOf(s, runs);
        var failed = open?.FailedTargets.ToImmutableArray() ?? want.Failed;
        return new WantModel
        {
            Line = WantLine.Of(s, want, work, open is null ? null : holdups.Of(open)),
            Targets = [.. want.Targets.Take(RowsMax).Select(p => PartitionLine.Of(s, p))],
            TargetCount = want.Targets.Length,
            Options = want.Options,
            Counts = want.IsPlanned ? want.Counts : null,
            By = want.By,
            Problems = [.. want.Problems.Take(RowsMax)],
            Failed = [.. failed.Take(RowsMax).Select(p => FailedLine(s, p))],
            Jobs = JobsOf(runs, work),
            Timeline = TimelineOf(s, runs, path.ToHashSet(), now),
            Path = [.. path.Select(run => new CriticalStep(
                run.Id, s.Names.Text(run.Claims[0]), RunLine.TookOf(run.Last) ?? default))],
            Delegated = [.. want.Delegated.TakeLast(RowsMax).Select(pair => DelegationOf(s, pair))],
            Runs = [.. runs.AsEnumerable().Reverse().Take(RowsMax)
                .Select(run => RunLine.Of(s, run, holdups))],
            RunCount = want.Runs.Count,
        };
    }

    static PartitionLine FailedLine(StoreState s, PartitionId p) =>
        s.Kernel.TryGetFailure(p, out var failure)
            ? NowModel.FailureLine(s, p, failure)
            : PartitionLine.Of(s, p);

    static Delegation DelegationOf(StoreState s, (PartitionId Partition, RunId Run) pair)
    {
        var run = s.Run(pair.Run.Value);
        return new Delegation(
            s.Names.Text(pair.Partition), pair.Run, run?.Want ?? default,
            run is null ? "" : Words.Of(run.State));
    }

    static ImmutableArray<WantJob> JobsOf(List<RunRow> runs, WantWork? work)
    {
        var jobs = new SortedDictionary<string, WantJob>(StringComparer.Ordinal);
        foreach (var run in runs)
        {
            var job = jobs.GetValueOrDefault(run.Job) ?? new WantJob(run.Job);
            var took = job.Took;
            foreach (var attempt in run.Attempts) took += RunLine.TookOf(attempt) ?? default;
            jobs[run.Job] = job with
            {
                Done = job.Done + (run.State is RunState.Built or RunState.Restored ? 1 : 0),
                Running = job.Running + (run.State == RunState.Running ? 1 : 0),
                Failed = job.Failed + (run.State == RunState.Failed ? 1 : 0),
                Took = took,
            };
        }
        foreach (var (name, left) in work?.ByJob ?? [])
            jobs[name] = (jobs.GetValueOrDefault(name) ?? new WantJob(name)) with { Left = left };
        return [.. jobs.Values];
    }

    static Timeline TimelineOf(
        StoreState s, List<RunRow> runs, HashSet<RunRow> critical, DateTimeOffset now)
    {
        var attempts = new List<TimelineRun>();
        foreach (var run in runs)
        {
            if (run.Claims.IsEmpty) continue;
            foreach (var attempt in run.Attempts)
            {
                if (attempt.Outcome == "deferred") continue; // A look at a thing outside.
                var (from, to) = TimeOf(attempt, now);
                attempts.Add(new TimelineRun(
                    s.Names.Text(run.Claims[0]), Links.Of(run.Id), Words.Worker(attempt.Worker),
                    from, to)
                {
                    Kind = attempt.Outcome == "completed" ? "built" : attempt.Outcome,
                    IsCritical = critical.Contains(run) && attempt == run.Last,
                });
            }
        }
        return Timeline.Of(attempts);
    }

    // What a worker says itself is nearer to the truth than when it was written down, unless its
    // clock is another one.
    static (DateTimeOffset From, DateTimeOffset To) TimeOf(AttemptRow attempt, DateTimeOffset now)
    {
        var (from, usage) = (attempt.LeasedAt, attempt.Usage);
        if (attempt.EndedAt is not { } end) return (from, now > from ? now : from);
        if (usage.ElapsedMs <= 0) return (from, end);
        if ((usage.StartedAt - from).Duration() < TimeSpan.FromMinutes(1)) from = usage.StartedAt;
        return (from, from.AddMilliseconds(usage.ElapsedMs));
    }

    // The longest chain by what the runs took, over the inputs that runs of this want made.
    static List<RunRow> PathOf(StoreState s, List<RunRow> runs)
    {
        var madeBy = new Dictionary<PartitionId, RunRow>();
        var ways = new Dictionary<RunRow, (long Ms, RunRow? From)>();
        RunRow? last = null;
        foreach (var run in runs.Where(run => run is { Last: not null, Claims.IsEmpty: false })
            .OrderBy(run => run.EndedAt ?? DateTimeOffset.MaxValue))
        {
            (long Ms, RunRow? From) way = (0, null);
            foreach (var input in s.Lineage.InputsOf(run.Claims[0]))
            {
                if (madeBy.TryGetValue(input, out var from) && from != run
                    && ways[from].Ms > way.Ms)
                    way = (ways[from].Ms, from);
            }
            way.Ms += (long)(RunLine.TookOf(run.Last) ?? default).TotalMilliseconds;
            ways[run] = way;
            foreach (var output in run.Claims) madeBy[output] = run;
            if (last is null || way.Ms > ways[last].Ms) last = run;
        }
        var path = new List<RunRow>();
        for (var at = last; at is not null; at = ways[at].From) path.Add(at);
        path.Reverse();
        return path;
    }
}
