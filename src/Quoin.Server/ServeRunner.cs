using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// <c>quoin serve</c> from its options to its exit code: views, coordinator, worker and web server
/// of one store, until a signal ends them in the opposite order.
/// </summary>
static class ServeRunner
{
    /// <summary>Serves until the first signal, drains, and ends; the second one kills.</summary>
    public static async Task<int> RunAsync(Cli.Cli cli, ServeOptions options)
    {
        using var interruption = new Interruption();
        await using var server = await RunningServer.StartAsync(cli, options);
        _ = server.WarmAsync();
        Tell(cli, server.Address);
        var stopped = new TaskCompletionSource();
        using var onStop = interruption.Stop.Register(() => stopped.TrySetResult());
        using var onKill = interruption.Kill.Register(server.Kill);
        await Task.WhenAny(stopped.Task, server.Failed);
        if (server.Failed.IsCompleted) await server.Failed;
        cli.Say(server.Holding is > 0 and var holding
            ? $"draining: waiting for {Units.Count(holding, "run")} (once more kills)"
            : "stopping");
        await server.DrainAsync();
        return interruption.Kill.IsCancellationRequested
            ? interruption.ExitCodeOfSignal ?? ExitCode.Ok
            : ExitCode.Ok;
    }

    static void Tell(Cli.Cli cli, string address)
    {
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("type", "serving");
                json.WriteString("address", address);
                json.WriteEndObject();
            }));
        }
        else cli.Print(address);
        cli.Out.Flush();
        cli.Say("serves until Ctrl-C (then it ends after what runs)");
    }
}
