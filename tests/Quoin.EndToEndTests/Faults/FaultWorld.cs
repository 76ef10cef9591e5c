using System.Runtime.InteropServices;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;
using Quoin.StorageTests;

// These tests mostly wait: for leases, for timers of the programs that they hurt.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]

namespace Quoin.EndToEndTests.Faults;

/// <summary>
/// A workspace with a store of its own and processes that are hurt: starts builds and workers, and
/// says in the end whether what they left is what one process makes that nobody hurts.
/// </summary>
sealed class FaultWorld : IDisposable
{
    readonly Lock gate = new();
    readonly PostgresAddress? address;

    /// <summary>A workspace with this graph.</summary>
    /// <param name="address">Its store; null: an SQLite file.</param>
    /// <param name="graph">What quoin.yaml says.</param>
    public FaultWorld(PostgresAddress? address, string graph)
    {
        this.address = address;
        Workspace.Write("quoin.yaml", graph);
        if (address is not null) Workspace.Environment["QUOIN_STORE"] = address.Shown;
    }

    public TestWorkspace Workspace { get; } = new();

    /// <summary>Starts quoin; with a fault it dies at that point.</summary>
    public QuoinProcess StartWith(string? fault, params string[] args)
    {
        lock (gate)
        {
            Workspace.Environment["QUOIN_FAULT"] = fault;
            return Workspace.Start(args);
        }
    }

    public QuoinProcess Start(params string[] args) => StartWith(null, args);

    /// <summary>How often a job's process got as far as to say so in the file <c>ran</c>.</summary>
    public int Executions => Workspace.Exists("ran")
        ? Workspace.Read("ran").Count(letter => letter == '\n')
        : 0;

    /// <summary>
    /// Returns when a job has written its line into "ran": the file alone is there a moment
    /// before, and a job that dies in that moment would not count.
    /// </summary>
    public void WaitForRun() => WaitForRuns(1);

    /// <summary>The same for several.</summary>
    public void WaitForRuns(int count)
    {
        using var seen = new AutoResetEvent(initialState: false);
        using var watcher = new FileSystemWatcher(Workspace.Root, "ran");
        watcher.Created += (_, _) => seen.Set();
        watcher.Changed += (_, _) => seen.Set();
        watcher.EnableRaisingEvents = true;
        while (Executions < count) Assert.True(seen.WaitOne(TestWorkspace.Patience));
    }

    /// <summary>The store as it is now, to read it.</summary>
    public IBuildStore Open()
    {
        var options = new StoreOptions { NewId = "", ReadOnly = true };
        return address is null
            ? SqliteStore.Open(Workspace.PathOf(".quoin/quoin.db"), options)
            : PostgresStore.Open(address, options);
    }

    /// <summary>All facts, oldest first.</summary>
    public List<BuildEvent> Log()
    {
        var store = Open();
        try
        {
            return [.. store.Read(0, new PartitionNames()).Select(logged => logged.Event)];
        }
        finally
        {
            Close(store);
        }
    }

    /// <summary>
    /// A build that nobody hurts ends well. Then everything is as if there had been no other: each
    /// partition has the same bytes, made and recorded once; nothing waits, nothing is left over.
    /// </summary>
    public void Finish()
    {
        Start("build", "-j", "1").WaitForExit().Expect(0);
        Assert.Equal(PlainBuild.Of(Workspace.Read("quoin.yaml")), PlainBuild.Files(Workspace));
        foreach (var pid in Processes.Of(Workspace.Root)) Assert.True(Processes.WaitForEnd(pid));
        Assert.Empty(Folder(".quoin/staging"));
        Assert.Empty(Folder(".quoin/guard"));
        var store = Open();
        try
        {
            var state = LogCheck.Replay(store);
            Assert.Empty(state.Wants);
            Assert.Empty(state.Runs);
            Assert.Empty(state.Workers);
            Assert.Empty(store.QueuedRuns());
            Assert.Empty(store.Workers());
            Assert.Empty(store.Waiting());
        }
        finally
        {
            Close(store);
        }
        var made = Log().OfType<RunCompleted>().SelectMany(run => run.Outputs).ToList();
        Assert.Equal(made.Count, made.Select(output => output.Partition).Distinct().Count());
    }

    string[] Folder(string path) => Workspace.Exists(path)
        ? Directory.GetFileSystemEntries(Workspace.PathOf(path))
        : [];

    static void Close(IBuildStore store) =>
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();

    public void Dispose() => Workspace.Dispose();
}

/// <summary>
/// What one process makes of a graph that nobody hurts: each graph is built once.
/// </summary>
static class PlainBuild
{
    static readonly Dictionary<string, SortedDictionary<string, string>> known = [];

    public static SortedDictionary<string, string> Of(string graph)
    {
        lock (known)
        {
            if (known.TryGetValue(graph, out var files)) return files;
            using var workspace = new TestWorkspace();
            workspace.Write("quoin.yaml", graph).Write("go", "");
            workspace.Quoin("build").Expect(0);
            return known[graph] = Files(workspace);
        }
    }

    /// <summary>The partitions as they lie there.</summary>
    public static SortedDictionary<string, string> Files(TestWorkspace workspace)
    {
        var data = workspace.PathOf(".quoin/data");
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories))
            files[Path.GetRelativePath(data, file)] = File.ReadAllText(file);
        return files;
    }
}

/// <summary>Processes that are not our children.</summary>
static unsafe class Processes
{
    const int PatienceMs = 30_000;

    /// <summary>Those that work below a folder, or have it in their environment.</summary>
    public static List<int> Of(string root)
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out var pid) && IsOf(folder, root))
                found.Add(pid);
        }
        return found;
    }

    static bool IsOf(string folder, string root)
    {
        try
        {
            return new FileInfo($"{folder}/cwd").LinkTarget is { } cwd
                    && cwd.StartsWith(root, StringComparison.Ordinal)
                || File.ReadAllText($"{folder}/environ").Contains(
                    $"={root}", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // It ended while we looked, or it is not ours.
        }
    }

    /// <summary>True when it ends, or has ended, in time.</summary>
    public static bool WaitForEnd(int pid)
    {
        var pidfd = Libc.PidfdOpen(pid);
        if (pidfd < 0) return true;
        var fd = new Libc.PollFd { Fd = pidfd, Events = Libc.PollIn };
        var ended = Libc.poll(&fd, 1, PatienceMs) == 1;
        _ = Libc.close(pidfd);
        return ended;
    }
}
