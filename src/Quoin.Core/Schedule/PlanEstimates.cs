namespace Quoin.Core;

/// <summary>What the runs of a plan will take, and on how many cores each.</summary>
public sealed class PlanEstimates
{
    // Most plans have no run that could take more or fewer cores: then there is no table of them.
    readonly CoreEstimates?[]? moldable;
    readonly int[] cores;

    PlanEstimates(
        int[] milliseconds, EstimateSource[] sources, double penalty, CoreEstimates?[]? moldable,
        int[] cores, string strategy)
    {
        (Milliseconds, Sources, Penalty) = (milliseconds, sources, penalty);
        (this.moldable, this.cores, Strategy) = (moldable, cores, strategy);
    }

    /// <summary>By node that the plan runs or may run; 0 for the others.</summary>
    public int[] Milliseconds { get; }

    /// <summary>Where each comes from; says nothing of nodes that do not run.</summary>
    public EstimateSource[] Sources { get; }

    /// <summary>The mean doubt in them, weighted by time.</summary>
    public double Penalty { get; }

    /// <summary>How cores were given to moldable runs; empty when there is none.</summary>
    public string Strategy { get; }

    /// <summary>The cores that a moldable run is to have; 0: it takes what it declares.</summary>
    public int CoresOf(int node) => moldable is null ? 0 : cores[node];

    /// <summary>The least cores that a moldable run can do with; 0: it is not moldable.</summary>
    public int LeastOf(int node) => moldable?[node]?.Range.Least ?? 0;

    /// <summary>How long a run takes on this many cores.</summary>
    public int MillisecondsOn(int node, int count) =>
        moldable?[node]?.Of(count).Milliseconds ?? Milliseconds[node];

    /// <summary>What the nodes of a task graph take when they run.</summary>
    /// <param name="jobs">The task graph.</param>
    /// <param name="runs">Which of its nodes run.</param>
    /// <param name="durations">What is known.</param>
    /// <param name="room">Where they run: it decides how many cores moldable runs get.</param>
    /// <param name="before">What was decided earlier: kept unless another way ends sooner.</param>
    /// <param name="keepsCores">What was decided earlier is kept in any case.</param>
    public static PlanEstimates Of(
        JobGraph jobs, Func<int, bool> runs, DurationEstimates durations, TimetableRoom room,
        PlanEstimates? before = null, bool keepsCores = false)
    {
        var milliseconds = new int[jobs.Count];
        var sources = new EstimateSource[jobs.Count];
        CoreEstimates?[]? moldable = null;
        for (var node = 0; node < milliseconds.Length; node++)
        {
            if (!runs(node)) continue;
            var (job, output) = (jobs.JobOf(node), jobs.Outputs(node)[0]);
            if (NeedOf(jobs, node) is { IsMoldable: true } need)
            {
                var most = Math.Max(need.Cpu, Math.Min(need.CpuMost, room.Widest));
                moldable ??= new CoreEstimates?[jobs.Count];
                moldable[node] = durations.Of(job, output, new CoreRange(need.Cpu, most));
                milliseconds[node] = moldable[node]!.Of(need.Cpu).Milliseconds;
                continue;
            }
            var estimate = durations.Of(job, output);
            (milliseconds[node], sources[node]) = (estimate.Milliseconds, estimate.Source);
        }
        if (moldable is null)
            return new PlanEstimates(
                milliseconds, sources, PenaltyOf(milliseconds, sources), null, [], "");
        var decided = before?.moldable is null ? null : before;
        var (cores, strategy) = (decided?.cores, "");
        if (cores is null || !keepsCores)
            (cores, strategy, _) = Portfolio.Choose(
                Tasks(jobs, milliseconds, node => NeedOf(jobs, node)), moldable, room, cores);
        if (strategy.Length == 0) strategy = decided!.Strategy;
        for (var node = 0; node < milliseconds.Length; node++)
        {
            if (moldable[node]?.Of(cores[node]) is not { } estimate) continue;
            (milliseconds[node], sources[node]) = (estimate.Milliseconds, estimate.Source);
        }
        return new PlanEstimates(
            milliseconds, sources, PenaltyOf(milliseconds, sources), moldable, cores, strategy);
    }

    /// <summary>What is expected to run when, in this room.</summary>
    public Timetable Timetable(JobGraph jobs, TimetableRoom room) => Core.Timetable.Of(
        Tasks(jobs, Milliseconds, node => CoresOf(node) is > 0 and var count
            ? NeedOf(jobs, node) with { Cpu = count }
            : NeedOf(jobs, node)),
        room);

    static TimetableTasks Tasks(
        JobGraph jobs, int[] milliseconds, Func<int, ResourceVector> needOf) => new()
        {
            Order = jobs,
            EstimatesMs = milliseconds,
            KeyOf = node => jobs.Outputs(node)[0],
            NeedOf = needOf,
            TimeoutOf = node => (long)(jobs.JobOf(node).Limits.Timeout?.TotalMilliseconds ?? 0),
        };

    static ResourceVector NeedOf(JobGraph jobs, int node) =>
        jobs.JobOf(node) is var job && job.ConfigCommand.IsEmpty
            ? job.Limits.Resources
            : jobs.ConfigOf(node).Resources;

    static double PenaltyOf(int[] milliseconds, EstimateSource[] sources)
    {
        var (weighted, sum) = (0.0, 0.0);
        for (var node = 0; node < milliseconds.Length; node++)
        {
            weighted += milliseconds[node] * new Estimate(1, sources[node]).Penalty;
            sum += milliseconds[node];
        }
        return sum == 0 ? 1 : weighted / sum;
    }
}
