using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Faults;

/// <summary>The same on PostgreSQL, whose clock is the server's.</summary>
public sealed class PostgresClockTests(PostgresServer server) : ClockTests
{
    private protected override PostgresAddress? NewAddress() => server.NewAddress();
}

/// <summary>
/// A process whose clock is wrong by an hour: leases go by the store's clock, so nothing is given
/// away early, and nothing is lost.
/// </summary>
public class ClockTests
{
    const string Graph = """
        quoin: 1
        name: clocks
        targets: [one]
        jobs:
          one:
            outputs: [one]
            exec: [sh, -c, "echo one >> ran; until [ -e go ]; do sleep .02; done; echo one > {out}"]
        """;

    private protected virtual PostgresAddress? NewAddress() => null;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(-1, 0)]
    [InlineData(0, 1)]
    [InlineData(0, -1)]
    public async Task An_hour_takes_nobody_s_run_away(int coordinatorHours, int workerHours)
    {
        var address = NewAddress();
        using var world = new FaultWorld(address, Graph);
        await BuildAsync(world, address, coordinatorHours, workerHours);
        Assert.Equal(1, world.Executions);
        Assert.Empty(world.Log().OfType<LeaseExpired>());
        world.Finish();
    }

    static async Task BuildAsync(
        FaultWorld world, PostgresAddress? address, int coordinatorHours, int workerHours)
    {
        Directory.CreateDirectory(world.Workspace.PathOf(".quoin"));
        var watch = new Watch();
        await using var store = Open(world, address, new Shifted(coordinatorHours), lead: true);
        await using var session = BuildSession.Open(Options(world, store, coordinatorHours, watch));
        var wanted = session.WantAsync(new WantRequest { Targets = ["one"] });

        await using var first = Open(world, address, new Shifted(workerHours), lead: false);
        using var holder = Worker(world, first, workerHours, 1);
        var holding = Task.Run(holder.Run);
        world.WaitForRun();
        // When one joins, the coordinator looks whose lease is over.
        await using var second = Open(world, address, TimeProvider.System, lead: false);
        using var other = Worker(world, second, 0, 2);
        var idling = Task.Run(other.Run);
        await watch.SecondJoined.Task.WaitAsync(TestWorkspace.Patience);
        world.Workspace.Write("go", "");

        var report = await wanted.WaitAsync(TestWorkspace.Patience);
        Assert.Equal(WantOutcome.Succeeded, report.Outcome);
        holder.Drain();
        other.Drain();
        await Task.WhenAll(holding, idling).WaitAsync(TestWorkspace.Patience);
    }

    static IBuildStore Open(
        FaultWorld world, PostgresAddress? address, TimeProvider time, bool lead)
    {
        var options = new StoreOptions { NewId = "clocks", Lead = lead, Time = time };
        return address is null
            ? SqliteStore.Open(world.Workspace.PathOf(".quoin/quoin.db"), options)
            : PostgresStore.Open(address, options);
    }

    static Workspace Folder(FaultWorld world) => new(world.Workspace.PathOf("quoin.yaml"));

    static BuildSessionOptions Options(
        FaultWorld world, IBuildStore store, int hours, IBuildObserver observer) => new()
        {
            Workspace = Folder(world),
            Graph = GraphLoader.Load(
                world.Workspace.Root, world.Workspace.PathOf("quoin.yaml")).Graph!,
            Store = store,
            Time = new Shifted(hours),
            Random = new Random(1),
            Worker = ProcessNames.New("0"),
            Slots = 0,
            IsShared = true,
            Observer = observer,
        };

    static StoreWorker Worker(FaultWorld world, IBuildStore store, int hours, int number) =>
        new(new StoreWorkerOptions
        {
            Workspace = Folder(world),
            Store = store,
            Time = new Shifted(hours),
            NewId = () => ProcessNames.New($"{number}"),
            Slots = 1,
            Observer = new Silent(),
        });

    /// <summary>A wall clock that is wrong; what it measures is right.</summary>
    sealed class Shifted(int hours) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddHours(hours);
    }

    sealed class Silent : IWorkerObserver
    {
        public void Joined(WorkerId worker) { }

        public void Started(AttemptId attempt, JobConfig config) { }

        public void Ended(AttemptId attempt, JobConfig config, JobResult result) { }

        public void Said(string message) { }
    }

    sealed class Watch : IBuildObserver
    {
        public TaskCompletionSource SecondJoined { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Logged(IReadOnlyList<LoggedEvent> events)
        {
            if (events.Any(logged => logged.Event is WorkerAdded { Worker.Owner: var owner }
                && owner.EndsWith('2')))
                SecondJoined.TrySetResult();
        }

        public void Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

        public void Continuing(WantToken want) { }

        public void Progress(RunId run, JobProgress progress) { }

        public void AttemptEnded(AttemptId attempt, JobResult result) { }

        public void Warn(string message) { }
    }
}
