using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What the run of a planned partition takes, and for how long.</summary>
sealed class RunNeeds(CoordinatorParts parts, Planning planning)
{
    /// <summary>What its config says that it takes.</summary>
    public ResourceVector DeclaredBy(PartitionId p)
    {
        if (!planning.TryGetOwner(p, out var planned, out var node)) return ResourceVector.OneCpu;
        var job = planned.Plan.Graph.JobOf(node);
        return job.ConfigCommand.IsEmpty
            ? job.Limits.Resources
            : planned.Plan.Graph.ConfigOf(node).Resources;
    }

    /// <summary>
    /// What it takes on this machine: a run with more cores than there are slots takes them all and
    /// runs alone.
    /// </summary>
    public ResourceVector NeedOf(PartitionId p)
    {
        var need = DeclaredBy(p);
        return need.Cpu <= parts.Slots ? need : need with { Cpu = parts.Slots };
    }

    /// <summary>
    /// What it takes here when another process runs it: what the whole store has so many of.
    /// </summary>
    public ResourceVector PoolsOf(PartitionId p) =>
        DeclaredBy(p) with { Cpu = 0, MemoryBytes = 0 };

    /// <summary>Labels that its worker has to have.</summary>
    public ImmutableArray<string> LabelsOf(PartitionId p) =>
        planning.TryGetOwner(p, out var planned, out var node)
            ? planned.Plan.Graph.JobOf(node).Limits.Labels
            : [];

    /// <summary>
    /// How long runs of its job took, those of this build too: a plan's estimates are as old as
    /// the plan. -1: not known.
    /// </summary>
    public int UsualMs(PartitionId p) =>
        planning.TryGetOwner(p, out var planned, out var node)
            ? parts.History.MedianOf(planned.Plan.Graph.JobOf(node).Name)
            : -1;

    /// <summary>How long the plan takes it to be.</summary>
    public int EstimateMs(PartitionId p) =>
        planning.TryGetOwner(p, out var planned, out var node)
            ? planned.Estimates.EstimateMs(node)
            : 0;
}
