using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Things;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresWorkerTests(PostgresServer server) : WorkerTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// Many workers with connections of their own make the calls, with real processes: what arrives in
/// one moment from all of them is taken once.
/// </summary>
public class WorkerTests
{
    const int Inputs = 200, Workers = 16;

    const string Graph = """
        quoin: 1
        jobs:
          part:
            outputs: ["part/{id:int}"]
            exec: [sh, call.sh, "{id}"]
            resource: { release: [sh, call.sh, "{id}"] }
          all:
            outputs: [all]
            inputs: ["part/{id:range(1,200)}"]
            exec: [sh, call.sh, all]
            resource: { release: [sh, call.sh, all] }

        """;

    // A line is one write of a file that is open to append: those of several do not mix.
    const string Call = """
        echo "$QUOIN_DIRECTION $1" >> calls
        case $QUOIN_DIRECTION in
          acquire) echo '@quoin {"manifest":{}}' ;;
          release) echo '@quoin {"released":true}' ;;
        esac

        """;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    private protected virtual PostgresAddress? NewAddress() => null;

    // 32.
    [Fact]
    public async Task Two_hundred_inputs_by_16_workers_make_what_stands_on_them_ready_once()
    {
        using var folder = new TestWorkspace();
        folder.Write("quoin.yaml", Graph).Write("call.sh", Call);
        var (address, ready) = (NewAddress(), new Watcher());
        await using var store = ThingStores.Open(address, folder.Root);
        var workers = Enumerable.Range(1, Workers).Select(n => new Worker(address, folder, n))
            .ToList();
        await using (var session = Open(store, folder, ready))
        {
            var report = await session.WantAsync(new WantRequest
            {
                Targets = ["all"],
                Options = new WantOptions { Use = TimeSpan.Zero },
            }).WaitAsync(TestWorkspace.Patience, Ct);
            Assert.Equal(WantOutcome.Succeeded, report.Outcome);
            await session.WhenIdleAsync().WaitAsync(TestWorkspace.Patience, Ct);
        }
        foreach (var worker in workers) await worker.DisposeAsync();

        Assert.Empty(workers.SelectMany(worker => worker.Complaints));
        Assert.Equal(1, ready.Count<WantReady>());
        Assert.Equal((Inputs + 1) * 2, ready.Count<RunLeased>());
        var calls = File.ReadAllLines(folder.PathOf("calls"));
        Assert.Equal((Inputs + 1) * 2, calls.Length);
        Assert.Equal((Inputs + 1) * 2, calls.Distinct().Count());
        Assert.Equal(["acquire all", "release all"], calls[Inputs..(Inputs + 2)]);
        Assert.True(ready.Owners > Workers / 2);
        Assert.Empty(store.QueuedRuns());
    }

    static BuildSession Open(IBuildStore store, TestWorkspace folder, Watcher watcher)
    {
        var workspace = new Workspace(folder.PathOf("quoin.yaml"));
        return BuildSession.Open(new BuildSessionOptions
        {
            Workspace = workspace,
            Graph = GraphLoader.Load(workspace.Root, workspace.GraphFile).Graph!,
            Store = store,
            Time = TimeProvider.System,
            Random = new Random(1),
            Worker = new WorkerId("host/1/1"),
            Slots = 0,
            CallSlots = 0,
            IsShared = true,
            Observer = watcher,
        });
    }

    sealed class Watcher : IBuildObserver
    {
        readonly Lock gate = new();
        readonly List<BuildEvent> events = [];

        public int Count<T>()
        {
            lock (gate) return events.OfType<T>().Count();
        }

        public int Owners
        {
            get
            {
                lock (gate)
                    return events.OfType<RunLeased>().Select(e => e.Worker).Distinct().Count();
            }
        }

        public void Logged(IReadOnlyList<LoggedEvent> logged)
        {
            lock (gate) events.AddRange(logged.Select(e => e.Event));
        }

        public void Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

        public void Continuing(WantToken want) { }

        public void Progress(RunId run, JobProgress progress) { }

        public void AttemptEnded(AttemptId attempt, JobResult result) { }

        public void Warn(string message) { }
    }

    // With a store of its own, as in a process of its own.
    sealed class Worker : IAsyncDisposable, IWorkerObserver
    {
        readonly IBuildStore store;
        readonly StoreWorker worker;
        readonly Task running;

        public Worker(PostgresAddress? address, TestWorkspace folder, int number)
        {
            var options = new StoreOptions { NewId = "things" };
            store = address is not null
                ? PostgresStore.Open(address, options)
                : SqliteStore.Open(folder.PathOf(".quoin/quoin.db"), options);
            worker = new StoreWorker(new StoreWorkerOptions
            {
                Workspace = new Workspace(folder.PathOf("quoin.yaml")),
                Store = store,
                Time = TimeProvider.System,
                NewId = () => new WorkerId($"elsewhere/{number}/1"),
                Slots = 1,
                Observer = this,
            });
            running = Task.Factory.StartNew(
                worker.Run, CancellationToken.None, TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }

        public List<string> Complaints { get; } = [];

        public async ValueTask DisposeAsync()
        {
            worker.Drain();
            await running.WaitAsync(TestWorkspace.Patience);
            worker.Dispose();
            await store.DisposeAsync();
        }

        public void Joined(WorkerId id) { }

        public void Started(AttemptId attempt, JobConfig config) { }

        public void Ended(AttemptId attempt, JobConfig config, JobResult result) { }

        public void Said(string message) => Complaints.Add(message);
    }
}
