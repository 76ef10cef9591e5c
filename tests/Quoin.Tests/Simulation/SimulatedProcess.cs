using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>What outlives a process: clock, disk, store, and what its runs do.</summary>
sealed record SimulatedMachine
{
    public required SimulatedTime Time { get; init; }
    public MemoryStore Store => field ??= new MemoryStore(Time.Database);
    public required SimulatedDisk Disk { get; init; }
    public required Graph Graph { get; init; }
    public required ICommandRunner Commands { get; init; }
    public required int Slots { get; init; }
    public Func<AppendFault> NextAppendFault { get; init; } = () => AppendFault.None;
    public required Action<SimulatedProcess, LaunchRequest> Launch { get; init; }
    public Action<string> Say { get; init; } = _ => { };

    public SimulatedStore Connect() => new(Store, Time, NextAppendFault);
}

/// <summary>
/// One process of Quoin: the production coordinator with planner and scheduler, read from the
/// store, on simulated slots, files and time. It is gone when the simulation drops it.
/// </summary>
sealed class SimulatedProcess : IBuildObserver
{
    readonly SimulatedMachine machine;
    readonly SimulatedStore store;
    readonly LoadedState loaded;

    public SimulatedProcess(SimulatedMachine machine, int number)
    {
        this.machine = machine;
        Self = new WorkerId($"host/1/{number}");
        var time = machine.Time;
        store = machine.Connect();
        loaded = StateLoader.Load(store, new PartitionNames());
        var workspace = new Workspace("/simulated/quoin.yaml");
        Files = new FileStampCache(workspace.Root, machine.Disk, store.FileStamps(), time);
        var calls = new ConfigCalls(workspace, store, Files, machine.Commands);
        var graph = machine.Graph;
        Coordinator = new Coordinator(
            new CoordinatorParts
            {
                Workspace = workspace,
                Graph = graph,
                State = loaded.State,
                History = loaded.History,
                Store = store,
                Files = Files,
                Calls = calls,
                Facts = new WorkspaceFacts(
                    workspace, graph, loaded.State, Files, store, calls)
                {
                    Fingerprints = loaded.Fingerprints,
                },
                MakeWorker = mailbox =>
                {
                    Mailbox = mailbox;
                    return new Slots(this);
                },
                PlanLines = (_, _) => { },
                Observer = this,
                Time = time,
                Random = new Random(number),
                Worker = Self,
                Slots = machine.Slots,
                MemoryBytes = 0,
            },
            loaded.Position);
    }

    public WorkerId Self { get; }
    public Coordinator Coordinator { get; }
    public Mailbox Mailbox { get; private set; } = null!;
    public FileStampCache Files { get; }
    public KernelState State => loaded.State;
    public PartitionNames Names => loaded.State.Names;

    /// <summary>Answers that clients of this process wait for.</summary>
    public List<Task<WantReport>> Reports { get; } = [];

    public Task SaveSnapshotAsync() => StateLoader.SaveAsync(
        store, loaded with { Position = Coordinator.Position }, CancellationToken.None);

    void IBuildObserver.Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

    void IBuildObserver.Continuing(WantToken want) => machine.Say($"continues {want.Id}");

    void IBuildObserver.Logged(IReadOnlyList<LoggedEvent> events) { }

    void IBuildObserver.Progress(RunId run, JobProgress progress) { }

    void IBuildObserver.AttemptEnded(AttemptId attempt, JobResult result) { }

    void IBuildObserver.Warn(string message) => machine.Say($"warning: {message}");

    sealed class Slots(SimulatedProcess process) : IWorker
    {
        public void Launch(LaunchRequest request) => process.machine.Launch(process, request);

        public void Launch(Activation activation) =>
            throw new InvalidOperationException("no job of these worlds makes a thing outside");

        public void Dispose() { }
    }
}
