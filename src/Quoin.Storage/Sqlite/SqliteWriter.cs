using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>Writes to one SQLite file; see <see cref="GroupWriter{TTarget}"/>.</summary>
sealed class SqliteWriter : GroupWriter<SqliteWriteStatements>
{
    const int LockTries = 12; // A minute, of 5 s each.

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
            BeginWhenFree(group);
            foreach (var write in group) write.Write(statements);
            connection.Execute("COMMIT"u8);
            if (group.Exists(write => write is TurnWrite { HasEnds: true }))
                FaultPoint.Reach("handin.commit-unanswered");
        }
        catch
        {
            RollBack();
            statements.LastPosition = last;
            throw;
        }
    }

    // Of an append: another program that has the file for long (a backup, a browser) ends no build,
    // and loses nobody's answer. Each try waits for the busy timeout by itself.
    void BeginWhenFree(List<StoreWrite<SqliteWriteStatements>> group)
    {
        for (var tries = group.Exists(write => write.IsAppend) ? LockTries : 1; ; tries--)
        {
            try
            {
                connection.Execute("BEGIN IMMEDIATE"u8);
                return;
            }
            catch (StoreException e) when (e.Code == "store-locked" && tries > 1)
            {
                // Once more.
            }
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
