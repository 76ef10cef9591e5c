using System.Text.Json;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// What <c>status</c> and <c>stats</c> say of the database of a supervisor: feed runs and how far
/// they were read, what is out, how long the queue is and how fast it moves.
/// </summary>
static class FeedReport
{
    static readonly TimeSpan recent = TimeSpan.FromHours(24);

    /// <summary>
    /// The path in <c>--store</c> when a supervisor's database is there; else null.
    /// </summary>
    public static string? PathOf(Cli cli)
    {
        if (cli.Options.Store is not { } store || store.Contains("://", StringComparison.Ordinal))
            return null;
        var path = Path.GetFullPath(store, cli.Options.Directory);
        return FeedPicture.IsAt(path) ? path : null;
    }

    /// <summary>What a database of feeds says now.</summary>
    public static FeedPicture Read(Cli cli, string path)
    {
        var now = cli.Time.GetUtcNow();
        return FeedPicture.Read(
            path, now.ToUnixTimeMilliseconds(), (now - recent).ToUnixTimeMilliseconds());
    }

    /// <summary><c>quoin status</c>.</summary>
    public static int Status(Cli cli, string path)
    {
        var picture = Read(cli, path);
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json => Write(json, picture)));
            return ExitCode.Ok;
        }
        cli.Print($"{Units.Count(picture.Waiting, "job")} waiting, {picture.Out.Count} out");
        Print(cli, picture.Sources.Select(source => (string[])
        [
            source.Name.ToString(), source.IsComplete ? "Complete" : "Growing",
            Units.Count((int)source.Lines, "line")
                + (source.Skipped > 0 ? $", {source.Skipped} skipped" : ""),
            $"read to {source.Offset}",
        ]));
        Print(cli, picture.Out.Select(job => (string[])
        [
            job.Key, $"{job.Feed}.{job.Number}", job.Holder.Length > 0 ? job.Holder : "nobody",
            $"since {Units.Duration(Age(cli, job.StartedAt))}"
                + (job.Times > 1 ? $", given out {job.Times} times" : ""),
        ]));
        return ExitCode.Ok;
    }

    /// <summary>What a supervisor's database cannot tell, and where it is told.</summary>
    public static int HasNone(Cli cli, string what)
    {
        var store = cli.Options.Store;
        return cli.Error(
            "not-supported",
            $"{store} is a supervisor's and has no {what}: `quoin runs --store {store}` says how "
                + $"each job ended, `quoin status --store {store}` what is out; what a job prints "
                + "is where its worker runs",
            ExitCode.Refused);
    }

    // In columns, of which one very long name widens none.
    static void Print(Cli cli, IEnumerable<string[]> table)
    {
        const int widest = 40;
        var rows = table.ToList();
        foreach (var row in rows)
        {
            var cells = row.Select((cell, i) => i == row.Length - 1 ? cell : cell.PadRight(
                rows.Select(it => it[i].Length).Where(it => it <= widest).DefaultIfEmpty().Max()));
            cli.Print(string.Join("  ", cells));
        }
    }

    static TimeSpan Age(Cli cli, long unixSeconds) =>
        cli.Time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(unixSeconds);

    /// <summary>A database of feeds as one object.</summary>
    public static void Write(Utf8JsonWriter json, FeedPicture picture)
    {
        json.WriteStartObject();
        json.WriteNumber("waiting", picture.Waiting);
        json.WriteStartArray("feed_runs");
        foreach (var source in picture.Sources)
        {
            json.WriteStartObject();
            json.WriteString("feed", source.Name.Feed);
            json.WriteNumber("number", source.Name.Number);
            json.WriteString("file", source.Name.ToString());
            json.WriteBoolean("complete", source.IsComplete);
            json.WriteNumber("lines", source.Lines);
            json.WriteNumber("skipped", source.Skipped);
            json.WriteNumber("read_to", source.Offset);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("out");
        foreach (var job in picture.Out)
        {
            json.WriteStartObject();
            json.WriteString("key", job.Key);
            json.WriteString("feed", job.Feed);
            json.WriteNumber("number", job.Number);
            json.WriteString("holder", job.Holder);
            json.WriteNumber("started_at", job.StartedAt);
            json.WriteNumber("times", job.Times);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary><c>quoin stats</c>.</summary>
    public static int Stats(Cli cli, string path)
    {
        var picture = Read(cli, path);
        // Of a young database, not of a day that it has not seen.
        var seen = cli.Time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(picture.Since);
        var time = seen < recent ? seen : recent;
        var hours = Math.Max(time.TotalHours, 1 / 60.0);
        var (given, ended, failed) = picture.Recent;
        var cycle = given > 0
            ? TimeSpan.FromHours(hours * (picture.Known + picture.Waiting) / given)
            : (TimeSpan?)null;
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteNumber("waiting", picture.Waiting);
                json.WriteNumber("out", picture.Out.Count);
                json.WriteNumber("known", picture.Known);
                json.WriteNumber("given_24h", given);
                json.WriteNumber("ended_24h", ended);
                json.WriteNumber("failed_24h", failed);
                json.WriteNumber("recent_seconds", (long)time.TotalSeconds);
                if (cycle is { } one) json.WriteNumber("cycle_seconds", (long)one.TotalSeconds);
                if (picture.Oldest is { } it) json.WriteString("oldest", it.Key);
                if (picture.Oldest is { } of) json.WriteNumber("oldest_started_at", of.StartedAt);
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        cli.Print($"queue    {picture.Waiting} waiting, {picture.Out.Count} out, "
            + $"{picture.Known} names ever given out");
        cli.Print(picture.Oldest is { } oldest
            ? $"oldest   {oldest.Key}, given out {Units.Duration(Age(cli, oldest.StartedAt))} ago"
            : "oldest   none that waits was given out before");
        cli.Print($"{(time < recent ? Units.Duration(time) : "24 h"),-8} {given} given out "
            + $"({given / hours:0.0} an hour), {ended} ended, {failed} of them failed");
        cli.Print(cycle is { } round
            ? $"cycle    {Units.Duration(round)} for every name once, at this rate"
            : "cycle    nothing was given out");
        return ExitCode.Ok;
    }
}
