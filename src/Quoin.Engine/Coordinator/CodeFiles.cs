using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Which files of the workspace are a job's code.</summary>
static class CodeFiles
{
    /// <summary>The files of a glob, relative to the workspace, sorted.</summary>
    public static List<string> Match(Workspace workspace, string folder, string glob)
    {
        var found = Glob.Files(workspace.Absolute(folder), glob);
        if (folder.Length == 0) return found;
        return found.ConvertAll(path => $"{folder}/{path}");
    }

    /// <summary>
    /// The program of an argv if it is a file of the workspace, relative to it; a program from PATH
    /// is none of ours (a condition probes it), nor is one whose name depends on the partition.
    /// </summary>
    public static string? Program(
        Workspace workspace, string folder, IReadOnlyList<string> argv)
    {
        if (argv.Count == 0 || !argv[0].Contains('/') || argv[0].Contains('{')) return null;
        var path = Path.GetFullPath(Path.Combine(workspace.Absolute(folder), argv[0]));
        var relative = Path.GetRelativePath(workspace.Root, path);
        return relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative)
            ? null
            : relative;
    }
}
