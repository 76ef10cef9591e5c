using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What time does to wants: offers that nobody accepts, start windows and uses that are over.
/// Belongs to the coordinator's thread.
/// </summary>
sealed class WantTimers(Coordinator coordinator, CoordinatorParts parts, Action closeWindows)
{
    static readonly TimeSpan longest = TimeSpan.FromDays(1);

    readonly PriorityQueue<WantId, long> due = new();

    /// <summary>
    /// A want has a time to come, if it is an offer, is in use, or has a start window.
    /// </summary>
    public void Look(WantToken want)
    {
        if (Of(want) is { } at) Put(want.Id, at);
    }

    static DateTimeOffset? Of(WantToken want) =>
        want.OfferedUntil is { } offered ? offered.AddMilliseconds(1)
        : !want.IsReady ? EndOf(want.Options)
        : want.IsReleasing ? null
        : want.ReadyAt + want.Options.Use;

    static DateTimeOffset? EndOf(WantOptions options) =>
        (options.StartAt + options.StartSlack)?.AddMilliseconds(1);

    void Put(WantId want, DateTimeOffset at)
    {
        var wait = at - parts.Time.GetUtcNow();
        if (wait > longest) wait = longest;
        due.Enqueue(
            want,
            parts.Time.GetTimestamp()
                + (long)(wait.TotalSeconds * parts.Time.TimestampFrequency));
    }

    /// <summary>How long until one is due; null: none will be.</summary>
    public TimeSpan? Next => !due.TryPeek(out _, out var at) ? null
        : parts.Time.GetElapsedTime(parts.Time.GetTimestamp(), at) is var wait
            && wait > TimeSpan.Zero ? wait : TimeSpan.Zero;

    /// <summary>Does what is due.</summary>
    public void Start()
    {
        while (due.TryPeek(out var id, out var at) && at <= parts.Time.GetTimestamp())
        {
            due.Dequeue();
            if (!parts.State.Wants.TryGetValue(id.Value, out var want)
                || Of(want) is not { } then) continue;
            var now = parts.Time.GetUtcNow();
            if (then > now + TimeSpan.FromSeconds(1)) Put(id, then); // It was longer than a day.
            else if (want.OfferedUntil is not null)
                coordinator.Do(new ExpireWant(id, now > then ? now : then));
            else if (want.IsReady) coordinator.Do(new RequestWantRelease(id, "use"));
            else closeWindows();
        }
    }
}
