using System.Globalization;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>Numbers as people read them.</summary>
static class Units
{
    /// <summary><c>12ms</c>, <c>41s</c>, <c>4m10s</c>, <c>1h02m</c>, <c>3d04h</c>.</summary>
    public static string Duration(TimeSpan time)
    {
        if (time < TimeSpan.Zero) time = TimeSpan.Zero;
        if (time < TimeSpan.FromMilliseconds(999.5))
            return $"{Math.Round(time.TotalMilliseconds):0}ms";
        var seconds = (long)Math.Round(time.TotalSeconds);
        return seconds switch
        {
            < 60 => $"{seconds}s",
            < 3600 => $"{seconds / 60}m{seconds % 60:00}s",
            < 86_400 => $"{seconds / 3600}h{seconds / 60 % 60:00}m",
            _ => $"{seconds / 86_400}d{seconds / 3600 % 24:00}h",
        };
    }

    /// <summary><c>0:05:06</c>: hours, minutes, seconds.</summary>
    public static string Clock(TimeSpan time)
    {
        var seconds = (long)Math.Round(Math.Max(0, time.TotalSeconds));
        return $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}";
    }

    /// <summary>Time of day, for lines of a log: <c>12:03:21</c>.</summary>
    public static string TimeOfDay(DateTimeOffset at, TimeProvider time) =>
        TimeZoneInfo.ConvertTime(at, time.LocalTimeZone)
            .ToString("HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>Day and minute: <c>2026-01-30 06:02</c>.</summary>
    public static string DayAndMinute(DateTimeOffset at, TimeProvider time) =>
        TimeZoneInfo.ConvertTime(at, time.LocalTimeZone)
            .ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Day and second: <c>2026-01-30 06:02:11</c>.</summary>
    public static string DayAndSecond(DateTimeOffset at, TimeProvider time) =>
        TimeZoneInfo.ConvertTime(at, time.LocalTimeZone)
            .ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary><c>512B</c>, <c>1.5K</c>, <c>2.1G</c>: powers of 1,024.</summary>
    public static string Bytes(long bytes)
    {
        if (bytes < 1024) return $"{bytes}B";
        var value = (double)bytes;
        var unit = -1;
        while (value >= 1023.95 && unit < 4)
        {
            value /= 1024;
            unit++;
        }
        return value >= 100 ? $"{value:0}{"KMGTP"[unit]}" : $"{value:0.0}{"KMGTP"[unit]}";
    }

    /// <summary><c>1 run</c>, <c>3 runs</c>.</summary>
    public static string Count(long count, string noun, string? plural = null) =>
        count == 1 ? $"1 {noun}" : $"{count} {plural ?? noun + "s"}";

    /// <summary>The name of a failure's category, as it is in JSON: <c>bad-input</c>.</summary>
    public static string Name(FailureCategory category) => category switch
    {
        FailureCategory.Failed => "failed",
        FailureCategory.BadInput => "bad-input",
        FailureCategory.Permission => "permission",
        FailureCategory.Configuration => "configuration",
        FailureCategory.Contract => "contract",
        FailureCategory.Temporary => "temporary",
        FailureCategory.Timeout => "timeout",
        FailureCategory.OutOfMemory => "out-of-memory",
        FailureCategory.Signal => "signal",
        FailureCategory.Lost => "lost",
    };

    /// <summary>
    /// The reason, when it says more than the exit code: <c>: no space left</c>; else nothing.
    /// </summary>
    public static string Reason(RunFailure failure) =>
        failure.Reason.Length == 0 || failure.Reason == $"exit {failure.ExitCode}"
            ? ""
            : $": {failure.Reason}";

    /// <summary>How an attempt failed, for people: <c>bad input (exit 65)</c>.</summary>
    public static string Describe(RunFailure failure)
    {
        var how = failure switch
        {
            { Signal: > 0 } => $" (signal {failure.Signal})",
            { ExitCode: > 0 } => $" (exit {failure.ExitCode})",
            _ => "",
        };
        return failure.Category == FailureCategory.Failed
            ? how.Trim(' ', '(', ')') is { Length: > 0 } only ? only : "failed"
            : Name(failure.Category).Replace('-', ' ') + how;
    }
}
