using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Fills a book from the tables: what was written of keys and flights, led on by the log behind
/// that; the lines of the pieces; and what was given out, from <c>queue</c>, which is exact.
/// </summary>
sealed class FeedLoading(
    SqliteConnection connection, FeedBook book, FeedFiles files, FeedTables tables)
{
    /// <summary>
    /// A database of the original becomes ours: the order in which keys were given out is that of
    /// their times, then of their scramble. Its files are read again.
    /// </summary>
    public static void TakeOver(SqliteConnection connection)
    {
        var keys = new List<(long Started, int Scramble, byte[] Key)>();
        using (var log = connection.PrepareOnce("SELECT attr_path, started FROM log"u8))
        {
            while (log.Step())
            {
                var key = log.Bytes(0).ToArray();
                keys.Add((log.Int64(1), Scramble.Of(key), key));
            }
        }
        keys.Sort((a, b) => (a.Started, a.Scramble).CompareTo((b.Started, b.Scramble)) is var order
            && order != 0 ? order : a.Key.AsSpan().SequenceCompareTo(b.Key));
        using var put = connection.PrepareOnce(
            """
            INSERT INTO feed_key (key, sequence, is_out, feed, number, started_at, holder, times)
            VALUES (?1, ?2, 0, '', 0, 0, '', 1)
            """u8);
        for (var i = 0; i < keys.Count; i++) put.BindText(1, keys[i].Key).Bind(2, i + 1).Run();
        using (var flights = connection.PrepareOnce("""
            UPDATE feed_key SET is_out = 1, started_at = started * 1000
            FROM log WHERE attr_path = key AND finished IS NULL
            """u8)) flights.Run();
        using var state = connection.PrepareOnce("""
            UPDATE feed_state SET last_run = ?1, filled_to = 0, changed_by_others = 0,
              written_to = coalesce((SELECT max(position) FROM event), 0)
            """u8);
        state.Bind(1, keys.Count).Run();
    }

    /// <summary>
    /// Another program wrote the original's tables: they are right, ours are not.
    /// </summary>
    public static void StartOver(SqliteConnection connection)
    {
        connection.Execute("""
            DELETE FROM feed_file; DELETE FROM feed_piece; DELETE FROM feed_forget;
            DELETE FROM feed_lost; DELETE FROM feed_key;
            """u8);
        TakeOver(connection);
    }

    /// <summary>Fills the book; the records of the files that were there.</summary>
    public List<FeedSource> Load(long nowMs, long at)
    {
        using (var fetchers = connection.PrepareOnce(
            "SELECT name FROM fetchers ORDER BY fetcher_id"u8))
            while (fetchers.Step()) book.FeedOf(fetchers.Text(0));
        LoadForgetting();
        var sources = LoadFiles();
        tables.FilledTo = (int)(connection.Number("SELECT filled_to FROM feed_state"u8) ?? 0);
        LoadLines();
        LoadMarks();
        var tail = LoadTail();
        LoadKeys(tail);
        LoadFlights(tail, nowMs, at);
        LoadLost();
        book.LastRun = Math.Max(
            book.LastRun, connection.Number("SELECT last_run FROM feed_state"u8) ?? 0);
        book.Facts.Clear();
        return sources;
    }

    void LoadForgetting()
    {
        using var all = connection.PrepareOnce(
            "SELECT file, feed, number, first_piece, last_piece FROM feed_forget ORDER BY file"u8);
        while (all.Step())
        {
            files.Forgetting.Add(new FeedForgetting(
                all.Int64(0), all.Text(1), all.Int64(2), null, (int)all.Int64(3),
                (int)all.Int64(4)));
        }
    }

    List<FeedSource> LoadFiles()
    {
        var sources = new List<FeedSource>();
        using var all = connection.PrepareOnce("""
            SELECT id, feed, number, digits, is_part, device, inode, birth, read_to, tail, lines,
              skipped, skips_line, is_complete, first_piece
            FROM feed_file ORDER BY id
            """u8);
        while (all.Step())
        {
            var source = new FeedSource
            {
                Id = all.Int64(0),
                Name = new FeedFileName(
                    all.Text(1), all.Text(3), all.Int64(2), all.Int64(4) == 1),
                Device = all.Int64(5),
                Inode = all.Int64(6),
                Birth = all.Int64(7),
                Offset = all.Int64(8),
                Tail = all.Bytes(9).ToArray(),
                Lines = all.Int64(10),
                Skipped = all.Int64(11),
                SkipsLine = all.Int64(12) == 1,
                IsComplete = all.Int64(13) == 1,
                FirstPiece = (int)all.Int64(14),
            };
            source.File = book.AddFile(book.FeedOf(source.Name.Feed), source.Name.Number);
            files.Sources[source.File] = source;
            sources.Add(source);
            if (source.IsComplete) tables.WhenFilled(source);
        }
        return sources;
    }

    void LoadLines()
    {
        var byId = files.Sources.Values.ToDictionary(it => it.Id);
        using var pieces = connection.PrepareOnce(
            "SELECT id, file, body FROM feed_piece ORDER BY id"u8);
        while (pieces.Step())
        {
            if (!byId.TryGetValue(pieces.Int64(1), out var source)) continue;
            var piece = (int)pieces.Int64(0);
            source.LastPiece = piece;
            var body = pieces.Bytes(2);
            for (var at = 0; at < body.Length;)
            {
                var line = body[at..];
                line = line[..line.IndexOf((byte)'\n')];
                var space = line.IndexOf((byte)' ');
                book.Accept(
                    source.File!, line[..space],
                    new FeedPayload(piece, at + space + 1, line.Length - space - 1));
                at += line.Length + 1;
            }
        }
    }

    void LoadMarks()
    {
        using var given = connection.PrepareOnce("""
            SELECT name, fetcher_run_started, attr_path
            FROM queue JOIN fetchers USING (fetcher_id) WHERE is_dequeued <> 0
            """u8);
        var forgotten = files.Forgetting.Select(it => (it.Feed, it.Number)).ToHashSet();
        var (name, feed) = (Array.Empty<byte>(), -1);
        while (given.Step())
        {
            if (!given.Bytes(0).SequenceEqual(name))
            {
                name = given.Bytes(0).ToArray();
                feed = book.FeedOf(given.Text(0));
            }
            var number = given.Int64(1);
            if (!book.RestoreDone(feed, number, given.Bytes(2))
                && !forgotten.Contains((book.Feeds[feed], number)))
                files.KnowMark(feed, number, given.Text(2));
        }
    }

    FeedTail LoadTail()
    {
        using var look = connection.PrepareOnce("SELECT sequence FROM feed_key WHERE key = ?1"u8);
        var tail = new FeedTail
        {
            Earlier = key =>
            {
                look.BindText(1, key);
                var sequence = look.Step() ? look.Int64(0) : 0;
                look.Reset();
                return sequence;
            },
        };
        using (var flights = connection.PrepareOnce("""
            SELECT sequence, key, feed, number, started_at, holder, times
            FROM feed_key WHERE is_out = 1
            """u8)) while (flights.Step()) tail.Begin(FlightOf(flights));
        using var events = connection.PrepareOnce("""
            SELECT type, body, at FROM event
            WHERE position > (SELECT written_to FROM feed_state) ORDER BY position
            """u8);
        while (events.Step())
            FeedEvents.Follow(tail, events.Bytes(0), events.Bytes(1), events.Int64(2));
        book.LastRun = tail.LastRun;
        return tail;
    }

    static FeedTail.Flight FlightOf(SqliteStatement row) => new(
        row.Int64(0), row.Text(1), row.Text(2), row.Int64(3), row.Int64(4), row.Text(5),
        (int)row.Int64(6));

    // Both tables are in the order of the key: they are read side by side.
    void LoadKeys(FeedTail tail)
    {
        using var log = connection.PrepareOnce("""
            SELECT attr_path, started, finished, exit_code, finished IS NULL, exit_code IS NULL
            FROM log ORDER BY attr_path
            """u8);
        using var keys = connection.PrepareOnce(
            "SELECT key, sequence FROM feed_key ORDER BY key"u8);
        var isKey = keys.Step();
        while (log.Step())
        {
            var key = log.Bytes(0);
            while (isKey && keys.Bytes(0).SequenceCompareTo(key) < 0) isKey = keys.Step();
            var sequence = isKey && keys.Bytes(0).SequenceEqual(key) ? keys.Int64(1) : 0;
            var isChanged = false;
            if (tail.Touched.Count > 0)
            {
                var name = Encoding.UTF8.GetString(key);
                isChanged = tail.Touched.Remove(name);
                if (tail.Sequences.TryGetValue(name, out var later)) sequence = later;
            }
            book.Restore(
                key,
                new FeedKeyPast(
                    sequence, log.Int64(1), log.Int64(4) == 1 ? null : log.Int64(2),
                    log.Int64(5) == 1 ? null : log.Int64(3)),
                isChanged);
        }
        // Never given out, as it turned out: what was written of them is to go.
        foreach (var name in tail.Touched)
            book.Restore(Encoding.UTF8.GetBytes(name), default, isDirty: true);
    }

    void LoadFlights(FeedTail tail, long nowMs, long at)
    {
        var hold = book.Rules.HoldMs;
        foreach (var it in tail.Flights.Values.OrderBy(it => it.Run))
        {
            var age = at - it.StartedAtMs;
            if (age < 0) age = -age > hold ? hold + 1 : 0; // The clock was set back.
            var isNamed = it.Holder.Length > 0 && it.Holder[0] != '#';
            book.RestoreFlight(
                Encoding.UTF8.GetBytes(it.Key), Like(it, isNamed ? it.Holder : ""),
                isNamed ? FeedHolderKind.Worker : FeedHolderKind.Nobody, null, nowMs - age,
                isNamed ? nowMs + book.Rules.LeaseMs : nowMs - age + hold);
        }
    }

    FeedFlight Like(FeedTail.Flight it, string holder) => new()
    {
        Run = it.Run,
        Key = 0,
        Feed = it.Feed.Length == 0 ? -1 : book.FeedOf(it.Feed),
        Number = it.Number,
        StartedAt = it.StartedAtMs / 1000,
        HolderName = holder,
        Times = it.Times,
    };

    void LoadLost()
    {
        using var lost = connection.PrepareOnce("""
            SELECT run, key, feed, number, started_at, '', times FROM feed_lost ORDER BY run
            """u8);
        while (lost.Step())
            book.RestoreLost(lost.Bytes(1), Like(FlightOf(lost), ""));
    }
}
