using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin wake R</c>: something happened to the thing of a run that sleeps, so that asking for it
/// is worth while now; what a service says by <c>QUOIN_CALLBACK</c>.
/// </summary>
static class WakeCommand
{
    public const string Summary = "Have a run that waits for something outside look at it now";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var id = new Argument<string>("R") { Description = "A run of a resource: r-19" };
        var token = new Option<string>("--token")
        {
            Description = "Only if this is what the run's programs were told (QUOIN_CALLBACK)",
            HelpName = "T",
        };
        var command = new Command("wake", Summary) { id, token };
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), parsed.GetRequiredValue(id), parsed.GetValue(token), ct));
        return command;
    }

    /// <summary>Records it; 4 when the run is over, makes data, or has another token.</summary>
    public static async Task<int> RunAsync(
        Cli cli, string id, string? token, CancellationToken ct)
    {
        if (!RunId.TryParse(id, out var run))
            throw new UsageException("usage", $"\"{id}\" is not a run (r-19)");
        var wake = new StoreCommand.Wake(run, token);
        await using var deciding = Deciding.Open(cli, Project.Find(cli));
        var made = await deciding.DoAsync(
            state => [wake.In(state, deciding.Time.GetUtcNow())], [wake], ct);
        if (made.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        var isWoken = made.Events.OfType<RunWoken>().Any(e => e.Run == run);
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("run", $"{run}");
                json.WriteBoolean("woken", isWoken);
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        cli.Say(isWoken ? $"{run} is looked at now" : $"{run} was going to be looked at anyway");
        return ExitCode.Ok;
    }
}
