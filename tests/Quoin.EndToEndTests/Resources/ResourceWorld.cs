using System.Diagnostics;
using System.Text;
using Npgsql;
using Quoin.Core;
using Quoin.Engine;
using Quoin.FakeService;
using Quoin.Storage;
using Quoin.StorageTests;

namespace Quoin.EndToEndTests.Resources;

/// <summary>
/// A workspace whose jobs ask the fake service for things, on one of the stores: starts builds that
/// may die, and says in the end whether anything leaked.
/// </summary>
sealed class ResourceWorld : IAsyncDisposable
{
    const string Client = "examples/notebook/site";

    readonly Lock gate = new();
    readonly PostgresAddress? address;
    readonly string journal;
    readonly FileSystemWatcher watcher;
    readonly SemaphoreSlim written = new(0);

    ResourceWorld(PostgresAddress? address, string graph)
    {
        this.address = address;
        if (address is not null) Workspace.Environment["QUOIN_STORE"] = address.Shown;
        Workspace.Write("quoin.yaml", graph).Write(".quoin/service", "");
        CopyClient(Workspace);
        journal = Workspace.PathOf("calls");
        watcher = new FileSystemWatcher(Workspace.Root, "calls");
        watcher.Changed += (_, _) => written.Release();
        watcher.EnableRaisingEvents = true;
    }

    public TestWorkspace Workspace { get; } = new();

    public Service Service { get; private set; } = null!;

    /// <summary>A world with a service that is well.</summary>
    /// <param name="address">Its store; null: an SQLite file.</param>
    /// <param name="graph">What quoin.yaml says.</param>
    /// <param name="rules">How the service misbehaves.</param>
    public static async Task<ResourceWorld> StartAsync(
        PostgresAddress? address, string graph, params IReadOnlyList<Rule> rules)
    {
        var world = new ResourceWorld(address, graph);
        await world.StartServiceAsync();
        if (rules.Count > 0) world.Service.SetRules(rules);
        return world;
    }

    /// <summary>Puts the example's client into a workspace.</summary>
    public static void CopyClient(TestWorkspace workspace)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, Client)))
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException();
        workspace.Write(
            "site", File.ReadAllText(Path.Combine(folder, Client)), executable: true);
    }

    /// <summary>Starts the service anew, where it was, with what it had.</summary>
    public async Task StartServiceAsync()
    {
        var port = Service?.Port ?? 0;
        if (Service is not null) await Service.DisposeAsync();
        Service = await Service.StartAsync(journal, port);
        Workspace.Write(".quoin/service", Service.Address + "\n");
    }

    /// <summary>Starts quoin; with a fault it dies at that point.</summary>
    public QuoinProcess StartWith(string? fault, params string[] args)
    {
        lock (gate)
        {
            Workspace.Environment["QUOIN_FAULT"] = fault;
            return Workspace.Start(args);
        }
    }

    /// <summary>Starts quoin.</summary>
    public QuoinProcess Start(params string[] args) => StartWith(null, args);

    /// <summary>Runs quoin to its end.</summary>
    public CommandResult Quoin(params string[] args) => Start(args).WaitForExit();

    /// <summary>Returns when the calls so far fit.</summary>
    public async Task WaitForCallsAsync(Func<IReadOnlyList<Entry>, bool> fits)
    {
        var since = Stopwatch.GetTimestamp();
        while (!fits(Service.Entries()))
        {
            var left = TestWorkspace.Patience - Stopwatch.GetElapsedTime(since);
            Assert.True(left > TimeSpan.Zero && await written.WaitAsync(left), Calls());
        }
    }

    /// <summary>Returns after another call, or after a second without one.</summary>
    public Task WaitForCallAsync() => written.WaitAsync(TimeSpan.FromSeconds(1));

    /// <summary>Returns when it is that late, by the clock that the program has, too.</summary>
    public static async Task WaitUntilAsync(DateTimeOffset at)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = at - TimeProvider.System.GetUtcNow();
        using var timer = TimeProvider.System.CreateTimer(
            _ => over.TrySetResult(), null, left > TimeSpan.Zero ? left : TimeSpan.Zero,
            Timeout.InfiniteTimeSpan);
        await over.Task;
    }

    /// <summary>The calls so far as a line each: <c>Post 201 t-1 name=session/42</c>.</summary>
    public string Calls() => string.Join('\n', Service.Entries().Select(entry =>
        $"{entry.Verb} {entry.Answer} {entry.Id} {string.Join(',', entry.Labels.Take(1))} "
        + entry.Name).Select(line => line.TrimEnd()));

    /// <summary>
    /// What changed outside, in order: <c>Post session</c>, <c>Call data push-results</c>.
    /// </summary>
    public List<string> Changes() =>
    [
        .. from entry in Service.Entries()
           where entry.Effect is Effect.Created or Effect.Deleted
               || (entry.Verb == Verb.Call && entry.Answer == 200)
           let kind = entry.Labels.FirstOrDefault(l => l.StartsWith("kind=")) ?? "kind=?"
           select $"{entry.Verb} {kind[5..]} {entry.Name}".TrimEnd(),
    ];

    /// <summary>Events of one kind, oldest first.</summary>
    public List<T> Events<T>() => [.. Log().Select(logged => logged.Event).OfType<T>()];

    /// <summary>Why a partition's run failed last; null: it did not.</summary>
    public RunFailure? Failure(string partition)
    {
        var store = Open();
        try
        {
            var names = new PartitionNames();
            var runs = new HashSet<RunId>();
            RunFailure? failure = null;
            foreach (var logged in store.Read(0, names))
            {
                if (logged.Event is RunScheduled run && names.Text(run.Claims[0]) == partition)
                    runs.Add(run.Run);
                if (logged.Event is RunFailed failed && runs.Contains(failed.Run))
                    failure = failed.Failure;
            }
            return failure;
        }
        finally
        {
            Close(store);
        }
    }

    /// <summary>How the only want ended; null: it is open.</summary>
    public WantOutcome? Outcome() => Log().Select(logged => logged.Event).Select(e => e switch
    {
        WantSucceeded => WantOutcome.Succeeded,
        WantFailed => WantOutcome.Failed,
        WantCancelled => WantOutcome.Cancelled,
        WantExpired => WantOutcome.Expired,
        _ => (WantOutcome?)null,
    }).LastOrDefault(outcome => outcome is not null);

    /// <summary>
    /// The want ended so, nothing is left outside, each thing was made once, nothing was made after
    /// a cancellation, and the log explains the state.
    /// </summary>
    public void Check(WantOutcome outcome)
    {
        Assert.Equal(outcome, Outcome());
        var cancelled = Log().Where(e => e.Event is WantCancelled).Select(e => e.At).ToList();
        if (cancelled.Count > 0) Assert.Equal(0, Service.Count(cancelled.Min()).CreatesAfter);
        CheckOver();
    }

    /// <summary>
    /// All that was wanted is over, nothing is left outside, each thing was made once, no call is
    /// anybody's, no answer is kept, and the log explains the state. (X1 to X4, X8, X9.)
    /// </summary>
    public void CheckOver()
    {
        var count = Service.Count();
        Assert.True(count.Live.Count == 0, $"left: {string.Join(' ', count.Live)}\n{Calls()}");
        Assert.All(count.CreatesByKey, made => Assert.Equal(1, made.Value));
        var journal = Workspace.PathOf(".quoin/journal");
        Assert.Empty(Directory.Exists(journal) ? Directory.GetFiles(journal) : []);
        var store = Open();
        try
        {
            var state = LogCheck.Replay(store);
            Assert.Empty(state.Wants);
            Assert.Empty(state.Runs);
            Assert.Empty(state.Interventions);
            Assert.Empty(state.Cleanups);
            Assert.Empty(store.QueuedRuns());
        }
        finally
        {
            Close(store);
        }
    }

    /// <summary>
    /// A process was killed, and others may go on: each fact of the log is possible after those
    /// before it, and all that is not over has a reason, for whoever asks now and when somebody
    /// decides again. (X3, X5.)
    /// </summary>
    public void CheckKilled()
    {
        if (address is null && !Workspace.Exists(".quoin/quoin.db")) return;
        var store = Open();
        try
        {
            var names = new PartitionNames();
            var state = new KernelState(names);
            foreach (var logged in store.Read(0, names)) Evolve.Apply(state, logged.Event);
            var now = TimeProvider.System.GetUtcNow();
            foreach (var isLed in (bool[])[true, false])
            {
                var reasons = new Holdups(state, new HoldupFacts(isLed, _ => null, now));
                Assert.DoesNotContain("ending", state.Wants.Values.Select(w => reasons.Of(w).Code)
                    .Concat(state.Runs.Values.Select(run => reasons.Of(run).Code))
                    .Concat(reasons.Partitions().Select(p => reasons.Of(p).Code)));
            }
        }
        finally
        {
            Close(store);
        }
    }

    /// <summary>From now on the log takes nothing; <see cref="TakeAppends"/> ends that.</summary>
    public void RefuseAppends()
    {
        if (address is not null) Sql("ALTER TABLE event ADD CONSTRAINT no CHECK (false) NOT VALID");
        else Sql("CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(FAIL, 'no'); END");
    }

    /// <summary>The log takes what it is given again.</summary>
    public void TakeAppends() => Sql(
        address is not null ? "ALTER TABLE event DROP CONSTRAINT no" : "DROP TRIGGER no");

    /// <summary>The leases of all workers are over, as after a long pause.</summary>
    public void EndLeases() => Sql(
        $"UPDATE worker SET expires_at = {(address is not null ? "'-infinity'" : "0")}");

    /// <summary>What another program does to the store behind everybody's back.</summary>
    public void Sql(string sql)
    {
        if (address is null)
        {
            const int busyMs = 10_000;
            using var file = SqliteConnection.Open(
                Workspace.PathOf(".quoin/quoin.db"), SqliteNative.OpenReadWrite, busyMs);
            file.Execute("PRAGMA foreign_keys = ON"u8);
            file.Execute(Encoding.UTF8.GetBytes(sql));
            return;
        }
        var to = new NpgsqlConnectionStringBuilder(address.Connection.ConnectionString)
        {
            SearchPath = address.Schema,
            Pooling = false,
        };
        using var connection = new NpgsqlConnection(to.ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    static void Close(IBuildStore store) =>
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>The store as it is now, to read it.</summary>
    public IBuildStore Open()
    {
        var options = new StoreOptions { NewId = "", ReadOnly = true };
        return address is null
            ? SqliteStore.Open(Workspace.PathOf(".quoin/quoin.db"), options)
            : PostgresStore.Open(address, options);
    }

    /// <summary>All facts, oldest first.</summary>
    public List<LoggedEvent> Log()
    {
        var store = Open();
        try
        {
            return [.. store.Read(0, new PartitionNames())];
        }
        finally
        {
            Close(store);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        watcher.Dispose();
        await Service.DisposeAsync();
        Workspace.Dispose();
        written.Dispose();
    }
}
