using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The feed store in one SQLite file: the event log, Quoin's tables of feeds, and the original's
/// four tables, of which <c>log</c> and <c>is_dequeued</c> are exact at every commit and the rest
/// follows by <see cref="Work"/>. One thread, one connection, without triggers and foreign keys.
/// </summary>
public sealed class SqliteFeedStore : IFeedStore
{
    // A checkpoint writes each page once, however often it changed: the rarer the cheaper. While
    // nobody asks for anything, one is made after so many transactions or pages: a start after
    // kill -9 reads all that is in the write-ahead log.
    const int CheckpointEveryMs = 10_000, CheckpointIdleAfter = 50, CheckpointPages = 16_000;

    readonly SqliteConnection connection;
    readonly IDisposable lead;
    readonly StoreOptions options;
    readonly FeedSchema.Kind kind;
    readonly FeedEvents events;
    readonly FeedWriteStatements statements;
    readonly FeedFiles files;
    readonly FeedPieces pieces;
    readonly FeedTables tables;
    readonly SqliteStatement begin;
    readonly SqliteStatement commit;
    bool isSyncedCommit;
    bool isBegun;
    bool isDirty;
    static readonly TimeSpan idleStep = TimeSpan.FromMilliseconds(5);
    long checkpointAt;
    int transactions, pages;
    long positionBefore;

    SqliteFeedStore(
        SqliteConnection connection, IDisposable lead, StoreOptions options, FeedSchema.Kind kind,
        string dataset)
    {
        this.connection = connection;
        this.lead = lead;
        this.options = options;
        this.kind = kind;
        begin = connection.Prepare("BEGIN IMMEDIATE"u8);
        commit = connection.Prepare("COMMIT"u8);
        events = new FeedEvents(dataset);
        statements = new FeedWriteStatements(connection);
        files = new FeedFiles(connection);
        pieces = new FeedPieces(connection);
        tables = new FeedTables(connection, statements, files, pieces);
    }

    /// <summary>
    /// Opens the file, or makes it (not its folder). Another program's database is refused with
    /// <c>store-foreign</c>, one of a newer quoin with <c>store-newer</c>, one that another process
    /// uses with <c>store-locked</c>; all of them untouched. Keys are partitions of
    /// <paramref name="dataset"/>.
    /// </summary>
    public static SqliteFeedStore Open(string path, StoreOptions options, string dataset)
    {
        path = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(path);
        if (!Directory.Exists(folder)) throw SqliteErrors.NoFolder(path, folder ?? "/");
        SqliteSchema.CheckSize(path);
        var lead = LeadLock.Take(path);
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteConnection.Open(
                path, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, options.BusyTimeoutMs,
                gathers: true);
            if (connection.IsReadOnly) throw SqliteErrors.IsReadOnly(path, "");
            var kind = FeedSchema.KindOf(connection);
            if (kind == FeedSchema.Kind.Foreign) throw SqliteErrors.IsForeign(path);
            if (kind is FeedSchema.Kind.Own or FeedSchema.Kind.Quoin)
                CheckVersions(connection, kind, options);
            // Half of what is usual: a giving out changes few bytes of each of its pages.
            if (kind == FeedSchema.Kind.Empty) connection.Execute("PRAGMA page_size = 2048"u8);
            if (kind != FeedSchema.Kind.Own) SqliteSchema.UseWal(connection, setsPageSize: false);
            connection.SwitchTriggersOff();
            // Of the cache SQLite walks all whenever it splits a page of a big table, and all that
            // it ever was: 4 MB are faster than 24.
            connection.Execute("""
                PRAGMA foreign_keys = OFF;
                PRAGMA cache_size = -4000;
                PRAGMA wal_autocheckpoint = 50000;
                PRAGMA journal_size_limit = 16777216;
                PRAGMA synchronous = FULL;
                """u8);
            if (kind != FeedSchema.Kind.Own) Make(connection, kind, options);
            return new SqliteFeedStore(connection, lead, options, kind, dataset);
        }
        catch
        {
            connection?.Dispose();
            lead.Dispose();
            throw;
        }
    }

    static void CheckVersions(
        SqliteConnection connection, FeedSchema.Kind kind, StoreOptions options)
    {
        if (!SqliteSchema.IsCurrent(connection)) SqliteSchema.Migrate(connection, options);
        if (kind == FeedSchema.Kind.Quoin) return;
        var version = connection.Number("SELECT max(version) FROM feed_schema"u8) ?? 0;
        if (version <= FeedSchema.Version) return;
        using var by = connection.PrepareOnce(
            "SELECT quoin FROM feed_schema ORDER BY version DESC LIMIT 1"u8);
        by.Step();
        throw SqliteErrors.IsNewer(connection.Path, version, by.Text(0), FeedSchema.Version);
    }

    static void Make(SqliteConnection connection, FeedSchema.Kind kind, StoreOptions options)
    {
        connection.Execute("BEGIN IMMEDIATE"u8);
        try
        {
            FeedSchema.Make(connection, kind, options);
            if (kind == FeedSchema.Kind.Original2) FeedLoading.TakeOver(connection);
            connection.Execute("COMMIT"u8);
        }
        catch
        {
            connection.RollBack();
            throw;
        }
    }

    /// <inheritdoc/>
    public FeedStart Load(FeedBook book, long nowMs, long at)
    {
        var import = kind switch
        {
            FeedSchema.Kind.Own => FeedImport.None,
            FeedSchema.Kind.Original2 => FeedImport.Kept,
            FeedSchema.Kind.Original1 => FeedImport.Reset,
            FeedSchema.Kind.Empty or FeedSchema.Kind.Quoin or FeedSchema.Kind.Foreign or _ =>
                FeedImport.New,
        };
        if (connection.Number("SELECT changed_by_others FROM feed_state"u8) == 1)
        {
            Transact(true, () => FeedLoading.StartOver(connection));
            import = FeedImport.Changed;
        }
        var loading = new FeedLoading(connection, book, files, tables);
        return new FeedStart(
            loading.Load(nowMs, at),
            connection.Number("SELECT folder_device FROM feed_state"u8) ?? 0, import);
    }

    /// <inheritdoc/>
    public void Write(FeedBook book, long at) => Transact(true, () =>
    {
        foreach (var fact in book.Facts) Write(book, fact, at);
    });

    void Write(FeedBook book, FeedFact fact, long at)
    {
        var flight = fact.Flight;
        var key = book.KeyBytes(flight.Key);
        switch (fact.Kind)
        {
            case FeedFactKind.GivenOut:
                var feed = book.Feeds[flight.Feed];
                statements.Append(events.Scheduled(flight, key, feed), at);
                statements.Append(events.Leased(flight), at);
                statements.Found(key, feed);
                statements.Started(key, flight.StartedAt);
                Mark(book, flight, key, true, flight.StartedAt);
                break;
            case FeedFactKind.Ended:
                statements.Append(events.Ended(fact, key, at), at);
                statements.Finished(key, fact.At, fact.Code);
                if (fact.Failure == FailureCategory.Temporary) Lost(book, flight, key);
                break;
            case FeedFactKind.Undelivered:
                statements.Append(events.Other(fact), at);
                statements.Restored(key, flight.Before);
                tables.Return(key, flight);
                Mark(book, flight, key, flight.WasLost, flight.Before.StartedAt);
                if (flight.WasLost)
                    statements.Lost(flight, key, book.Feeds[flight.Feed], flight.Times - 1);
                // The giving out took an older line that was lost out of the table.
                else if (book.LostAgain(flight) is { } older)
                    statements.Lost(
                        flight, key, book.Feeds[flight.Feed], older.Times, older.Number);
                break;
            case FeedFactKind.Expired:
                statements.Append(events.Other(fact), at);
                Lost(book, flight, key);
                break;
            case FeedFactKind.Unowned:
                statements.Append(events.Other(fact), at);
                break;
        }
    }

    void Lost(FeedBook book, FeedFlight flight, ReadOnlySpan<byte> key)
    {
        if (book.MayComeAgain(flight))
            statements.Lost(flight, key, book.Feeds[flight.Feed], flight.Times);
    }

    // The row of a line that was given out before its row exists is made here, with the answer.
    void Mark(
        FeedBook book, FeedFlight flight, ReadOnlySpan<byte> key, bool isGiven, long? lastStarted)
    {
        if (book.FileOf(flight) is not { } file) return;
        var scramble = book.ScrambleOf(flight.Key);
        Mark(book, file, book.PayloadOf(flight), key, scramble, isGiven, lastStarted);
        if (!FeedBook.HasMarked(flight)) return;
        foreach (var other in book.MarkedBy(flight).ToList())
        {
            var line = book.Line(other, key);
            // Not as its own line: that may have been given out before, and this one not.
            var isOver = line is { State: not FeedRowState.Open };
            Mark(book, other, line?.Payload, key, scramble, isOver, lastStarted);
        }
    }

    void Mark(
        FeedBook book, FeedFile file, FeedPayload? payload, ReadOnlySpan<byte> key, int scramble,
        bool isGiven, long? lastStarted)
    {
        var place = new QueuePlace(
            file.Number, files.FetcherOf(book, file.Feed), key, scramble);
        if (payload is { } it && it.Chunk > tables.FilledTo)
            statements.Put(place, pieces.Payload(it), isGiven, lastStarted);
        else statements.Mark(place, isGiven);
    }

    /// <inheritdoc/>
    public void Accept(FeedBook book, FeedBatch batch, long at)
    {
        var source = batch.Source;
        var isNew = source.File is null;
        var first = files.NextPiece;
        Transact(false, () =>
        {
            if (isNew) files.Add(book, source, first);
            for (var i = 0; i < batch.PieceCount; i++)
                files.AddPiece(first + i, source.Id, batch.Piece(i));
            if (isNew || batch.LinesRead > 0 || batch.IsComplete != source.IsComplete)
                statements.Append(events.LinesAccepted(batch), at);
            files.Read(source, batch);
        });
        files.NextPiece += batch.PieceCount;
        batch.Settle();
        if (isNew)
        {
            source.File = book.AddFile(book.FeedOf(source.Name.Feed), source.Name.Number);
            source.FirstPiece = first;
            files.Sources[source.File] = source;
        }
        if (batch.PieceCount > 0) source.LastPiece = first + batch.PieceCount - 1;
        batch.Tell(book, first, files.KnownMarks(source));
        if (source.IsComplete) tables.WhenFilled(source);
    }

    /// <inheritdoc/>
    public void Remove(FeedBook book, FeedSource source, long at)
    {
        if (source.File is not { } file) return; // It never had a line.
        Transact(false, () =>
        {
            files.Remove(source, files.NextPiece - 1);
            files.DropLost(source);
            statements.Append(events.FileRemoved(source), at);
        });
        FeedBook.RemoveFile(file);
        files.Forgetting.Add(new FeedForgetting(
            source.Id, source.Name.Feed, source.Name.Number, file, source.FirstPiece,
            files.NextPiece - 1));
        files.Sources.Remove(file);
        files.DropMarks(file.Feed, file.Number);
    }

    /// <inheritdoc/>
    public void Renamed(FeedSource source, long at)
    {
        if (source.File is not null) Transact(false, () => files.Rename(source));
    }

    /// <inheritdoc/>
    public void Settle(
        FeedBook book, IReadOnlyCollection<FeedSource> sources, long folderDevice, long at) =>
        Transact(false, () =>
        {
            using (var device = connection.PrepareOnce(
                "UPDATE feed_state SET folder_device = ?1"u8))
                device.Bind(1, folderDevice).Run();
            files.ForgetUnknown(book, sources);
        });

    /// <inheritdoc/>
    public bool IsForgetting(int feed, long number) => files.IsForgetting(feed, number);

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Payload(FeedPayload payload)
    {
        if (pieces.TryKept(payload, out var kept)) return kept;
        Begin(isSynced: true);
        return pieces.Payload(payload);
    }

    /// <inheritdoc/>
    public bool Work(FeedBook book, long at, TimeSpan atMost)
    {
        var since = Stopwatch.GetTimestamp();
        var isMore = tables.HasWork(book, at);
        if (isMore)
        {
            Transact(false, () =>
                isMore = tables.Work(
                    book, at, () => Stopwatch.GetElapsedTime(since) > atMost));
            tables.Settle();
        }
        Checkpoint(isMore, isUnhurried: atMost >= idleStep, at);
        return isMore;
    }

    void Checkpoint(bool isMore, bool isUnhurried, long at)
    {
        if (!isDirty)
        {
            checkpointAt = at; // From here on it counts, not from long ago: a burst may begin.
            return;
        }
        if (isUnhurried) pages += connection.TakePagesWritten();
        var isIdle = !isMore && isUnhurried && transactions >= CheckpointIdleAfter;
        var isMuch = isUnhurried && pages >= CheckpointPages;
        if (!isIdle && !isMuch && at - checkpointAt <= CheckpointEveryMs) return;
        checkpointAt = at;
        isDirty = isMore;
        transactions = pages = 0;
        if (!isIdle)
        {
            connection.Execute("PRAGMA wal_checkpoint(PASSIVE)"u8);
            return;
        }
        // Readers are not waited for: then it is a passive one.
        BusyTimeout(0);
        try
        {
            connection.Execute("PRAGMA wal_checkpoint(TRUNCATE)"u8);
        }
        finally
        {
            BusyTimeout(options.BusyTimeoutMs);
        }
    }

    /// <summary>Everything that may come later, now.</summary>
    public void WorkToEnd(FeedBook book, long at)
    {
        tables.IsUrgent = true;
        while (Work(book, at, TimeSpan.FromSeconds(1))) { }
        tables.IsUrgent = false;
    }

    /// <summary>How long another program's transaction is waited for, for tests.</summary>
    internal void BusyTimeout(int milliseconds) =>
        _ = SqliteNative.BusyTimeout(connection.Handle, milliseconds);

    /// <summary>How often the write-ahead log was synced, for tests.</summary>
    internal int Syncs => connection.WalCounts.Syncs;

    void Begin(bool isSynced)
    {
        if (isBegun) return;
        isSyncedCommit = isSynced && options.Durability == Durability.Full;
        positionBefore = statements.Position;
        begin.Run();
        isBegun = true;
    }

    void Transact(bool isSynced, Action write)
    {
        try
        {
            // What was begun to read a payload is synced, and so is what comes on top of it.
            Begin(isSynced);
            write();
            connection.Commit(commit, isSyncedCommit);
            isBegun = false;
            isDirty = true;
            transactions++;
        }
        catch
        {
            RollBack();
            throw;
        }
    }

    /// <inheritdoc/>
    public void RollBack()
    {
        if (!isBegun) return;
        isBegun = false; // A full disk may have ended it already.
        connection.RollBack();
        statements.Position = positionBefore;
        files.RollBack();
        tables.RollBack();
    }

    /// <summary>Shrinks the write-ahead log to nothing, and closes the file.</summary>
    public void Dispose()
    {
        try
        {
            RollBack();
            connection.Execute("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)"u8);
        }
        catch (StoreException)
        {
            // Whoever opens the file next does it.
        }
        connection.Dispose();
        lead.Dispose();
    }
}
