using System.Buffers;
using System.Data;
using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Artifacts in the store's own database: bodies in chunks of 16 MiB, deflated where that pays,
/// each chunk a transaction of its own so that none is long. Announced, written, then committed:
/// what a process left half is never read, and swept after an hour.
/// </summary>
public sealed class PostgresArtifacts : IArtifactPlace
{
    const int ChunkBytes = 16 << 20;

    readonly PostgresAddress address;
    readonly NpgsqlDataSource source;

    /// <summary>Connects when it is asked for the first time.</summary>
    public PostgresArtifacts(PostgresAddress address)
    {
        this.address = address;
        source = PostgresStore.BuilderOf(address.Connection).Build();
    }

    /// <inheritdoc/>
    public string Name => "database";

    /// <inheritdoc/>
    public string Shown => address.Shown;

    /// <inheritdoc/>
    public string Remedy => "look whether the server runs and has room";

    /// <inheritdoc/>
    public byte[]? Get(string key, bool isUse = true)
    {
        using var bytes = new MemoryStream();
        return Read(key, bytes, isUse, CancellationToken.None) ? bytes.ToArray() : null;
    }

    /// <inheritdoc/>
    public void Put(string key, ReadOnlyMemory<byte> bytes) => Try(connection =>
    {
        var id = Announce(connection, key);
        WriteChunk(connection, id, 0, bytes.Span);
        Commit(connection, key, id, bytes.Length, 1, replaces: true);
        return true;
    });

    /// <inheritdoc/>
    public void PutFile(string key, string file, CancellationToken ct) => Try(connection =>
    {
        if (Find(connection, key) is { } found)
        {
            Touch(connection, found);
            return false;
        }
        var id = Announce(connection, key);
        FaultPoint.Reach("artifact.announced");
        using var from = File.OpenRead(file);
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            var (chunks, size) = (0, 0L);
            for (int count; (count = from.ReadAtLeast(
                chunk.AsSpan(0, ChunkBytes), ChunkBytes, throwOnEndOfStream: false)) > 0; chunks++)
            {
                ct.ThrowIfCancellationRequested(); // What is there is swept.
                WriteChunk(connection, id, chunks, chunk.AsSpan(0, count));
                size += count;
                FaultPoint.Reach("artifact.chunk");
            }
            Commit(connection, key, id, size, chunks, replaces: false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
        return true;
    });

    /// <inheritdoc/>
    public bool Read(string key, Stream to, CancellationToken ct) =>
        Read(key, to, isUse: true, ct);

    bool Read(string key, Stream to, bool isUse, CancellationToken ct) => Try(connection =>
    {
        // As it was at one moment: what is removed or replaced meanwhile is whole in here.
        using var moment = connection.BeginTransaction(IsolationLevel.RepeatableRead);
        if (Find(connection, key) is not { } found) return false;
        for (var n = 0; n < found.Chunks; n++)
        {
            ct.ThrowIfCancellationRequested();
            using var command = new NpgsqlCommand(
                "SELECT form, body FROM artifact_chunk WHERE artifact = $1 AND n = $2",
                connection) { Parameters = { new() { Value = found.Id }, new() { Value = n } } };
            using var row = command.ExecuteReader();
            if (!row.Read()) return false;
            to.Write(StoredBytes.Unpack(
                row.GetFieldValue<byte[]>(1), row.GetInt32(0), $"artifact {key}"));
        }
        moment.Commit();
        if (isUse) Touch(connection, found);
        return true;
    });

    /// <inheritdoc/>
    public void Delete(string key) => Try(connection => Run(
        connection, "DELETE FROM artifact WHERE key = $1 AND committed_at IS NOT NULL", key));

    /// <inheritdoc/>
    public int RemoveHalf(TimeSpan olderThan, DateTimeOffset now) => Try(connection => Run(
        connection,
        "DELETE FROM artifact WHERE committed_at IS NULL "
        + "AND created_at < clock_timestamp() - make_interval(secs => $1)",
        olderThan.TotalSeconds));

    /// <inheritdoc/>
    public IEnumerable<PlacedBytes> List(string prefix) => Try(connection =>
    {
        using var command = new NpgsqlCommand("""
            SELECT key, size, used_at FROM artifact
            WHERE starts_with(key, $1) AND committed_at IS NOT NULL
            """, connection) { Parameters = { new() { Value = prefix } } };
        using var row = command.ExecuteReader();
        var all = new List<PlacedBytes>();
        while (row.Read())
            all.Add(new PlacedBytes(
                row.GetString(0), row.GetInt64(1),
                new DateTimeOffset(row.GetDateTime(2), TimeSpan.Zero)));
        return all;
    });

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();

    static (long Id, int Chunks, bool IsStale)? Find(NpgsqlConnection connection, string key)
    {
        using var command = new NpgsqlCommand(
            "SELECT id, chunks, used_at < clock_timestamp() - interval '1 hour' FROM artifact "
            + "WHERE key = $1 AND committed_at IS NOT NULL",
            connection) { Parameters = { new() { Value = key } } };
        using var row = command.ExecuteReader();
        return row.Read() ? (row.GetInt64(0), row.GetInt32(1), row.GetBoolean(2)) : null;
    }

    static void Touch(NpgsqlConnection connection, (long Id, int Chunks, bool IsStale) found)
    {
        if (found.IsStale) // So that a read is seldom a write.
            Run(connection, "UPDATE artifact SET used_at = clock_timestamp() WHERE id = $1",
                found.Id);
    }

    static long Announce(NpgsqlConnection connection, string key)
    {
        using var command = new NpgsqlCommand(
            "INSERT INTO artifact (key) VALUES ($1) RETURNING id", connection)
        {
            Parameters = { new() { Value = key } },
        };
        return (long)command.ExecuteScalar()!;
    }

    static void WriteChunk(NpgsqlConnection connection, long id, int n, ReadOnlySpan<byte> bytes)
    {
        var packed = StoredBytes.Pack(bytes, out var form);
        Run(connection, "INSERT INTO artifact_chunk (artifact, n, form, body) "
            + "VALUES ($1, $2, $3, $4)", id, n, form, packed.ToArray());
    }

    // In one transaction: readers always find one of them. What replaces nothing gives way to what
    // is there by now, which is the same.
    static void Commit(
        NpgsqlConnection connection, string key, long id, long size, int chunks, bool replaces)
    {
        using var transaction = connection.BeginTransaction();
        Run(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key);
        if (!replaces && Find(connection, key) is not null)
            Run(connection, "DELETE FROM artifact WHERE id = $1", id);
        else
        {
            Run(connection, "DELETE FROM artifact WHERE key = $1 AND committed_at IS NOT NULL",
                key);
            Run(connection, "UPDATE artifact SET size = $2, chunks = $3, "
                + "committed_at = clock_timestamp() WHERE id = $1", id, size, chunks);
        }
        transaction.Commit();
    }

    static int Run(NpgsqlConnection connection, string sql, params object[] values)
    {
        using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        return command.ExecuteNonQuery();
    }

    T Try<T>(Func<NpgsqlConnection, T> action)
    {
        try
        {
            using var connection = source.OpenConnection();
            return action(connection);
        }
        catch (Exception e) when (e is NpgsqlException or StoreException or IOException
            or System.Net.Sockets.SocketException)
        {
            throw new ArtifactPlaceException(PostgresErrors.Of(e, address).Message, e);
        }
    }
}
