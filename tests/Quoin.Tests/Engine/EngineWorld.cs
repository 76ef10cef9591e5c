using System.Buffers;
using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// A workspace in a temporary folder with real files and real processes, and a store in memory that
/// outlives sessions. When it is disposed of, the log is replayed: it has to give the state.
/// </summary>
sealed class EngineWorld : IDisposable
{
    static int count;

    readonly string root = Directory.CreateDirectory(Path.Combine(
        Path.GetTempPath(),
        $"quoin-engine-{Environment.ProcessId}-{Interlocked.Increment(ref count)}")).FullName;
    int processes, touched;

    public EngineWorld(string yaml)
    {
        Write("quoin.yaml", yaml);
    }

    public MemoryStore Store { get; } = new();

    public ManualTime? Clock { get; init; }
    public int Slots { get; init; } = 2;
    public bool IsShared { get; init; }
    public bool PlansAtOnce { get; init; }
    public int CallSlots { get; init; } = 4;
    public string? Callback { get; init; }
    public ResourceJobs Jobs { get; init; } = new();
    public ImmutableArray<string> Labels { get; init; } = [];
    public ArtifactStore? Artifacts { get; init; }
    public Tracing? Tracing { get; init; }
    public Watcher Last { get; private set; } = new();

    public void Write(string path, string text)
    {
        var full = Path.Combine(root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    /// <summary>Writes a file as if that was some time ago: its time is to be trusted.</summary>
    public void WriteOld(string path, string text)
    {
        Write(path, text);
        Touch(path);
    }

    /// <summary>Gives a file another time, some time ago.</summary>
    public void Touch(string path) => File.SetLastWriteTimeUtc(
        Path.Combine(root, path), DateTime.UnixEpoch.AddDays(20_000).AddMilliseconds(++touched));

    public string Read(string path) => File.ReadAllText(Path.Combine(root, path));

    public string Output(string reference) => Read($".quoin/data/{reference}");

    public bool Exists(string path) => File.Exists(Path.Combine(root, path));

    public void Delete(string path) => File.Delete(Path.Combine(root, path));

    public Workspace Workspace => new(Path.Combine(root, "quoin.yaml"));

    /// <summary>A session of a new process; the caller disposes of it.</summary>
    public BuildSession Open()
    {
        var load = GraphLoader.Load(Workspace.Root, Workspace.GraphFile);
        Assert.Empty(load.Problems.Select(problem => problem.ToString()));
        var watcher = Last = new Watcher();
        var session = BuildSession.Open(new BuildSessionOptions
        {
            Workspace = Workspace,
            Graph = load.Graph!,
            Store = Store,
            Time = Clock ?? TimeProvider.System,
            Random = new Random(1),
            Worker = new WorkerId($"host/1/{++processes}"),
            Slots = Slots,
            IsShared = IsShared,
            PlansAtOnce = PlansAtOnce,
            CallSlots = CallSlots,
            Callback = Callback,
            Jobs = Jobs,
            Labels = Labels,
            Artifacts = Artifacts,
            Tracing = Tracing,
            Observer = watcher,
        });
        watcher.Names.SetResult(session.Names);
        return session;
    }

    /// <summary>A worker of another process; it runs until it is disposed of.</summary>
    public WorkerInTest Work(int slots, params string[] labels) => new(Options(slots, labels));

    /// <summary>The same, with a lease of its own.</summary>
    public WorkerInTest Work(TimeSpan lease) => new(Options(1, []) with { Lease = lease });

    /// <summary>The same, as if it were on a host without our folder.</summary>
    public WorkerInTest WorkApart(ArtifactStore artifacts) =>
        new(Options(1, []) with { Artifacts = artifacts, IsApart = true });

    StoreWorkerOptions Options(int slots, string[] labels) => new()
    {
        Workspace = Workspace,
        Store = Store,
        Time = Clock ?? TimeProvider.System,
        NewId = () => new WorkerId($"host/2/{++processes}"),
        Slots = slots,
        Labels = [.. labels.Order(StringComparer.Ordinal)],
        KeepsLogs = true,
        Observer = new WorkerInTest.Quiet(),
    };

    /// <summary>Builds to the end, and says how the want ended: <c>Succeeded</c>.</summary>
    public Task<string> BuildAsync(params string[] targets) =>
        BuildAsync(new WantRequest { Targets = [.. targets] });

    public async Task<string> BuildAsync(WantRequest request)
    {
        await using var session = Open();
        var report = await session.WantAsync(request).WaitAsync(TimeSpan.FromSeconds(60));
        await session.WhenIdleAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return report.Refusal?.Code ?? report.Outcome?.ToString() ?? "nothing planned";
    }

    /// <summary>What a plan of another process says.</summary>
    public PlanCounts DryCounts(params string[] targets) => DryRun.Make(
        Workspace, GraphLoader.Load(Workspace.Root, Workspace.GraphFile).Graph!, Store,
        new WantRequest { Targets = [.. targets] }, slots: 1, TimeProvider.System,
        CancellationToken.None).Plan.Counts;

    /// <summary>What ran in the last session, by job output, in order of name.</summary>
    public string Ran => string.Join(' ', Last.Ran.Order(StringComparer.Ordinal));

    public void Dispose()
    {
        var names = new PartitionNames();
        var whole = new KernelState(names);
        foreach (var logged in Store.Read(0, names)) Evolve.Apply(whole, logged.Event);
        var loaded = StateLoader.Load(Store, names).State;
        Assert.Equal(Snapshot(whole), Snapshot(loaded));
        Directory.Delete(root, recursive: true);
    }

    static byte[] Snapshot(KernelState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        KernelSnapshot.Write(state, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A worker on a thread of its own.</summary>
    public sealed class WorkerInTest : IAsyncDisposable
    {
        readonly StoreWorker worker;
        readonly Task running;

        public WorkerInTest(StoreWorkerOptions options)
        {
            worker = new StoreWorker(options);
            running = Task.Factory.StartNew(
                worker.Run, CancellationToken.None, TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }

        public int Holding => worker.Holding;

        public void Kill() => worker.Kill();

        public void Drain() => worker.Drain();

        public async ValueTask DisposeAsync()
        {
            worker.Drain();
            await running.WaitAsync(TimeSpan.FromSeconds(60));
            worker.Dispose();
        }

        public sealed class Quiet : IWorkerObserver
        {
            public void Joined(WorkerId worker) { }

            public void Started(AttemptId attempt, JobConfig config) { }

            public void Ended(AttemptId attempt, JobConfig config, JobResult result) { }

            public void Said(string message) { }
        }
    }

    /// <summary>Keeps what it is told.</summary>
    public sealed class Watcher : IBuildObserver
    {
        readonly Lock gate = new();
        readonly List<BuildEvent> events = [];

        public TaskCompletionSource<PartitionNames> Names { get; } = new();
        public Plan? Plan { get; private set; }
        public List<string> Continued { get; } = [];
        public List<string> Warnings { get; } = [];
        public TaskCompletionSource Started { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public BuildEvent[] Events
        {
            get
            {
                lock (gate) return [.. events];
            }
        }

        public IEnumerable<string> Ran =>
            from e in Events.OfType<RunCompleted>()
            from output in e.Outputs
            select Names.Task.Result.Text(output.Partition);

        public IEnumerable<T> Of<T>() => Events.OfType<T>();

        readonly List<(Func<BuildEvent, bool> What, TaskCompletionSource Signal)> waiters = [];

        /// <summary>Completes when such an event was or is logged.</summary>
        public Task WhenAsync(Func<BuildEvent, bool> what)
        {
            lock (gate)
            {
                if (events.Any(what)) return Task.CompletedTask;
                var signal = new TaskCompletionSource(
                    TaskCreationOptions.RunContinuationsAsynchronously);
                waiters.Add((what, signal));
                return signal.Task;
            }
        }

        public void Planned(WantId? want, Plan plan, TimeLeft? estimate) => Plan = plan;

        public void Continuing(WantToken want) => Continued.Add(want.Id.ToString());

        public void Logged(IReadOnlyList<LoggedEvent> logged)
        {
            lock (gate)
            {
                events.AddRange(logged.Select(e => e.Event));
                foreach (var (what, signal) in waiters)
                    if (logged.Any(e => what(e.Event))) signal.TrySetResult();
            }
            if (logged.Any(e => e.Event is RunLeased)) Started.TrySetResult();
        }

        public void Progress(RunId run, JobProgress progress) { }

        public void AttemptEnded(AttemptId attempt, JobResult result) { }

        public TaskCompletionSource<(int Runs, string Labels)> Waits { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void WaitsForWorkers(int runs, ImmutableArray<string> labels) =>
            Waits.TrySetResult((runs, string.Join(' ', labels)));

        public void Warn(string message) => Warnings.Add(message);
    }
}
