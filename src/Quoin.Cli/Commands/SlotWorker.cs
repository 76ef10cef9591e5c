using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// How the commands that run what a store offers set up a <see cref="StoreWorker"/>.
/// </summary>
static class SlotWorker
{
    /// <summary>A worker with these slots of this machine.</summary>
    public static StoreWorker Make(
        Cli cli, Workspace workspace, IBuildStore store, Slots slots, IWorkerObserver observer,
        TimeSpan? lease = null, ArtifactStore? artifacts = null, bool isApart = false)
    {
        var options = new StoreWorkerOptions
        {
            Workspace = workspace,
            Store = store,
            Time = cli.Time,
            NewId = ThisMachine.NewWorkerId,
            Slots = slots.Count,
            MemoryBytes = ThisMachine.MemoryBytes,
            Labels = slots.Labels,
            KeepsLogs = Project.IsRemote(cli),
            Artifacts = artifacts,
            IsApart = isApart,
            Observer = observer,
        };
        return new StoreWorker(lease is { } length ? options with { Lease = length } : options);
    }

    /// <summary>Runs it on a thread of its own, until it is drained or killed.</summary>
    public static Task RunAsync(StoreWorker worker) => Task.Factory.StartNew(
        worker.Run, CancellationToken.None, TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
}
