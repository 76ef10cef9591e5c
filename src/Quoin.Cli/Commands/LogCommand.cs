using System.CommandLine;
using System.Globalization;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin log</c>: what an attempt of a run did and printed, or how a want was planned.
/// </summary>
static class LogCommand
{
    public const string Summary = "Show what a run did and printed";

    static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var id = new Argument<string>("ID")
        {
            Description = "r-19 (its newest attempt), r-19/1, a partition, or w-17 for a plan",
        };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on until it ends" };
        var command = new Command("log", Summary) { id, follow };
        command.SetAction((parsed, _) => RunAsync(
            cli(parsed), parsed.GetRequiredValue(id), parsed.GetValue(follow)));
        return command;
    }

    /// <summary>
    /// Prints the log's entries; with <paramref name="follow"/> those to come too.
    /// </summary>
    public static async Task<int> RunAsync(Cli cli, string id, bool follow)
    {
        if (FeedReport.PathOf(cli) is not null) return FeedReport.HasNone(cli, "logs");
        var workspace = Project.Find(cli);
        using var interruption = follow ? new Interruption() : null;
        var stop = interruption?.Stop ?? CancellationToken.None;
        id = await RunOfAsync(cli, workspace, id);
        if (follow && !await IsThereAsync(cli, workspace, id, stop))
            return interruption?.ExitCodeOfSignal ?? ExitCode.Ok;
        await using var file = await OpenAsync(cli, workspace, id);
        var tail = new LineTail(file);
        var ended = false;
        while (true)
        {
            while (tail.Next(endOfFile: !follow) is { } line)
            {
                if (cli.OutIsClosed()) return ExitCode.Ok;
                var entry = RunLogEntry.Parse(line);
                ended |= entry?.Type == "ended";
                if (cli.Options.Json) cli.Print(Encoding.UTF8.GetString(line));
                else if (entry is null) cli.Print(new Line(Encoding.UTF8.GetString(line)));
                else if (cli.Options.Verbose || !entry.IsDetail) cli.Print(entry.LineOf(cli.Time));
            }
            if (!follow || ended) return ExitCode.Ok;
            cli.Out.Flush();
            try
            {
                await Task.Delay(LookAgain, cli.Time, stop);
            }
            catch (OperationCanceledException)
            {
                return interruption?.ExitCodeOfSignal ?? ExitCode.Ok;
            }
        }
    }

    // A partition stands for its newest run: that has it now, failed to make it, or made it.
    static async Task<string> RunOfAsync(Cli cli, Workspace workspace, string id)
    {
        if (id.Split('/') is [var first, ..]
            && (RunId.TryParse(first, out _) || WantId.TryParse(first, out _))) return id;
        await using var store = Project.OpenForReading(cli, workspace);
        var state = StateLoader.Load(store, new PartitionNames()).State;
        if (!state.Names.TryFind(id, out var partition)) return id;
        if (state.HolderOf(partition) is { } holder) return $"{holder.Id}";
        if (state.TryGetFailure(partition, out var failure) && failure.Run.Value > 0)
            return $"{failure.Run}";
        return state.TryGetManifest(partition, out var manifest) ? $"{manifest.Run}" : id;
    }

    // An active run whose process is not launched yet has no log so far: it is waited for. False
    // when the wait was interrupted; what is not active is not waited for.
    static async Task<bool> IsThereAsync(
        Cli cli, Workspace workspace, string id, CancellationToken stop)
    {
        if (!RunId.TryParse(id, out var run)) return true;
        while (Attempts(workspace.LogDirectory, run).Count == 0)
        {
            await using (var store = Project.OpenForReading(cli, workspace))
            {
                var state = StateLoader.Load(store, new PartitionNames()).State;
                if (!state.Runs.ContainsKey(run.Value)) return true;
            }
            try
            {
                await Task.Delay(LookAgain, cli.Time, stop);
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }
        return true;
    }

    static async Task<Stream> OpenAsync(Cli cli, Workspace workspace, string id) =>
        await KeptAsync(cli, workspace, id) is { } kept
            ? new MemoryStream(kept)
            : new FileStream(
                FileOf(workspace, id), FileMode.Open, FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete);

    // The log in the store of an attempt that ran on another host, when it has no file here.
    static async Task<byte[]?> KeptAsync(Cli cli, Workspace workspace, string id)
    {
        var slash = id.IndexOf('/');
        if (!RunId.TryParse(slash < 0 ? id : id[..slash], out var run)) return null;
        var files = Attempts(workspace.LogDirectory, run);
        var wanted = 0;
        if (slash >= 0 && !int.TryParse(id.AsSpan(slash + 1), NumberStyles.None, null, out wanted))
            return null;
        if (wanted > 0 ? files.Contains(wanted) : files.Count > 0) return null;
        if (!Project.HasStore(cli, workspace)) return null;
        await using var store = Project.OpenForReading(cli, workspace);
        if (wanted > 0) return store.RunLog(new AttemptId(run, wanted));
        var query = new EventQuery { Subject = $"{run}", Types = ["run-leased"] };
        for (var attempt = store.Query(query).Count(); attempt > 0; attempt--)
        {
            if (store.RunLog(new AttemptId(run, attempt)) is { } kept) return kept;
        }
        return null;
    }

    static string FileOf(Workspace workspace, string id)
    {
        var slash = id.IndexOf('/');
        if (WantId.TryParse(id, out var want))
        {
            var plan = Path.Combine(workspace.LogDirectory, want.ToString(), "plan.jsonl");
            return File.Exists(plan) ? plan : throw new UsageException(
                "no-log",
                $"there is no plan log of {want}; quoin events --subject {want} tells of it");
        }
        if (!RunId.TryParse(slash < 0 ? id : id[..slash], out var run))
        {
            throw new UsageException(
                "usage", $"\"{id}\" is not a run (r-19, r-19/2), a want (w-17), or a partition "
                    + "that a run was for");
        }
        var attempts = Attempts(workspace.LogDirectory, run);
        if (attempts.Count == 0)
        {
            throw new UsageException(
                "no-log",
                $"there is no log of {run} in {workspace.LogDirectory}; quoin runs lists the runs");
        }
        if (slash < 0) return workspace.LogOf(new AttemptId(run, attempts[^1]));
        return int.TryParse(id.AsSpan(slash + 1), NumberStyles.None, null, out var attempt)
            && attempts.Contains(attempt)
            ? workspace.LogOf(new AttemptId(run, attempt))
            : throw new UsageException(
                "no-log", $"{run} has no attempt {id[(slash + 1)..]}; there is"
                    + $" {string.Join(", ", attempts.Select(n => $"{run}/{n}"))}");
    }

    // The numbers in names like r-19.2.jsonl, ascending.
    static List<int> Attempts(string folder, RunId run)
    {
        if (!Directory.Exists(folder)) return [];
        var numbers = Directory.EnumerateFiles(folder, $"{run}.*.jsonl")
            .Select(file => Path.GetFileName(file).Split('.')[1])
            .Select(text => int.TryParse(text, NumberStyles.None, null, out var n) ? n : 0)
            .Where(n => n > 0).ToList();
        numbers.Sort();
        return numbers;
    }
}
