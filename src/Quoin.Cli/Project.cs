using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>Where a command works: the workspace, its graph, its store.</summary>
static class Project
{
    /// <summary>
    /// The workspace of <c>--graph</c>, or of the nearest <c>quoin.yaml</c> upwards. Throws
    /// <see cref="UsageException"/> when there is none.
    /// </summary>
    public static Workspace Find(Cli cli)
    {
        var options = cli.Options;
        if (options.GraphFile is { } file)
        {
            return File.Exists(file)
                ? new Workspace(file)
                : throw new UsageException("no-graph", $"--graph {file}: there is no such file");
        }
        return Workspace.Find(options.Directory) ?? throw new UsageException(
            "no-graph",
            $"there is no {Workspace.GraphFileName} in {options.Directory} or above it; go to your"
                + " project, name it with -C DIR, or write a first graph: quoin init");
    }

    /// <summary>
    /// The same for commands that only read a store: a supervisor's database needs no workspace.
    /// </summary>
    public static Workspace FindOrStore(Cli cli) => FeedReport.PathOf(cli) is null
        ? Find(cli)
        : new Workspace(Path.Combine(cli.Options.Directory, Workspace.GraphFileName));

    /// <summary>
    /// The graph; its warnings are printed. Throws <see cref="BadGraphException"/> with all
    /// problems.
    /// </summary>
    public static Graph LoadGraph(Cli cli, Workspace workspace)
    {
        var load = GraphLoader.Load(workspace.Root, workspace.GraphFile);
        if (load.Graph is not { } graph) throw new BadGraphException(load.Problems);
        foreach (var warning in load.Problems) cli.Say(ProblemText.LineOf(warning));
        return graph;
    }

    // The file of the store, or the address of one on PostgreSQL.
    static (string File, PostgresAddress? Address) PlaceOf(Cli cli, Workspace workspace)
    {
        if (cli.Options.Store is not { } store) return (workspace.DatabaseFile, null);
        if (PostgresAddress.IsAddress(store))
            return ("", PostgresAddress.Parse(store, Environment.GetEnvironmentVariable));
        if (store.Contains("://", StringComparison.Ordinal))
        {
            throw new UsageException(
                "store-kind",
                $"--store {store}: give the path of an SQLite file, or "
                + "postgres://user@host:port/database");
        }
        return (Path.GetFullPath(store, cli.Options.Directory), null);
    }

    static IBuildStore Open(Cli cli, Workspace workspace, StoreOptions options)
    {
        if (cli.Options.Server is { Length: > 0 } server)
        {
            return options.Lead
                ? throw new StoreException("store-locked", $"the server at {server} decides")
                : new HttpStore(server, cli.Env("QUOIN_TOKEN"));
        }
        var (file, address) = PlaceOf(cli, workspace);
        options = options with { Time = cli.Time };
        return address is null
            ? SqliteStore.Open(file, options)
            : PostgresStore.Open(address, options);
    }

    /// <summary>The store for reading; a missing one is a <see cref="StoreException"/>.</summary>
    public static IBuildStore OpenForReading(Cli cli, Workspace workspace) =>
        Open(cli, workspace, new StoreOptions { NewId = "", ReadOnly = true });

    /// <summary>The store for the process that decides; made when it is missing.</summary>
    public static IBuildStore OpenForDeciding(Cli cli, Workspace workspace)
    {
        return OpenToWrite(cli, workspace, new StoreOptions
        {
            NewId = NewId(),
            Owner = ThisMachine.NewWorkerId().Owner,
            Durability = cli.Options.FullDurability ? Durability.Full : Durability.Normal,
            Lead = true,
        });
    }

    /// <summary>
    /// The store for a build: with the lead, or, when another process has it, to ask that one; then
    /// <c>Holder</c> says who it is.
    /// </summary>
    public static (IBuildStore Store, string? Holder) OpenToBuild(Cli cli, Workspace workspace)
    {
        try
        {
            return (OpenForDeciding(cli, workspace), null);
        }
        catch (StoreException e) when (e.Code == "store-locked")
        {
            return (OpenForAsking(cli, workspace), e.Message);
        }
    }

    /// <summary>
    /// The store to put commands into its inbox, or to run what it offers; made when it is missing.
    /// </summary>
    public static IBuildStore OpenForAsking(Cli cli, Workspace workspace) =>
        OpenToWrite(cli, workspace, new StoreOptions { NewId = NewId() });

    static IBuildStore OpenToWrite(Cli cli, Workspace workspace, StoreOptions options)
    {
        if (cli.Options is { Store: null, Server: null })
            Directory.CreateDirectory(workspace.QuoinDirectory);
        return Open(cli, workspace, options);
    }

    // Whoever comes first makes the store, also when two start at once.
    /// <summary>The id of a store that may have to be made.</summary>
    public static string NewId() => ThisMachine.Hex(32);

    /// <summary>
    /// <c> --store …</c> as another process needs it, without a password; empty for the default.
    /// </summary>
    public static string StoreOption(Cli cli) => cli.Options.Store switch
    {
        null => "",
        var store when PostgresAddress.IsAddress(store) =>
            $" --store {PostgresAddress.Parse(store, Environment.GetEnvironmentVariable).Shown}",
        var store => $" --store {store}",
    };

    /// <summary>The store may be used by hosts that do not see our files.</summary>
    public static bool IsRemote(Cli cli) =>
        cli.Options.Store is { } store && PostgresAddress.IsAddress(store);

    /// <summary>The database of <c>--store</c>; null: the store is a file.</summary>
    public static PostgresAddress? AddressOf(Cli cli) => IsRemote(cli)
        ? PostgresAddress.Parse(cli.Options.Store!, Environment.GetEnvironmentVariable)
        : null;

    /// <summary>True when something was recorded here.</summary>
    public static bool HasStore(Cli cli, Workspace workspace)
    {
        if (cli.Options.Server is { Length: > 0 }) return true;
        var (file, address) = PlaceOf(cli, workspace);
        return address is null ? File.Exists(file) : PostgresStore.Exists(address);
    }

    /// <summary>The store for reading; null when nothing was recorded here.</summary>
    public static IBuildStore? OpenIfThere(Cli cli, Workspace workspace) =>
        HasStore(cli, workspace) ? OpenForReading(cli, workspace) : null;

    /// <summary>A path as somebody in the folder of <c>-C</c> can open it.</summary>
    public static string Shown(Cli cli, string path) =>
        Path.GetRelativePath(cli.Options.Directory, path) is var relative
            && relative.StartsWith("../../", StringComparison.Ordinal)
            ? path
            : relative;
}

/// <summary>The graph has problems: exit code 2, all of them printed.</summary>
sealed class BadGraphException(ImmutableArray<GraphProblem> problems)
    : Exception($"the graph has {problems.Length} problems")
{
    /// <summary>All problems, warnings too, in the order of their places.</summary>
    public ImmutableArray<GraphProblem> Problems { get; } = problems;
}
