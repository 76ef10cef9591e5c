using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Which outputs stay where: of which jobs copies are kept, and whose files go when nothing that is
/// planned reads them any more (<c>keep:</c>). Belongs to the coordinator's thread.
/// </summary>
/// <param name="graph">The jobs.</param>
/// <param name="state">What is known of partitions.</param>
/// <param name="artifacts">Where copies are; null: nowhere.</param>
sealed class Keeping(Graph graph, KernelState state, ArtifactStore? artifacts)
{
    readonly List<(RunToken Run, Plan Plan)> over = [];

    /// <summary>Whether copies of a job's outputs are kept.</summary>
    public bool Keeps(Job job) => artifacts is not null && job.Resource is null
        && job.Keep != KeepRule.Check
        && (job.Cache ?? (graph.Artifacts is not null || artifacts.IsShared));

    /// <summary>Whether an input may be in no place of this host, and a copy elsewhere.</summary>
    public bool MayBeAway(PartitionId input) =>
        artifacts is not null && JobOf(input) is { } job && (Keeps(job) || artifacts.IsShared);

    Job? JobOf(PartitionId partition) =>
        graph.FindProducer(state.Names.Utf8(partition)).Job;

    /// <summary>
    /// A run is over. What a good one made and read may be let go now: a bad one is tried again.
    /// </summary>
    public void Ended(RunToken run, PlannedWant planned)
    {
        if (planned.Options.KeepAll
            || !run.Claims.All(made => state.PlaceOf(made) == PartitionPlace.Live)) return;
        over.Add((run, planned.Plan));
    }

    /// <summary>
    /// Of what runs made and read that ended since it was asked last: whose files can go. Nothing
    /// that is planned by now reads them.
    /// </summary>
    public List<PartitionId> TakeDroppable(Planning planning)
    {
        var all = new List<PartitionId>();
        foreach (var (run, plan) in over)
        {
            foreach (var made in run.Claims) Look(plan, made, isRead: false);
            foreach (var read in run.Config.Inputs) Look(plan, read, isRead: true);
        }
        over.Clear();
        return all;

        void Look(Plan plan, PartitionId p, bool isRead)
        {
            if (JobOf(p) is not { Keep: not KeepRule.All } job
                || state.PlaceOf(p) != PartitionPlace.Live) return;
            // What somebody asked for stays, unless its result is all there is to know.
            if (job.Keep == KeepRule.Temp && (!isRead || plan.Graph.Targets.Contains(p)
                || state.Wants.Values.Any(want => want.Targets.Contains(p)))) return;
            if (!planning.IsRead(p) && !all.Contains(p)) all.Add(p);
        }
    }
}
