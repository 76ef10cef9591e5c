namespace Quoin.Core;

/// <summary>Where an estimate comes from, the best first.</summary>
public enum EstimateSource : byte
{
    /// <summary>The median of this partition's attempts.</summary>
    Partition = 0,

    /// <summary>The median of other partitions of the job.</summary>
    Job = 1,

    /// <summary>The job's declared estimate.</summary>
    Declared = 2,

    /// <summary>Half of the job's timeout.</summary>
    Timeout = 3,

    /// <summary>The median of the jobs that share its first tag with history.</summary>
    Tag = 4,

    /// <summary>The median of everything.</summary>
    All = 5,

    /// <summary>Nothing is known: one second.</summary>
    Default = 6,
}

/// <summary>A guess at how long a run takes.</summary>
/// <param name="Milliseconds">The guess; at least 1.</param>
/// <param name="Source">Where it comes from.</param>
public readonly record struct Estimate(int Milliseconds, EstimateSource Source)
{
    /// <summary>
    /// The doubt in it, from 1. It widens what people are told, and stays out of the rank.
    /// </summary>
    public double Penalty => Source switch
    {
        EstimateSource.Partition => 1.0,
        EstimateSource.Job => 1.2,
        EstimateSource.Declared => 1.5,
        EstimateSource.Timeout => 2.0,
        EstimateSource.Tag or EstimateSource.All or EstimateSource.Default => 2.5,
        _ => throw new InvalidOperationException($"unknown source {Source}"),
    };
}

/// <summary>What the nodes of a plan will take.</summary>
/// <param name="Milliseconds">By node that the plan runs or may run; 0 for the others.</param>
/// <param name="Sources">Where each comes from; says nothing of nodes that do not run.</param>
/// <param name="Penalty">The mean doubt in them, weighted by time.</param>
public sealed record PlanEstimates(
    int[] Milliseconds, EstimateSource[] Sources, double Penalty)
{
    /// <summary>What is expected to run when, on so many slots of one machine.</summary>
    public Timetable Timetable(JobGraph graph, int slots, long memoryBytes) => Core.Timetable.Of(
        new TimetableTasks
        {
            Order = graph,
            EstimatesMs = Milliseconds,
            KeyOf = node => graph.Outputs(node)[0],
            NeedOf = node => graph.JobOf(node) is var job && job.ConfigCommand.IsEmpty
                ? job.Limits.Resources
                : graph.ConfigOf(node).Resources,
            TimeoutOf = node => (long)(graph.JobOf(node).Limits.Timeout?.TotalMilliseconds ?? 0),
        },
        new TimetableRoom(slots, memoryBytes, graph.Graph.Pools, graph.Names));
}

/// <summary>
/// Estimates for the jobs of one graph: the first that applies of the partition's history, the
/// job's, the declared estimate, half the timeout, the tag's, everything's, one second.
/// </summary>
public sealed class DurationEstimates(Graph graph, DurationHistory history)
{
    readonly Estimate?[] byJob = new Estimate?[graph.Jobs.Length];

    /// <summary>The estimate of one run, by its first output.</summary>
    public Estimate Of(Job job, PartitionId partition) =>
        history.MedianOf(partition) is >= 0 and var median
            ? new Estimate(Math.Max(1, median), EstimateSource.Partition)
            : byJob[job.Index] ??= OfJob(job);

    /// <summary>What each node of a plan will take.</summary>
    public PlanEstimates Of(Plan plan) => Of(plan.Graph, plan.IsPlanned);

    /// <summary>What the nodes of a task graph take when they run.</summary>
    public PlanEstimates Of(JobGraph jobs, Func<int, bool> runs)
    {
        var milliseconds = new int[jobs.Count];
        var sources = new EstimateSource[jobs.Count];
        var (weighted, sum) = (0.0, 0.0);
        for (var node = 0; node < milliseconds.Length; node++)
        {
            if (!runs(node)) continue;
            var estimate = Of(jobs.JobOf(node), jobs.Outputs(node)[0]);
            (milliseconds[node], sources[node]) = (estimate.Milliseconds, estimate.Source);
            weighted += estimate.Milliseconds * estimate.Penalty;
            sum += estimate.Milliseconds;
        }
        return new PlanEstimates(milliseconds, sources, sum == 0 ? 1 : weighted / sum);
    }

    /// <summary>What the job took lately has changed: its estimate is made anew.</summary>
    public void Forget(Job job) => byJob[job.Index] = null;

    Estimate OfJob(Job job)
    {
        if (history.MedianOf(job.Name) is >= 0 and var own) return Make(own, EstimateSource.Job);
        if (job.Limits.Estimate is { } declared)
            return Make(declared.TotalMilliseconds, EstimateSource.Declared);
        if (job.Limits.Timeout is { } timeout)
            return Make(timeout.TotalMilliseconds / 2, EstimateSource.Timeout);
        foreach (var tag in job.Tags)
        {
            var tagged = graph.Jobs.Where(other => other.Tags.Contains(tag));
            if (history.MedianOf(tagged.Select(other => other.Name)) is >= 0 and var median)
                return Make(median, EstimateSource.Tag);
        }
        return history.MedianOfAll() is >= 0 and var all
            ? Make(all, EstimateSource.All)
            : new Estimate(1_000, EstimateSource.Default);
    }

    static Estimate Make(double milliseconds, EstimateSource source) =>
        new((int)Math.Clamp(milliseconds, 1, int.MaxValue), source);
}
