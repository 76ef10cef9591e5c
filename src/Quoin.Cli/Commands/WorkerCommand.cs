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
        var command = new Command("worker", Summary);
        slots.AddTo(command);
        command.Options.Add(lease);
        command.SetAction((parsed, _) => RunAsync(
            cli(parsed), slots.Read(parsed, least: 1), LeaseOf(parsed.GetValue(lease)!)));
        return command;
    }

    static TimeSpan LeaseOf(string text) =>
        Quantities.TryParseDuration(text, out var lease)
            && lease >= TimeSpan.FromSeconds(1) && lease <= TimeSpan.FromDays(1)
            ? lease
            : throw new UsageException(
                "usage", $"--lease {text}: write a time from 1s to 1d, as 60s or 5m");

    static async Task<int> RunAsync(Cli cli, Slots slots, TimeSpan lease)
    {
        using var interruption = new Interruption(); // A stop while it connects is one, too.
        var workspace = Project.Find(cli);
        await using var store = Project.OpenForAsking(cli, workspace);
        var view = new WorkerView(cli, workspace);
        using var worker = SlotWorker.Make(cli, workspace, store, slots, view, lease);
        using var onStop = interruption.Stop.Register(() =>
        {
            view.Said(worker.Holding is > 0 and var holding
                ? $"draining: waiting for {Units.Count(holding, "run")} (once more kills)"
                : "stopping");
            worker.Drain();
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
