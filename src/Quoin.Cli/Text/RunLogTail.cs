using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>The last lines that an attempt printed, from its log file.</summary>
static class RunLogTail
{
    const int LinesShown = 20;

    /// <summary>
    /// From its file, or from the store when the attempt ran on another host. Null when there is no
    /// log: the attempt never started, or the disk was full.
    /// </summary>
    public static LogTail? Of(
        Cli cli, Workspace workspace, AttemptId attempt, IBuildStore? store = null)
    {
        var path = workspace.LogOf(attempt);
        try
        {
            using var file = File.OpenRead(path);
            return Read(file, Project.Shown(cli, path));
        }
        catch (IOException)
        {
            if (store?.RunLog(attempt) is not { } kept) return null;
            using var bytes = new MemoryStream(kept);
            return Read(bytes, $"quoin log {attempt}");
        }
    }

    /// <summary>Reads a whole log; at most 9 MiB of it are output.</summary>
    public static LogTail Read(Stream file, string shownPath)
    {
        var last = new Queue<string>();
        var count = 0L;
        var tail = new LineTail(file);
        while (tail.Next(endOfFile: true) is { } line)
        {
            if (!MayBeOutput(line) || RunLogEntry.Parse(line) is not { } entry) continue;
            if (entry.Type == "dropped" && long.TryParse(entry["lines"], out var dropped))
                count += dropped;
            if (entry.Type is not ("stdout" or "stderr")) continue;
            count++;
            last.Enqueue(entry["line"] ?? "");
            if (last.Count > LinesShown) last.Dequeue();
        }
        return new LogTail([.. last], count, shownPath);
    }

    // Parsing every entry of a long log would take longer than reading it.
    static bool MayBeOutput(ReadOnlySpan<byte> line) =>
        line.IndexOf("\"std"u8) >= 0 || line.IndexOf("\"dropped\""u8) >= 0;
}
