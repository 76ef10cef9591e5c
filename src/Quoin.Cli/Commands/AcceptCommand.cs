using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary><c>quoin accept W</c>: makes an offer a want; others of its group are gone.</summary>
static class AcceptCommand
{
    public const string Summary = "Take an offer (quoin want --offer)";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var id = new Argument<string>("W") { Description = "The offer: w-17" };
        var command = new Command("accept", Summary) { id };
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), ReleaseCommand.WantOf(parsed.GetRequiredValue(id)), ct));
        return command;
    }

    /// <summary>Accepts; 4 when the offer expired, or another of its group was taken.</summary>
    public static async Task<int> RunAsync(Cli cli, WantId want, CancellationToken ct)
    {
        await using var deciding = Deciding.Open(cli, Project.Find(cli));
        var now = deciding.Time.GetUtcNow();
        var made = await deciding.DoAsync(
            state => Offers.Accept(state, want, now), [new StoreCommand.AcceptOffer(want)], ct);
        if (made.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        var gone = made.Events.OfType<WantCancelled>().Where(e => e.By == Offers.SiblingAccepted)
            .Select(e => $"{e.Want}").ToList();
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("accepted", $"{want}");
                JsonParts.Write(json, "cancelled", gone);
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        cli.Print($"accepted {want}");
        foreach (var other in gone) cli.Print($"cancelled {other}: of the same group");
        return ExitCode.Ok;
    }
}
