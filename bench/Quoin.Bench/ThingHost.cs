using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// The coordinator as it is shipped, on SQLite, with calls that are answered within this process.
/// </summary>
sealed class ThingHost : IDisposable, IBuildObserver
{
    readonly SqliteStore store;
    readonly Coordinator coordinator;
    readonly Thread thread;
    readonly Func<Activation, ResourceAnswer> answer;
    readonly Lock gate = new();
    readonly List<(long Count, TaskCompletionSource Signal)> waiters = [];
    long answers;

    public ThingHost(string folder, Func<Activation, ResourceAnswer> answer)
    {
        this.answer = answer;
        Directory.CreateDirectory(Path.Combine(folder, ".quoin"));
        var file = Path.Combine(folder, "quoin.yaml");
        File.WriteAllText(file, Yaml("here", 1));
        var graph = GraphLoader.Load(folder, file).Graph!;
        store = SqliteStore.Open(
            Path.Combine(folder, ".quoin/quoin.db"),
            new StoreOptions { NewId = "bench", Lead = true });
        var loaded = StateLoader.Load(store, new PartitionNames());
        var (workspace, time) = (new Workspace(file), TimeProvider.System);
        var files = new FileStampCache(workspace.Root, store.FileStamps(), time);
        var calls = new ConfigCalls(workspace, store, files, new NoCommands());
        coordinator = new Coordinator(
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
                MakeWorker = mailbox => new Here(this, mailbox),
                PlanLines = (_, _) => { },
                Observer = this,
                Time = time,
                Random = new Random(1),
                Worker = new WorkerId("host/1/1"),
                Slots = 2,
                MemoryBytes = 0,
            },
            loaded.Position);
        thread = new Thread(coordinator.Run);
        thread.Start();
    }

    /// <summary>A graph of things whose calls are this, and of one that needs them all.</summary>
    public static string Yaml(string call, int count) => $$"""
        quoin: 1
        targets: [all]
        jobs:
          thing:
            outputs: ["thing/{n:int}"]
            exec: [{{call}}]
            resource: { release: ["true"], poll: { every: 1s, max: 10s, time: none } }
          all:
            outputs: [all]
            inputs: ["thing/{n:range(1,{{count}})}"]
            exec: [{{call}}]
            resource: { release: ["true"] }

        """;

    public long Position => store.LastPosition;

    /// <summary>How many calls were answered.</summary>
    public long Answers => Interlocked.Read(ref answers);

    /// <summary>Wants so many things more, each its own.</summary>
    public void Want(int count)
    {
        var from = last + 1;
        last += count;
        coordinator.Post(new Message.Wanted(
            new WantRequest
            {
                Targets = [.. Enumerable.Range(from, count).Select(n => $"thing/{n}")],
            },
            new TaskCompletionSource<WantReport>()));
    }

    int last;

    /// <summary>All that sleep are due now.</summary>
    public void WakeAll() => coordinator.Post(new Message.Ask(
        state =>
        [
            .. state.Runs.Keys.Select(
                run => new WakeRun(new RunId(run), TimeProvider.System.GetUtcNow())),
        ],
        new TaskCompletionSource<Refusal?>()));

    /// <summary>Returns when so many answers are committed.</summary>
    public void WaitForAnswers(long count)
    {
        Task done;
        lock (gate)
        {
            if (answers >= count) return;
            var signal = new TaskCompletionSource(
                TaskCreationOptions.RunContinuationsAsynchronously);
            waiters.Add((count, signal));
            done = signal.Task;
        }
        done.Wait(TimeSpan.FromMinutes(5));
    }

    void IBuildObserver.Logged(IReadOnlyList<LoggedEvent> events)
    {
        var deferred = 0;
        foreach (var logged in events)
            if (logged.Event is RunDeferred) deferred++;
        lock (gate)
        {
            answers += deferred;
            foreach (var (count, signal) in waiters)
                if (answers >= count) signal.TrySetResult();
        }
    }

    void IBuildObserver.Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

    void IBuildObserver.Continuing(WantToken want) { }

    void IBuildObserver.Progress(RunId run, JobProgress progress) { }

    void IBuildObserver.AttemptEnded(AttemptId attempt, JobResult result) { }

    void IBuildObserver.Warn(string message) => Console.Error.WriteLine(message);

    public void Dispose()
    {
        coordinator.Post(new Message.Stop());
        thread.Join();
        coordinator.Dispose();
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    sealed class Here(ThingHost host, Mailbox mailbox) : IWorker
    {
        public void Launch(LaunchRequest request) =>
            throw new InvalidOperationException("nothing here makes data");

        public void Launch(Activation activation) => mailbox.Post(
            new Message.Activated(activation, new JobResult
            {
                End = JobEnd.Answered,
                Answer = host.answer(activation),
                Usage = new RunUsage(TimeProvider.System.GetUtcNow(), 0, 0, 0),
            }));

        public void Dispose() { }
    }

    sealed class NoCommands : ICommandRunner
    {
        public bool SideBySide => false;

        public CommandResult Run(
            ImmutableArray<string> argv, string workingDirectory,
            ImmutableSortedDictionary<string, string> env, ReadOnlySpan<byte> stdin,
            TimeSpan timeout, CancellationToken ct) =>
            throw new InvalidOperationException("nothing here has a config command");
    }
}
