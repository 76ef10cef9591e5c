using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin worker</c>: runs what the coordinator of the store offers, on this host, until it is
/// told to stop.
/// </summary>
static class WorkerCommand
{
    public const string Summary = "Run jobs for the builds of other processes and hosts";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var slots = new SlotOptions();
        var lease = new Option<string>("--lease")
        {
            Description = "How long it may go unheard before its runs are given to others (60s)",
            HelpName = "TIME",
            DefaultValueFactory = _ => "60s",
        };
        var apart = new Option<bool>("--apart")
        {
            Description = "This host does not share the project's folder: inputs come from the"
                + " shared artifacts, and outputs go there",
        };
        var line = new Option<string>("--line")
        {
            Description = "Work for the supervisor at this socket: --line S -- CMD {key} {payload}",
            HelpName = "SOCKET",
        };
        var timeout = new Option<string>("--timeout")
        {
            Description = "With --line: a job that takes longer is killed, and its code is 124",
            HelpName = "TIME",
        };
        var words = new Argument<string[]>("command")
        {
            Description = "With --line: the command; {key} and {payload} stand for the job's",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("worker", Summary) { line, timeout, words };
        slots.AddTo(command);
        command.Options.Add(lease);
        command.Options.Add(apart);
        command.SetAction((parsed, _) => parsed.GetValue(line) is { } socket
            ? Task.FromResult(RunLine(
                cli(parsed), socket, slots.Read(parsed, least: 1).Count,
                parsed.GetValue(timeout), parsed.GetValue(words) ?? []))
            : RunAsync(
            cli(parsed), slots.Read(parsed, least: 1), LeaseOf(parsed.GetValue(lease)!),
            parsed.GetValue(apart)));
        return command;
    }

    static int RunLine(Cli cli, string socket, int slots, string? timeout, string[] words)
    {
        if (words.Length == 0)
            throw new UsageException("usage", "--line needs a command: -- CMD {key} {payload}");
        TimeSpan? limit = null;
        if (timeout is not null)
        {
            limit = Quantities.TryParseDuration(timeout, out var time)
                ? time
                : throw new UsageException(
                    "usage", $"--timeout {timeout}: write a time, as 30m or 6h");
        }
        using var interruption = new Interruption();
        var path = Path.GetFullPath(socket, cli.Options.Directory);
        var options = new LineWorkerOptions(path, slots, limit, words);
        new LineWorkerRunner(cli, options, interruption.Stop).Run();
        return ExitCode.Ok;
    }

    static TimeSpan LeaseOf(string text) =>
        Quantities.TryParseDuration(text, out var lease)
            && lease >= TimeSpan.FromSeconds(1) && lease <= TimeSpan.FromDays(1)
            ? lease
            : throw new UsageException(
                "usage", $"--lease {text}: write a time from 1s to 1d, as 60s or 5m");

    static async Task<int> RunAsync(Cli cli, Slots slots, TimeSpan lease, bool isApart)
    {
        using var interruption = new Interruption(); // A stop while it connects is one, too.
        var workspace = Project.Find(cli);
        await using var store = Project.OpenForAsking(cli, workspace);
        var view = new WorkerView(cli, workspace);
        using var artifacts = ProjectArtifacts.Open(
            cli, workspace, Project.LoadGraph(cli, workspace).Artifacts);
        if (isApart && artifacts is not { IsShared: true })
            throw new UsageException(
                "usage", "--apart needs artifacts that other hosts see: a line `artifacts:` in the "
                + $"graph file, or {ArtifactStore.Variable}; see docs/artifacts.md");
        if (isApart && artifacts is { Shares: false })
            throw new UsageException(
                "usage", "--apart puts what it makes where other hosts see it, and the graph file "
                + "forbids that (artifacts: write: false); see docs/artifacts.md");
        using var telemetry = Telemetry.Open(cli); // Metrics: who decides tells of the spans.
        using var worker = SlotWorker.Make(
            cli, workspace, store, slots, view, lease, artifacts, isApart);
        using var onStop = interruption.Stop.Register(() =>
        {
            view.Said(worker.Holding is > 0 and var holding
                ? $"draining: waiting for {Units.Count(holding, "run")} (once more kills)"
                : "stopping");
            worker.StepAside();
        });
        using var onKill = interruption.Kill.Register(() =>
        {
            view.Said("killing what runs");
            worker.Kill();
        });
        await SlotWorker.RunAsync(worker);
        view.Ended();
        return interruption.Kill.IsCancellationRequested
            ? interruption.ExitCodeOfSignal ?? ExitCode.Ok
            : ExitCode.Ok;
    }
}
