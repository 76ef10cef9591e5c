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
    readonly IEventLog store;
    readonly IDisposable watching;
    long version = -1;
    bool mayBeNew = true;

    /// <summary>Watches from now on.</summary>
    public StoreChanges(IEventLog store)
    {
        this.store = store;
        watching = store.Watch(Set);
    }

    /// <summary>
    /// True at first, and when something was written since it was true last. Asked before reading:
    /// what comes in between makes it true again.
    /// </summary>
    public bool HasNew()
    {
        if (!mayBeNew) return false;
        var now = store.ChangeVersion();
        mayBeNew = now != version;
        version = now;
        return mayBeNew;
    }

    /// <summary>
    /// Completes at the next change, or after <paramref name="longest"/>: then asking the store
    /// would say nothing new.
    /// </summary>
    public async Task WaitAsync(TimeSpan longest, CancellationToken ct) =>
        mayBeNew = await changed.WaitAsync(longest, ct);

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
