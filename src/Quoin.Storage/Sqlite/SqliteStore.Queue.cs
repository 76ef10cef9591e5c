using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

// The queue of runs for workers.
public sealed partial class SqliteStore
{
    /// <inheritdoc/>
    public IDisposable Watch(Action changed) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public IReadOnlyList<WorkerInfo> Workers() => [];

    /// <inheritdoc/>
    public IReadOnlyList<QueuedRun> QueuedRuns() => [];

    /// <inheritdoc/>
    public byte[]? RunLog(AttemptId attempt) => null;
}
