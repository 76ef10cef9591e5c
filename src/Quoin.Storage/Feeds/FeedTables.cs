using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// What follows later, a little at a time: rows of <c>queue</c> and their <c>last_started</c>,
/// which cost twenty times an append, for people who query them and for the original; the order of
/// keys and what is in flight, for the next start; and forgetting removed files.
/// </summary>
sealed class FeedTables(
    SqliteConnection connection, FeedWriteStatements statements, FeedFiles files,
    FeedPieces pieces)
{
    const int KeysEveryMs = 1500;
    const int UnlinkMax = 1000;
    const int DeleteMax = 100;

    readonly SqliteStatement nextPiece = connection.Prepare(
        "SELECT id, file, body FROM feed_piece WHERE id > ?1 ORDER BY id LIMIT 1"u8);
    readonly SqliteStatement filled = connection.Prepare("UPDATE feed_state SET filled_to = ?1"u8);
    readonly SqliteStatement putKey = connection.Prepare("""
        INSERT OR REPLACE INTO feed_key
          (key, sequence, is_out, feed, number, started_at, holder, times)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        """u8);
    readonly SqliteStatement dropKey = connection.Prepare(
        "DELETE FROM feed_key WHERE key = ?1"u8);
    readonly SqliteStatement dropRun = connection.Prepare(
        "DELETE FROM feed_key WHERE key = ?1 AND sequence = ?2"u8);
    readonly SqliteStatement returnKey = connection.Prepare(
        "UPDATE feed_key SET sequence = ?3, is_out = 0 WHERE key = ?1 AND sequence = ?2"u8);
    readonly SqliteStatement lastStarted = connection.Prepare("""
        UPDATE queue SET last_started = ?2 WHERE attr_path = ?1 AND last_started IS NOT ?2
        """u8);
    readonly SqliteStatement deleteRow = connection.Prepare("""
        DELETE FROM queue WHERE fetcher_run_started = ?1 AND fetcher_id = ?2 AND attr_path = ?3
        """u8);
    readonly SqliteStatement deletePiece = connection.Prepare(
        "DELETE FROM feed_piece WHERE id = ?1"u8);
    readonly List<FeedSource> completing = [];
    List<FeedKeyChange> changes = [];
    readonly HashSet<(int Key, long Run)> returned = [];
    int changesDone;
    long changesPosition, changesRun;
    bool isWritingKeys;
    long keysAt;
    FeedForgetting[]? forgettingBefore;
    FeedSource[] completingBefore = [];
    int filledBefore, changesDoneBefore;
    byte[] body = [];
    int bodyLength, bodyAt, bodyPiece;
    FeedFile? bodyFile;

    /// <summary>The last piece whose lines are all in <c>queue</c>.</summary>
    public int FilledTo { get; set; } =
        (int)(connection.Number("SELECT filled_to FROM feed_state"u8) ?? 0);

    /// <summary>Nothing waits for its time.</summary>
    public bool IsUrgent { get; set; }

    /// <summary>A file is complete; that is said when its rows are in.</summary>
    public void WhenFilled(FeedSource source) => completing.Add(source);

    /// <summary>Whether there is something to do.</summary>
    public bool HasWork(FeedBook book, long at) =>
        files.Forgetting.Count > 0 || IsFilling || completing.Count > 0 || isWritingKeys
        || AreKeysDue(book, at);

    bool IsFilling => FilledTo < files.NextPiece - 1 || bodyFile is not null;

    bool AreKeysDue(FeedBook book, long at) =>
        book.DirtyCount > 0 && (IsUrgent || at - keysAt >= KeysEveryMs || at < keysAt);

    /// <summary>
    /// Does some of it; true when there is more. <see cref="Settle"/> or <see cref="RollBack"/>
    /// tells what became of the transaction.
    /// </summary>
    public bool Work(FeedBook book, long at, Func<bool> isTimeUp)
    {
        (filledBefore, changesDoneBefore) = (FilledTo, isWritingKeys ? changesDone : 0);
        (forgettingBefore, completingBefore) = ([.. files.Forgetting], [.. completing]);
        do
        {
            if (files.Forgetting.Count > 0) Forget(book);
            else if (IsFilling) FillSome(book);
            else if (completing.Count > 0) Complete(book);
            else if (isWritingKeys)
            {
                WriteKeys(book);
                if (!isWritingKeys) break; // The next round in a transaction of its own.
            }
            else if (AreKeysDue(book, at)) BeginKeys(book, at);
            else return false;
        }
        while (!isTimeUp());
        return HasWork(book, at);
    }

    // Rows of queue, a few lines at a time; the place within a piece is only in memory.
    void FillSome(FeedBook book)
    {
        if (bodyFile is null && !NextBody()) return;
        for (var lines = 0; lines < 20 && bodyAt < bodyLength; lines++)
        {
            var (key, payload) = NextLine();
            if (bodyFile is not { IsPresent: true } file || book.Line(file, key) is not { } line)
                continue;
            var past = book.PastOf(key);
            var place = new QueuePlace(file.Number, files.FetcherOf(book, file.Feed), key);
            statements.Put(place, payload, line.State != FeedRowState.Open, past.StartedAt);
        }
        if (bodyAt < bodyLength) return;
        bodyFile = null;
        FilledTo = bodyPiece;
        filled.Bind(1, FilledTo).Run();
    }

    bool NextBody()
    {
        nextPiece.Bind(1, FilledTo);
        var isThere = nextPiece.Step();
        if (isThere)
        {
            bodyPiece = (int)nextPiece.Int64(0);
            var id = nextPiece.Int64(1);
            var bytes = nextPiece.Bytes(2);
            if (body.Length < bytes.Length) body = new byte[bytes.Length];
            bytes.CopyTo(body);
            (bodyLength, bodyAt) = (bytes.Length, 0);
            bodyFile = files.ById(id);
            if (bodyFile is null) FilledTo = bodyPiece; // Its file is gone.
        }
        else FilledTo = files.NextPiece - 1;
        nextPiece.Reset();
        return bodyFile is not null;
    }

    Line NextLine()
    {
        var rest = body.AsSpan(bodyAt, bodyLength - bodyAt);
        var line = rest[..rest.IndexOf((byte)'\n')];
        bodyAt += line.Length + 1;
        var space = line.IndexOf((byte)' ');
        return new Line(line[..space], line[(space + 1)..]);
    }

    readonly ref struct Line(ReadOnlySpan<byte> key, ReadOnlySpan<byte> payload)
    {
        readonly ReadOnlySpan<byte> key = key;
        readonly ReadOnlySpan<byte> payload = payload;

        public void Deconstruct(out ReadOnlySpan<byte> itsKey, out ReadOnlySpan<byte> itsPayload)
        {
            itsKey = key;
            itsPayload = payload;
        }
    }

    void Complete(FeedBook book)
    {
        using var complete = connection.PrepareOnce("""
            UPDATE fetcher_runs SET is_complete = 1 WHERE fetcher_id = ?1 AND run_started = ?2
            """u8);
        foreach (var source in completing)
        {
            if (source.File is not { IsPresent: true } file || !source.IsComplete) continue;
            if (files.Sources.Values.Any(it => !it.IsComplete && it.File!.Feed == file.Feed
                && it.File.Number == file.Number)) continue;
            complete.Bind(1, files.FetcherOf(book, file.Feed)).Bind(2, file.Number).Run();
        }
        completing.Clear();
    }

    void BeginKeys(FeedBook book, long at)
    {
        keysAt = at;
        isWritingKeys = true;
        changes = book.TakeDirty(); // As they went out, which is how queue lies.
        changesDone = 0;
        changesPosition = statements.Position;
        changesRun = book.LastRun;
    }

    void PutKey(FeedBook book, ReadOnlySpan<byte> key, FeedKeyChange change)
    {
        var it = change.Flight;
        putKey.BindText(1, key).Bind(2, change.Past.Sequence).Bind(3, it is null ? 0 : 1);
        putKey.BindText(4, it is { Feed: >= 0 } ? book.Feeds[it.Feed] : "");
        putKey.Bind(5, it?.Number ?? 0).Bind(6, (it?.StartedAt ?? 0) * 1000);
        putKey.BindText(7, change.Holder ?? "").Bind(8, it?.Times ?? 0).Run();
    }

    /// <summary>
    /// A key's giving out did not happen: if its row speaks of it, at once it says what was before,
    /// because no event does.
    /// </summary>
    public void Return(ReadOnlySpan<byte> key, FeedFlight flight)
    {
        if (isWritingKeys) returned.Add((flight.Key, flight.Run));
        var statement = flight.Before.Sequence == 0 ? dropRun : returnKey;
        statement.BindText(1, key).Bind(2, flight.Run);
        if (flight.Before.Sequence != 0) statement.Bind(3, flight.Before.Sequence);
        statement.Run();
    }

    // The values of the moment at which this began, so that the log behind that moment leads on.
    void WriteKeys(FeedBook book)
    {
        var end = Math.Min(changes.Count, changesDone + 20);
        for (; changesDone < end; changesDone++)
        {
            var past = changes[changesDone].Past;
            if (returned.Contains((changes[changesDone].Key, past.Sequence))) continue;
            var key = book.KeyBytes(changes[changesDone].Key);
            lastStarted.BindText(1, key);
            FeedWriteStatements.BindOrNull(lastStarted, 2, past.StartedAt);
            lastStarted.Run();
            if (past.Sequence == 0) dropKey.BindText(1, key).Run();
            else PutKey(book, key, changes[changesDone]);
        }
        if (changesDone < changes.Count) return;
        isWritingKeys = false;
        using var state = connection.PrepareOnce(
            "UPDATE feed_state SET written_to = ?1, last_run = ?2"u8);
        state.Bind(1, changesPosition).Bind(2, changesRun).Run();
    }

    /// <summary>What was done is in the database.</summary>
    public void Settle()
    {
        forgettingBefore = null;
        if (isWritingKeys) return;
        changes = [];
        returned.Clear();
    }

    /// <summary>Nothing of it is: it is done again.</summary>
    public void RollBack()
    {
        if (forgettingBefore is null) return;
        files.Forgetting.Clear();
        files.Forgetting.AddRange(forgettingBefore);
        completing.Clear();
        completing.AddRange(completingBefore);
        (FilledTo, bodyFile) = (filledBefore, null);
        (isWritingKeys, changesDone) = (changes.Count > 0, changesDoneBefore);
        forgettingBefore = null;
    }

    void Forget(FeedBook book)
    {
        var it = files.Forgetting[0];
        if (it.Book is { } file && !book.Unlink(file, UnlinkMax)) return;
        using var look = connection.PrepareOnce("""
            SELECT id, body FROM feed_piece WHERE id BETWEEN ?1 AND ?2 AND file = ?3 LIMIT 1
            """u8);
        look.Bind(1, it.FirstPiece).Bind(2, it.LastPiece).Bind(3, it.File);
        if (look.Step())
        {
            var piece = look.Int64(0);
            DeleteRows(book, it, look.Bytes(1));
            look.Reset();
            deletePiece.Bind(1, piece).Run();
            files.Forgetting[0] = it with { FirstPiece = (int)piece + 1 };
            return;
        }
        look.Reset();
        if (IsRunThere(it) || DeleteRest(book, it)) ForgetEnd(book, it);
    }

    bool IsRunThere(FeedForgetting it) => files.Sources.Values.Any(
        source => source.Name.Feed == it.Feed && source.Name.Number == it.Number);

    void DeleteRows(FeedBook book, FeedForgetting it, ReadOnlySpan<byte> lines)
    {
        var sibling = files.Sources.FirstOrDefault(other => other.Value.Name.Feed == it.Feed
            && other.Value.Name.Number == it.Number).Key;
        var fetcher = files.FetcherOf(book, book.FeedOf(it.Feed));
        while (!lines.IsEmpty)
        {
            var end = lines.IndexOf((byte)'\n');
            var key = lines[..lines.IndexOf((byte)' ')];
            if (sibling is null || book.Line(sibling, key) is not { } line)
                deleteRow.Bind(1, it.Number).Bind(2, fetcher).BindText(3, key).Run();
            else
            {
                statements.Put(
                    new QueuePlace(it.Number, fetcher, key), pieces.Payload(line.Payload),
                    line.State != FeedRowState.Open, book.PastOf(key).StartedAt);
            }
            lines = lines[(end + 1)..];
        }
    }

    // Rows that no piece speaks of: they were there before us. True: none is left.
    bool DeleteRest(FeedBook book, FeedForgetting it)
    {
        using var rest = connection.PrepareOnce("""
            DELETE FROM queue WHERE rowid IN (
              SELECT rowid FROM queue WHERE fetcher_run_started = ?1 AND fetcher_id = ?2 LIMIT ?3)
            """u8);
        rest.Bind(1, it.Number).Bind(2, files.FetcherOf(book, book.FeedOf(it.Feed)));
        rest.Bind(3, DeleteMax).Run();
        return connection.Changes < DeleteMax;
    }

    void ForgetEnd(FeedBook book, FeedForgetting it)
    {
        using (var over = connection.PrepareOnce("DELETE FROM feed_forget WHERE file = ?1"u8))
            over.Bind(1, it.File).Run();
        files.Forgetting.RemoveAt(0);
        if (IsRunThere(it))
        {
            completing.AddRange(files.Sources.Values.Where(source => source.IsComplete
                && source.Name.Feed == it.Feed && source.Name.Number == it.Number));
            return;
        }
        var feed = book.FeedOf(it.Feed);
        var fetcher = files.FetcherOf(book, feed);
        using (var run = connection.PrepareOnce(
            "DELETE FROM fetcher_runs WHERE fetcher_id = ?1 AND run_started = ?2"u8))
            run.Bind(1, fetcher).Bind(2, it.Number).Run();
        using var name = connection.PrepareOnce("""
            DELETE FROM fetchers WHERE fetcher_id = ?1
              AND NOT EXISTS (SELECT 1 FROM fetcher_runs WHERE fetcher_id = ?1)
            """u8);
        name.Bind(1, fetcher).Run();
        if (connection.Changes == 1) files.DropFetcher(feed);
    }
}
