using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The end of this process's part: its slots take nothing more, whoever wants it, and who waits is
/// told when they are empty. Belongs to the coordinator's thread.
/// </summary>
sealed class Draining
{
    readonly List<TaskCompletionSource<bool>> waiters = [];

    /// <summary>From now on.</summary>
    public void Ask(TaskCompletionSource<bool> drained) => waiters.Add(drained);

    /// <summary>Whether it was asked for; tells it when the slots are empty.</summary>
    public bool Holds(WorkerToken self)
    {
        if (self.Busy == 0) foreach (var waiter in waiters) waiter.TrySetResult(true);
        return waiters.Count > 0;
    }
}
