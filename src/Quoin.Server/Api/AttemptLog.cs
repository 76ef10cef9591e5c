using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>Where the log of an attempt is.</summary>
static class AttemptLog
{
    /// <summary>
    /// A file of this host, or what the store keeps of another one's; null: there is neither.
    /// </summary>
    public static Stream? Open(Workspace workspace, IBuildStore store, AttemptId attempt) =>
        OpenHere(workspace, attempt) is { } file ? file
        : store.RunLog(attempt) is { } kept ? new MemoryStream(kept)
        : null;

    /// <summary>A file of this host; null: it did not begin, or it ran elsewhere.</summary>
    public static FileStream? OpenHere(Workspace workspace, AttemptId attempt)
    {
        try
        {
            return new FileStream(
                workspace.LogOf(attempt), FileMode.Open, FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
