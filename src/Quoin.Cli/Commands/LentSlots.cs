using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Slots that a build lends while another process decides: not only for its own want, so whoever
/// waits for this one gets help, too.
/// </summary>
sealed class LentSlots : IAsyncDisposable
{
    readonly StoreWorker worker;
    readonly Task running;

    /// <summary>Takes runs from now on.</summary>
    public LentSlots(
        Cli cli, Workspace workspace, IBuildStore store, Slots slots, Action<string> say,
        ArtifactStore? artifacts)
    {
        worker = SlotWorker.Make(
            cli, workspace, store, slots, new Lender(say), artifacts: artifacts);
        running = SlotWorker.RunAsync(worker);
    }

    /// <summary>Takes nothing new.</summary>
    public void Drain() => worker.Drain();

    /// <summary>Ends what runs; others run it again.</summary>
    public void Kill() => worker.Kill();

    /// <summary>
    /// Waits until all that it has taken has ended. What only waits for line workers others do.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        worker.StepAside();
        await running;
        worker.Dispose();
    }

    sealed class Lender(Action<string> say) : IWorkerObserver
    {
        public void Joined(WorkerId worker) { }

        public void Started(AttemptId attempt, JobConfig config) { }

        public void Ended(AttemptId attempt, JobConfig config, JobResult result) { }

        public void Said(string message) => say(message);
    }
}
