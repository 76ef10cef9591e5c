using System.Diagnostics.CodeAnalysis;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// One thing that a caller wants written to a <typeparamref name="TTarget"/>: what a transaction of
/// that database looks like to those who write in it.
/// </summary>
abstract class StoreWrite<TTarget>
{
    /// <summary>Roughly how many rows it writes: what bounds a group.</summary>
    public virtual int Rows => 1;

    /// <summary>When it fails, all later appends do.</summary>
    public virtual bool IsAppend => false;

    /// <summary>It has a transaction of its own, because it may be big and is not needed.</summary>
    public virtual bool IsAlone => false;

    /// <summary>It survives the loss of power, whatever the store was opened with.</summary>
    public virtual bool IsSynced => false;

    /// <summary>Other processes wait for such things.</summary>
    public virtual bool IsNews => true;

    /// <summary>Writes, within the transaction of its group.</summary>
    public abstract void Write(TTarget target);

    /// <summary>It is committed.</summary>
    public abstract void Complete();

    /// <summary>It is rolled back.</summary>
    public abstract void Fail(Exception error);
}

/// <summary>
/// A write that answers with a value. Waiters run on their own threads, not the writer's.
/// </summary>
abstract class StoreWrite<TTarget, T> : StoreWrite<TTarget>
{
    readonly TaskCompletionSource<T> answer = new(
        TaskCreationOptions.RunContinuationsAsynchronously);

    protected T Answer { get; set; } = default!;

    public Task<T> Task => answer.Task;

    public override void Complete() => answer.SetResult(Answer);

    public override void Fail(Exception error) => answer.SetException(error);
}

/// <summary>
/// Writes to one store, one transaction at a time. Whatever waits goes into one transaction (group
/// commit), bounded so that nobody waits for a huge one; nobody is told before it is committed. An
/// append that finds nobody writing is written by its own caller: two changes of threads take
/// longer than the commit. The writer's thread does the rest. A transaction that fails is rolled
/// back and fails all that were in it; if an append was among them, all later appends fail too,
/// because what follows would not be what was decided.
/// </summary>
abstract class GroupWriter<TTarget> : IDisposable
{
    const int RowsMax = 20_000;

    readonly object gate = new();
    readonly Queue<StoreWrite<TTarget>> waiting = new();
    readonly List<StoreWrite<TTarget>> group = [];
    Thread? thread;
    bool closing;
    bool writing; // Somebody has the connection and the group.
    bool appended;
    StoreException? broken;

    /// <summary>Whether something was committed.</summary>
    protected bool HasWritten { get; private set; }

    /// <summary>True when nothing can be written any more.</summary>
    protected bool IsBroken => broken is not null;

    /// <summary>
    /// Writes a group as one transaction; throws when nothing of it is there. Only one thread at a
    /// time is here.
    /// </summary>
    protected abstract void Commit(List<StoreWrite<TTarget>> group);

    /// <summary>A failure of an append, for all that come after it.</summary>
    protected abstract StoreException Describe(Exception error);

    /// <summary>Nothing more is written: closes what the writer has.</summary>
    protected abstract void Close();

    /// <summary>Queues a write; it completes, or fails, when its transaction has.</summary>
    public void Enqueue(StoreWrite<TTarget> write)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closing, typeof(IBuildStore));
            appended |= write.IsAppend;
            waiting.Enqueue(write);
            if (writing || waiting.Count > 1 || !write.IsAppend)
            {
                CallThread();
                return;
            }
            writing = true;
            Collect();
        }
        Write();
        lock (gate)
        {
            writing = false;
            if (waiting.Count > 0 || closing) CallThread();
        }
    }

    /// <summary>
    /// Does something about the log's end, unless an append was queued: from then on it is known
    /// from our own appends only.
    /// </summary>
    protected void UnlessAppended(Action action)
    {
        lock (gate)
        {
            if (!appended) action();
        }
    }

    /// <summary>From now on every append fails like this.</summary>
    public void Break(StoreException error)
    {
        lock (gate) broken ??= error;
    }

    /// <summary>Writes what waits, and closes.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (closing) return;
            closing = true;
            Monitor.PulseAll(gate);
        }
        thread?.Join();
        lock (gate)
        {
            while (writing) Monitor.Wait(gate);
        }
        Close();
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

    void Work()
    {
        while (TakeGroup())
        {
            Write();
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
    void Write()
    {
        if (broken is not null && FailAppends(broken)) return;
        try
        {
            Commit(group);
        }
        catch (Exception e)
        {
            foreach (var write in group)
            {
                if (write.IsAppend) broken ??= Describe(e);
                write.Fail(write.IsAppend ? broken! : e);
            }
            return;
        }
        HasWritten = true;
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
}
