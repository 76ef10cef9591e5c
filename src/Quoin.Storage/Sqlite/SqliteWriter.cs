using System.Diagnostics.CodeAnalysis;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Writes to one SQLite file, one transaction at a time. Whatever waits goes into one transaction
/// (group commit), bounded so that nobody waits for a huge one; nobody is told before it is
/// committed. An append that finds nobody writing is written by its own caller: two changes of
/// threads take longer than the commit. The writer's thread does the rest. A transaction that fails
/// is rolled back and fails all that were in it; if an append was among them, all later appends
/// fail too, because what follows would not be what was decided.
/// </summary>
sealed class SqliteWriter : IDisposable
{
    const int RowsMax = 20_000;

    readonly object gate = new();
    readonly Queue<SqliteWrite> waiting = new();
    readonly List<SqliteWrite> group = [];
    readonly SqliteConnection connection;
    readonly SqliteWriteStatements statements;
    Thread? thread;
    bool closing;
    bool writing; // Somebody has the connection and the group.
    bool wrote;
    StoreException? broken;

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
    public void Seen(long position)
    {
        lock (gate)
        {
            if (!statements.HasAppended && position > statements.LastPosition)
                statements.LastPosition = position;
        }
    }

    /// <summary>Queues a write; it completes, or fails, when its transaction has.</summary>
    public void Enqueue(SqliteWrite write)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closing, typeof(SqliteStore));
            if (write.IsAppend) statements.HasAppended = true;
            waiting.Enqueue(write);
            if (writing || waiting.Count > 1 || !write.IsAppend)
            {
                CallThread();
                return;
            }
            writing = true;
            Collect();
        }
        Commit();
        lock (gate)
        {
            writing = false;
            if (waiting.Count > 0 || closing) CallThread();
        }
    }

    void CallThread()
    {
        if (thread is null && !closing)
        {
            thread = new Thread(Work) { IsBackground = true, Name = "quoin store" };
            thread.Start();
        }
        else Monitor.PulseAll(gate);
    }

    /// <summary>
    /// Writes what waits, shrinks the write-ahead log to nothing, closes the file.
    /// </summary>
    public void Dispose()
    {
        lock (gate)
        {
            closing = true;
            Monitor.PulseAll(gate);
        }
        thread?.Join();
        lock (gate)
        {
            while (writing) Monitor.Wait(gate);
        }
        if (wrote && broken is null) CheckPoint();
        connection.Dispose();
    }

    void Work()
    {
        while (TakeGroup())
        {
            Commit();
            lock (gate) writing = false;
        }
    }

    bool TakeGroup()
    {
        lock (gate)
        {
            while (waiting.Count == 0 || writing)
            {
                if (closing && !writing) return false;
                Monitor.Wait(gate);
            }
            writing = true;
            Collect();
        }
        return true;
    }

    void Collect()
    {
        group.Clear();
        long rows = 0;
        while (rows < RowsMax && waiting.TryPeek(out var next))
        {
            if (group.Count > 0 && (next.IsAlone || group[0].IsAlone)) break;
            rows += next.Rows;
            group.Add(waiting.Dequeue());
        }
    }

    [SuppressMessage(
        "Design", "CA1031", Justification = "What went wrong belongs to those who wait for it.")]
    void Commit()
    {
        if (broken is not null && FailAppends(broken)) return;
        var last = statements.LastPosition;
        try
        {
            connection.Execute("BEGIN IMMEDIATE"u8);
            foreach (var write in group) write.Write(statements);
            connection.Execute("COMMIT"u8);
        }
        catch (Exception e)
        {
            RollBack();
            foreach (var write in group)
            {
                if (write.IsAppend)
                {
                    statements.LastPosition = last;
                    broken ??= e as StoreException ?? new StoreException(
                        "store-unavailable", $"an append to {connection.Path} failed: {e}", e);
                }
                write.Fail(write.IsAppend ? broken! : e);
            }
            return;
        }
        wrote = true;
        foreach (var write in group) write.Complete();
    }

    // After one append failed nothing may follow it; what else waits can still be tried.
    bool FailAppends(StoreException error)
    {
        foreach (var write in group)
        {
            if (write.IsAppend) write.Fail(error);
        }
        group.RemoveAll(write => write.IsAppend);
        return group.Count == 0;
    }

    void RollBack()
    {
        try
        {
            connection.RollBack();
        }
        catch (StoreException e)
        {
            broken ??= e; // A connection that cannot even roll back is of no use any more.
        }
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
