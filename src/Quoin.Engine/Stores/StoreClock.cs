namespace Quoin.Engine;

/// <summary>
/// The clock of a store that several hosts use, as one of them keeps it: asked for once, and moved
/// on by this host's own time that nobody sets. So the limits of what one host began are over at
/// the same moment on the next, whatever its wall clock shows. When that jumps (it was set, or the
/// host slept) the store is asked again. Waits are the host's business.
/// </summary>
/// <param name="host">The clock of this host.</param>
/// <param name="ask">The store's time now; null: it does not answer.</param>
public sealed class StoreClock(TimeProvider host, Func<DateTimeOffset?> ask) : TimeProvider
{
    static readonly TimeSpan jump = TimeSpan.FromSeconds(1), askEvery = TimeSpan.FromHours(1);

    readonly Lock gate = new();
    DateTimeOffset store, wall;
    long at;
    bool isSet;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (gate)
        {
            var since = isSet ? host.GetElapsedTime(at) : TimeSpan.Zero;
            var shown = host.GetUtcNow();
            if (isSet && since < askEvery && (shown - wall - since).Duration() < jump)
                return store + since;
            var otherwise = isSet ? store + since : shown;
            (isSet, wall, at) = (true, shown, host.GetTimestamp());
            return store = ask() ?? otherwise;
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => host.GetTimestamp();

    /// <inheritdoc/>
    public override long TimestampFrequency => host.TimestampFrequency;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => host.LocalTimeZone;

    /// <inheritdoc/>
    public override ITimer CreateTimer(
        TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        host.CreateTimer(callback, state, dueTime, period);
}
