using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// How long each node of a plan will take, on how many cores, and how long everything from it to
/// the end. Brought up to date when reality departs from it.
/// </summary>
sealed class NodeEstimates
{
    readonly Plan plan;
    long[] ranks;

    public NodeEstimates(Plan plan, DurationEstimates durations, TimetableRoom room)
    {
        this.plan = plan;
        All = PlanEstimates.Of(plan.Graph, IsToBeMade, durations, room);
        ranks = UpwardRank.Of(plan.Graph, All.Milliseconds);
    }

    // What others make is waited for, too.
    bool IsToBeMade(int node) => plan.IsPlanned(node) || plan.IsDelegated(node);

    public PlanEstimates All { get; private set; }

    public int EstimateMs(int node) => All.Milliseconds[node];

    public long RankMs(int node) => ranks[node];

    /// <summary>
    /// Estimates what is left by what is known now. Cores that were decided stay, unless other ones
    /// may be chosen and end sooner.
    /// </summary>
    public void Update(
        Func<PartitionId, bool> isLeft, DurationEstimates durations, TimetableRoom room,
        bool keepsCores)
    {
        All = PlanEstimates.Of(
            plan.Graph, node => IsToBeMade(node) && IsLeft(plan.Graph.Outputs(node)),
            durations, room, All, keepsCores);
        ranks = UpwardRank.Of(plan.Graph, All.Milliseconds);

        bool IsLeft(ReadOnlySpan<PartitionId> outputs)
        {
            foreach (var output in outputs)
                if (isLeft(output)) return true;
            return false;
        }
    }

    /// <summary>
    /// The range for all of it on this many slots; null when too little is known.
    /// </summary>
    public TimeLeft? TimeLeft(int slots) => TimeLeft([this], slots);

    /// <summary>The same for plans of one want together.</summary>
    public static TimeLeft? TimeLeft(IEnumerable<NodeEstimates> plans, int slots)
    {
        long work = 0, path = 0;
        var penalty = 1.0;
        foreach (var plan in plans)
        {
            penalty = Math.Max(penalty, plan.All.Penalty);
            for (var node = 0; node < plan.ranks.Length; node++)
            {
                work += (long)plan.All.Milliseconds[node] * Math.Max(1, plan.All.CoresOf(node));
                path = Math.Max(path, plan.ranks[node]);
            }
        }
        return work == 0 || penalty > PenaltyMax
            ? null
            : Core.TimeLeft.Of(work, path, slots, penalty);
    }

    // Beyond that more than half of the work was never measured: an estimate would be a guess.
    const double PenaltyMax = 1.35;
}
