using System.Collections.Immutable;
using Npgsql;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The store in one schema of a PostgreSQL database, for any number of processes and hosts. Writes
/// go through one connection (<see cref="PostgresWriter"/>), reads through a small pool. Any thread
/// may call. The tables are in Migrations/Postgres.
/// </summary>
public sealed partial class PostgresStore : IBuildStore
{
    readonly NpgsqlDataSource source;
    readonly StoreOptions options;
    readonly PostgresWriter? writer;
    readonly PackedCommands packed = new();
    PostgresLease? lease;
    bool closed;

    PostgresStore(PostgresAddress address, NpgsqlDataSource source, StoreOptions options)
    {
        (Address, this.source, this.options) = (address, source, options);
        news = new PostgresNews(source, address.Schema);
        if (!options.ReadOnly)
            writer = new PostgresWriter(
                source, address, options.Time, options.Lead ? 0 : LastPosition, news.Tell);
    }

    /// <summary>Where it is.</summary>
    public PostgresAddress Address { get; }

    /// <summary>
    /// The coordinator's fencing number; null without <see cref="StoreOptions.Lead"/>.
    /// </summary>
    public long? Fence => lease?.Fence;

    /// <summary>
    /// Opens the store, making or updating its tables. Throws <see cref="StoreException"/>:
    /// <c>store-unavailable</c>, <c>store-read-only</c>, <c>store-foreign</c>, <c>store-newer</c>,
    /// <c>store-locked</c>, <c>disk-full</c>.
    /// </summary>
    public static PostgresStore Open(PostgresAddress address, StoreOptions options)
    {
        var source = BuilderOf(address.Connection).Build();
        PostgresStore? store = null;
        try
        {
            using (var connection = source.OpenConnection())
            {
                if (!PostgresSchema.IsCurrent(connection, address))
                {
                    if (options.ReadOnly) throw IsMissing(address);
                    PostgresSchema.Migrate(connection, address, options);
                }
            }
            store = new PostgresStore(address, source, options);
            if (options.Lead) store.TakeLease();
            return store;
        }
        catch (Exception e) when (e is NpgsqlException or StoreException or IOException
            or System.Net.Sockets.SocketException or ArgumentException)
        {
            store?.writer?.Dispose();
            source.Dispose();
            throw e is ArgumentException ? e : PostgresErrors.Of(e, address);
        }
    }

    // The slim builder brings what we use and no reflection.
    internal static NpgsqlSlimDataSourceBuilder BuilderOf(NpgsqlConnectionStringBuilder connection)
    {
        var builder = new NpgsqlSlimDataSourceBuilder(connection.ConnectionString);
        builder.EnableArrays();
        // Only types of the server itself are used: to ask for all that there are takes longer
        // than the rest of a build with nothing to do.
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
        builder.EnableTransportSecurity();
        return builder;
    }

    /// <summary>True when a store was made there, by whatever version.</summary>
    /// <exception cref="StoreException">The database cannot be asked.</exception>
    public static bool Exists(PostgresAddress address)
    {
        using var source = BuilderOf(address.Connection).Build();
        try
        {
            using var command = source.CreateCommand("SELECT to_regclass($1) IS NOT NULL");
            command.Parameters.Add(new() { Value = $"{address.Schema}.schema_version" });
            return command.ExecuteScalar() is true;
        }
        catch (Exception e) when (e is NpgsqlException or IOException
            or System.Net.Sockets.SocketException)
        {
            throw PostgresErrors.Of(e, address);
        }
    }

    /// <inheritdoc/>
    public bool LeadMayBeFree() => Ask(
        "SELECT owner, expires_at <= clock_timestamp() FROM coordinator",
        // Of one that died on this host the end of its lease need not be waited for.
        row => row.GetBoolean(1) || ProcessNames.IsGone(row.GetString(0))).Single();

    /// <inheritdoc/>
    public TimeProvider ClockOn(TimeProvider host) => new StoreClock(host, Now);

    DateTimeOffset? Now()
    {
        try
        {
            return Ask("SELECT clock_timestamp()", row => row.GetFieldValue<DateTimeOffset>(0))
                .Single();
        }
        catch (StoreException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public bool LeadHolds => lease?.Holds ?? true;

    void TakeLease()
    {
        lease = PostgresLease.Take(source, Address, options, error => Writer.Break(error));
        Writer.Fence = lease.Fence;
        Writer.Seen(LastPosition);
    }

    static StoreException IsMissing(PostgresAddress address) => new(
        "store-unavailable",
        $"{address.Shown} has no tables of this quoin in schema {address.Schema}, and was opened "
        + "only to read; run quoin build once, which makes them");

    PostgresWriter Writer => writer ?? throw new StoreException(
        "store-read-only", $"{Address.Shown} was opened to read.");

    /// <inheritdoc/>
    public long LastPosition =>
        Ask("SELECT coalesce(max(position), 0) FROM event", row => row.GetInt64(0)).Single();

    /// <inheritdoc/>
    public Task<long> AppendAsync(AppendBatch batch, CancellationToken ct)
    {
        if (packed.IsUnknownAmong(batch.InboxTaken)) _ = Waiting();
        return Queue(new PostgresAppend(batch, packed.Take(batch.InboxTaken)), ct);
    }

    /// <inheritdoc/>
    public IEnumerable<LoggedEvent> Read(long after, PartitionNames names)
    {
        var decoder = new EventDecoder(names);
        while (true)
        {
            var page = Ask(
                "SELECT position, at, type, body FROM event WHERE position > $1 "
                + "ORDER BY position LIMIT 4096",
                row => (Position: row.GetInt64(0), At: row.GetFieldValue<DateTimeOffset>(1),
                    Type: row.GetString(2), Body: row.GetFieldValue<byte[]>(3)),
                after);
            foreach (var (position, at, type, body) in page)
            {
                if (position != ++after)
                    throw new StoreException(
                        "store-corrupt", $"{Address.Shown}: event {after} is missing");
                yield return new LoggedEvent(position, at, decoder.Decode(
                    position, System.Text.Encoding.UTF8.GetBytes(type), body));
            }
            if (page.Count < 4096) break;
        }
        writer?.Seen(after);
    }

    /// <inheritdoc/>
    public IEnumerable<RawEvent> Query(EventQuery query) => query.Positions.IsDefault
        ? EventPages.Of(query, Select)
        : At(query.Positions);

    List<RawEvent> Select(EventQuery query, bool newestFirst, int rows) => Ask(
        $"""
        SELECT position, at, type, subject, body FROM event
        WHERE position > $1 AND position < $7 AND ($2 OR subject = $3) AND ($4 OR type = ANY ($5))
        ORDER BY position {(newestFirst ? "DESC" : "ASC")} LIMIT $6
        """,
        RawOf,
        query.After, query.Subject is null, query.Subject ?? "", query.Types.IsDefaultOrEmpty,
        query.Types.IsDefault ? [] : query.Types.ToArray(), rows, query.Before ?? long.MaxValue);

    IEnumerable<RawEvent> At(ImmutableArray<long> positions)
    {
        var found = Ask(
            "SELECT position, at, type, subject, body FROM event WHERE position = ANY ($1)",
            RawOf, positions.ToArray()).ToDictionary(raw => raw.Position);
        return positions.Select(position => found.TryGetValue(position, out var raw)
            ? raw
            : throw EventPages.Missing(Address.Shown, position));
    }

    static RawEvent RawOf(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(2), row.GetString(3),
        row.GetFieldValue<byte[]>(4));

    /// <summary>
    /// A number that changes whenever another process commits what others wait for: the end of the
    /// log, the count of other news and the workers' turns, by their keys and without a scan. What
    /// waits in the inbox, and what was taken from it, does not matter.
    /// </summary>
    public long ChangeVersion() => Ask(
        """
        SELECT hashtextextended(
          concat_ws(',',
            coalesce((SELECT max(position) FROM event), 0), (SELECT count FROM news),
            (SELECT sum(hashtextextended(owner, turn)) FROM worker)), 0)
        """,
        row => row.GetInt64(0)).Single();

    /// <inheritdoc/>
    public StoredSnapshot? LatestSnapshot(int format) => Ask(
        """
        SELECT position, body FROM snapshot
        WHERE format = $1 AND position <= (SELECT coalesce(max(position), 0) FROM event)
        """,
        row => new StoredSnapshot(row.GetInt64(0), format, row.GetFieldValue<byte[]>(1)),
        format).SingleOrDefault();

    /// <inheritdoc/>
    public Task SaveSnapshotAsync(StoredSnapshot snapshot, CancellationToken ct) =>
        Queue(new PostgresSnapshot(snapshot), ct);

    /// <inheritdoc/>
    public IEnumerable<FileStampEntry> FileStamps() => Ask(
        "SELECT path, size, modified_ns, inode, digest, checked_ns FROM file_stamp",
        row => new FileStampEntry(
            row.GetString(0), new FileStamp(row.GetInt64(1), row.GetInt64(2), row.GetInt64(3)),
            DigestKey.Read(row.GetFieldValue<byte[]>(4), $"{Address.Shown}: a file stamp"),
            row.GetInt64(5)));

    /// <inheritdoc/>
    public byte[]? FingerprintText(Digest digest) => Packed(
        "SELECT form, body FROM fingerprint WHERE digest = $1", digest, "the fingerprint");

    /// <inheritdoc/>
    public byte[]? ConfigAnswer(Digest question) => Packed(
        "SELECT form, body FROM config_answer WHERE question = $1", question, "the config answer");

    byte[]? Packed(string sql, Digest digest, string what)
    {
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        return Ask(
            sql,
            row => StoredBytes.Unpack(
                row.GetFieldValue<byte[]>(1), row.GetInt32(0),
                $"{Address.Shown}: {what} {digest}"),
            DigestKey.Write(digest, key).ToArray()).SingleOrDefault();
    }

    /// <inheritdoc/>
    public Task SaveConfigAnswerAsync(
        Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct) =>
        Queue(new PostgresConfigAnswer(question, answer), ct);

    /// <inheritdoc/>
    public Task<bool> SendAsync(InboxCommand command, CancellationToken ct) =>
        Queue(new PostgresInbox(command), ct);

    /// <inheritdoc/>
    public IReadOnlyList<InboxCommand> Waiting() => packed.Unpack(Ask(
        "SELECT id, type, body FROM inbox ORDER BY number",
        row => new InboxCommand(
            row.GetString(0), row.GetString(1), row.GetFieldValue<byte[]>(2))));

    Task<T> Queue<T>(StoreWrite<PostgresGroup, T> write, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Writer.Enqueue(write);
        return write.Task;
    }

    /// <summary>
    /// Writes what is queued, gives the lease back, closes all connections. Twice is not an error.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        lock (queueGate)
        {
            if (closed) return;
            closed = true;
        }
        queue?.Dispose();
        writer?.Dispose();
        lease?.Dispose();
        await news.DisposeAsync();
        await source.DisposeAsync();
    }

    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);
    static readonly TimeSpan pause = TimeSpan.FromMilliseconds(200);
    readonly object waiting = new();

    // Reads everything before it returns: no connection is held while a caller thinks. When it is
    // lost another one is tried, for a while: a server that restarts ends nobody's work.
    List<T> Ask<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] values)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        var since = options.Time.GetTimestamp();
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                using var command = source.CreateCommand(sql);
                foreach (var value in values) command.Parameters.Add(new() { Value = value });
                using var rows = command.ExecuteReader();
                var found = new List<T>();
                while (rows.Read()) found.Add(read(rows));
                return found;
            }
            catch (Exception e) when (PostgresErrors.IsConnectionLost(e)
                && options.Time.GetElapsedTime(since) < patience)
            {
                // One that died while it was idle is replaced at once.
                if (isFirst) continue;
                lock (waiting) Monitor.Wait(waiting, pause);
            }
            catch (Exception e) when (e is NpgsqlException or IOException)
            {
                throw PostgresErrors.Of(e, Address);
            }
        }
    }
}
