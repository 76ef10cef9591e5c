using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// What the screen wants to know and the events do not tell. Everything may be unknown: then
/// nothing is shown in its place, because a guess would be a lie.
/// </summary>
sealed record BuildBackground
{
    /// <summary>Nothing is known.</summary>
    public static readonly BuildBackground None = new();

    /// <summary>What runs of a job usually take, from history.</summary>
    public Func<string, TimeSpan?> UsualOfJob { get; init; } = _ => null;

    /// <summary>What the run that makes this partition usually takes, from history.</summary>
    public Func<PartitionId, TimeSpan?> UsualOf { get; init; } = _ => null;

    /// <summary>How long it will still take; null without history.</summary>
    public Func<TimeRange?> TimeLeft { get; init; } = () => null;

    /// <summary>The job's outputs stay as files: what its runs make is something.</summary>
    public Func<string, bool> IsKept { get; init; } = _ => true;

    /// <summary>How far a run says that it is, 0 to 1.</summary>
    public Func<RunId, double?> FractionOf { get; init; } = _ => null;

    /// <summary>The end of an attempt's output.</summary>
    public Func<AttemptId, LogTail?> LogTailOf { get; init; } = _ => null;

    /// <summary>How many attempts a failure of this category allows the task.</summary>
    public Func<BuildTask, FailureCategory, int?> AttemptsMax { get; init; } = (_, _) => null;
}

/// <summary>Between two times.</summary>
readonly record struct TimeRange(TimeSpan Least, TimeSpan Most)
{
    /// <summary><c>1m50s-2m20s</c>, or one time when both read the same.</summary>
    public override string ToString() =>
        (Units.Duration(Least), Units.Duration(Most)) is var (least, most) && least == most
            ? least
            : $"{least}-{most}";
}

/// <summary>How long something takes from a moment on.</summary>
sealed record TimeLeftAt(TimeRange Whole, DateTimeOffset Since)
{
    /// <summary>What the plan of a want says of itself.</summary>
    public static TimeLeftAt? Of(WantPlanned e, DateTimeOffset at) =>
        (e.Shortest, e.Longest) is ({ } least, { } most)
            ? new TimeLeftAt(new TimeRange(least, most), at)
            : null;

    /// <summary>What is left of it; null when it was wrong.</summary>
    public TimeRange? At(DateTimeOffset now)
    {
        var passed = now - Since;
        return Whole.Most <= passed
            ? null
            : new TimeRange(
                Whole.Least > passed ? Whole.Least - passed : TimeSpan.Zero,
                Whole.Most - passed);
    }
}

/// <summary>The end of an attempt's output.</summary>
/// <param name="Lines">The last lines, oldest first.</param>
/// <param name="LinesInAll">How many there are in the log.</param>
/// <param name="Path">The log file, as the user can open it from the workspace.</param>
sealed record LogTail(ImmutableArray<string> Lines, long LinesInAll, string Path);
