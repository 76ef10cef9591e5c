namespace Quoin.Cli;

/// <summary>
/// How many lines of a job are on their way to its line workers: as many as are with workers now,
/// and some more, so that who asks next finds one ready. Places for those who bring them.
/// </summary>
sealed class LookAhead(int more)
{
    readonly object guard = new();
    int taken, given;

    /// <summary>So many are with workers now.</summary>
    public void Given(int count)
    {
        lock (guard)
        {
            given = count;
            Monitor.PulseAll(guard);
        }
    }

    /// <summary>Waits for a place; false: told to stop.</summary>
    public bool Enter(CancellationToken stop)
    {
        using var onStop = stop.Register(Wake);
        lock (guard)
        {
            while (taken >= given + more)
            {
                if (stop.IsCancellationRequested) return false;
                Monitor.Wait(guard);
            }
            taken++;
        }
        return true;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave()
    {
        lock (guard)
        {
            taken--;
            Monitor.PulseAll(guard);
        }
    }

    void Wake()
    {
        lock (guard) Monitor.PulseAll(guard);
    }
}
