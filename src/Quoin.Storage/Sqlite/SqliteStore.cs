using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The store in one SQLite file, in write-ahead mode: one thread writes (<see
/// cref="SqliteWriter"/>), readers have a connection of their own and hold it only for a page of
/// rows, so that no reader keeps the write-ahead log from shrinking. Any thread may call. The
/// tables are in Migrations/.
/// </summary>
public sealed partial class SqliteStore : IBuildStore
{
    readonly StoreOptions options;
    readonly SqliteReader reader;
    readonly SqliteWriter? writer;
    readonly IDisposable? lead;
    readonly Lock changeGate = new();
    SqliteConnection? change;
    SqliteStatement? dataVersion;

    SqliteStore(
        string path, StoreOptions options, SqliteReader reader, SqliteWriter? writer,
        IDisposable? lead)
    {
        Path = path;
        this.options = options;
        this.reader = reader;
        this.writer = writer;
        this.lead = lead;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What makes this store different from every other.</summary>
    public string Id => reader.Identity().Id;

    /// <summary>When it was made, to the millisecond.</summary>
    public DateTimeOffset CreatedAt => reader.Identity().CreatedAt;

    /// <inheritdoc/>
    public bool LeadMayBeFree() => !LeadLock.IsHeld(Path);

    /// <summary>
    /// Opens the store, making the file (not its folder) when it is missing and bringing its tables
    /// to the newest version. Throws <see cref="StoreException"/>: <c>store-unavailable</c>,
    /// <c>store-read-only</c>, <c>store-corrupt</c>, <c>store-foreign</c>, <c>store-newer</c>,
    /// <c>store-locked</c>, <c>disk-full</c>.
    /// </summary>
    public static SqliteStore Open(string path, StoreOptions options)
    {
        path = System.IO.Path.GetFullPath(path);
        if (options.ReadOnly) return OpenReadOnly(path, options);
        var folder = System.IO.Path.GetDirectoryName(path);
        if (!File.Exists(path) && !Directory.Exists(folder))
            throw SqliteErrors.NoFolder(path, folder ?? "/");
        SqliteSchema.CheckSize(path);
        var lead = options.Lead ? LeadLock.Take(path) : null;
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteConnection.Open(
                path, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, options.BusyTimeoutMs);
            if (connection.IsReadOnly) throw SqliteErrors.IsReadOnly(path, "");
            if (!SqliteSchema.IsCurrent(connection)) SqliteSchema.Migrate(connection, options);
            connection.Execute(options.Durability == Durability.Full ? FullPragmas : NormalPragmas);
            var last = connection.Number("SELECT max(position) FROM event"u8) ?? 0;
            var writer = new SqliteWriter(connection, last);
            return new SqliteStore(path, options, new SqliteReader(path, options), writer, lead);
        }
        catch
        {
            connection?.Dispose();
            lead?.Dispose();
            throw;
        }
    }

    static ReadOnlySpan<byte> NormalPragmas => """
        PRAGMA synchronous = NORMAL;
        PRAGMA wal_autocheckpoint = 2000;
        PRAGMA journal_size_limit = 67108864;
        PRAGMA foreign_keys = ON;
        """u8;

    static ReadOnlySpan<byte> FullPragmas => """
        PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 2000;
        PRAGMA journal_size_limit = 67108864;
        PRAGMA foreign_keys = ON;
        """u8;

    static SqliteStore OpenReadOnly(string path, StoreOptions options)
    {
        if (!File.Exists(path)) throw SqliteErrors.IsMissing(path);
        SqliteSchema.CheckSize(path);
        var reader = new SqliteReader(path, options);
        try
        {
            reader.CheckSchema();
            return new SqliteStore(path, options, reader, null, null);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public long LastPosition => reader.LastPosition();

    /// <summary>
    /// As <see cref="IEventLog.AppendAsync"/>. Times are kept to the millisecond. The token is only
    /// looked at before the batch is queued: what is queued will be committed, or fails.
    /// </summary>
    public Task<long> AppendAsync(AppendBatch batch, CancellationToken ct) =>
        Queue(new AppendWrite(batch), ct);

    /// <inheritdoc/>
    public IEnumerable<LoggedEvent> Read(long after, PartitionNames names)
    {
        var decoder = new EventDecoder(names);
        var page = new LoggedEvent[256]; // Small, because a snapshot's tail is short.
        while (true)
        {
            var count = reader.Page(after, page, decoder);
            for (var i = 0; i < count; i++) yield return page[i];
            after += count;
            if (count < page.Length) break;
            if (page.Length == 256) page = new LoggedEvent[4096];
        }
        writer?.Seen(after);
    }

    /// <inheritdoc/>
    public IEnumerable<RawEvent> Query(EventQuery query) => query.Positions.IsDefault
        ? EventPages.Of(query, reader.Select)
        : reader.At(query.Positions);

    /// <summary>
    /// A cheap number that changes whenever another process commits (or this one does). Only
    /// numbers of the same object can be compared.
    /// </summary>
    public long ChangeVersion()
    {
        lock (changeGate)
        {
            if (dataVersion is null)
            {
                change = SqliteReader.OpenConnection(Path, options);
                dataVersion = change.Prepare("PRAGMA data_version"u8);
            }
            dataVersion.Step();
            var version = dataVersion.Int64(0);
            dataVersion.Reset();
            return version;
        }
    }

    /// <inheritdoc/>
    public StoredSnapshot? LatestSnapshot(int format) => reader.LatestSnapshot(format);

    /// <inheritdoc/>
    public Task SaveSnapshotAsync(StoredSnapshot snapshot, CancellationToken ct) =>
        Queue(new SnapshotWrite(snapshot), ct);

    /// <inheritdoc/>
    public IEnumerable<FileStampEntry> FileStamps() => reader.FileStamps();

    /// <inheritdoc/>
    public byte[]? FingerprintText(Digest digest) => reader.FingerprintText(digest);

    /// <inheritdoc/>
    public byte[]? ConfigAnswer(Digest question) => reader.ConfigAnswer(question);

    /// <inheritdoc/>
    public Task SaveConfigAnswerAsync(
        Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct) =>
        Queue(new ConfigAnswerWrite(question, answer), ct);

    /// <inheritdoc/>
    public Task<bool> SendAsync(InboxCommand command, CancellationToken ct) =>
        Queue(new InboxWrite(command, NowMs), ct);

    /// <inheritdoc/>
    public IReadOnlyList<InboxCommand> Waiting() => reader.Waiting();

    /// <summary>
    /// Writes what is queued, shrinks the write-ahead log to nothing if nobody else reads, and
    /// closes the file. Twice is not an error.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        lock (changeGate)
        {
            dataVersion = null;
            change?.Dispose();
            change = null;
        }
        reader.Dispose();
        writer?.Dispose();
        lead?.Dispose();
        return ValueTask.CompletedTask;
    }

    Task<T> Queue<T>(StoreWrite<SqliteWriteStatements, T> write, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Writer.Enqueue(write);
        return write.Task;
    }

    long NowMs => options.Time.GetUtcNow().ToUnixTimeMilliseconds();

    SqliteWriter Writer => writer ?? throw SqliteErrors.IsReadOnly(Path, "It was opened to read.");
}
