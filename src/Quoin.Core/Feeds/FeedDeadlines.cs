namespace Quoin.Core;

/// <summary>
/// When what was given out counts as lost. All holds are equally long, so those flights stand in
/// the order of their beginning; the few with a deadline of their own are looked through when the
/// earliest of them is due.
/// </summary>
sealed class FeedDeadlines
{
    readonly List<FeedFlight> leased = [];
    FeedFlight? first, last;
    long leasedNextMs = long.MaxValue;

    /// <summary>The earliest; null: there is none.</summary>
    public long? NextMs
    {
        get
        {
            var next = Math.Min(leasedNextMs, first?.DeadlineMs ?? long.MaxValue);
            return next == long.MaxValue ? null : next;
        }
    }

    /// <summary>A deadline that is later than those of all other holds.</summary>
    public void Hold(FeedFlight flight, long deadlineMs)
    {
        flight.DeadlineMs = deadlineMs;
        flight.Previous = last;
        if (last is null) first = flight;
        else last.Next = flight;
        last = flight;
    }

    /// <summary>A deadline of its own, instead of the one it had.</summary>
    public void Lease(FeedFlight flight, long deadlineMs)
    {
        if (flight.LeasedAt < 0)
        {
            Remove(flight);
            flight.LeasedAt = leased.Count;
            leased.Add(flight);
        }
        flight.DeadlineMs = deadlineMs;
        leasedNextMs = Math.Min(leasedNextMs, deadlineMs);
    }

    /// <summary>
    /// One that is overdue, and whose line is gone: it cannot be given out again, so that its time
    /// ends it.
    /// </summary>
    public void Again(FeedFlight flight)
    {
        flight.IsOverdue = false;
        Lease(flight, flight.DeadlineMs);
    }

    /// <summary>It has none any more.</summary>
    public void Remove(FeedFlight flight)
    {
        if (flight.LeasedAt >= 0)
        {
            var moved = leased[^1];
            leased[flight.LeasedAt] = moved;
            moved.LeasedAt = flight.LeasedAt;
            leased.RemoveAt(leased.Count - 1);
            flight.LeasedAt = -1;
            return;
        }
        if (flight != first && flight.Previous is null) return;
        if (flight.Previous is null) first = flight.Next;
        else flight.Previous.Next = flight.Next;
        if (flight.Next is null) last = flight.Previous;
        else flight.Next.Previous = flight.Previous;
        flight.Previous = flight.Next = null;
    }

    /// <summary>Takes out one whose deadline is past; null: none.</summary>
    public FeedFlight? TryTakeDue(long nowMs)
    {
        if (first is { } held && held.DeadlineMs < nowMs)
        {
            Remove(held);
            return held;
        }
        if (leasedNextMs >= nowMs) return null;
        leasedNextMs = long.MaxValue;
        FeedFlight? due = null;
        foreach (var flight in leased)
        {
            if (due is null && flight.DeadlineMs < nowMs) due = flight;
            else leasedNextMs = Math.Min(leasedNextMs, flight.DeadlineMs);
        }
        if (due is not null) Remove(due);
        return due;
    }
}
