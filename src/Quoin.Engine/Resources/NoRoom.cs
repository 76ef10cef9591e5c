using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Runs that are due and whose labels nobody with a free call slot has, by labels, the one that
/// waits for longest first: of each only the first is asked about.
/// </summary>
sealed class NoRoom
{
    readonly SortedDictionary<string, (ImmutableArray<string> Labels, Queue<RunId> Runs)> groups =
        new(StringComparer.Ordinal);
    readonly HashSet<RunId> waiting = [];

    /// <summary>It waits, behind those with the same labels.</summary>
    public void Put(RunId run, ImmutableArray<string> labels)
    {
        if (!waiting.Add(run)) return;
        var name = string.Join('\n', labels);
        if (!groups.TryGetValue(name, out var group))
            groups.Add(name, group = (labels, new Queue<RunId>()));
        group.Runs.Enqueue(run);
    }

    /// <summary>It does not wait for a slot any more.</summary>
    public void Remove(RunId run) => waiting.Remove(run);

    /// <summary>Those of one group that nobody who is there can take; none: 0.</summary>
    public (int Runs, ImmutableArray<string> Labels) Stranded(
        Func<ImmutableArray<string>, bool> canBeTaken)
    {
        if (waiting.Count == 0) return (0, []);
        foreach (var group in groups.Values)
        {
            if (group.Runs.Count == 0 || canBeTaken(group.Labels)) continue;
            if (group.Runs.Count(waiting.Contains) is > 0 and var runs) return (runs, group.Labels);
        }
        return (0, []);
    }

    /// <summary>Takes the first of a group that has a place now; false: none has.</summary>
    public bool TryTake(Func<ImmutableArray<string>, bool> hasPlace, out RunId run)
    {
        run = default;
        if (waiting.Count == 0) return false;
        foreach (var group in groups.Values)
        {
            while (group.Runs.TryPeek(out run) && !waiting.Contains(run)) group.Runs.Dequeue();
            if (group.Runs.Count == 0 || !hasPlace(group.Labels)) continue;
            waiting.Remove(group.Runs.Dequeue());
            return true;
        }
        return false;
    }
}
