namespace Quoin.Storage;

/// <summary>What a <see cref="Watcher"/> waits for. Waits belong to one thread.</summary>
interface IBell : IDisposable
{
    /// <summary>Until it rings, it ends, or the time is over; false: it ended.</summary>
    bool Wait(TimeSpan atMost);

    /// <summary>
    /// The last wait ended with a ring that may come before there is anything to see: look again.
    /// </summary>
    bool IsEarly { get; }

    /// <summary>The whole time, whatever rings, unless it ends; false: it ended.</summary>
    bool Rest(TimeSpan time);

    /// <summary>Whoever waits goes on at once. Any thread, any number of times.</summary>
    void End();
}

/// <summary>A bell that this process rings.</summary>
class SignalBell : IBell
{
    readonly object gate = new();
    bool rung, ended;

    /// <summary>Wakes who waits, or the next wait.</summary>
    public void Ring()
    {
        lock (gate)
        {
            rung = true;
            Monitor.PulseAll(gate);
        }
    }

    public virtual bool Wait(TimeSpan atMost)
    {
        var since = TimeProvider.System.GetTimestamp();
        lock (gate)
        {
            while (!rung && !ended && Left(since, atMost) is { Ticks: > 0 } left)
                Monitor.Wait(gate, left);
            rung = false;
            return !ended;
        }
    }

    public virtual bool IsEarly => false;

    public bool Rest(TimeSpan time)
    {
        var since = TimeProvider.System.GetTimestamp();
        lock (gate)
        {
            while (!ended && Left(since, time) is { Ticks: > 0 } left) Monitor.Wait(gate, left);
            return !ended;
        }
    }

    public virtual void End()
    {
        lock (gate)
        {
            ended = true;
            Monitor.PulseAll(gate);
        }
    }

    public virtual void Dispose() { }

    static TimeSpan Left(long since, TimeSpan of) =>
        of - TimeProvider.System.GetElapsedTime(since);
}

/// <summary>
/// A bell that rings when a number changed, looked at ten times a second: where nobody tells.
/// </summary>
sealed class PollingBell(Func<long> version) : IBell
{
    static readonly TimeSpan every = TimeSpan.FromMilliseconds(100);

    readonly SignalBell bell = new();
    long last = version();

    public bool Wait(TimeSpan atMost)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (bell.Rest(every))
        {
            var now = version();
            if (now == last && TimeProvider.System.GetElapsedTime(since) < atMost) continue;
            last = now;
            return true;
        }
        return false;
    }

    public bool IsEarly => false;

    public bool Rest(TimeSpan time) => bell.Rest(time);

    public void End() => bell.End();

    public void Dispose() => bell.Dispose();
}

/// <summary>
/// Calls back on a thread of its own when a bell rings, and at least every 4 s: whoever rings may
/// fail, and what was missed is found then. Many rings soon after each other are one call. After a
/// ring that may come too early it calls again, soon at first and then ever later.
/// </summary>
sealed class Watcher : IDisposable
{
    static readonly TimeSpan backstop = TimeSpan.FromSeconds(4);
    static readonly TimeSpan pause = TimeSpan.FromMilliseconds(10);

    readonly IBell bell;
    readonly Action changed;
    readonly Action ended;
    readonly Thread thread;
    int isEnding;

    /// <summary>Begins; the bell is this one's from now on.</summary>
    public Watcher(IBell bell, Action changed, Action ended)
    {
        (this.bell, this.changed, this.ended) = (bell, changed, ended);
        thread = new Thread(Watch) { IsBackground = true, Name = "quoin watch" };
        thread.Start();
    }

    void Watch()
    {
        var atMost = backstop;
        while (bell.Wait(atMost))
        {
            changed();
            atMost = bell.IsEarly ? pause : atMost < backstop / 2 ? atMost * 2 : backstop;
            if (!bell.Rest(pause)) break;
        }
        ended();
        bell.Dispose();
    }

    /// <summary>After this nothing is called any more. Also from within a call.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isEnding, 1) == 0) bell.End();
        if (Thread.CurrentThread != thread) thread.Join();
    }
}
