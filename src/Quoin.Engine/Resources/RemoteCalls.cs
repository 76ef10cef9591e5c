using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The call slots of workers of other processes, and the calls that they have. A call is leased to
/// one worker before that one hears of it, in one append with its row: what is called under which
/// key is known before anything is called, as in this process. Belongs to the coordinator's thread.
/// </summary>
sealed class RemoteCalls
{
    // By name, so that of equals it is always the same one.
    readonly SortedDictionary<string, WorkerInfo> workers = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> busy = new(StringComparer.Ordinal);
    readonly Dictionary<RunId, (string Owner, int Epoch)> away = [];
    List<RunId> lost = [];

    /// <summary>True when some worker could make one more call.</summary>
    public bool HasRoom
    {
        get
        {
            foreach (var worker in workers.Values)
                if (FreeOf(worker) > 0) return true;
            return false;
        }
    }

    /// <summary>A worker makes it, or has answered and was not heard yet.</summary>
    public bool Has(RunId run) => away.ContainsKey(run);

    /// <summary>A worker is there, or says anew what it takes.</summary>
    public void Join(WorkerInfo worker) => workers[worker.Owner] = worker;

    /// <summary>A worker is gone; what it had is in <see cref="TakeLost"/>.</summary>
    public void Leave(string owner)
    {
        workers.Remove(owner);
        if (!busy.Remove(owner)) return;
        foreach (var (run, call) in away.ToArray())
        {
            if (call.Owner != owner) continue;
            away.Remove(run);
            lost.Add(run);
        }
    }

    /// <summary>Calls whose worker went without an answer, since the last time.</summary>
    public IReadOnlyList<RunId> TakeLost()
    {
        if (lost.Count == 0) return lost;
        lost.Sort((a, b) => a.Value.CompareTo(b.Value));
        var all = lost;
        lost = [];
        return all;
    }

    /// <summary>The worker with the most free slots of those with these labels.</summary>
    public WorkerId? Choose(ImmutableArray<string> labels)
    {
        WorkerInfo? best = null;
        foreach (var worker in workers.Values)
        {
            if (FreeOf(worker) <= (best is null ? 0 : FreeOf(best))) continue;
            if (labels.All(label => worker.Labels.Contains(label))) best = worker;
        }
        return best is null ? null : new WorkerId(best.Owner);
    }

    /// <summary>True when some worker has these labels, busy or not.</summary>
    public bool Matches(ImmutableArray<string> labels)
    {
        foreach (var worker in workers.Values)
            if (worker.Calls > 0 && labels.All(label => worker.Labels.Contains(label))) return true;
        return false;
    }

    int FreeOf(WorkerInfo worker) => worker.Calls - busy.GetValueOrDefault(worker.Owner);

    /// <summary>A worker has this call from now on.</summary>
    public void Given(RunId run, int epoch, string owner)
    {
        away[run] = (owner, epoch);
        busy[owner] = busy.GetValueOrDefault(owner) + 1;
    }

    /// <summary>A call was answered, or is nobody's any more.</summary>
    public void Ended(RunId run, int epoch)
    {
        if (!away.TryGetValue(run, out var call) || call.Epoch != epoch) return;
        away.Remove(run);
        if (busy.TryGetValue(call.Owner, out var count)) busy[call.Owner] = count - 1;
    }
}
