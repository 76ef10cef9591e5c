using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin replay w-17</c>: the lines of a build once more, from the log alone, whoever built and
/// wherever. <c>quoin diff</c> compares two of them.
/// </summary>
static class ReplayCommand
{
    public const string Summary = "Print a build's lines once more, from the log";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var want = new Argument<string>("WANT") { Description = "Which build: w-17" };
        var command = new Command("replay", Summary) { want };
        command.SetAction((parsed, _) =>
            RunAsync(cli(parsed), parsed.GetRequiredValue(want)));
        return command;
    }

    /// <summary>
    /// Prints it; the exit code is that of a build that ended so, 0 while it is open.
    /// </summary>
    public static async Task<int> RunAsync(Cli cli, string want)
    {
        var id = ReleaseCommand.WantOf(want);
        var workspace = Project.Find(cli);
        await using var store = Project.OpenForReading(cli, workspace);
        var accepted = PositionOf(store, id);
        var oldest = OldestOpen(store, accepted);
        var names = new PartitionNames();
        var progress = new BuildProgress(id, names);
        // What is the result here goes to stdout.
        var view = cli.Options.Json
            ? (IBuildView)new JsonBuildView(cli, progress)
            : new PlainBuildView(cli.WithErrorsTo(cli.Out, cli.OutScreen), progress, new()
            {
                LogTailOf = attempt => RunLogTail.Of(cli, workspace, attempt, store),
            });
        var notices = new List<ProgressNotice>();
        foreach (var logged in store.Read(0, names))
        {
            notices.Clear();
            if (logged.Position < accepted)
            {
                // Builds that were open then may have planned and started what this one waits for.
                if (logged.Event is WorkerAdded or WorkerRemoved
                    || (logged.Position > oldest && logged.Event is PartitionPlanned
                        or RunScheduled or RunLeased or RunCompleted))
                    progress.Apply(logged, notices);
                continue;
            }
            progress.Apply(logged, notices);
            view.Show(logged, notices);
            if (progress.EndedAt is not null && progress.Running == 0) break;
        }
        var code = progress.Phase switch
        {
            BuildPhase.Succeeded when progress.Problems.Count == 0 => ExitCode.Ok,
            BuildPhase.Planning or BuildPhase.Running => ExitCode.Ok,
            BuildPhase.AnalysisFailed => ExitCode.Usage,
            _ => ExitCode.Failed,
        };
        if (progress.EndedAt is { } end) view.End(end, code);
        else cli.Say($"{id} is open; quoin status says how it stands");
        return code;
    }

    // Where the oldest want was accepted that was open when another one was; else there.
    static long OldestOpen(IBuildStore store, long accepted)
    {
        var open = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var raw in store.Query(new EventQuery
        {
            Types = ["want-accepted", "want-succeeded", "want-failed", "want-cancelled",
                "analysis-failed"],
        }))
        {
            if (raw.Position >= accepted) break;
            if (raw.Type == "want-accepted") open[raw.Subject] = raw.Position;
            else open.Remove(raw.Subject);
        }
        return open.Values.DefaultIfEmpty(accepted).Min();
    }

    /// <summary>Where the want was accepted.</summary>
    public static long PositionOf(IBuildStore store, WantId want) =>
        store.Query(new EventQuery { Subject = want.ToString(), Types = ["want-accepted"] })
            .FirstOrDefault()?.Position
        ?? throw new UsageException("no-such-want", $"there is no want {want}; see: quoin status");
}
