namespace Quoin.Core;

/// <summary>
/// The lines whose workers were lost, for who writes them down: one entry a line, however often it
/// was lost. Which of them still wait is the rows' to say.
/// </summary>
sealed class FeedLost
{
    readonly List<FeedFlight> lines = [];

    /// <summary>The line of a flight was lost, after it was given out so many times.</summary>
    public void Note(FeedFlight like, int key, int times)
    {
        lines.RemoveAll(old => old.Key == key && old.Feed == like.Feed);
        lines.Add(new FeedFlight
        {
            Run = like.Run,
            Key = key,
            Feed = like.Feed,
            Number = like.Number,
            StartedAt = like.StartedAt,
            Times = times,
            IsOver = true,
        });
    }

    /// <summary>Those that still wait; the others are forgotten.</summary>
    public IReadOnlyList<FeedFlight> Where(Predicate<FeedFlight> waits)
    {
        lines.RemoveAll(it => !waits(it));
        return lines;
    }
}
