using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>Writes to one SQLite file; see <see cref="GroupWriter{TTarget}"/>.</summary>
sealed class SqliteWriter : GroupWriter<SqliteWriteStatements>
{
    readonly SqliteConnection connection;
    readonly SqliteWriteStatements statements;
    bool isSynced;

    /// <summary>Takes the connection over: from now on only who writes uses it.</summary>
    public SqliteWriter(SqliteConnection connection, long lastPosition)
    {
        this.connection = connection;
        statements = new SqliteWriteStatements(connection) { LastPosition = lastPosition };
    }

    /// <summary>
    /// The reader has seen the log up to here: what is decided next may build on it. Without effect
    /// once an append was queued.
    /// </summary>
    public void Seen(long position) => UnlessAppended(
        () => statements.LastPosition = Math.Max(position, statements.LastPosition));

    protected override void Commit(List<StoreWrite<SqliteWriteStatements>> group)
    {
        var last = statements.LastPosition;
        try
        {
            Sync(group);
            connection.Execute("BEGIN IMMEDIATE"u8);
            foreach (var write in group) write.Write(statements);
            connection.Execute("COMMIT"u8);
        }
        catch
        {
            RollBack();
            statements.LastPosition = last;
            throw;
        }
    }

    // Who acts outside once will do so again: from then on every commit is synced.
    void Sync(List<StoreWrite<SqliteWriteStatements>> group)
    {
        if (isSynced || !group.Exists(write => write.IsSynced)) return;
        connection.Execute("PRAGMA synchronous = FULL"u8);
        isSynced = true;
    }

    protected override StoreException Describe(Exception error) =>
        error as StoreException ?? new StoreException(
            "store-unavailable", $"an append to {connection.Path} failed: {error}", error);

    void RollBack()
    {
        try
        {
            connection.RollBack();
        }
        catch (StoreException e)
        {
            Break(e); // A connection that cannot even roll back is of no use any more.
        }
    }

    /// <summary>Shrinks the write-ahead log to nothing, and closes the file.</summary>
    protected override void Close()
    {
        if (HasWritten && !IsBroken) CheckPoint();
        connection.Dispose();
    }

    // Best effort: the log is safe without it, and another process may be reading.
    void CheckPoint()
    {
        try
        {
            connection.Execute("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)"u8);
        }
        catch (StoreException)
        {
            // Whoever opens the file next does it.
        }
    }
}
