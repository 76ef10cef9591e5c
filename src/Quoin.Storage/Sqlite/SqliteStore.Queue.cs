using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

// The queue of runs for workers.
public sealed partial class SqliteStore
{
    /// <inheritdoc/>
    public IDisposable Watch(Action changed)
    {
        IBell? bell = InotifyBell.TryMake(Path);
        return new Watcher(bell ?? new PollingBell(VersionOrNone), changed, () => { });
    }

    /// <inheritdoc/>
    public IDisposable WatchRuns(Action changed) => Watch(changed);

    // Whoever is called back meets what is wrong, and says so.
    long VersionOrNone()
    {
        try
        {
            return ChangeVersion();
        }
        catch (Exception e) when (e is StoreException or ObjectDisposedException)
        {
            return -1;
        }
    }

    /// <inheritdoc/>
    public async Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct)
    {
        if (!await Queue(new JoinWrite(worker, lease, joined, NowMs), ct))
            throw new StoreException("store-corrupt", $"{Path}: {worker.Owner} is there already");
    }

    /// <inheritdoc/>
    public Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct) =>
        Queue(new TurnWrite(turn, NowMs), ct);

    /// <inheritdoc/>
    public Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct) =>
        Queue(new LeaveWrite(owner, left, NowMs), ct);

    /// <inheritdoc/>
    public IReadOnlyList<WorkerInfo> Workers() => reader.Workers();

    /// <inheritdoc/>
    public IReadOnlyList<QueuedRun> QueuedRuns() => reader.QueuedRuns();

    /// <inheritdoc/>
    public byte[]? RunLog(AttemptId attempt) => reader.RunLog(attempt);
}
