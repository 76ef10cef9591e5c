using System.Globalization;
using System.Text.Json;
using Quoin.Cli;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>Values as the pages write them.</summary>
public static class Words
{
    /// <summary><c>needs-inputs</c> of <c>NeedsInputs</c>; also a class of the style sheet.
    /// </summary>
    public static string Of<T>(T value) where T : struct, Enum =>
        Kebab($"{value}");

    /// <summary><c>needs-inputs</c> of the text <c>NeedsInputs</c>.</summary>
    public static string Kebab(string name) => JsonNamingPolicy.KebabCaseLower.ConvertName(name);

    /// <summary>The value of a word, or null.</summary>
    public static T? Parse<T>(string? word) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>()) if (Of(value) == word) return value;
        return null;
    }

    /// <summary>One character for a cell of the grid; the legend says what it stands for.</summary>
    public static string Letter(PartitionPlace place) => place switch
    {
        PartitionPlace.Missing => "",
        PartitionPlace.Wanted => "W",
        PartitionPlace.Planned => "P",
        PartitionPlace.Building => "B",
        PartitionPlace.Waiting => "N",
        PartitionPlace.Live => "·",
        PartitionPlace.Tainted => "T",
        PartitionPlace.Failed => "F",
        PartitionPlace.Releasing => "R",
        PartitionPlace.Released => "–",
        PartitionPlace.Quarantined => "Q",
    };

    /// <summary><c>1m05s</c>; empty for nothing.</summary>
    public static string Took(TimeSpan? time) => time is { } span && span > TimeSpan.Zero
        ? Units.Duration(span)
        : "";

    /// <summary><c>12ms</c> of milliseconds; empty for 0.</summary>
    public static string Took(long milliseconds) => milliseconds > 0
        ? Units.Duration(TimeSpan.FromMilliseconds(milliseconds))
        : "";

    /// <summary>A time that goes on, as the script writes it: <c>5s</c>, <c>1m05s</c>.</summary>
    public static string Seconds(TimeSpan time) =>
        time < TimeSpan.FromSeconds(1)
            ? "0s"
            : Units.Duration(TimeSpan.FromSeconds(Math.Floor(time.TotalSeconds)));

    /// <summary><c>1,234</c>.</summary>
    public static string Number(long number) =>
        number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary><c>1 run</c>, <c>1,234 runs</c>.</summary>
    public static string Count(long count, string noun, string? plural = null) =>
        count == 1 ? $"1 {noun}" : $"{Number(count)} {plural ?? noun + "s"}";

    /// <summary><c>2.1G</c>.</summary>
    public static string Bytes(long bytes) => Units.Bytes(bytes);

    /// <summary>
    /// How an attempt failed, and why: <c>bad input (exit 65): row 7 …</c>.
    /// </summary>
    public static string Failure(RunFailure failure) =>
        Units.Describe(failure) + Units.Reason(failure);

    /// <summary>What kind of reason a holdup is, for grouping.</summary>
    public static string Cause(FailureCause cause) => cause switch
    {
        FailureCause.Run => "its run failed",
        FailureCause.Upstream => "an input failed",
        FailureCause.Config => "analysis could not say how to make it",
        FailureCause.Cycle => "its inputs need it",
        FailureCause.Vanished => "a resource that it held is gone",
    };

    /// <summary>The host in an owner's name (host/pid/start), with its process.</summary>
    public static string Worker(string owner)
    {
        var parts = owner.Split('/');
        return parts.Length > 1 ? $"{parts[0]}/{parts[1]}" : owner;
    }
}
