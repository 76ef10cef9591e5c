using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary><c>quoin cancel</c>: gives up wants that are open.</summary>
static class CancelCommand
{
    public const string Summary = "Give up open wants";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var ids = new Argument<string[]>("ID")
        {
            Description = "w-17, or r-19 for the wants that a run is for",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var all = new Option<bool>("--all") { Description = "Every open want" };
        var command = new Command("cancel", Summary) { ids, all };
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), parsed.GetValue(ids) ?? [], parsed.GetValue(all), ct));
        return command;
    }

    /// <summary>Records the cancellations; 4 when an id means nothing.</summary>
    public static async Task<int> RunAsync(Cli cli, string[] ids, bool all, CancellationToken ct)
    {
        if (ids.Length == 0 && !all)
            throw new UsageException("usage", "name the wants to cancel (quoin status), or --all");
        foreach (var id in ids)
        {
            if (!WantId.TryParse(id, out _) && !RunId.TryParse(id, out _))
                throw new UsageException("usage", $"\"{id}\" is not a want (w-17) or a run (r-19)");
        }
        var workspace = Project.Find(cli);
        await using var deciding = Deciding.Open(cli, workspace);
        Refusal? missing = null;
        var made = await deciding.DoAsync(
            state =>
            {
                List<WantId> wants = all ? [.. state.Wants.Values.Select(want => want.Id)] : [];
                foreach (var id in ids)
                {
                    if (WantId.TryParse(id, out var want)) wants.Add(want);
                    else if (RunId.TryParse(id, out var run)
                        && state.Runs.TryGetValue(run.Value, out var token))
                        wants.Add(token.Config.For);
                    else
                        missing = new Refusal(
                            "no-such-run", $"{id} is not active; see: quoin runs");
                }
                return missing is null
                    ? [.. wants.Distinct().Select(want => new CancelWant(want, "cli"))]
                    : [];
            },
            all ? [new StoreCommand.CancelAll("cli")] : [.. ids.Select(RequestOf)],
            ct);
        if ((missing ?? made.Refusal) is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        var cancelled = made.Events.OfType<WantCancelled>().Select(e => $"{e.Want}").ToList();
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                JsonParts.Write(json, "cancelled", cancelled);
                json.WriteEndObject();
            }));
        }
        else
        {
            foreach (var want in cancelled) cli.Print($"cancelled {want}");
            if (cancelled.Count == 0) cli.Say("nothing was open");
        }
        return ExitCode.Ok;
    }

    static StoreCommand RequestOf(string id) =>
        WantId.TryParse(id, out var want) ? new StoreCommand.Cancel(want, "cli")
        : RunId.TryParse(id, out var run) ? new StoreCommand.CancelRun(run, "cli")
        : throw new InvalidOperationException($"{id} was checked before.");
}
