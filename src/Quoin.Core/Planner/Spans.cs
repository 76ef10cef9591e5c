namespace Quoin.Core;

/// <summary>Spans of time as people read them.</summary>
public static class Spans
{
    /// <summary>
    /// One unit, rounded down: <c>26 h</c>, <c>3 d</c>, <c>45 min</c>, <c>12 s</c>.
    /// </summary>
    public static string Age(TimeSpan span) => span switch
    {
        { TotalHours: >= 72 } => $"{(long)span.TotalDays} d",
        { TotalMinutes: >= 90 } => $"{(long)span.TotalHours} h",
        { TotalSeconds: >= 90 } => $"{(long)span.TotalMinutes} min",
        _ => $"{(long)span.TotalSeconds} s",
    };

    /// <summary>Up to two units: <c>2m50s</c>, <c>1h05m</c>, <c>38s</c>, <c>0.4s</c>.</summary>
    public static string Short(TimeSpan span) => span switch
    {
        { TotalHours: >= 1 } => $"{(long)span.TotalHours}h{span.Minutes:00}m",
        { TotalMinutes: >= 1 } => $"{span.Minutes}m{span.Seconds:00}s",
        { TotalSeconds: >= 10 } => $"{span.Seconds}s",
        _ => FormattableString.Invariant($"{Math.Floor(span.TotalSeconds * 10) / 10}s"),
    };
}
