using System.Text;
using Quoin.Core;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// What no supervisor with these tables can beat: bare calls of SQLite that write the rows which a
/// giving out has to have, in a fixed order, and read the line's payload. It knows no feeds and
/// decides nothing.
/// </summary>
sealed class LineRows : IDisposable
{
    readonly SqliteConnection database;
    readonly List<(long Fetcher, long Row, int Piece, byte[] Text)> keys = [];
    readonly SqliteStatement insert, start, finish, mark, begin, commit;
    readonly FeedPieces pieces;
    long position;
    int given;
    bool isBegun;

    /// <summary>Opens a feed store with all its rows filled.</summary>
    public LineRows(string path)
    {
        database = SqliteConnection.Open(path, SqliteNative.OpenReadWrite, 5000, gathers: true);
        database.SwitchTriggersOff();
        database.Execute("""
            PRAGMA cache_size = -4000; PRAGMA wal_autocheckpoint = 50000;
            PRAGMA synchronous = FULL;
            """u8);
        begin = database.Prepare("BEGIN IMMEDIATE"u8);
        commit = database.Prepare("COMMIT"u8);
        insert = database.Prepare("""
            INSERT INTO event (position, at, type, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)
            """u8);
        start = database.Prepare("""
            INSERT INTO log (attr_path, started) VALUES (?1, 1)
            ON CONFLICT (attr_path) DO UPDATE SET
              started = excluded.started, finished = NULL, exit_code = NULL
            """u8);
        finish = database.Prepare(
            "UPDATE log SET finished = 2, exit_code = 0 WHERE attr_path = ?1"u8);
        mark = database.Prepare("""
            UPDATE queue SET is_dequeued = 1
            WHERE rowid = ?3 AND fetcher_run_started = 1 AND fetcher_id = ?1 AND attr_path = ?2
            """u8);
        pieces = new FeedPieces(database);
        position = database.Number("SELECT max(position) FROM event"u8) ?? 0;
        using var all = database.PrepareOnce(
            "SELECT attr_path, fetcher_id, rowid FROM queue ORDER BY order_jitter"u8);
        var found = Pieces();
        while (all.Step())
            keys.Add((all.Int64(1), all.Int64(2), found[all.Text(0)], all.Bytes(0).ToArray()));
    }

    Dictionary<string, int> Pieces()
    {
        var found = new Dictionary<string, int>();
        using var all = database.PrepareOnce("SELECT id, body FROM feed_piece"u8);
        while (all.Step())
        {
            var lines = Encoding.UTF8.GetString(all.Bytes(1)).Split('\n');
            foreach (var line in lines) found[line.Split(' ')[0]] = (int)all.Int64(0);
        }
        return found;
    }

    /// <summary>Gives out the next key, after the end of another one's giving out.</summary>
    public byte[] Give(ReadOnlySpan<byte> ended)
    {
        if (!isBegun) begin.Run();
        isBegun = true;
        if (!ended.IsEmpty)
        {
            finish.RunText(1, ended);
            Append("run-completed"u8);
        }
        var key = keys[given++ % keys.Count];
        Append("run-scheduled"u8);
        Append("run-leased"u8);
        start.RunText(1, key.Text);
        mark.Bind(1, key.Fetcher).Bind(3, key.Row).RunText(2, key.Text);
        if (pieces.Payload(new FeedPayload(key.Piece, 0, 1)).IsEmpty)
            throw new InvalidDataException("a piece is not there");
        return key.Text;
    }

    /// <summary>All that was given out since the last time is on disk when this returns.</summary>
    public void Commit()
    {
        if (isBegun) database.Commit(commit, isSynced: true);
        isBegun = false;
    }

    void Append(ReadOnlySpan<byte> type) => insert.RunEvent(
        ++position, 1_700_000_000_000, type, "r-12345"u8,
        "thirty-two bytes, about as much as"u8);

    public void Dispose() => database.Dispose();
}
