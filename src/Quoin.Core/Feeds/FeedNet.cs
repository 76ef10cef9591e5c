using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// One row of the net of feeds: what an event does with the lines of a book. Places are those of
/// <see cref="FeedRowState"/>; an empty place is outside: where lines come from and go to.
/// </summary>
public sealed record FeedTransition(string Row, Type Event)
{
    /// <summary>The moves of lines that the event makes.</summary>
    public required ImmutableArray<NetMove> Moves { get; init; }

    /// <summary>What has to hold, and what happens beside the moves.</summary>
    public required string Guard { get; init; }
}

/// <summary>
/// The state machine of a feed's lines as a net: every line of a file is one token. What
/// <see cref="FeedBook"/> decides, as data; tests visit all states of small folders, where no line
/// moves in a way that no row allows, and every move of a row happens.
/// </summary>
public static class FeedNet
{
    /// <summary>All rows, in the order of the design's table.</summary>
    public static readonly ImmutableArray<FeedTransition> Transitions =
    [
        new("F1", typeof(FeedLinesAccepted))
        {
            Moves =
            [
                .. Lines("", "Open Held Lost Done"), .. Lines("Done", "Held Lost"),
                .. Lines("Held Lost", "Done"),
            ],
            Guard = "a line end is written; of two files of one run the line that was put last is "
                + "the run's, and what became of the other goes on in it",
        },
        new("F2", typeof(RunScheduled))
        {
            Moves = [.. Lines("Open Lost", "Held Done")],
            Guard = "of its feed, the newest line of the key that is there; nobody has the key, or "
                + "whoever has it is overdue; a lost line has attempts left and does not rest; the "
                + "feed's other lines of the key are Done",
        },
        new("T4", typeof(RunCompleted))
        {
            Moves = [.. Lines("Held", "Done")],
            Guard = "its holder says so, or nobody in particular holds it",
        },
        new("T5", typeof(RunFailed))
        {
            Moves = [.. Lines("Held", "Done Lost")],
            Guard = "as T4; Lost if the failure passes and attempts are left",
        },
        new("F3", typeof(RunUndelivered))
        {
            Moves = [.. Lines("Held", "Open Lost"), .. Lines("Done", "Open Lost")],
            Guard = "the answer was provably not read; all lines that the giving out moved are "
                + "back, the attempt is not counted, the key's place in the order is back",
        },
        new("F4", typeof(RunUnowned))
        {
            Moves = [],
            Guard = "its holder left; anybody's DONE counts, until its time is over",
        },
        new("F5", typeof(FeedFileRemoved))
        {
            Moves = [.. Lines("Open Held Lost Done", ""), .. Lines("Done", "Held Lost")],
            Guard = "the file is gone; another file of the run that lists the key goes on for it",
        },
        new("T10", typeof(LeaseExpired))
        {
            Moves = [.. Lines("Held", "Lost Done")],
            Guard = "its time is over and the key is given out again, or its worker says that it "
                + "has it no more; Done if no attempt is left",
        },
    ];

    static IEnumerable<NetMove> Lines(string places, string others) =>
        from place in places.Split(' ')
        from other in others.Split(' ')
        select new NetMove("Line", place, other);
}
