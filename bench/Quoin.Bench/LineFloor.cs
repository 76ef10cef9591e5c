using System.Text;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// What no supervisor with these tables can beat: a bare loop that answers all questions that are
/// there in a fixed order, and before that writes with bare calls of SQLite the rows that a giving
/// out has to have, syncs them, and reads the line's piece, because payloads are not in memory. It
/// knows no feeds and decides nothing.
/// </summary>
sealed class LineFloor : IDisposable
{
    readonly int listener;
    readonly Thread thread;
    readonly SqliteConnection? database;
    readonly List<(long Fetcher, long Row, long Piece, byte[] Text)> keys = [];
    volatile bool isOver;
    long position;
    int given;
    SqliteStatement insert = null!, start = null!, finish = null!, mark = null!;
    SqliteStatement begin = null!, commit = null!, piece = null!;

    /// <summary>
    /// Serves at a path until disposed. <paramref name="databasePath"/>: a feed store with all its
    /// rows filled; null: nothing is written.
    /// </summary>
    public LineFloor(string path, string? databasePath)
    {
        if (databasePath is not null)
        {
            database = SqliteConnection.Open(databasePath, SqliteNative.OpenReadWrite, 5000);
            database.SwitchTriggersOff();
            database.Execute("""
                PRAGMA cache_size = -24000; PRAGMA wal_autocheckpoint = 50000;
                PRAGMA synchronous = FULL;
                """u8);
            Prepare(database);
        }
        listener = LineNative.Listen(path, 128);
        if (listener < 0) throw new IOException($"{path} cannot be listened at");
        thread = new Thread(Serve);
        thread.Start();
    }

    void Prepare(SqliteConnection it)
    {
        begin = it.Prepare("BEGIN IMMEDIATE"u8);
        commit = it.Prepare("COMMIT"u8);
        insert = it.Prepare("""
            INSERT INTO event (position, at, type, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)
            """u8);
        start = it.Prepare("""
            INSERT INTO log (attr_path, started) VALUES (?1, 1)
            ON CONFLICT (attr_path) DO UPDATE SET
              started = excluded.started, finished = NULL, exit_code = NULL
            """u8);
        finish = it.Prepare("UPDATE log SET finished = 2, exit_code = 0 WHERE attr_path = ?1"u8);
        mark = it.Prepare("""
            UPDATE queue SET is_dequeued = 1
            WHERE rowid = ?3 AND fetcher_run_started = 1 AND fetcher_id = ?1 AND attr_path = ?2
            """u8);
        position = it.Number("SELECT max(position) FROM event"u8) ?? 0;
        using var all = it.PrepareOnce(
            "SELECT attr_path, fetcher_id, rowid FROM queue ORDER BY order_jitter"u8);
        var pieces = Pieces(it);
        while (all.Step())
            keys.Add((all.Int64(1), all.Int64(2), pieces[all.Text(0)], all.Bytes(0).ToArray()));
        piece = it.Prepare("SELECT body FROM feed_piece WHERE id = ?1"u8);
    }

    static Dictionary<string, long> Pieces(SqliteConnection it)
    {
        var found = new Dictionary<string, long>();
        using var all = it.PrepareOnce("SELECT id, body FROM feed_piece"u8);
        while (all.Step())
        {
            var lines = Encoding.UTF8.GetString(all.Bytes(1)).Split('\n');
            foreach (var line in lines) found[line.Split(' ')[0]] = all.Int64(0);
        }
        return found;
    }

    void Serve()
    {
        var poller = LineNative.NewPoller();
        _ = LineNative.Watch(poller, LineNative.Add, listener, LineNative.In);
        var (events, room) = (LineNative.Room(256), new byte[4096]);
        var answers = new List<(int File, byte[] Text)>();
        while (!isOver)
        {
            var count = LineNative.Wait(poller, events, 50);
            for (var i = 0; i < count; i++)
            {
                var file = LineNative.Event(events, i).File;
                if (file == listener)
                {
                    while (LineNative.Accept(listener) is >= 0 and var accepted)
                        _ = LineNative.Watch(poller, LineNative.Add, accepted, LineNative.In);
                    continue;
                }
                var length = LineNative.Read(file, room);
                if (length > 0) answers.Add((file, Answer(room.AsSpan(0, length), answers.Count)));
                else if (length != -Libc.EAGAIN) _ = Libc.close(file);
            }
            if (answers.Count > 0 && database is not null) commit.Run();
            foreach (var (file, text) in answers) _ = LineNative.Write(file, text);
            answers.Clear();
        }
        _ = Libc.close(poller);
    }

    byte[] Answer(ReadOnlySpan<byte> question, int before)
    {
        if (database is null) return "JOB package 1.0 1.1 https://a.org/1\n"u8.ToArray();
        if (before == 0) begin.Run();
        if (question.StartsWith("DONE "u8))
        {
            var ended = question[5..];
            finish.BindText(1, ended[..ended.IndexOf((byte)' ')]).Run();
            Append("run-completed"u8);
        }
        var key = keys[given++ % keys.Count];
        Append("run-scheduled"u8);
        Append("run-leased"u8);
        start.BindText(1, key.Text).Run();
        mark.Bind(1, key.Fetcher).BindText(2, key.Text).Bind(3, key.Row).Run();
        if (!piece.Bind(1, key.Piece).Step() || piece.Bytes(0).IsEmpty)
            throw new InvalidDataException("a piece is not there");
        piece.Reset();
        return Encoding.UTF8.GetBytes(
            $"JOB {Encoding.UTF8.GetString(key.Text)} 1.0 1.1 https://a.org/1\n");
    }

    void Append(ReadOnlySpan<byte> type) => insert.RunEvent(
        ++position, 1_700_000_000_000, type, "r-12345"u8,
        "thirty-two bytes, about as much as"u8);

    public void Dispose()
    {
        isOver = true;
        thread.Join();
        _ = Libc.close(listener);
        database?.Dispose();
    }
}
