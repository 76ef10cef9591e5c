using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Simulation;

namespace Quoin.Tests.Things;

/// <summary>
/// The production coordinator on one of the stores, with a service and a clock that the test has in
/// hand: hours pass in milliseconds, and numbers are exact. Processes die and begin as it says.
/// </summary>
sealed class ThingWorld : IAsyncDisposable
{
    // Thousands of synced commits are no part of what these worlds show.
    const string Memory = "/dev/shm";

    static int count;

    readonly string root = Directory.CreateDirectory(Path.Combine(
        Directory.Exists(Memory) ? Memory : Path.GetTempPath(),
        $"quoin-things-{Environment.ProcessId}-{Interlocked.Increment(ref count)}")).FullName;
    readonly Func<string, IBuildStore> open;
    readonly Graph graph;
    readonly PriorityQueue<Action, (TimeSpan, long)> agenda = new();
    readonly List<(TimeSpan At, BuildEvent Event)> log = [];
    readonly HashSet<(RunId Run, int Epoch)> inFlight = [];
    IBuildStore? store, inner;
    ThingProcess? process;
    int processes, sent;
    long scheduled;

    /// <param name="jobs">The jobs of quoin.yaml, and what else it says.</param>
    /// <param name="open">Opens the store in a folder to decide; null: one in memory.</param>
    public ThingWorld(string jobs, Func<string, IBuildStore>? open = null)
    {
        var memory = new MemoryStore(Time.Database);
        this.open = open ?? (_ => memory);
        Service = new ThingService(Time);
        File.WriteAllText(Path.Combine(root, "quoin.yaml"), "quoin: 1\n" + jobs);
        var load = GraphLoader.Load(root, Path.Combine(root, "quoin.yaml"));
        Assert.Empty(load.Problems.Select(problem => problem.ToString()));
        graph = load.Graph!;
    }

    /// <summary>Jobs of a thing: <c>NAME/{id}</c>, with what its resource says beside.</summary>
    public static string Job(
        string name, string resource = "keep: 0s", string inputs = "[]", string more = "") => $$"""
          {{name}}:
            outputs: ["{{name}}/{id}"]
            inputs: {{inputs}}
            exec: [get, "{id}"]
            {{more}}
            resource: { release: [drop, "{id}"], {{resource}} }

        """;

    public SimulatedTime Time { get; } = new();
    public ThingService Service { get; }
    public int CallSlots { get; init; } = 4;

    /// <summary>The clock of the next process; null: that of the world.</summary>
    public TimeProvider? Clock { get; set; }

    /// <summary>What happens to the next append.</summary>
    public Func<AppendFault> NextFault { get; set; } = () => AppendFault.None;

    public IBuildStore Store => store!;
    public KernelState State => process!.State;
    public WorkerId Self => new($"host/1/{processes}");
    public Graph Graph => graph;
    public Coordinator Coordinator => process!.Coordinator;
    public bool IsUp => process is not null;

    /// <summary>Calls of the process that lives, which it waits for.</summary>
    public IReadOnlySet<(RunId Run, int Epoch)> InFlight => inFlight;

    /// <summary>Everything that was committed, by the processes of this world.</summary>
    public IReadOnlyList<(TimeSpan At, BuildEvent Event)> Log => log;

    public IEnumerable<T> Of<T>() => log.Select(entry => entry.Event).OfType<T>();

    /// <summary>When it happened first.</summary>
    public TimeSpan When<T>(Func<T, bool>? what = null) where T : BuildEvent =>
        log.First(e => e.Event is T it && what?.Invoke(it) != false).At;

    /// <summary>A process begins to decide.</summary>
    public void Start()
    {
        inner = open(root);
        store = new SimulatedStore(inner, Time, () => NextFault());
        process = new ThingProcess(this, ++processes);
        OrDie(process.Coordinator.Begin);
        Turns();
    }

    void OrDie(Action action)
    {
        try
        {
            action();
        }
        catch (ProcessDied)
        {
            Kill();
        }
        catch (StoreException)
        {
            process!.Coordinator.KeepUnsaved(); // It ends by itself.
            Kill();
        }
    }

    /// <summary>SIGKILL: its calls go on outside, and nobody hears what they answer.</summary>
    public void Kill()
    {
        process = null;
        inFlight.Clear();
        Time.DropTimers();
        CloseAsync().AsTask().GetAwaiter().GetResult();
    }

    async ValueTask CloseAsync()
    {
        if (inner is not (null or MemoryStore)) await inner.DisposeAsync();
        (store, inner) = (null, null);
    }

    public Task<WantReport> Want(params string[] targets) => Want(WantOptions.Default, targets);

    public Task<WantReport> Want(WantOptions options, params string[] targets)
    {
        var report = new TaskCompletionSource<WantReport>();
        Coordinator.Post(new Message.Wanted(
            new WantRequest { Targets = [.. targets], Options = options }, report));
        Turns();
        return report.Task;
    }

    /// <summary>Asks the kernel; the first refusal.</summary>
    public Refusal? Do(params KernelCommand[] commands)
    {
        var answer = new TaskCompletionSource<Refusal?>();
        Coordinator.Post(new Message.Ask(_ => commands, answer));
        Turns();
        return answer.Task.IsCompleted ? answer.Task.Result : null; // It may die of it.
    }

    /// <summary>What other processes ask, all of it before anybody looks.</summary>
    public void Send(params StoreCommand[] commands)
    {
        foreach (var command in commands)
            Assert.True(Store.SendAsync(
                command.ToInbox($"sent-{++sent}"), CancellationToken.None).Result);
        Coordinator.Post(new Message.Look());
        Turns();
    }

    public PartitionPlace PlaceOf(string name) => State.PlaceOf(State.Names.Intern(name));

    public RunToken RunOf(string name)
    {
        var p = State.Names.Intern(name);
        return (State.LifeOf(p) ?? State.HolderOf(p))!;
    }

    /// <summary>Answers that are kept beside the store, as they are written there.</summary>
    public string[] Kept() => Directory.Exists(Journal)
        ? [.. Directory.GetFiles(Journal).Select(File.ReadAllText)]
        : [];

    string Journal => Path.Combine(root, ".quoin/journal");

    /// <summary>To happen then, whoever lives then.</summary>
    public void At(TimeSpan at, Action action) => agenda.Enqueue(action, (at, scheduled++));

    /// <summary>Lets so much time pass.</summary>
    public void Pass(TimeSpan time)
    {
        var end = Time.Elapsed + time;
        while (Proceed(end)) { }
        Time.AdvanceTo(end);
        Turns();
    }

    /// <summary>Lets time pass until it is so; fails when that takes longer.</summary>
    public void Until(Func<bool> isSo, TimeSpan within)
    {
        Turns();
        var end = Time.Elapsed + within;
        while (!isSo())
            Assert.True(Proceed(end), $"It is not so after {within}.\n{Told()}");
    }

    /// <summary>The next thing that time brings happens; false: nothing will.</summary>
    public bool Next() => Proceed(TimeSpan.MaxValue);

    /// <summary>No want is open, and nothing runs.</summary>
    public void UntilAtRest(TimeSpan within) =>
        Until(() => State.Wants.Count == 0 && State.Runs.Count == 0, within);

    /// <summary>The last of what happened, for a test that fails.</summary>
    public string Told() => string.Join('\n',
        log.TakeLast(40).Select(e => $"{e.At} {e.Event}")
            .Concat(Service.Calls.TakeLast(20).Select(call => call.ToString()))
            .Select(line => line[..Math.Min(line.Length, 240)]));

    void Turns()
    {
        var isBusy = true;
        while (isBusy && process is { } mine)
            OrDie(() => isBusy = mine.Coordinator.Turn(wait: false));
    }

    // The next thing that time brings, if it comes by then.
    bool Proceed(TimeSpan end)
    {
        var timer = process is null ? null : Time.NextTimer;
        if (agenda.TryPeek(out var action, out var at) && (timer is null || at.Item1 <= timer))
        {
            if (at.Item1 > end) return false;
            Time.AdvanceTo(at.Item1);
            // All that comes in one instant is there before anybody acts on it.
            while (agenda.TryPeek(out action, out var same) && same.Item1 == at.Item1)
            {
                agenda.Dequeue();
                action();
            }
        }
        else if (timer is { } due && due <= end) Time.AdvanceTo(due);
        else return false;
        Turns();
        return true;
    }

    /// <summary>What the last call for a partition was told of the things that it reads.</summary>
    public Dictionary<string, IReadOnlyDictionary<string, HeldInput>> Held { get; } = [];

    void Launch(ThingProcess by, Activation activation)
    {
        var started = Time.GetUtcNow();
        Held[activation.Attempt.Config.Outputs[0]] = activation.Attempt.Held;
        inFlight.Add((activation.Id.Run, activation.Epoch));
        var (answer, latency) = Service.Call(
            activation.Attempt.Config.Outputs[0], activation.Call);
        var limit = activation.Attempt.Timeout ?? TimeSpan.MaxValue;
        if (latency > limit)
        {
            latency = limit;
            answer = new(ResourceAnswerKind.Unknown) { Reason = "timeout" };
        }
        At(Time.Elapsed + latency, () =>
        {
            if (process != by) return;
            inFlight.Remove((activation.Id.Run, activation.Epoch));
            by.Mailbox.Post(new Message.Activated(activation, new JobResult
            {
                End = JobEnd.Answered,
                Answer = answer,
                Usage = new RunUsage(started, (int)latency.TotalMilliseconds, 1, 1),
            }));
        });
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(root, recursive: true);
    }

    /// <summary>One process: the coordinator as it is shipped, its slots at the service.</summary>
    sealed class ThingProcess : IBuildObserver
    {
        readonly ThingWorld world;
        readonly LoadedState loaded;

        public ThingProcess(ThingWorld world, int number)
        {
            this.world = world;
            var (store, graph) = (world.store!, world.graph);
            var time = world.Clock ?? world.Time;
            loaded = StateLoader.Load(store, new PartitionNames());
            var workspace = new Workspace(Path.Combine(world.root, "quoin.yaml"));
            var files = new FileStampCache(workspace.Root, store.FileStamps(), time);
            var calls = new ConfigCalls(workspace, store, files, new NoCommands());
            Coordinator = new Coordinator(
                new CoordinatorParts
                {
                    Workspace = workspace,
                    Graph = graph,
                    State = loaded.State,
                    History = loaded.History,
                    Store = store,
                    Files = files,
                    Calls = calls,
                    Facts = new WorkspaceFacts(
                        workspace, graph, loaded.State, files, store, calls),
                    MakeWorker = mailbox =>
                    {
                        Mailbox = mailbox;
                        return new Slots(this);
                    },
                    PlanLines = (_, _) => { },
                    Observer = this,
                    Time = time,
                    Random = new Random(number),
                    Worker = new WorkerId($"host/1/{number}"),
                    Slots = 2,
                    MemoryBytes = 0,
                    CallSlots = world.CallSlots,
                },
                loaded.Position);
        }

        public Coordinator Coordinator { get; }
        public Mailbox Mailbox { get; private set; } = null!;
        public KernelState State => loaded.State;

        void IBuildObserver.Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

        void IBuildObserver.Continuing(WantToken want) { }

        void IBuildObserver.Logged(IReadOnlyList<LoggedEvent> events) =>
            world.log.AddRange(events.Select(e => (world.Time.Elapsed, e.Event)));

        void IBuildObserver.Progress(RunId run, JobProgress progress) { }

        void IBuildObserver.AttemptEnded(AttemptId attempt, JobResult result) { }

        void IBuildObserver.Warn(string message) => world.Warnings.Add(message);

        sealed class Slots(ThingProcess process) : IWorker
        {
            public void Launch(LaunchRequest request) =>
                throw new InvalidOperationException("no job of these worlds makes data");

            public void Launch(Activation activation) =>
                process.world.Launch(process, activation);

            public void Dispose() { }
        }
    }

    /// <summary>What people were warned of.</summary>
    public List<string> Warnings { get; } = [];

    sealed class NoCommands : ICommandRunner
    {
        public bool SideBySide => false;

        public CommandResult Run(
            System.Collections.Immutable.ImmutableArray<string> argv, string workingDirectory,
            System.Collections.Immutable.ImmutableSortedDictionary<string, string> env,
            ReadOnlySpan<byte> stdin, TimeSpan timeout, CancellationToken ct) =>
            throw new InvalidOperationException("no job of these worlds has a config command");
    }
}
