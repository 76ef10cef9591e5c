using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin release W</c>: the use of a want is over; what it holds is given back.
/// </summary>
static class ReleaseCommand
{
    public const string Summary = "End the use of things that a want holds";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var ids = new Argument<string[]>("W")
        {
            Description = "Wants that are ready: w-17",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("release", Summary) { ids };
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), parsed.GetRequiredValue(ids), ct));
        return command;
    }

    /// <summary>Records that the use is over; 4 when a want is not open or not ready.</summary>
    public static async Task<int> RunAsync(Cli cli, string[] ids, CancellationToken ct)
    {
        var wants = ids.Select(WantOf).ToList();
        var by = cli.User;
        await using var deciding = Deciding.Open(cli, Project.Find(cli));
        var made = await deciding.DoAsync(
            _ => [.. wants.Select(want => new RequestWantRelease(want, by))],
            [.. wants.Select(want => new StoreCommand.Release(want, by))], ct);
        if (made.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        var released = made.Events.OfType<WantReleaseRequested>().Where(e => wants.Contains(e.Want))
            .Select(e => $"{e.Want}").ToList();
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                JsonParts.Write(json, "releasing", released);
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        foreach (var want in released) cli.Print($"releasing what {want} holds");
        if (released.Count == 0) cli.Say("that was asked before");
        return ExitCode.Ok;
    }

    /// <summary>Reads <c>w-17</c>, or throws.</summary>
    public static WantId WantOf(string text) => WantId.TryParse(text, out var want)
        ? want
        : throw new UsageException("usage", $"\"{text}\" is not a want (w-17)");
}
