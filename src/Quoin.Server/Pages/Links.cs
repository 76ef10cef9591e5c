using System.Globalization;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>Where pages are. Every name that goes into an address goes through here.</summary>
public static class Links
{
    /// <summary>The page of a run.</summary>
    public static string Of(RunId run) => $"/runs/{run}";

    /// <summary>The page of a run, with the log of one attempt.</summary>
    public static string Of(AttemptId attempt) => $"/runs/{attempt.Run}?attempt={attempt.Attempt}";

    /// <summary>The page of a want.</summary>
    public static string Of(WantId want) => $"/wants/{want}";

    /// <summary>The page of a partition.</summary>
    public static string Partition(string name) => $"/partitions/{Escape(name)}";

    /// <summary>The page of a dataset.</summary>
    public static string Dataset(string name) => $"/datasets/{Escape(name)}";

    /// <summary>Runs of a job.</summary>
    public static string Job(string job) => $"/runs?job={Uri.EscapeDataString(job)}";

    /// <summary>An address with some of its query's values; empty ones are left out.</summary>
    public static string With(string path, params (string Name, object? Value)[] query)
    {
        var text = string.Join('&',
            from pair in query
            let value = string.Create(CultureInfo.InvariantCulture, $"{pair.Value}")
            where value.Length > 0
            select $"{Uri.EscapeDataString(pair.Name)}={Uri.EscapeDataString(value)}");
        return text.Length == 0 ? path : $"{path}?{text}";
    }

    /// <summary>
    /// A path below this site, to go back to; anything else gives the first page. What a form sends
    /// must not lead to another host.
    /// </summary>
    public static string Local(string? path) =>
        path is ['/', ..] && path is not ['/', '/' or '\\', ..] && !path.Any(char.IsControl)
            ? path
            : "/";

    // Each segment on its own: the slashes between them stay.
    static string Escape(string name) =>
        string.Join('/', name.Split('/').Select(Uri.EscapeDataString));
}
