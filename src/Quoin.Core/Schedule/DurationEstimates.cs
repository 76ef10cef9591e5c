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

    /// <summary>By a model, from what was measured on other numbers of cores.</summary>
    OtherCores = 7,

    /// <summary>This partition's, on hosts of other speeds, scaled.</summary>
    OtherHosts = 8,

    /// <summary>Both: by a model, and scaled.</summary>
    OtherHostsAndCores = 9,
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
        EstimateSource.Job or EstimateSource.OtherHosts => 1.2,
        EstimateSource.OtherCores => 1.4,
        EstimateSource.Declared => 1.5,
        EstimateSource.OtherHostsAndCores => 1.7,
        EstimateSource.Timeout => 2.0,
        EstimateSource.Tag or EstimateSource.All or EstimateSource.Default => 2.5,
        _ => throw new InvalidOperationException($"unknown source {Source}"),
    };
}

/// <summary>
/// Estimates for the jobs of one graph: the first that applies of the partition's history, the
/// job's, the declared estimate, half the timeout, the tag's, everything's, one second.
/// </summary>
/// <param name="graph">The jobs.</param>
/// <param name="history">What was measured.</param>
/// <param name="speed">
/// The speed of the hosts that will run them, asked for when something is estimated; null or 0: of
/// those that ran last.
/// </param>
public sealed class DurationEstimates(
    Graph graph, DurationHistory history, Func<int>? speed = null)
{
    int? asked;
    readonly Estimate?[] byJob = new Estimate?[graph.Jobs.Length];
    readonly Dictionary<(int Job, CoreRange Cores), CoreEstimates> byCores = [];

    /// <summary>The estimate of one run, by its first output.</summary>
    public Estimate Of(Job job, PartitionId partition) =>
        history.MedianOf(partition) is >= 0 and var median
            ? Make(Here(median), SourceOf(partition))
            : byJob[job.Index] ??= OfJob(job);

    int Speed => asked ??= speed?.Invoke() is > 0 and var own ? own : history.LastSpeed;

    EstimateSource SourceOf(PartitionId partition) => history.IsOf(partition, Speed)
        ? EstimateSource.Partition
        : EstimateSource.OtherHosts;

    // What was measured is of the history's first host.
    int Here(int ms) => DurationHistory.Scale(ms, history.BaseSpeed, Speed);

    CoreTime[] Here(IEnumerable<CoreTime> times) =>
        [.. times.Select(time => time with { Ms = Here(time.Ms) })];

    /// <summary>
    /// The estimate of a run that takes fewer cores or more, on each number of them that it can
    /// use. A declared estimate is meant for the least of them.
    /// </summary>
    /// <param name="job">What it is a run of.</param>
    /// <param name="partition">Its first output.</param>
    /// <param name="cores">From the least to the most, at least 1.</param>
    public CoreEstimates Of(Job job, PartitionId partition, CoreRange cores)
    {
        var own = Here(history.ByCores(partition));
        if (own.Length > 0) return new CoreEstimates(own, SourceOf(partition), cores);
        if (byCores.TryGetValue((job.Index, cores), out var known)) return known;
        var times = Here(history.ByCores(job.Name));
        var source = EstimateSource.Job;
        if (times.Length == 0)
        {
            // Its history, if it has one, is of a time when it took one number of cores only.
            var one = Of(job, partition);
            (times, source) = ([new CoreTime(cores.Least, one.Milliseconds)], one.Source);
            if (source is EstimateSource.Partition or EstimateSource.OtherHosts)
                return new CoreEstimates(times, source, cores);
        }
        return byCores[(job.Index, cores)] = new CoreEstimates(times, source, cores);
    }

    Estimate OfJob(Job job)
    {
        if (history.MedianOf(job.Name) is >= 0 and var own)
            return Make(Here(own), EstimateSource.Job);
        if (job.Limits.Estimate is { } declared)
            return Make(declared.TotalMilliseconds, EstimateSource.Declared);
        if (job.Limits.Timeout is { } timeout)
            return Make(timeout.TotalMilliseconds / 2, EstimateSource.Timeout);
        foreach (var tag in job.Tags)
        {
            var tagged = graph.Jobs.Where(other => other.Tags.Contains(tag));
            if (history.MedianOf(tagged.Select(other => other.Name)) is >= 0 and var median)
                return Make(Here(median), EstimateSource.Tag);
        }
        return history.MedianOfAll() is >= 0 and var all
            ? Make(Here(all), EstimateSource.All)
            : new Estimate(1_000, EstimateSource.Default);
    }

    static Estimate Make(double milliseconds, EstimateSource source) =>
        new((int)Math.Clamp(milliseconds, 1, int.MaxValue), source);
}
