using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Which outputs stay where: of which jobs copies are kept, and whose files go when nothing that is
/// planned reads them any more (<c>keep:</c>). Belongs to the coordinator's thread.
/// </summary>
/// <param name="graph">The jobs.</param>
/// <param name="state">What is known of partitions.</param>
/// <param name="artifacts">Where copies are; null: nowhere.</param>
/// <param name="keepsAll">Nothing is dropped.</param>
sealed class Keeping(Graph graph, KernelState state, ArtifactStore? artifacts, bool keepsAll)
{
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
    /// Of what a run made and read: whose files can go now. Nothing that is planned reads them.
    /// </summary>
    public List<PartitionId> Droppable(RunToken run, Plan plan, Planning planning)
    {
        var all = new List<PartitionId>();
        if (keepsAll) return all;
        foreach (var made in run.Claims) Look(made, isRead: false);
        foreach (var read in run.Config.Inputs) Look(read, isRead: true);
        return all;

        void Look(PartitionId p, bool isRead)
        {
            if (JobOf(p) is not { Keep: not KeepRule.All } job
                || state.PlaceOf(p) != PartitionPlace.Live) return;
            // What somebody asked for stays, unless its result is all there is to know.
            if (job.Keep == KeepRule.Temp && (!isRead || plan.Graph.Targets.Contains(p)
                || state.Wants.Values.Any(want => want.Targets.Contains(p)))) return;
            if (!planning.IsRead(p)) all.Add(p);
        }
    }
}
