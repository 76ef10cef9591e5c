using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Everything that is read from one SQLite file, over one connection, opened at the first use. Each
/// call takes a lock, reads what it needs, and lets go: no statement stays open between calls. What
/// may look at the whole log has a connection of its own, so that nobody else waits for it.
/// </summary>
sealed class SqliteReader(string path, StoreOptions options) : IDisposable
{
    readonly Lock gate = new(), scanGate = new();
    SqliteConnection? connection, scans;
    SqliteStatement? last, page, at, snapshot, fingerprint, answer, waiting;
    bool closed;

    /// <summary>
    /// Opens a connection for reading. Readers of a write-ahead file share memory in a file beside
    /// it; where none can be made and nobody left a log, the file alone is the whole truth.
    /// </summary>
    public static SqliteConnection OpenConnection(string path, StoreOptions options)
    {
        var connection = SqliteConnection.Open(
            path, SqliteNative.OpenReadOnly, options.BusyTimeoutMs);
        if (!options.ReadOnly) return connection;
        try
        {
            connection.Number("PRAGMA schema_version"u8); // The first time that the file is read.
            return connection;
        }
        catch (StoreException e)
        {
            connection.Dispose();
            if (e.Code is not ("store-unavailable" or "store-read-only")) throw;
            if (new FileInfo(path + "-wal") is { Exists: true, Length: > 0 }) throw;
            return SqliteConnection.Open(
                path, SqliteNative.OpenReadOnly | SqliteNative.OpenUri, options.BusyTimeoutMs);
        }
    }

    /// <summary>Throws unless the tables are those that this program knows.</summary>
    public void CheckSchema()
    {
        lock (gate)
        {
            if (!SqliteSchema.IsCurrent(Connection()))
                throw new StoreException(
                    "store-unavailable",
                    $"{path} is empty or from an older quoin, and was opened only to read; run "
                    + "quoin build once, which brings it up to date");
        }
    }

    public (string Id, DateTimeOffset CreatedAt) Identity()
    {
        lock (gate)
        {
            using var statement = Connection().PrepareOnce("SELECT id, created_at FROM store"u8);
            return statement.Step()
                ? (statement.Text(0), DateTimeOffset.FromUnixTimeMilliseconds(statement.Int64(1)))
                : throw new StoreException(
                    "store-corrupt", $"{path} does not say which store it is");
        }
    }

    public long LastPosition()
    {
        lock (gate)
        {
            last ??= Connection().Prepare("SELECT coalesce(max(position), 0) FROM event"u8);
            last.Step();
            var position = last.Int64(0);
            last.Reset();
            return position;
        }
    }

    /// <summary>
    /// Fills the array with the next events, decoded from where SQLite has them; answers how many.
    /// An array and not a list: a list of a struct of ours would be compiled at each start.
    /// </summary>
    public int Page(long after, LoggedEvent[] events, EventDecoder decoder)
    {
        lock (gate)
        {
            page ??= Connection().Prepare("""
                SELECT position, at, type, body FROM event
                WHERE position > ?1 ORDER BY position LIMIT ?2
                """u8);
            page.Bind(1, after).Bind(2, events.Length);
            var count = 0;
            try
            {
                while (page.Step())
                {
                    var position = page.Int64(0);
                    if (position != ++after)
                        throw new StoreException("store-corrupt", $"event {after} is missing");
                    var at = DateTimeOffset.FromUnixTimeMilliseconds(page.Int64(1));
                    var e = decoder.Decode(position, page.Bytes(2), page.Bytes(3));
                    events[count++] = new LoggedEvent(position, at, e);
                }
            }
            catch (StoreException e) when (!e.Message.Contains(path, StringComparison.Ordinal))
            {
                throw new StoreException(e.Code, $"{path}: {e.Message}", e);
            }
            finally
            {
                page.Reset();
            }
            return count;
        }
    }

    /// <summary>Events that a person asks for, at most <paramref name="rows"/>.</summary>
    public List<RawEvent> Select(EventQuery query, bool newestFirst, int rows) => newestFirst
        ? Select(query, rows, """
            SELECT position, at, type, subject, body FROM event
            WHERE position > ?1 AND position < ?5 AND (?2 IS NULL OR subject = ?2)
              AND (?3 IS NULL OR type IN (SELECT value FROM json_each(?3)))
            ORDER BY position DESC LIMIT ?4
            """u8)
        : Select(query, rows, """
            SELECT position, at, type, subject, body FROM event
            WHERE position > ?1 AND position < ?5 AND (?2 IS NULL OR subject = ?2)
              AND (?3 IS NULL OR type IN (SELECT value FROM json_each(?3)))
            ORDER BY position LIMIT ?4
            """u8);

    /// <summary>The events at these positions.</summary>
    public List<RawEvent> At(ImmutableArray<long> positions)
    {
        lock (gate)
        {
            at ??= Connection().Prepare("""
                SELECT position, at, type, subject, body FROM event WHERE position = ?1
                """u8);
            var events = new List<RawEvent>(positions.Length);
            try
            {
                foreach (var position in positions)
                {
                    if (!at.Bind(1, position).Step()) throw EventPages.Missing(path, position);
                    events.Add(RawOf(at));
                    at.Reset();
                }
            }
            finally
            {
                at.Reset();
            }
            return events;
        }
    }

    /// <summary>The snapshot, if it has this format and is of this log.</summary>
    public StoredSnapshot? LatestSnapshot(int format)
    {
        lock (gate)
        {
            snapshot ??= Connection().Prepare("""
                SELECT position, body FROM snapshot
                WHERE format = ?1 AND position <= (SELECT coalesce(max(position), 0) FROM event)
                """u8);
            var found = snapshot.Bind(1, format).Step()
                ? new StoredSnapshot(snapshot.Int64(0), format, snapshot.Bytes(1).ToArray())
                : null;
            snapshot.Reset();
            return found;
        }
    }

    /// <summary>
    /// Read one by one over a connection of its own: the state is read on another thread meanwhile.
    /// </summary>
    public IEnumerable<FileStampEntry> FileStamps()
    {
        using var own = OpenConnection(path, options);
        using var statement = own.PrepareOnce("""
            SELECT path, size, modified_ns, inode, digest, checked_ns FROM file_stamp
            """u8);
        var what = $"{path}: a file stamp";
        while (statement.Step())
        {
            yield return new(
                statement.Text(0),
                new FileStamp(statement.Int64(1), statement.Int64(2), statement.Int64(3)),
                DigestKey.Read(statement.Bytes(4), what),
                statement.Int64(5));
        }
    }

    public byte[]? FingerprintText(Digest digest)
    {
        lock (gate)
        {
            fingerprint ??= Connection().Prepare(
                "SELECT form, body FROM fingerprint WHERE digest = ?1"u8);
            return Packed(fingerprint, digest, $"{path}: the fingerprint {digest}");
        }
    }

    public byte[]? ConfigAnswer(Digest question)
    {
        lock (gate)
        {
            answer ??= Connection().Prepare(
                "SELECT form, body FROM config_answer WHERE question = ?1"u8);
            return Packed(answer, question, $"{path}: the config answer {question}");
        }
    }

    public List<InboxCommand> Waiting()
    {
        lock (gate)
        {
            waiting ??= Connection().Prepare("SELECT id, type, body FROM inbox ORDER BY number"u8);
            var commands = new List<InboxCommand>();
            while (waiting.Step())
                commands.Add(new(waiting.Text(0), waiting.Text(1), waiting.Bytes(2).ToArray()));
            waiting.Reset();
            return commands;
        }
    }

    public List<WorkerInfo> Workers()
    {
        lock (gate)
        {
            using var statement = Connection().PrepareOnce("""
                SELECT owner, slots, capacity, memory, labels, joined_at, now - heard_at,
                  expires_at <= now
                FROM worker, (SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now)
                ORDER BY owner
                """u8);
            var workers = new List<WorkerInfo>();
            while (statement.Step())
            {
                workers.Add(new()
                {
                    Owner = statement.Text(0),
                    Slots = (int)statement.Int64(1),
                    Capacity = (int)statement.Int64(2),
                    MemoryBytes = statement.Int64(3),
                    Labels = Labels.Split(statement.Text(4)),
                    JoinedAt = DateTimeOffset.FromUnixTimeMilliseconds(statement.Int64(5)),
                    Silent = TimeSpan.FromMilliseconds(Math.Max(0, statement.Int64(6))),
                    IsOver = statement.Int64(7) == 1,
                });
            }
            return workers;
        }
    }

    public List<QueuedRun> QueuedRuns()
    {
        lock (gate)
        {
            using var statement = Connection().PrepareOnce(
                "SELECT run, epoch, coalesce(owner, '') FROM ready_run ORDER BY run"u8);
            var runs = new List<QueuedRun>();
            while (statement.Step())
            {
                var owner = statement.Text(2);
                runs.Add(new(
                    new((int)statement.Int64(0)), (int)statement.Int64(1),
                    owner.Length == 0 ? null : owner));
            }
            return runs;
        }
    }

    public List<AccessToken> Tokens()
    {
        lock (gate)
        {
            using var statement = Connection().PrepareOnce("""
                SELECT name, role, hash, created_at, coalesce(revoked_at, 0) FROM access_token
                ORDER BY name
                """u8);
            var tokens = new List<AccessToken>();
            while (statement.Step())
            {
                var revoked = statement.Int64(4);
                tokens.Add(new(
                    statement.Text(0), statement.Text(1), statement.Bytes(2).ToArray(),
                    DateTimeOffset.FromUnixTimeMilliseconds(statement.Int64(3)),
                    revoked == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(revoked)));
            }
            return tokens;
        }
    }

    public KeyedRequest? SentUnder(string key)
    {
        lock (gate)
        {
            using var statement = Connection().PrepareOnce(
                "SELECT digest, command FROM keyed_request WHERE key = ?1"u8);
            return statement.BindText(1, key).Step()
                ? new(key, statement.Bytes(0).ToArray(), statement.Text(1))
                : null;
        }
    }

    public byte[]? RunLog(AttemptId attempt)
    {
        lock (gate)
        {
            using var statement = Connection().PrepareOnce(
                "SELECT form, body FROM run_log WHERE run = ?1 AND attempt = ?2"u8);
            return statement.Bind(1, attempt.Run.Value).Bind(2, attempt.Attempt).Step()
                ? StoredBytes.Unpack(
                    statement.Bytes(1), statement.Int64(0), $"{path}: the log of {attempt}")
                : null;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            closed = true;
            connection?.Dispose();
            connection = null;
        }
        lock (scanGate)
        {
            scans?.Dispose();
            scans = null;
        }
    }

    // Without a filter a page is found by its key; with one there is no telling how far it looks.
    List<RawEvent> Select(EventQuery query, int rows, ReadOnlySpan<byte> sql)
    {
        if (query.Subject is null && query.Types.IsDefaultOrEmpty)
        {
            lock (gate) return Select(Connection(), query, rows, sql);
        }
        lock (scanGate)
        {
            ObjectDisposedException.ThrowIf(closed, typeof(SqliteStore));
            return Select(scans ??= OpenConnection(path, options), query, rows, sql);
        }
    }

    static List<RawEvent> Select(
        SqliteConnection connection, EventQuery query, int rows, ReadOnlySpan<byte> sql)
    {
        using var statement = connection.PrepareOnce(sql);
        statement.Bind(1, query.After).BindText(2, query.Subject);
        statement.BindText(3, TypesAsJson(query)).Bind(4, rows);
        statement.Bind(5, query.Before ?? long.MaxValue);
        var events = new List<RawEvent>();
        while (statement.Step()) events.Add(RawOf(statement));
        return events;
    }

    static RawEvent RawOf(SqliteStatement row) => new(
        row.Int64(0), DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(1)), row.Text(2),
        row.Text(3), row.Bytes(4).ToArray());

    // Kinds are kebab-case words; anything that would need escaping is no kind and matches none.
    static string? TypesAsJson(EventQuery query)
    {
        if (query.Types.IsDefaultOrEmpty) return null;
        var plain = query.Types.Where(t => t.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'));
        return $"[{string.Join(',', plain.Select(t => $"\"{t}\""))}]";
    }

    static byte[]? Packed(SqliteStatement statement, Digest digest, string what)
    {
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        try
        {
            return statement.BindBlob(1, DigestKey.Write(digest, key)).Step()
                ? StoredBytes.Unpack(statement.Bytes(1), statement.Int64(0), what)
                : null;
        }
        finally
        {
            statement.Reset();
        }
    }

    SqliteConnection Connection()
    {
        ObjectDisposedException.ThrowIf(closed, typeof(SqliteStore));
        return connection ??= OpenConnection(path, options);
    }
}
