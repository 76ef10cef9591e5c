using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// When runs of resources are to be activated next: one time for each, the oldest first. Sleeping
/// costs an entry here and nothing else. Waits are counted on a clock that nobody sets; see
/// <see cref="WaitingRuns"/>. What comes due within a moment of another comes due with it: each
/// time that somebody wakes costs commits, whether for one call or for many.
/// </summary>
sealed class DueRuns(TimeProvider time)
{
    static readonly TimeSpan longest = TimeSpan.FromDays(1); // Looked at again then.
    static readonly TimeSpan moment = TimeSpan.FromMilliseconds(20);

    readonly PriorityQueue<(RunId Run, int Version), (long At, int Run)> queue = new();
    readonly Dictionary<RunId, int> versions = [];
    int last;

    /// <summary>How many sleep.</summary>
    public int Count => versions.Count;

    /// <summary>It is due then, and at no other time.</summary>
    public void Put(RunId run, DateTimeOffset until)
    {
        var wait = until - time.GetUtcNow();
        if (wait > longest) wait = longest;
        var at = time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);
        if (wait > moment) at = Together(at);
        versions[run] = ++last;
        queue.Enqueue((run, last), (at, run.Value));
    }

    long Together(long at)
    {
        var size = (long)(moment.TotalSeconds * time.TimestampFrequency);
        return (at + size - 1) / size * size;
    }

    /// <summary>It is not due any more.</summary>
    public void Remove(RunId run) => versions.Remove(run);

    /// <summary>The one that has been due for longest; false: none is.</summary>
    public bool TryTake(out RunId run)
    {
        var now = time.GetTimestamp();
        while (queue.TryPeek(out var entry, out var priority) && priority.At <= now)
        {
            queue.Dequeue();
            if (!IsValid(entry)) continue;
            run = entry.Run;
            versions.Remove(run);
            return true;
        }
        run = default;
        return false;
    }

    /// <summary>How long until one is due; null: none will be.</summary>
    public TimeSpan? Next
    {
        get
        {
            while (queue.TryPeek(out var entry, out var priority))
            {
                if (IsValid(entry))
                {
                    var wait = time.GetElapsedTime(time.GetTimestamp(), priority.At);
                    return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
                }
                queue.Dequeue();
            }
            return null;
        }
    }

    bool IsValid((RunId Run, int Version) entry) =>
        versions.TryGetValue(entry.Run, out var version) && version == entry.Version;
}
