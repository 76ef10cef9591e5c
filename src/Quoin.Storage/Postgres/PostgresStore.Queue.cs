using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

// The queue of runs for workers.
public sealed partial class PostgresStore
{
    readonly PostgresNews news;
    readonly Lock queueGate = new();
    PostgresQueue? queue;

    // Its connections are made when this process works, or listens to those that do.
    internal PostgresQueue Workshop
    {
        get
        {
            lock (queueGate)
            {
                ObjectDisposedException.ThrowIf(closed, this);
                _ = Writer; // Throws when the store was opened to read.
                return queue ??= new PostgresQueue(Address, options.Time);
            }
        }
    }

    /// <inheritdoc/>
    public IDisposable Watch(Action changed) => Watch(changed, runsOnly: false);

    /// <inheritdoc/>
    public IDisposable WatchRuns(Action changed) => Watch(changed, runsOnly: true);

    Watcher Watch(Action changed, bool runsOnly)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        var bell = new SignalBell();
        news.Add(bell, runsOnly);
        return new Watcher(bell, changed, () => news.Remove(bell));
    }

    /// <inheritdoc/>
    public async Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct)
    {
        if (!await Workshop.JoinAsync(worker, lease, joined, ct))
            throw new StoreException(
                "store-corrupt", $"{Address.Shown}: {worker.Owner} is there already");
        news.Tell(toWorkers: false);
    }

    /// <inheritdoc/>
    public async Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct)
    {
        var (answer, isMoreFree) = await Workshop.WorkAsync(turn, ct);
        // What this one looked at and left, others may have found locked.
        if (answer.Claimed.Length > 0 || turn.Ended.Count > answer.TooLate.Length)
            news.Tell(toWorkers: isMoreFree);
        return answer;
    }

    /// <inheritdoc/>
    public async Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct)
    {
        var wasThere = await Workshop.LeaveAsync(owner, left, ct);
        news.Tell(toWorkers: false);
        return wasThere;
    }

    /// <inheritdoc/>
    public IReadOnlyList<WorkerInfo> Workers() => Ask(
        """
        SELECT owner, slots, capacity, memory, labels, joined_at,
          extract(epoch FROM clock_timestamp() - heard_at)::float8, expires_at <= clock_timestamp()
        FROM worker ORDER BY owner COLLATE "C"
        """,
        row => new WorkerInfo
        {
            Owner = row.GetString(0),
            Slots = row.GetInt32(1),
            Capacity = row.GetInt32(2),
            MemoryBytes = row.GetInt64(3),
            Labels = ImmutableArray.Create(row.GetFieldValue<string[]>(4)),
            JoinedAt = row.GetFieldValue<DateTimeOffset>(5),
            Silent = TimeSpan.FromSeconds(Math.Max(0, row.GetDouble(6))),
            IsOver = row.GetBoolean(7),
        });

    /// <inheritdoc/>
    public IReadOnlyList<QueuedRun> QueuedRuns() => Ask(
        "SELECT run, epoch, owner FROM ready_run ORDER BY run",
        row => new QueuedRun(
            new(row.GetInt32(0)), row.GetInt32(1), row.IsDBNull(2) ? null : row.GetString(2)));

    /// <inheritdoc/>
    public byte[]? RunLog(AttemptId attempt) => Ask(
        "SELECT form, body FROM run_log WHERE run = $1 AND attempt = $2",
        row => StoredBytes.Unpack(
            row.GetFieldValue<byte[]>(1), row.GetInt32(0),
            $"{Address.Shown}: the log of {attempt}"),
        attempt.Run.Value, attempt.Attempt).SingleOrDefault();
}
