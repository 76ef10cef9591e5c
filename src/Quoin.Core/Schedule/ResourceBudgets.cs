namespace Quoin.Core;

/// <summary>
/// How long a thing outside is waited for: when it is asked again, and when that has been enough.
/// Pure functions of its run's counters, the job's limits and the time.
/// </summary>
public static class ResourceBudgets
{
    /// <summary>Nobody is asked again sooner than this.</summary>
    public static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(100);

    /// <summary>Contact is never lost on fewer answers than these.</summary>
    public const int UnknownMin = 3;

    const double Growth = 1.5, Jitter = 0.1;

    /// <summary>
    /// When a busy thing is asked again. With a limit of time the last look comes when that is
    /// over, and not later.
    /// </summary>
    /// <param name="limits">The job's.</param>
    /// <param name="life">Its run, before the answer counts.</param>
    /// <param name="after">What the job asked for; null: it grows from look to look.</param>
    /// <param name="now">When it answered.</param>
    /// <param name="spread">0 to 1: what comes together does not come back together.</param>
    public static DateTimeOffset NextPoll(
        PollLimits limits, ResourceLife life, TimeSpan? after, DateTimeOffset now, double spread)
    {
        var next = now + Spread(after ?? Grown(limits, life.Polls), spread);
        var end = life.RoundSince + limits.Time;
        return end > now && next > end ? end.Value : next;
    }

    /// <summary>When a thing is asked again of which nobody could say anything.</summary>
    public static DateTimeOffset NextAfterUnknown(
        PollLimits limits, ResourceLife life, DateTimeOffset now, double spread) =>
        now + Spread(Grown(limits, life.Unknowns), spread);

    static TimeSpan Grown(PollLimits limits, int times)
    {
        var wait = limits.Every * Math.Pow(Growth, Math.Clamp(times, 0, 40));
        return wait < limits.Max ? wait : limits.Max > limits.Every ? limits.Max : limits.Every;
    }

    static TimeSpan Spread(TimeSpan wait, double spread)
    {
        wait *= 1 + (Jitter * spread);
        return wait > ShortestWait ? wait : ShortestWait;
    }

    /// <summary>
    /// So many busy answers are enough: at its next activation it fails without a call.
    /// </summary>
    public static bool IsCountSpent(PollLimits limits, ResourceLife life) =>
        life.Polls >= limits.Count;

    /// <summary>It was busy when its time was over.</summary>
    public static bool IsTimeSpent(PollLimits limits, ResourceLife life, DateTimeOffset now) =>
        now >= life.RoundSince + limits.Time;

    /// <summary>
    /// With the answer that just came nobody has said anything for too long, or too often.
    /// </summary>
    public static bool IsContactLost(
        int unknownMax, TimeSpan unknownTime, ResourceLife life, DateTimeOffset now)
    {
        var unknowns = life.Unknowns + 1;
        return unknowns >= UnknownMin
            && (unknowns >= unknownMax || now - (life.UnknownSince ?? now) >= unknownTime);
    }

    /// <summary>
    /// When resources have to be begun so that they are there at the start of the want's window:
    /// as much earlier as estimates say that they take until its target can be launched. Null: at
    /// once.
    /// </summary>
    public static DateTimeOffset? BeginOf(
        WantOptions options, long rankMs, long targetRankMs) =>
        options.StartAt is { } start && rankMs > targetRankMs
            ? start.AddMilliseconds(targetRankMs - rankMs)
            : null;
}
