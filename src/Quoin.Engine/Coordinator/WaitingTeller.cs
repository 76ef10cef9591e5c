using System.Collections.Immutable;

namespace Quoin.Engine;

/// <summary>
/// Says it, and again every half a minute, when runs are ready that nobody who is there can take.
/// Belongs to the coordinator's thread.
/// </summary>
sealed class WaitingTeller(CoordinatorParts parts)
{
    static readonly TimeSpan every = TimeSpan.FromSeconds(30);

    long? toldAt;

    /// <summary>So many wait now for a worker (with these labels); 0: none.</summary>
    public void Tell(int runs, ImmutableArray<string> labels)
    {
        if (runs == 0)
        {
            toldAt = null;
            return;
        }
        if (toldAt is { } at && parts.Time.GetElapsedTime(at) < every) return;
        toldAt = parts.Time.GetTimestamp();
        parts.Observer.WaitsForWorkers(runs, labels);
    }
}
