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
    string Stamp() => string.Join('\n',
        from file in Directory.EnumerateFiles(workspace.Root, "*.yaml", new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = 3,
            IgnoreInaccessible = true,
        })
        where !file.Contains("/.quoin/", StringComparison.Ordinal)
        let info = new FileInfo(file)
        orderby file
        select $"{file} {info.Length} {info.LastWriteTimeUtc.Ticks}");

    void Look()
    {
        lock (gate)
        {
            try
            {
                var now = Stamp();
                if (now == seen) return;
                seen = now;
                var load = GraphLoader.Load(workspace.Root, workspace.GraphFile);
                Problems = load.Graph is null ? [.. load.Problems] : [];
                if (load.Graph is not { } next)
                {
                    cli.Warn("the graph cannot be used as it is now; the last good one stays");
                    return;
                }
                if (next.Digest == graph.Digest) return;
                graph = next;
            }
            catch (IOException)
            {
                return; // Looked at again.
            }
            OnChange?.Invoke(graph);
            var told = changed;
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            told.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();
}
