namespace Quoin.Core;

/// <summary>
/// Lines that failed for a reason that passes, until they may be given out again: 2 s after the
/// first time, twice as long after each further one, at most 5 min; a fifth more or less, by key,
/// so that what failed together does not come back together.
/// </summary>
sealed class FeedRests
{
    const long FirstMs = 2000, MaxMs = 300_000;

    readonly Dictionary<int, long> untils = [];
    readonly PriorityQueue<int, long> order = new();

    /// <summary>A line rests after it was given out so often.</summary>
    public void Add(int row, long nowMs, int times, int key)
    {
        var plain = Math.Min(FirstMs << Math.Min(times - 1, 16), MaxMs);
        var thousandths = 800 + (key * 2654435761L % 401);
        Put(row, nowMs + (plain * thousandths / 1000));
    }

    void Put(int row, long untilMs)
    {
        untils[row] = untilMs;
        order.Enqueue(row, untilMs);
    }

    /// <summary>Whether a line rests.</summary>
    public bool Has(int row) => untils.Count > 0 && untils.ContainsKey(row);

    /// <summary>It does not rest any more.</summary>
    public void Remove(int row) => untils.Remove(row);

    /// <summary>Another row goes on for it.</summary>
    public void PassOn(int row, int heir)
    {
        if (untils.Remove(row, out var until)) Put(heir, until);
    }

    /// <summary>The earlier of a time and the end of the first rest; null: there is none.</summary>
    public long? Earlier(long? otherMs) =>
        order.TryPeek(out _, out var until) && !(otherMs < until) ? until : otherMs;

    /// <summary>A line whose rest is over.</summary>
    public bool TryTakeDue(long nowMs, out int row)
    {
        while (order.TryPeek(out row, out var until) && until < nowMs)
        {
            order.Dequeue();
            // Only if it is the same rest, and not one that was taken back.
            if (untils.TryGetValue(row, out var now) && now == until) return untils.Remove(row);
        }
        return false;
    }
}

/// <summary>
/// Keys that wait for a newer file of their feed to be read, and those that no longer do.
/// </summary>
sealed class FeedParking
{
    readonly List<int> parked = [];
    readonly List<int> open = [];

    /// <summary>How many may leave.</summary>
    public int OpenCount => open.Count;

    /// <summary>A key waits.</summary>
    public void Park(int key) => parked.Add(key);

    /// <summary>All that wait may leave.</summary>
    public void Open()
    {
        open.AddRange(parked);
        parked.Clear();
    }

    /// <summary>One that may leave does.</summary>
    public int Leave()
    {
        var key = open[^1];
        open.RemoveAt(open.Count - 1);
        return key;
    }
}
