using System.Data;
using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Writes to PostgreSQL; see <see cref="GroupWriter{TTarget}"/>. A group is one round trip and one
/// transaction. When the connection is lost it tries again on a new one, for a while: a server that
/// restarts does not end a build. Whether the lost transaction was committed is read off the log:
/// nobody else appends under this lease.
/// </summary>
sealed class PostgresWriter : GroupWriter<PostgresGroup>
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);
    static readonly TimeSpan pause = TimeSpan.FromMilliseconds(200);

    readonly NpgsqlDataSource source;
    readonly PostgresAddress address;
    readonly TimeProvider time;
    readonly Action<bool, NpgsqlConnection?> tell; // True: workers too.
    readonly object waiting = new();
    NpgsqlConnection? connection;
    long last;

    public PostgresWriter(
        NpgsqlDataSource source, PostgresAddress address, TimeProvider time, long last,
        Action<bool, NpgsqlConnection?> tell)
    {
        (this.source, this.address, this.time) = (source, address, time);
        (this.last, this.tell) = (last, tell);
    }

    /// <summary>The coordinator's fencing number; null: this process holds no lease.</summary>
    public long? Fence { get; set; }

    /// <inheritdoc cref="SqliteWriter.Seen"/>
    public void Seen(long position) =>
        UnlessAppended(() => last = Math.Max(position, last));

    protected override void Commit(List<StoreWrite<PostgresGroup>> group)
    {
        Write(group);
        if (group.Exists(write => write is PostgresAppend { HasOffers: true }))
            FaultPoint.Reach("offered");
        if (group.Exists(write => write.IsNews))
            tell(
                group.Exists(write => write is PostgresAppend { ConcernsWorkers: true }),
                connection);
    }

    void Write(List<StoreWrite<PostgresGroup>> group)
    {
        var before = last;
        var after = last + group.OfType<PostgresAppend>().Sum(write => (long)write.Events);
        var isSecond = false;
        var since = time.GetTimestamp();
        while (true)
        {
            try
            {
                // It may have been cut while it was idle, or while it told the workers.
                if (connection is { State: not ConnectionState.Open })
                {
                    connection.Dispose();
                    connection = null;
                }
                connection ??= source.OpenConnection();
                if (isSecond && after > before && WasCommitted(group, before, after)) return;
                Send(group);
                last = after;
                return;
            }
            catch (Exception e) when (PostgresErrors.IsWorthAnotherTry(e)
                && time.GetElapsedTime(since) < patience)
            {
                connection?.Dispose();
                connection = null;
                isSecond = true;
                lock (waiting) Monitor.Wait(waiting, pause);
            }
            catch (Exception e) when (e is NpgsqlException or IOException)
            {
                throw PostgresErrors.Of(e, address);
            }
        }
    }

    void Send(List<StoreWrite<PostgresGroup>> group)
    {
        using var target = new PostgresGroup(connection!, last, Fence);
        foreach (var write in group) write.Write(target);
        target.Run();
    }

    bool WasCommitted(List<StoreWrite<PostgresGroup>> group, long before, long after)
    {
        using var command = new NpgsqlCommand(
            "SELECT coalesce(max(position), 0) FROM event", connection);
        var found = (long)command.ExecuteScalar()!;
        if (found == before) return false;
        if (found != after)
            throw new StoreException(
                "store-locked",
                $"{address.Shown}: another process appended to the log; it ends at {found}, not at "
                + $"{after}. Run the command again");
        last = before;
        foreach (var write in group.OfType<PostgresAppend>())
        {
            last += write.Events;
            write.FoundCommitted(last);
        }
        return true;
    }

    protected override StoreException Describe(Exception error) =>
        PostgresErrors.Of(error, address);

    protected override void Close() => connection?.Dispose();
}
