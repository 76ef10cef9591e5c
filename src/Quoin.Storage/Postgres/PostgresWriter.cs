using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Writes to PostgreSQL; see <see cref="GroupWriter{TWrite}"/>. A group is one round trip and one
/// transaction. When the connection is lost it tries again on a new one, for a while: a server that
/// restarts does not end a build. Whether the lost transaction was committed is read off the log:
/// nobody else appends under this lease.
/// </summary>
sealed class PostgresWriter : GroupWriter<PostgresWrite>
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);
    static readonly TimeSpan pause = TimeSpan.FromMilliseconds(200);

    readonly NpgsqlDataSource source;
    readonly PostgresAddress address;
    readonly TimeProvider time;
    readonly Action tell;
    readonly object waiting = new();
    NpgsqlConnection? connection;
    long last;

    public PostgresWriter(
        NpgsqlDataSource source, PostgresAddress address, TimeProvider time, long last,
        Action tell)
    {
        (this.source, this.address, this.time) = (source, address, time);
        (this.last, this.tell) = (last, tell);
    }

    /// <summary>The coordinator's fencing number; null: this process holds no lease.</summary>
    public long? Fence { get; set; }

    /// <inheritdoc cref="SqliteWriter.Seen"/>
    public void Seen(long position) =>
        UnlessAppended(() => last = Math.Max(position, last));

    protected override void Commit(List<PostgresWrite> group)
    {
        Write(group);
        if (group.Exists(write => write.IsNews)) tell();
    }

    void Write(List<PostgresWrite> group)
    {
        var (before, after) = (last, last + group.Sum(write => (long)write.Events));
        var isSecond = false;
        var since = time.GetTimestamp();
        while (true)
        {
            try
            {
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

    void Send(List<PostgresWrite> group)
    {
        using var batch = new NpgsqlBatch(connection);
        var position = last;
        foreach (var write in group)
        {
            write.AddTo(batch, position, Fence);
            position += write.Events;
        }
        var values = new Queue<object>();
        using (var reader = batch.ExecuteReader())
        {
            do
            {
                if (reader.Read()) values.Enqueue(reader.GetValue(0));
            }
            while (reader.NextResult());
        }
        // Counts of rows are known when all has been read.
        var next = 0;
        foreach (var write in group)
        {
            for (var i = 0; i < write.Statements; i++, next++)
            {
                var command = batch.BatchCommands[next];
                var answers = command.CommandText.StartsWith("SELECT", StringComparison.Ordinal);
                write.Answered(
                    i, answers ? values.Dequeue() : null, (int)command.RecordsAffected);
            }
        }
    }

    bool WasCommitted(List<PostgresWrite> group, long before, long after)
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
        foreach (var write in group)
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
