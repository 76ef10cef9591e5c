namespace Quoin.Core;

/// <summary>
/// One file of a feed run while it is there, as the book knows it. A name that is deleted and made
/// again is another file.
/// </summary>
public sealed class FeedFile
{
    internal FeedFile(int index, int feed, long number)
    {
        Index = index;
        Feed = feed;
        Number = number;
    }

    /// <summary>The feed's number.</summary>
    public int Feed { get; }

    /// <summary>The number of its feed run.</summary>
    public long Number { get; }

    /// <summary>False: it was removed; its lines count no more.</summary>
    public bool IsPresent { get; internal set; } = true;

    /// <summary>How many rows it has; a key that stands there twice has one.</summary>
    public int RowCount { get; internal set; }

    internal int Index { get; }

    internal int FirstRow { get; set; } = -1;
}

/// <summary>Where a payload is: a piece of the store, and the bytes in it.</summary>
public readonly record struct FeedPayload(int Chunk, int Offset, int Length);

/// <summary>How long things may take, and how often they are tried.</summary>
public sealed record FeedRules
{
    /// <summary>After how long without DONE a key is free again, whoever holds it.</summary>
    public long HoldMs { get; init; } = 12 * 3600 * 1000L;

    /// <summary>
    /// How long a worker that named itself, or whose connection ended, keeps a job.
    /// </summary>
    public long LeaseMs { get; init; } = 60 * 1000L;

    /// <summary>How often a line is given out at most.</summary>
    public int AttemptsMax { get; init; } = 3;

    /// <summary>Which key comes first.</summary>
    public FeedOrder Order { get; init; }

    /// <summary>
    /// The names of feeds are <c>p</c> and a number: how urgent their lines are. Those of a higher
    /// one come first, whatever the order.
    /// </summary>
    public bool HasPriorities { get; init; }
}

/// <summary>Which of the keys that may be given out comes first.</summary>
public enum FeedOrder : byte
{
    /// <summary>The one given out longest ago; before all, those that never were.</summary>
    LeastRecentlyDispatched = 0,

    /// <summary>The one whose line was accepted first.</summary>
    Fifo = 1,

    /// <summary>The one that took longest the last time; before all, those not known.</summary>
    CriticalPath = 2,
}

/// <summary>What a decision of the book did.</summary>
public enum FeedFactKind : byte
{
    /// <summary>F2, T3: a line was given out.</summary>
    GivenOut = 0,

    /// <summary>T4, T5: its holder said that it ended.</summary>
    Ended = 1,

    /// <summary>F3: it never reached its holder.</summary>
    Undelivered = 2,

    /// <summary>F4: its holder left after reading it.</summary>
    Unowned = 3,

    /// <summary>T10: its time is over, and the job is given out again or given up.</summary>
    Expired = 4,
}

/// <summary>
/// One thing that a decision did, for who writes it down. <see cref="Code"/> is the exit code of
/// what ended, <see cref="At"/> the time of it, Unix seconds; <see cref="Failure"/> says how it
/// failed, null: it did not.
/// </summary>
public readonly record struct FeedFact(
    FeedFactKind Kind, FeedFlight Flight, long Code = 0, long At = 0,
    FailureCategory? Failure = null);

/// <summary>How an attempt to give out a line went.</summary>
public enum FeedTake : byte
{
    /// <summary>There is none.</summary>
    None = 0,

    /// <summary>Here is one.</summary>
    Taken = 1,

    /// <summary>Much had to be put in order first: ask again, soon.</summary>
    Busy = 2,
}
