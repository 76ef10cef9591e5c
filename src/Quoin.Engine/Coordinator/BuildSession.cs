using System.Collections.Immutable;
using System.Security.Cryptography;
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

    /// <summary>
    /// How many runs at a time; 0: workers of other processes do all of them.
    /// </summary>
    public required int Slots { get; init; }

    /// <summary>What this process can do beside the rest, as <c>os=linux</c>; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>Bytes of memory that runs may claim together; 0: not counted.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>
    /// How many calls about things outside this process makes at a time, in slots of their own; 0:
    /// workers of other processes make them all.
    /// </summary>
    public int CallSlots { get; init; } = ResourceRuns.Slots;

    /// <summary>Jobs whose calls are made by functions of this process.</summary>
    public ResourceJobs Jobs { get; init; } = new();

    /// <summary>
    /// Address of the server of this store (<c>http://host:port</c>): programs of things outside
    /// get <c>QUOIN_CALLBACK</c> below it. Null: nobody can be called.
    /// </summary>
    public string? Callback { get; init; }

    /// <summary>Other processes use the store: what they ask for is done.</summary>
    public bool IsShared { get; init; }

    /// <summary>Logs of attempts go into the store, because others cannot read our files.</summary>
    public bool KeepsLogs { get; init; }

    /// <summary>Copies of outputs; null: none are kept. The session does not close it.</summary>
    public ArtifactStore? Artifacts { get; init; }

    /// <summary>
    /// A want follows right away: its files are looked at while the state is read.
    /// </summary>
    public bool PlansAtOnce { get; init; }

    /// <summary>
    /// It counts as idle, too, while all that is left waits for line workers, of whosever wants:
    /// others, who asked for that, can decide as well.
    /// </summary>
    public bool LeavesLines { get; init; }

    /// <summary>Where spans of traced wants go; null: they are not recorded here.</summary>
    public Tracing? Tracing { get; init; }

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
    readonly FileStampCache files;
    readonly HostSpeed speed;
    readonly Task running;
    readonly ITimer? begin;
    IDisposable? watch;

    BuildSession(BuildSessionOptions options, LoadedState loaded, FileStampCache files)
    {
        (this.options, this.loaded, this.files) = (options, loaded, files);
        var workspace = options.Workspace;
        speed = new HostSpeed(workspace);
        guardian = new Guardian(Path.Combine(workspace.QuoinDirectory, "guard"), options.Time);
        guardian.SweepOthers();
        RemoveStaging(workspace, options.Store);
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
                workspace, options.Graph, loaded.State, files, options.Store, calls)
            {
                Artifacts = options.Artifacts,
                Fingerprints = loaded.Fingerprints,
                Secrets = SecretDigests.OfProcess(workspace, keeps: true),
            },
            Keeping = new Keeping(options.Graph, loaded.State, options.Artifacts),
            MakeWorker = mailbox => MakeWorker(mailbox, files),
            Observer = options.Observer,
            PlanLines = (want, line) =>
                PlanLog.Write(workspace, want, line, options.Observer.Warn),
            Time = options.Time,
            Random = options.Random,
            Worker = options.Worker,
            Slots = options.Slots,
            HostSpeed = options.Slots > 0 ? () => speed.Known : static () => 0,
            MemoryBytes = options.MemoryBytes,
            CallSlots = options.CallSlots,
            Callback = options.Callback,
            Jobs = options.Jobs,
            NewToken = static () => RandomNumberGenerator.GetHexString(32, lowercase: true),
            PlansAtOnce = options.PlansAtOnce,
            LeavesLines = options.LeavesLines,
            Labels = options.Labels,
            Spans = options.Tracing is { } tracing
                ? new TraceSpans(tracing, loaded.State, options.Graph.Name)
                : null,
        };
        coordinator = new Coordinator(parts, loaded.Position);
        running = Task.Factory.StartNew(
            coordinator.Run, CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        // Most builds are over before anybody could ask for something.
        if (options.IsShared)
            begin = options.Time.CreateTimer(
                _ => Watch(), null, watchAfter, Timeout.InfiniteTimeSpan);
    }

    static readonly TimeSpan watchAfter = TimeSpan.FromMilliseconds(30);

    void Watch()
    {
        var watching = options.Store.Watch(() => coordinator.Post(new Message.Look()));
        if (Interlocked.Exchange(ref watch, watching) is not null) watching.Dispose(); // Too late.
        else coordinator.Post(new Message.Look());
    }

    sealed class Closed : IDisposable
    {
        public void Dispose() { }
    }

    // What processes left that are gone. Attempts of workers that are there keep theirs.
    static void RemoveStaging(Workspace workspace, IBuildStore store)
    {
        if (!Directory.Exists(workspace.StagingDirectory)) return;
        var folders = Directory.GetDirectories(workspace.StagingDirectory);
        if (folders.Length == 0) return; // As most builds find it: the store is not asked.
        var held = store.QueuedRuns().Where(row => row.Owner is not null)
            .Select(row => $"{row.Run}.").ToArray();
        foreach (var folder in folders)
        {
            var name = Path.GetFileName(folder);
            if (!held.Any(run => name.StartsWith(run, StringComparison.Ordinal)))
                _ = Folders.RemoveTree(folder);
        }
    }

    LocalWorker MakeWorker(Mailbox mailbox, FileStampCache files) => new(
        new LocalWorkerParts(
            options.Workspace, options.Graph, loaded.State.Names, files,
            new JobProcess(options.Time, guardian) { HostSpeed = speed }, options.KeepsLogs)
        {
            Jobs = options.Jobs,
            Time = options.Time,
            Artifacts = options.Artifacts is { } store
                ? new AttemptArtifacts(store, files, options.Time, isApart: false)
                : null,
        },
        options.Slots,
        (launch, result) => mailbox.Post(new Message.Ended(launch, result)),
        options.Observer.Progress,
        (activation, result) => mailbox.Post(new Message.Activated(activation, result)),
        (activation, id) => mailbox.Post(new Message.Named(activation, id)));

    /// <summary>The names behind the ids that the observer gets.</summary>
    public PartitionNames Names => loaded.State.Names;

    /// <summary>Durations of successful attempts; only for observers, on their thread.</summary>
    public DurationHistory History => loaded.History;

    /// <summary>Reads the store's state and continues open wants.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static BuildSession Open(BuildSessionOptions options)
    {
        var root = options.Workspace.Root;
        var files = options.PlansAtOnce
            ? FileStampCache.ReadAhead(root, options.Store, options.Time)
            : new FileStampCache(root, options.Store.FileStamps(), options.Time);
        var loaded = StateLoader.Load(options.Store, new PartitionNames());
        return new BuildSession(options, loaded, files);
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

    /// <summary>
    /// Notes in the plan logs of open wants how they stand; for who shows people a sign of life.
    /// </summary>
    public void Beat() => coordinator.Post(new Message.Beat());

    /// <summary>
    /// Starts nothing more in this process, for nobody's want; completes when nothing runs in it.
    /// </summary>
    public Task DrainAsync()
    {
        var drained = NewReport<bool>();
        coordinator.Post(new Message.Drain(drained));
        return OrFailure(drained.Task);
    }

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

    /// <summary>
    /// A service says that asking for a run's thing is worth while now (<c>QUOIN_CALLBACK</c>).
    /// Null: it is asked, or was going to be; else why not: the run is over, or makes data, or the
    /// token is another one.
    /// </summary>
    public Task<Refusal?> WakeAsync(RunId run, string token) => AskAsync(
        state => [new StoreCommand.Wake(run, token).In(state, options.Time.GetUtcNow())]);

    /// <summary>Completes when no want is open and nothing runs any more.</summary>
    public Task WhenIdleAsync()
    {
        var idle = NewReport<bool>();
        coordinator.Post(new Message.WhenIdle(idle));
        return OrFailure(idle.Task);
    }

    /// <summary>
    /// Completes when it has stopped deciding; with its exception when that was not asked for.
    /// </summary>
    public Task EndAsync() => running;

    /// <summary>Ends the coordinator, and saves a snapshot if the log grew.</summary>
    public async ValueTask DisposeAsync()
    {
        begin?.Dispose();
        Interlocked.Exchange(ref watch, new Closed())?.Dispose();
        coordinator.Post(new Message.Stop());
        try
        {
            await running;
            coordinator.Remember();
            if (coordinator.Position - loaded.SnapshotAt >= StateLoader.TailMax)
                await StateLoader.SaveAsync(
                    options.Store, loaded with { Position = coordinator.Position },
                    CancellationToken.None);
        }
        finally
        {
            files.EndLookAhead();
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
