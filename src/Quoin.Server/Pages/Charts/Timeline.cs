using System.Collections.Immutable;

namespace Quoin.Server;

/// <summary>One attempt on a timeline.</summary>
/// <param name="Label">What it makes.</param>
/// <param name="Link">Where its page is.</param>
/// <param name="Worker">Who ran it.</param>
/// <param name="From">When it began.</param>
/// <param name="To">When it ended; of one that runs: now.</param>
public sealed record TimelineRun(
    string Label, string Link, string Worker, DateTimeOffset From, DateTimeOffset To)
{
    /// <summary>A class of the style sheet: <c>built</c>, <c>failed</c>, <c>running</c>.</summary>
    public string Kind { get; init; } = "built";

    /// <summary>It lies on the longest way through the want.</summary>
    public bool IsCritical { get; init; }
}

/// <summary>A bar of the picture.</summary>
public readonly record struct TimelineBar(TimelineRun Run, double X, double Y, double Width);

/// <summary>A worker's rows of the picture.</summary>
public readonly record struct TimelineWorker(string Name, double Y, double Height);

/// <summary>A mark of the time axis.</summary>
public readonly record struct TimelineTick(double X, string Text);

/// <summary>
/// Attempts as bars, time to the right, workers one below the other, each with as many rows as it
/// had slots in use at once. Places are in the units of the picture, and the picture is bounded: of
/// very many attempts the longest are drawn, and those on the critical path.
/// </summary>
public sealed class Timeline
{
    /// <summary>The most bars in one picture.</summary>
    public const int BarsMax = 400;

    /// <summary>The most rows of one worker.</summary>
    public const int RowsMax = 32;

    /// <summary>The width in which the bars lie, beginning at <see cref="Left"/>.</summary>
    public const double Plot = 860;

    /// <summary>Where time begins.</summary>
    public const double Left = 150;

    /// <summary>The height of a row, and of a bar in it.</summary>
    public const double RowHeight = 18, BarHeight = 14;

    const double Top = 22, WorkerGap = 8;

    static readonly TimeSpan[] steps =
    [
        .. new double[] { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15,
            30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400 }
            .Select(TimeSpan.FromSeconds),
    ];

    Timeline() { }

    /// <summary>The bars, by worker and time.</summary>
    public ImmutableArray<TimelineBar> Bars { get; private init; } = [];

    /// <summary>The workers from top to bottom.</summary>
    public ImmutableArray<TimelineWorker> Workers { get; private init; } = [];

    /// <summary>The time axis, counted from the first attempt.</summary>
    public ImmutableArray<TimelineTick> Ticks { get; private init; } = [];

    /// <summary>Attempts that are not drawn, because there are more than fit.</summary>
    public int Undrawn { get; private init; }

    /// <summary>The height of the picture.</summary>
    public double Height { get; private init; }

    /// <summary>The width of the picture.</summary>
    public static double Width => Left + Plot + 20;

    /// <summary>From the first attempt's beginning to the last one's end.</summary>
    public TimeSpan Span { get; private init; }

    /// <summary>The picture of these attempts.</summary>
    public static Timeline Of(IReadOnlyCollection<TimelineRun> runs)
    {
        if (runs.Count == 0) return new Timeline { Height = Top };
        var from = runs.Min(run => run.From);
        var span = runs.Max(run => run.To) - from;
        if (span < TimeSpan.FromMilliseconds(1)) span = TimeSpan.FromMilliseconds(1);
        var drawn = runs
            .OrderByDescending(run => run.IsCritical).ThenByDescending(run => run.To - run.From)
            .Take(BarsMax).OrderBy(run => run.From).ToList();
        var bars = ImmutableArray.CreateBuilder<TimelineBar>();
        var workers = ImmutableArray.CreateBuilder<TimelineWorker>();
        var y = Top;
        var withoutRow = 0;
        foreach (var worker in drawn.GroupBy(run => run.Worker)
            .OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var ends = new List<DateTimeOffset>();
            foreach (var run in worker)
            {
                var row = ends.FindIndex(end => end <= run.From);
                if (row < 0 && ends.Count == RowsMax)
                {
                    withoutRow++;
                    continue;
                }
                if (row < 0)
                {
                    row = ends.Count;
                    ends.Add(default);
                }
                ends[row] = run.To;
                var x = Left + (Plot * ((run.From - from) / span));
                var width = Math.Max(1.5, Plot * ((run.To - run.From) / span));
                bars.Add(new TimelineBar(run, x, y + (row * RowHeight), width));
            }
            var height = Math.Max(1, ends.Count) * RowHeight;
            workers.Add(new TimelineWorker(worker.Key, y, height));
            y += height + WorkerGap;
        }
        return new Timeline
        {
            Bars = bars.ToImmutable(),
            Workers = workers.ToImmutable(),
            Ticks = [.. TicksOf(span)],
            Undrawn = runs.Count - drawn.Count + withoutRow,
            Height = y,
            Span = span,
        };
    }

    // At most ten marks, at round times.
    static IEnumerable<TimelineTick> TicksOf(TimeSpan span)
    {
        var step = steps.FirstOrDefault(step => span / step <= 10, steps[^1]);
        while (span / step > 10) step *= 2;
        for (var at = TimeSpan.Zero; at <= span; at += step)
            yield return new TimelineTick(Left + (Plot * (at / span)), Text(at, step));
    }

    static string Text(TimeSpan at, TimeSpan step) =>
        at == TimeSpan.Zero ? "0"
        : step < TimeSpan.FromSeconds(1) && at < TimeSpan.FromSeconds(1)
            ? $"{at.TotalMilliseconds:0}ms"
        : step < TimeSpan.FromSeconds(1) ? FormattableString.Invariant($"{at.TotalSeconds:0.##}s")
        : at < TimeSpan.FromMinutes(1) ? $"{at.TotalSeconds:0}s"
        : at < TimeSpan.FromHours(1) ? $"{(int)at.TotalMinutes}m{at.Seconds:00}s"
        : $"{(int)at.TotalHours}h{at.Minutes:00}m";
}
