namespace Quoin.Core;

/// <summary>How a book gets to know what another process left.</summary>
public sealed partial class FeedBook
{
    /// <summary>What another process left: a line whose worker was lost.</summary>
    public void RestoreLost(ReadOnlySpan<byte> key, FeedFlight like)
    {
        if (like.Times >= rules.AttemptsMax) return;
        var it = keys.Intern(key);
        var row = GivenRow(it, like);
        if (row < 0) return;
        rows[row].State = FeedRowState.Lost;
        rows[row].Times = (byte)like.Times;
        Reindex(it);
    }

    /// <summary>What another process left: a line of this run was given out.</summary>
    public bool RestoreDone(int feed, long number, ReadOnlySpan<byte> key)
    {
        var it = keys.Find(key);
        if (it < 0 || !rows.SetDone(keys[it].FirstRow, feed, number)) return false;
        Reindex(it);
        return true;
    }

    /// <summary>What another process left: when a key was given out.</summary>
    public void Restore(ReadOnlySpan<byte> key, FeedKeyPast past, bool isDirty)
    {
        var it = keys.Intern(key);
        keys.SetPast(it, past);
        if (isDirty) keys.MarkDirty(it);
        Reindex(it);
    }

    // A row that was not given out is a later file's of the same name, not the line of this run.
    int GivenRow(int key, FeedFlight like)
    {
        var row = rows.Find(keys[key].FirstRow, like.Feed, like.Number);
        return row >= 0 && rows[row].State == FeedRowState.Done ? row : -1;
    }

    /// <summary>
    /// What another process left: something in flight, lost at <paramref name="deadlineMs"/>. Its
    /// row is the feed's newest of its run, if that is there.
    /// </summary>
    public FeedFlight RestoreFlight(
        ReadOnlySpan<byte> key, FeedFlight like, FeedHolderKind kind, object? holder,
        long startedMs, long deadlineMs)
    {
        var it = keys.Intern(key);
        var row = GivenRow(it, like);
        var flight = new FeedFlight
        {
            Run = like.Run,
            Key = it,
            Feed = like.Feed,
            Number = like.Number,
            StartedAt = like.StartedAt,
            StartedMs = startedMs,
            HolderName = like.HolderName,
            Kind = kind,
            Holder = holder,
            Row = row,
            Times = like.Times,
            RowBefore = FeedRowState.Done,
        };
        if (row >= 0)
        {
            rows[row].State = FeedRowState.Held;
            rows[row].Times = (byte)Math.Min(like.Times, byte.MaxValue);
        }
        flights[it] = flight;
        deadlines.Lease(flight, deadlineMs);
        Reindex(it);
        return flight;
    }
}
