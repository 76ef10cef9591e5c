namespace Quoin.Core;

/// <summary>Who has to say that a job ended.</summary>
public enum FeedHolderKind : byte
{
    /// <summary>Nobody in particular: any plain DONE of the key counts.</summary>
    Nobody = 0,

    /// <summary>A connection.</summary>
    Connection = 1,

    /// <summary>A worker that named itself.</summary>
    Worker = 2,
}

/// <summary>
/// One line that was given out and has not ended: a run of one attempt. Times are milliseconds of a
/// clock that only goes forward; <see cref="StartedAt"/> is for people, in Unix seconds.
/// </summary>
public sealed class FeedFlight
{
    /// <summary>The number of its run, which is also the sequence of the giving out.</summary>
    public required long Run { get; init; }

    /// <summary>The key's number.</summary>
    public required int Key { get; init; }

    /// <summary>The feed's number; -1: unknown (taken over from another program).</summary>
    public required int Feed { get; init; }

    /// <summary>The number of the feed run whose line it is.</summary>
    public long Number { get; init; }

    /// <summary>When it was given out, Unix seconds.</summary>
    public long StartedAt { get; init; }

    /// <summary>When it was given out, on the clock that only goes forward.</summary>
    public long StartedMs { get; internal set; }

    /// <summary>Who has to say that it ended.</summary>
    public FeedHolderKind Kind { get; internal set; }

    /// <summary>That connection or worker, as its owner made it; null: nobody.</summary>
    public object? Holder { get; internal set; }

    /// <summary>The name of the holder in the log.</summary>
    public string HolderName { get; init; } = "";

    /// <summary>
    /// When it counts as lost; the giving out of another line of the key then ends it.
    /// </summary>
    public long DeadlineMs { get; internal set; }

    /// <summary>Its time is over; the holder's DONE still counts.</summary>
    public bool IsOverdue { get; internal set; }

    /// <summary>It ended, or was taken back.</summary>
    public bool IsOver { get; internal set; }

    /// <summary>The row whose line it is; -1: it is gone, or was never known.</summary>
    internal int Row { get; set; } = -1;

    /// <summary>How often the line was given out, this time included.</summary>
    public int Times { get; set; } = 1;

    /// <summary>The other rows that it marked, and what they were before.</summary>
    internal (int Row, FeedRowState Before)[] Marked { get; set; } = [];

    internal void Forget(int row)
    {
        if (Array.Exists(Marked, mark => mark.Row == row))
            Marked = Array.FindAll(Marked, mark => mark.Row != row);
    }

    /// <summary>What was known of the key before.</summary>
    internal FeedKeyPast Past { get; init; }

    /// <summary>What the line was before: open, or lost by an earlier holder.</summary>
    internal FeedRowState RowBefore { get; init; }

    /// <summary>Its line was given out before, to somebody who was lost.</summary>
    public bool WasLost => RowBefore != FeedRowState.Open;

    internal FeedFlight? Previous { get; set; }

    internal FeedFlight? Next { get; set; }

    internal int LeasedAt { get; set; } = -1;

    /// <summary>What was known of the key before, for who has to write it back.</summary>
    public FeedKeyPast Before => Past;
}

/// <summary>What the log of keys said: times in Unix seconds; null: not.</summary>
public readonly record struct FeedKeyPast(
    long Sequence, long? StartedAt, long? FinishedAt, long? ExitCode);

/// <summary>What became of a line.</summary>
public enum FeedRowState : byte
{
    /// <summary>Never given out.</summary>
    Open = 0,

    /// <summary>A worker has it.</summary>
    Held = 1,

    /// <summary>Its worker was lost; it may be given out again.</summary>
    Lost = 2,

    /// <summary>Over: it ended, or another line of its key was given out for its feed.</summary>
    Done = 3,
}
