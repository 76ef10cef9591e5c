using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// How long each node of a plan will take, and how long everything from it to the end.
/// </summary>
sealed class NodeEstimates
{
    readonly long[] ranks;

    public NodeEstimates(Plan plan, DurationEstimates durations)
    {
        All = durations.Of(plan);
        ranks = UpwardRank.Of(plan.Graph, All.Milliseconds);
    }

    public PlanEstimates All { get; }

    public int EstimateMs(int node) => All.Milliseconds[node];

    public long RankMs(int node) => ranks[node];

    /// <summary>
    /// The range for all of it on this many slots; null when too little is known.
    /// </summary>
    public TimeLeft? TimeLeft(int slots)
    {
        if (All.Penalty > PenaltyMax) return null;
        long work = 0, path = 0;
        foreach (var estimate in All.Milliseconds) work += estimate;
        foreach (var rank in ranks) path = Math.Max(path, rank);
        return work == 0 ? null : Core.TimeLeft.Of(work, path, slots, All.Penalty);
    }

    // Beyond that more than half of the work was never measured: an estimate would be a guess.
    const double PenaltyMax = 1.35;
}
