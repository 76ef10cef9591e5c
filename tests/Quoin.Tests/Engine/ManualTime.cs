namespace Quoin.Tests.Engine;

/// <summary>A clock that stands still until a test moves it; timers fire while it moves.</summary>
sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    readonly Lock gate = new();
    readonly List<Timer> timers = [];
    TaskCompletionSource set = NewSignal();
    DateTimeOffset now = start;

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate) return now;
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => GetUtcNow().UtcTicks;

    public override ITimer CreateTimer(
        TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Waits, at most 20 s of real time, until somebody sets a timer.</summary>
    public async Task<TimeSpan> WhenTimerIsSetAsync(CancellationToken ct)
    {
        while (true)
        {
            Task changed;
            lock (gate)
            {
                changed = set.Task;
                var due = timers.Where(timer => timer.DueAt is not null).ToArray();
                if (due.Length > 0) return due.Min(timer => timer.DueAt!.Value) - now;
            }
            await changed.WaitAsync(TimeSpan.FromSeconds(20), ct);
        }
    }

    public void Advance(TimeSpan by)
    {
        Timer[] due;
        lock (gate)
        {
            now += by;
            due = [.. timers.Where(timer => timer.DueAt <= now)];
            foreach (var timer in due) timer.DueAt = null;
        }
        foreach (var timer in due) timer.Fire();
    }

    static TaskCompletionSource NewSignal() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    sealed class Timer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset? DueAt { get; set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
            {
                if (!time.timers.Contains(this)) time.timers.Add(this);
                DueAt = dueTime == Timeout.InfiniteTimeSpan ? null : time.now + dueTime;
            }
            var signal = Interlocked.Exchange(ref time.set, NewSignal());
            signal.SetResult();
            return true;
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (time.gate) time.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
