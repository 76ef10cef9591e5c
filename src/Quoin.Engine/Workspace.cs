using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The folder of a project: where its graph file lies and, beside it, <c>.quoin</c>. All paths are
/// absolute.
/// </summary>
public sealed record Workspace
{
    /// <summary>The name of a graph file.</summary>
    public const string GraphFileName = "quoin.yaml";

    /// <summary>The name of the folder that is Quoin's own.</summary>
    public const string QuoinFolderName = ".quoin";

    /// <summary>
    /// A workspace with a graph file of any name; relative to the current folder.
    /// </summary>
    public Workspace(string graphFile)
    {
        GraphFile = Path.GetFullPath(graphFile);
        Root = Path.GetDirectoryName(GraphFile)
            ?? throw new ArgumentException($"{graphFile} is not a file's path");
    }

    /// <summary>The project's folder.</summary>
    public string Root { get; }

    /// <summary>The graph file.</summary>
    public string GraphFile { get; }

    /// <summary><c>.quoin</c>.</summary>
    public string QuoinDirectory => Path.Combine(Root, QuoinFolderName);

    /// <summary>The default store.</summary>
    public string DatabaseFile => Path.Combine(QuoinDirectory, "quoin.db");

    /// <summary>Partitions without a path of their own: <c>.quoin/data</c>.</summary>
    public string DataDirectory => Path.Combine(QuoinDirectory, "data");

    /// <summary>Copies of outputs by their content: <c>.quoin/cas</c>.</summary>
    public string ArtifactDirectory => Path.Combine(QuoinDirectory, "cas");

    /// <summary>Folders of attempts: <c>.quoin/staging</c>.</summary>
    public string StagingDirectory => Path.Combine(QuoinDirectory, "staging");

    /// <summary>What the last build with nothing to do was sure of.</summary>
    public string PlanMemoFile => Path.Combine(QuoinDirectory, "plan.memo");

    /// <summary>Logs of runs and plans: <c>.quoin/log</c>.</summary>
    public string LogDirectory => Path.Combine(QuoinDirectory, "log");

    /// <summary>
    /// The workspace of the nearest <c>quoin.yaml</c> upwards, or null: there is none.
    /// </summary>
    public static Workspace? Find(string startDirectory)
    {
        for (var folder = Path.GetFullPath(startDirectory); folder is not null;
            folder = Path.GetDirectoryName(folder))
        {
            var file = Path.Combine(folder, GraphFileName);
            if (File.Exists(file)) return new(file);
        }
        return null;
    }

    /// <summary>A path of the workspace (<c>/</c>, relative) as an absolute one.</summary>
    public string Absolute(string relative) => Path.Combine(Root, relative);

    /// <summary>
    /// The folder of one attempt while it runs: <c>.quoin/staging/r-19.2</c>. One folder and not
    /// two,
    /// because making and removing it costs as much as starting a process.
    /// </summary>
    public string StagingOf(AttemptId attempt) =>
        $"{StagingDirectory}/{attempt.Run}.{attempt.Attempt}";

    /// <summary>
    /// The structured log of one attempt: <c>.quoin/log/r-19.2.jsonl</c>. In one folder for all:
    /// a folder a run costs more than twice the process that it is about.
    /// </summary>
    public string LogOf(AttemptId attempt) =>
        $"{LogDirectory}/{attempt.Run}.{attempt.Attempt}.jsonl";

    /// <summary>
    /// The names in a folder are on the disk when this returns: a file that was renamed into it
    /// survives a loss of power. False: the folder cannot be synced.
    /// </summary>
    public static bool SyncNames(string folder) => Folders.Sync(folder) == 0;
}
