using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// The part of <c>quoin serve</c> that decides: it takes the lead of the store when it is free, and
/// waits behind whoever has it otherwise. Runs go to workers, the one of this process among them,
/// so that they outlive a change of the lead.
/// </summary>
sealed class Standby(
    Cli.Cli cli, Workspace workspace, ServedGraph graph, ArtifactStore? artifacts,
    Tracing? tracing)
    : IAsyncDisposable
{
    static readonly TimeSpan LookForLead = TimeSpan.FromSeconds(1);

    readonly CancellationTokenSource stop = new();
    Task running = Task.CompletedTask;
    string? callback;

    /// <summary>This process decides for the store.</summary>
    public bool Leads { get; private set; }

    /// <summary>Takes the lead when it is free, from now on.</summary>
    /// <param name="address">Where services that know a run's token can wake it.</param>
    public void Start(string address)
    {
        callback = address;
        running = Task.Run(RunAsync);
    }

    async Task RunAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            var store = TryLead();
            if (store is null)
            {
                await WaitAsync(LookForLead);
                continue;
            }
            await using (store)
            {
                try
                {
                    await LeadAsync(store);
                }
                catch (StoreException e)
                {
                    cli.Warn($"the lead is given up: {e.Message}");
                }
                catch (Exception e) when (!stop.IsCancellationRequested)
                {
                    cli.Warn($"the lead is given up, which is a bug of quoin: {e}");
                }
                finally
                {
                    Leads = false;
                }
            }
            await WaitAsync(LookForLead); // What ended it may be there still.
        }
    }

    IBuildStore? TryLead()
    {
        try
        {
            return Project.OpenForDeciding(cli, workspace);
        }
        catch (StoreException e) when (e.Code is "store-locked")
        {
            return null;
        }
        catch (StoreException e)
        {
            cli.Warn(e.Message);
            return null;
        }
    }

    // One session for one text of the graph: another text is another session on the same store.
    async Task LeadAsync(IBuildStore store)
    {
        while (!stop.IsCancellationRequested)
        {
            var (current, changed) = graph.Now;
            await using var session = Open(store, current);
            Leads = true;
            var end = session.EndAsync();
            var stopped = Task.Delay(Timeout.InfiniteTimeSpan, stop.Token);
            await Task.WhenAny(end, stopped, changed);
            if (end.IsCompleted) await end;
        }
    }

    BuildSession Open(IBuildStore store, Graph current) => BuildSession.Open(
        new BuildSessionOptions
        {
            Workspace = workspace,
            Graph = current,
            Store = store,
            Time = store.ClockOn(cli.Time),
            Random = new Random(ThisMachine.Seed()),
            Worker = ThisMachine.NewWorkerId(),
            Slots = 0,
            IsShared = true,
            KeepsLogs = Project.IsRemote(cli),
            Artifacts = artifacts,
            Callback = callback,
            Tracing = tracing,
            Observer = new Observer(cli),
        });

    async Task WaitAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, cli.Time, stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    /// <summary>Gives the lead up, when it has it, and waits for that.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    sealed class Observer(Cli.Cli cli) : IBuildObserver
    {
        public void Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

        public void Continuing(WantToken want) { }

        public void Logged(IReadOnlyList<LoggedEvent> events) { }

        public void Progress(RunId run, JobProgress progress) { }

        public void AttemptEnded(AttemptId attempt, JobResult result) { }

        public void Warn(string message) => cli.Warn(message);
    }
}
