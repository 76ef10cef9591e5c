using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What the run of a planned partition takes, and for how long.</summary>
sealed class RunNeeds(CoordinatorParts parts, Planning planning, ResourceLedger ledger)
{
    /// <summary>
    /// What its config says that it takes; of a moldable run the cores that its plan gives it.
    /// </summary>
    public ResourceVector DeclaredBy(PartitionId p)
    {
        if (!planning.TryGetOwner(p, out var planned, out var node)) return ResourceVector.OneCpu;
        var job = planned.Plan.Graph.JobOf(node);
        var need = job.ConfigCommand.IsEmpty
            ? job.Limits.Resources
            : planned.Plan.Graph.ConfigOf(node).Resources;
        return planned.Estimates.All.CoresOf(node) is > 0 and var cores
            ? need with { Cpu = cores }
            : need;
    }

    /// <summary>
    /// What it takes on this machine: a run with more cores than there are slots takes them all and
    /// runs alone. A moldable one takes what is free when it ends sooner so than if it waited for
    /// the cores that its plan gives it: plans never keep anything from starting.
    /// </summary>
    public ResourceVector NeedOf(PartitionId p)
    {
        var need = DeclaredBy(p);
        if (need.Cpu > parts.Slots) need = need with { Cpu = parts.Slots };
        if (need.CpuMost == 0 || ledger.FreeCpu < 1 || ledger.FreeCpu >= need.Cpu
            || !planning.TryGetOwner(p, out var planned, out var node)) return need;
        var estimates = planned.Estimates.All;
        var fewer = need with { Cpu = ledger.FreeCpu };
        if (estimates.CoresOf(node) == 0 || fewer.Cpu < estimates.LeastOf(node)
            || !ledger.Fits(fewer)) return need;
        var now = parts.Time.GetUtcNow().ToUnixTimeMilliseconds();
        var later = ledger.Reserve(need, now)?.StartMs ?? long.MaxValue / 2;
        return now + estimates.MillisecondsOn(node, fewer.Cpu)
            <= later + estimates.MillisecondsOn(node, need.Cpu)
            ? fewer
            : need;
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
    /// Another process may run it. What has secrets stays here if it can: what others have in their
    /// environments is theirs.
    /// </summary>
    public bool MayGo(PartitionId p) => parts.Slots == 0
        || !planning.TryGetOwner(p, out var planned, out var node)
        || planned.Plan.Graph.JobOf(node) is { Secrets.IsEmpty: true }
        || !LabelsOf(p).All(label => parts.Labels.Contains(label));

    /// <summary>
    /// How long runs of its job took, those of this build too: a plan's estimates are as old as
    /// the plan. -1: not known.
    /// </summary>
    public int UsualMs(PartitionId p) =>
        planning.TryGetOwner(p, out var planned, out var node)
            ? parts.History.UsualOf(planned.Plan.Graph.JobOf(node).Name)
            : -1;

    /// <summary>How long the plan takes it to be, on the cores that are free for it now.</summary>
    public int EstimateMs(PartitionId p) =>
        !planning.TryGetOwner(p, out var planned, out var node) ? 0
        : planned.Estimates.All.CoresOf(node) == 0 ? planned.Estimates.EstimateMs(node)
        : planned.Estimates.All.MillisecondsOn(node, NeedOf(p).Cpu);
}
