namespace Quoin.Tests.Simulation;

/// <summary>
/// A clock that moves when the simulation says so. Timers run on time that only goes forward, as
/// those of the system do; what the wall clock shows may jump either way.
/// </summary>
sealed class SimulatedTime : TimeProvider
{
    static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    readonly List<Timer> timers = [];
    TimeSpan jumped;

    /// <summary>Since the start, without jumps.</summary>
    public TimeSpan Elapsed { get; private set; }

    public override DateTimeOffset GetUtcNow() => Start + Elapsed + jumped;

    public override long GetTimestamp() => Elapsed.Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>The clock of the database, which nobody sets.</summary>
    public TimeProvider Database => field ??= new Steady(this);

    sealed class Steady(SimulatedTime time) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Start + time.Elapsed;
    }

    /// <summary>When the next timer goes off, in elapsed time; null: none is set.</summary>
    public TimeSpan? NextTimer => timers.Min(timer => timer.DueAt);

    public void Jump(TimeSpan by) => jumped += by;

    /// <summary>Moves on and lets timers go off.</summary>
    public void AdvanceTo(TimeSpan elapsed)
    {
        if (elapsed > Elapsed) Elapsed = elapsed;
        foreach (var timer in timers.Where(timer => timer.DueAt <= Elapsed).ToArray()) timer.Fire();
    }

    /// <summary>A process is gone, and its timers with it.</summary>
    public void DropTimers() => timers.Clear();

    public override ITimer CreateTimer(
        TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        timers.Add(timer);
        return timer;
    }

    sealed class Timer(SimulatedTime time, Action callback) : ITimer
    {
        public TimeSpan? DueAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Assert.Equal(Timeout.InfiniteTimeSpan, period);
            var isSet = dueTime != Timeout.InfiniteTimeSpan;
            // The system's timers refuse these, too.
            ArgumentOutOfRangeException.ThrowIfGreaterThan(dueTime, LongestTimer);
            if (isSet) ArgumentOutOfRangeException.ThrowIfLessThan(dueTime, TimeSpan.Zero);
            DueAt = isSet ? time.Elapsed + dueTime : null;
            return true;
        }

        public void Fire()
        {
            DueAt = null;
            callback();
        }

        public void Dispose() => time.timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
