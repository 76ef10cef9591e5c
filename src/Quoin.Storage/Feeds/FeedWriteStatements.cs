using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The statements that write what a book decided, each prepared once: events, and the two tables
/// of the original that are exact at every commit (<c>log</c>, and <c>is_dequeued</c> of
/// <c>queue</c>). Within a transaction that the caller began.
/// </summary>
sealed class FeedWriteStatements(SqliteConnection connection)
{
    readonly SqliteStatement insertEvent = connection.Prepare("""
        INSERT INTO event (position, at, type, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)
        """u8);
    readonly SqliteStatement started = connection.Prepare("""
        INSERT INTO log (attr_path, started) VALUES (?1, ?2)
        ON CONFLICT (attr_path) DO UPDATE SET
          started = excluded.started, finished = NULL, exit_code = NULL
        """u8);
    readonly SqliteStatement finished = connection.Prepare(
        "UPDATE log SET finished = ?2, exit_code = ?3 WHERE attr_path = ?1"u8);
    readonly SqliteStatement restored = connection.Prepare(
        "UPDATE log SET started = ?2, finished = ?3, exit_code = ?4 WHERE attr_path = ?1"u8);
    readonly SqliteStatement neverStarted = connection.Prepare(
        "DELETE FROM log WHERE attr_path = ?1"u8);
    readonly SqliteStatement mark = connection.Prepare("""
        UPDATE queue SET is_dequeued = ?4
        WHERE rowid = ?5 AND fetcher_run_started = ?1 AND fetcher_id = ?2 AND attr_path = ?3
        """u8);
    readonly SqliteStatement markAnywhere = connection.Prepare("""
        UPDATE queue SET is_dequeued = ?4
        WHERE fetcher_run_started = ?1 AND fetcher_id = ?2 AND attr_path = ?3
        """u8);
    readonly SqliteStatement put = connection.Prepare("""
        INSERT INTO queue (fetcher_run_started, fetcher_id, attr_path, is_dequeued, payload,
          last_started, order_jitter, rowid)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (fetcher_run_started, fetcher_id, attr_path) DO UPDATE SET
          payload = excluded.payload, is_dequeued = excluded.is_dequeued
        ON CONFLICT (rowid) DO NOTHING
        """u8);
    readonly SqliteStatement lost = connection.Prepare("""
        INSERT OR REPLACE INTO feed_lost (run, key, feed, number, started_at, times)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """u8);
    readonly SqliteStatement found = connection.Prepare(
        "DELETE FROM feed_lost WHERE key = ?1 AND feed = ?2"u8);
    bool hasLost = connection.Number("SELECT 1 FROM feed_lost LIMIT 1"u8) is not null;

    /// <summary>The position of the last event.</summary>
    public long Position { get; set; } =
        connection.Number("SELECT max(position) FROM event"u8) ?? 0;

    /// <summary>Appends an event.</summary>
    public void Append(EncodedEvent e, long at)
    {
        insertEvent.RunEvent(Position + 1, at, e.Type, e.Subject, e.Body);
        Position++;
    }

    /// <summary>A key was given out.</summary>
    public void Started(ReadOnlySpan<byte> key, long at)
    {
        started.Bind(2, at).RunText(1, key);
    }

    /// <summary>A key's giving out ended.</summary>
    public void Finished(ReadOnlySpan<byte> key, long at, long code)
    {
        finished.Bind(2, at).Bind(3, code).RunText(1, key);
    }

    /// <summary>A key's giving out did not happen.</summary>
    public void Restored(ReadOnlySpan<byte> key, FeedKeyPast past)
    {
        if (past.StartedAt is not { } at)
        {
            neverStarted.BindText(1, key).Run();
            return;
        }
        restored.BindText(1, key).Bind(2, at);
        BindOrNull(restored, 3, past.FinishedAt);
        BindOrNull(restored, 4, past.ExitCode);
        restored.Run();
    }

    /// <summary>The line of a run may be given out again.</summary>
    public void Lost(
        FeedFlight flight, ReadOnlySpan<byte> key, string feed, int times, long? number = null)
    {
        hasLost = true;
        lost.Bind(1, flight.Run).BindText(2, key).BindText(3, feed);
        lost.Bind(4, number ?? flight.Number);
        lost.Bind(5, flight.StartedAt * 1000).Bind(6, times).Run();
    }

    /// <summary>No earlier line of a key and its feed may be given out again.</summary>
    public void Found(ReadOnlySpan<byte> key, string feed)
    {
        if (hasLost) found.BindText(1, key).BindText(2, feed).Run();
    }

    /// <summary>Says of a row that is there whether it was given out.</summary>
    public void Mark(QueuePlace place, bool isGiven)
    {
        Bind(mark, place, isGiven).Bind(5, place.RowId).RunText(3, place.Key);
        if (connection.Changes == 0) Bind(markAnywhere, place, isGiven).RunText(3, place.Key);
    }

    /// <summary>Writes a row, whether it is there or not.</summary>
    public void Put(
        QueuePlace place, ReadOnlySpan<byte> text, bool isGiven, long? lastStarted)
    {
        Put(place, place.RowId, text, isGiven, lastStarted);
        // Another one is there: behind the last one then.
        if (connection.Changes == 0) Put(place, null, text, isGiven, lastStarted);
    }

    void Put(
        QueuePlace place, long? rowId, ReadOnlySpan<byte> text, bool isGiven, long? lastStarted)
    {
        Bind(put, place, isGiven).BindText(3, place.Key).BindText(5, text).Bind(7, place.Scramble);
        BindOrNull(put, 6, lastStarted);
        BindOrNull(put, 8, rowId);
        put.Run();
    }

    static SqliteStatement Bind(SqliteStatement statement, QueuePlace place, bool isGiven) =>
        statement.Bind(1, place.Run).Bind(2, place.Fetcher).Bind(4, isGiven ? 1 : 0);

    public static void BindOrNull(SqliteStatement statement, int index, long? value)
    {
        if (value is { } number) statement.Bind(index, number);
        else statement.BindText(index, (string?)null);
    }
}
