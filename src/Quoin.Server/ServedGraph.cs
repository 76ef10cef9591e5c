using System.IO.Enumeration;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// The project's graph while its files are edited: read anew when one of them changes. One that
/// cannot be used is told of, and the last good one stays.
/// </summary>
sealed class ServedGraph : IDisposable
{
    static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    readonly Cli.Cli cli;
    readonly Workspace workspace;
    readonly Lock gate = new();
    readonly ITimer timer;
    Graph graph;
    int looking;
    TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    string seen;

    /// <summary>Throws <see cref="BadGraphException"/> when there is no good one yet.</summary>
    public ServedGraph(Cli.Cli cli, Workspace workspace)
    {
        (this.cli, this.workspace) = (cli, workspace);
        seen = Stamp();
        graph = Project.LoadGraph(cli, workspace);
        timer = cli.Time.CreateTimer(_ => Look(), null, LookAgain, LookAgain);
    }

    /// <summary>The graph, and what completes when there is another one.</summary>
    public (Graph Graph, Task Changed) Now
    {
        get
        {
            lock (gate) return (graph, changed.Task);
        }
    }

    /// <summary>Called with each graph that comes after this.</summary>
    public Action<Graph>? OnChange { get; set; }

    /// <summary>The problems of the files as they are, when they cannot be used; else empty.
    /// </summary>
    public IReadOnlyList<GraphProblem> Problems { get; private set; } = [];

    // Graph files are few: their names, sizes and times say whether one was written.
    string Stamp() => string.Join('\n', GraphFiles().Order(StringComparer.Ordinal));

    FileSystemEnumerable<string> GraphFiles() => new(
        workspace.Root,
        (ref FileSystemEntry file) =>
            $"{file.ToFullPath()} {file.Length} {file.LastWriteTimeUtc.Ticks}",
        new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = 3,
            IgnoreInaccessible = true,
        })
    {
        ShouldIncludePredicate = (ref FileSystemEntry file) =>
            !file.IsDirectory && file.FileName.EndsWith(".yaml", StringComparison.Ordinal),
        ShouldRecursePredicate = (ref FileSystemEntry folder) => folder.FileName is not ['.', ..],
    };

    void Look()
    {
        if (Interlocked.Exchange(ref looking, 1) == 1) return; // The last look takes its time.
        try
        {
            LookOnce();
        }
        finally
        {
            Volatile.Write(ref looking, 0);
        }
    }

    void LookOnce()
    {
        Graph next;
        try
        {
            var now = Stamp();
            if (now == seen) return;
            seen = now;
            var load = GraphLoader.Load(workspace.Root, workspace.GraphFile);
            Problems = load.Graph is null ? [.. load.Problems] : [];
            if (load.Graph is null)
            {
                cli.Warn("the graph cannot be used as it is now; the last good one stays");
                return;
            }
            next = load.Graph;
        }
        catch (IOException)
        {
            return; // Looked at again.
        }
        if (next.Digest == graph.Digest) return;
        TaskCompletionSource told;
        lock (gate)
        {
            graph = next;
            told = changed;
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        // Outside the gate: whoever is told takes locks of its own, under which others ask for Now.
        OnChange?.Invoke(next);
        told.TrySetResult();
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();
}
