using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Waits until another process may have written; see <see cref="IEventLog.Watch"/>. A change that
/// comes while nobody waits is not lost.
/// </summary>
sealed class StoreChanges : IDisposable
{
    readonly SemaphoreSlim changed = new(0, 1);
    readonly Lock gate = new();
    readonly IDisposable watching;

    /// <summary>Watches from now on.</summary>
    public StoreChanges(IEventLog store) => watching = store.Watch(Set);

    /// <summary>
    /// Completes at the next change, or after <paramref name="longest"/>: then it is false, and
    /// asking the store would say nothing new.
    /// </summary>
    public Task<bool> WaitAsync(TimeSpan longest, CancellationToken ct) =>
        changed.WaitAsync(longest, ct);

    /// <inheritdoc/>
    public void Dispose()
    {
        watching.Dispose();
        changed.Dispose();
    }

    void Set()
    {
        lock (gate)
        {
            if (changed.CurrentCount == 0) changed.Release();
        }
    }
}
