using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A run in the dispatcher's hands; without a plan when an earlier coordinator planned it.
/// </summary>
sealed class ActiveRun(PlannedWant? planned, int node, PartitionId key)
{
    public PlannedWant? Planned { get; } = planned;
    public int Node { get; } = node;
    public PartitionId Key { get; } = key;
    public JobControl? Control { get; set; }

    /// <summary>It is, or was last, with a worker of another process.</summary>
    public bool IsRemote { get; set; }

    /// <summary>It has a row in the store's queue.</summary>
    public bool IsRowThere { get; set; }
}
