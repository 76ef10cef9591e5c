namespace Quoin.Core;

/// <summary>How long a moldable run takes on each number of cores that it can use.</summary>
public sealed class CoreEstimates
{
    readonly Estimate[] byCores; // From the least.

    /// <summary>From what was measured, and by <see cref="SpeedupModel"/> between that.</summary>
    public CoreEstimates(IReadOnlyList<CoreTime> measured, EstimateSource source, CoreRange cores)
    {
        Range = cores;
        var model = new SpeedupModel(measured);
        // What was declared or guessed is no better known on other cores.
        var modelled = source is EstimateSource.Partition or EstimateSource.Job
            ? EstimateSource.OtherCores
            : source == EstimateSource.OtherHosts ? EstimateSource.OtherHostsAndCores
            : source;
        byCores = new Estimate[cores.Most - cores.Least + 1];
        for (var i = 0; i < byCores.Length; i++)
            byCores[i] = new Estimate(model.Ms(cores.Least + i), modelled);
        foreach (var (count, ms) in measured)
        {
            if (count >= cores.Least && count <= cores.Most)
                byCores[count - cores.Least] = new Estimate(Math.Max(1, ms), source);
        }
        Best = cores.Least;
        for (var i = 1; i < byCores.Length; i++)
            if (byCores[i].Milliseconds < Of(Best).Milliseconds) Best = cores.Least + i;
    }

    /// <summary>The least and the most.</summary>
    public CoreRange Range { get; }

    /// <summary>The fewest cores on which it is as fast as it can be.</summary>
    public int Best { get; }

    /// <summary>
    /// Its time on this many cores; on fewer than the least, on those; on more than the most too.
    /// </summary>
    public Estimate Of(int cores) =>
        byCores[Math.Clamp(cores, Range.Least, Range.Most) - Range.Least];
}
