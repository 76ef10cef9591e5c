using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Queued runs that wait for the time of their next attempt, or, when that has come, for a slot.
/// Waits are counted on a clock that nobody sets: one that was set back by an hour makes nobody
/// wait for an hour.
/// </summary>
sealed class WaitingRuns(TimeProvider time)
{
    static readonly TimeSpan longest = TimeSpan.FromDays(1); // Timers refuse 50 days.

    readonly PriorityQueue<RunId, long> runs = new();

    /// <summary>How many wait.</summary>
    public int Count => runs.Count;

    /// <summary>Lets a run wait until a time of the wall clock as it is; null: no time.</summary>
    public void Put(RunId run, DateTimeOffset? until)
    {
        var wait = until - time.GetUtcNow() ?? TimeSpan.Zero;
        if (wait > longest) wait = longest;
        var ticks = wait > TimeSpan.Zero ? wait.TotalSeconds * time.TimestampFrequency : 0;
        runs.Enqueue(run, time.GetTimestamp() + (long)ticks);
    }

    /// <summary>
    /// Offers each whose time has come to <paramref name="start"/>; false: it waits on.
    /// </summary>
    public void Start(Func<RunId, bool> start)
    {
        var now = time.GetTimestamp();
        List<(RunId Run, long At)>? left = null;
        while (runs.TryPeek(out var run, out var at) && at <= now)
        {
            runs.Dequeue();
            if (!start(run)) (left ??= []).Add((run, at));
        }
        foreach (var (run, at) in left ?? []) runs.Enqueue(run, at);
    }

    /// <summary>How long until the next time comes; null: there is none.</summary>
    public TimeSpan? Next
    {
        get
        {
            var now = time.GetTimestamp();
            long? next = null;
            foreach (var (_, at) in runs.UnorderedItems)
                if (at > now && !(next <= at)) next = at;
            return next is { } due ? time.GetElapsedTime(now, due) : null;
        }
    }
}
