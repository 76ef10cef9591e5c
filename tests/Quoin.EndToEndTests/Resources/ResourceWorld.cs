using System.Diagnostics;
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
    public static async Task<ResourceWorld> StartAsync(PostgresAddress? address, string graph)
    {
        var world = new ResourceWorld(address, graph);
        await world.StartServiceAsync();
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

    /// <summary>The calls so far as a line each: <c>Post 201 t-1 name=session/42</c>.</summary>
    public string Calls() => string.Join('\n', Service.Entries().Select(entry =>
        $"{entry.Verb} {entry.Answer} {entry.Id} {string.Join(',', entry.Labels.Take(1))} "
        + entry.Name).Select(line => line.TrimEnd()));

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
            store.DisposeAsync().AsTask().GetAwaiter().GetResult();
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
