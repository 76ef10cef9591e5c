using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>A line that is out, as people see it.</summary>
public sealed record FeedJob(
    string Key, string Feed, long Number, string Holder, long StartedAt, int Times);

/// <summary>
/// What a feed store holds at one moment, read beside the process that serves it.
/// </summary>
public sealed record FeedPicture
{
    /// <summary>The files that are there, in the order of their names.</summary>
    public required IReadOnlyList<FeedSource> Sources { get; init; }

    /// <summary>How many lines could be given out now, one of each key.</summary>
    public required int Waiting { get; init; }

    /// <summary>What is out, oldest first.</summary>
    public required IReadOnlyList<FeedJob> Out { get; init; }

    /// <summary>How many keys were ever given out.</summary>
    public required long Known { get; init; }

    /// <summary>When its first event happened, Unix milliseconds.</summary>
    public required long Since { get; init; }

    /// <summary>How many were given out, and how many ended, since the time asked for.</summary>
    public required (long Given, long Ended, long Failed) Recent { get; init; }

    /// <summary>
    /// Of the keys that wait and were given out before, the one that was so longest ago: its name
    /// and when, Unix seconds; null: there is none.
    /// </summary>
    public required (string Key, long StartedAt)? Oldest { get; init; }

    /// <summary>Whether there is a feed store at a path.</summary>
    public static bool IsAt(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            using var connection = SqliteConnection.Open(path, SqliteNative.OpenReadOnly, 5000);
            return FeedSchema.KindOf(connection) == FeedSchema.Kind.Own;
        }
        catch (StoreException)
        {
            return false; // Whoever opens it next says what is wrong with it.
        }
    }

    /// <summary>
    /// Reads it; <paramref name="at"/> is now, <paramref name="since"/> the begin of what is
    /// recent, both Unix milliseconds.
    /// </summary>
    public static FeedPicture Read(string path, long at, long since)
    {
        using var connection = SqliteConnection.Open(path, SqliteNative.OpenReadOnly, 5000);
        connection.Execute("BEGIN"u8); // All of it at one moment.
        var book = new FeedBook(new FeedRules());
        var files = new FeedFiles(connection);
        var tables = new FeedTables(
            connection, new FeedWriteStatements(connection), files, new FeedPieces(connection));
        var sources = new FeedLoading(connection, book, files, tables).Load(at, at);
        book.ExpireDue(at, at / 1000);
        using var recent = connection.PrepareOnce("""
            SELECT count(*) FILTER (WHERE type = 'run-scheduled'),
              count(*) FILTER (WHERE type IN ('run-completed', 'run-failed')),
              count(*) FILTER (WHERE type = 'run-failed')
            FROM event WHERE at >= ?1
            """u8);
        recent.Bind(1, since).Step();
        return new FeedPicture
        {
            Sources = [.. sources.OrderBy(it => it.Name.ToString(), StringComparer.Ordinal)],
            Waiting = book.EligibleCount,
            Out =
            [
                .. book.Flights.OrderBy(it => it.StartedAt).ThenBy(it => it.Run)
                    .Select(it => new FeedJob(
                        Encoding.UTF8.GetString(book.KeyBytes(it.Key)),
                        it.Feed < 0 ? "" : book.Feeds[it.Feed], it.Number, it.HolderName,
                        it.StartedAt, it.Times)),
            ],
            Known = connection.Number("SELECT count(*) FROM log"u8) ?? 0,
            Since = connection.Number("SELECT at FROM event ORDER BY position LIMIT 1"u8) ?? at,
            Recent = (recent.Int64(0), recent.Int64(1), recent.Int64(2)),
            Oldest = OldestOf(connection),
        };
    }

    static (string, long)? OldestOf(SqliteConnection connection)
    {
        using var oldest = connection.PrepareOnce("""
            SELECT attr_path, last_started FROM queue
            WHERE is_dequeued = 0 AND last_started IS NOT NULL
            ORDER BY last_started, order_jitter LIMIT 1
            """u8);
        return oldest.Step() ? (oldest.Text(0), oldest.Int64(1)) : null;
    }
}
