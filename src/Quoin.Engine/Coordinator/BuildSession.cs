using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What a process brings to a build: everything that the engine must not find for itself.
/// </summary>
public sealed record BuildSessionOptions
{
    /// <summary>Where the project lies.</summary>
    public required Workspace Workspace { get; init; }

    /// <summary>Its graph, without problems.</summary>
    public required Graph Graph { get; init; }

    /// <summary>The open store, with its lock held. The session does not close it.</summary>
    public required IBuildStore Store { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>For the spread of retries.</summary>
    public required Random Random { get; init; }

    /// <summary>This process: host/pid/start nonce.</summary>
    public required WorkerId Worker { get; init; }

    /// <summary>How many runs at a time, at least 1.</summary>
    public required int Slots { get; init; }

    /// <summary>Bytes of memory that runs may claim together; 0: not counted.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>How often to look for what other processes ask; null: there are none.</summary>
    public TimeSpan? LookEvery { get; init; }

    /// <summary>Who watches.</summary>
    public required IBuildObserver Observer { get; init; }
}

/// <summary>
/// One process's part in a store: it reads the state, decides, runs jobs, and ends when nothing is
/// left to do. Its members may be called from any thread.
/// </summary>
public sealed class BuildSession : IAsyncDisposable
{
    readonly BuildSessionOptions options;
    readonly Guardian guardian;
    readonly Coordinator coordinator;
    readonly LoadedState loaded;
    readonly Task running;
    readonly ITimer? look;

    BuildSession(BuildSessionOptions options, LoadedState loaded)
    {
        (this.options, this.loaded) = (options, loaded);
        var workspace = options.Workspace;
        guardian = new Guardian(Path.Combine(workspace.QuoinDirectory, "guard"), options.Time);
        guardian.SweepOthers();
        _ = Folders.RemoveTree(workspace.StagingDirectory); // Of processes that are gone.
        var files = new FileStampCache(workspace.Root, options.Store.FileStamps(), options.Time);
        var calls = new ConfigCalls(
            workspace, options.Store, files, new ConfigProcess(guardian));
        var parts = new CoordinatorParts
        {
            Workspace = workspace,
            Graph = options.Graph,
            State = loaded.State,
            History = loaded.History,
            Store = options.Store,
            Files = files,
            Calls = calls,
            Facts = new WorkspaceFacts(
                workspace, options.Graph, loaded.State, files, options.Store, calls),
            MakeWorker = mailbox => MakeWorker(mailbox, files),
            Observer = options.Observer,
            PlanLines = (want, line) =>
                PlanLog.Write(workspace, want, line, options.Observer.Warn),
            Time = options.Time,
            Random = options.Random,
            Worker = options.Worker,
            Slots = options.Slots,
            MemoryBytes = options.MemoryBytes,
        };
        coordinator = new Coordinator(parts, loaded.Position);
        running = Task.Factory.StartNew(
            coordinator.Run, CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        if (options.LookEvery is { } often)
            look = options.Time.CreateTimer(
                _ => coordinator.Post(new Message.Look()), null, TimeSpan.Zero, often);
    }

    LocalWorker MakeWorker(Mailbox mailbox, FileStampCache files) => new(
        options.Workspace, options.Graph, loaded.State.Names, files,
        new JobProcess(options.Time, guardian), options.Slots,
        (launch, result) => mailbox.Post(new Message.Ended(launch, result)),
        options.Observer.Progress);

    /// <summary>The names behind the ids that the observer gets.</summary>
    public PartitionNames Names => loaded.State.Names;

    /// <summary>Durations of successful attempts; only for observers, on their thread.</summary>
    public DurationHistory History => loaded.History;

    /// <summary>Reads the store's state and continues open wants.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static BuildSession Open(BuildSessionOptions options)
    {
        var loaded = StateLoader.Load(options.Store, new PartitionNames());
        return new BuildSession(options, loaded);
    }

    /// <summary>Plans and accepts a want, and follows it to its end.</summary>
    public Task<WantReport> WantAsync(WantRequest request)
    {
        var report = NewReport<WantReport>();
        coordinator.Post(new Message.Wanted(request, report));
        return OrFailure(report.Task);
    }

    /// <summary>
    /// Gives a want up, or all of them; runs that nobody else demands are stopped.
    /// </summary>
    public void Cancel(WantId? want, string by) => coordinator.Post(new Message.Cancel(want, by));

    /// <summary>Ends all running jobs with SIGKILL.</summary>
    public void Kill() => coordinator.Post(new Message.Kill());

    /// <summary>
    /// Asks the kernel for something else: taints, cancellations. The function gets the state on
    /// the coordinator's thread; the first refusal is the answer, null when there is none.
    /// </summary>
    public Task<Refusal?> AskAsync(Func<KernelState, IReadOnlyList<KernelCommand>> commands)
    {
        var answer = NewReport<Refusal?>();
        coordinator.Post(new Message.Ask(commands, answer));
        return OrFailure(answer.Task);
    }

    /// <summary>Completes when no want is open and nothing runs any more.</summary>
    public Task WhenIdleAsync()
    {
        var idle = NewReport<bool>();
        coordinator.Post(new Message.WhenIdle(idle));
        return OrFailure(idle.Task);
    }

    /// <summary>Ends the coordinator, and saves a snapshot if the log grew.</summary>
    public async ValueTask DisposeAsync()
    {
        look?.Dispose();
        coordinator.Post(new Message.Stop());
        try
        {
            await running;
            if (coordinator.Position - loaded.SnapshotAt >= StateLoader.TailMax)
                await StateLoader.SaveAsync(
                    options.Store, loaded.State, loaded.History, coordinator.Position,
                    CancellationToken.None);
        }
        finally
        {
            coordinator.Dispose();
            guardian.Dispose();
        }
    }

    static TaskCompletionSource<T> NewReport<T>() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    // A coordinator that died answers nobody: its own exception is the answer.
    async Task<T> OrFailure<T>(Task<T> answer)
    {
        if (await Task.WhenAny(answer, running) == running && !answer.IsCompleted)
        {
            await running;
            throw new InvalidOperationException("The coordinator has stopped.");
        }
        return await answer;
    }
}
