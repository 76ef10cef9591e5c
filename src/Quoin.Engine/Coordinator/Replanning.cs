using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// When ranks, and the cores of moldable runs, are decided anew: a run took much longer or shorter
/// than expected, workers came or went, or time passed. Plans suggest an order and never keep
/// anything from starting, so this may be late, and is cheap. Belongs to the coordinator's thread.
/// </summary>
sealed class Replanning(
    Coordinator coordinator, CoordinatorParts parts, Planning planning, RemoteRuns remote)
{
    // An actual time so far off its estimate, and at least so many milliseconds, changes ranks.
    const double DepartsBy = 0.2;
    const int DepartsByMs = 100;

    // Ranking a plan of 100,000 runs takes about 20 ms.
    static readonly TimeSpan atMostEvery = TimeSpan.FromSeconds(2);
    static readonly TimeSpan moldableEvery = TimeSpan.FromMinutes(5);

    long rankedAt = parts.Time.GetTimestamp();
    long chosenAt = parts.Time.GetTimestamp();
    int slots = -1;
    bool departed;

    /// <summary>What runs can have together, here and at workers.</summary>
    public TimetableRoom Room
    {
        get
        {
            // Workers of other hosts say what memory they have, and it is not one heap.
            var memory = remote.Any ? 0 : parts.MemoryBytes;
            return new TimetableRoom(
                Math.Max(1, parts.Slots + remote.Slots), memory, parts.Graph.Pools,
                parts.State.Names)
            {
                Widest = Math.Max(1, Math.Max(parts.Slots, remote.Widest)),
            };
        }
    }

    /// <summary>An attempt ended.</summary>
    public void Took(ActiveRun? run, JobResult result)
    {
        if (run?.Planned is not { } planned || result.End != JobEnd.Completed
            || result.RestoredFrom.Length > 0) return;
        var estimate = planned.Estimates.EstimateMs(run.Node);
        var off = Math.Abs(result.Usage.ElapsedMs - estimate);
        departed |= off > estimate * DepartsBy && off >= DepartsByMs;
    }

    /// <summary>Brings the plans up to date when that is due; true when it did.</summary>
    public bool TryUpdate()
    {
        var now = parts.Slots + remote.Slots;
        if (slots < 0) slots = now;
        if (parts.Time.GetElapsedTime(rankedAt) < atMostEvery) return false;
        var choosesCores = planning.IsMoldable
            && (now != slots || parts.Time.GetElapsedTime(chosenAt) >= moldableEvery);
        if (!departed && !choosesCores) return false;
        (rankedAt, departed) = (parts.Time.GetTimestamp(), false);
        if (choosesCores) (chosenAt, slots) = (rankedAt, now);
        planning.RankAgain(Room, keepsCores: !choosesCores);
        TellTimeLeft();
        return true;
    }

    /// <summary>The times that people were told are not the ones of now any more.</summary>
    public void TellTimeLeft()
    {
        foreach (var (want, left) in planning.TimeLeft(Room.Slots).ToArray())
            coordinator.AfterCommit(() => parts.Observer.Estimated(want, left));
    }
}
