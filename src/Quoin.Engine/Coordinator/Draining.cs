using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The end of this process's part: its slots take nothing more, whoever wants it, and who waits is
/// told when they are empty. What only waits for line workers is given back: somebody else goes on
/// with it. Belongs to the coordinator's thread.
/// </summary>
sealed class Draining(Coordinator coordinator)
{
    readonly List<TaskCompletionSource<bool>> waiters = [];
    readonly Dictionary<RunId, LaunchRequest> lines = []; // In our slots.

    /// <summary>From now on.</summary>
    public void Ask(TaskCompletionSource<bool> drained) => waiters.Add(drained);

    /// <summary>Whether it was asked for; tells it when the slots are empty.</summary>
    public bool Holds(WorkerToken self)
    {
        if (self.Busy == 0) foreach (var waiter in waiters) waiter.TrySetResult(true);
        // After what is told to stop for good, which ends in its own way.
        if (waiters.Count > 0 && lines.Count > 0) coordinator.AfterCommit(StepAside);
        return waiters.Count > 0;
    }

    /// <summary>A slot of this process begins with it.</summary>
    public void Begun(LaunchRequest launch)
    {
        if (LineRequests.IsAskedFor(launch.Job)) lines[launch.Id.Run] = launch;
    }

    /// <summary>What came of it: given back, if it stopped for nothing else.</summary>
    public JobResult Ended(LaunchRequest launch, JobResult result)
    {
        lines.Remove(launch.Id.Run);
        return launch.Control.IsAside && result.End == JobEnd.Cancelled
            ? result with { End = JobEnd.Returned }
            : result;
    }

    void StepAside()
    {
        foreach (var launch in lines.Values) launch.Control.StepAside();
        lines.Clear();
    }
}
