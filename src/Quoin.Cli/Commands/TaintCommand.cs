using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin taint</c>: published partitions are no longer trusted and will be rebuilt.
/// </summary>
static class TaintCommand
{
    public const string Summary = "Mark published partitions as not to be trusted";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var selectors = new Selectors();
        var why = new Option<string>("--why")
        {
            Description = "The reason; explain tells it",
            HelpName = "TEXT",
            Required = true,
        };
        var command = new Command("taint", Summary) { why };
        selectors.AddTo(command);
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), selectors.Read(parsed), parsed.GetRequiredValue(why), ct));
        return command;
    }

    /// <summary>Taints what is Live of the selection; 4 when nothing of it is.</summary>
    public static async Task<int> RunAsync(
        Cli cli, Asked asked, string why, CancellationToken ct)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        await using var deciding = Deciding.Open(cli, workspace);
        var targets = Selecting.Find(
            cli, workspace, graph, asked, deciding.Store, ct, orTargets: false);
        var by = cli.User;
        var made = await deciding.DoAsync(
            state => [.. targets.Select(name => new Taint(state.Names.Intern(name), by, why))],
            [new StoreCommand.Taint([.. targets], by, why)], ct);
        if (made.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        var tainted = made.Events.OfType<PartitionTainted>()
            .Select(e => made.Names.Text(e.Partition)).ToList();
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                JsonParts.Write(json, "tainted", tainted);
                json.WriteEndObject();
            }));
        }
        else
        {
            foreach (var name in tainted) cli.Print($"tainted {name}");
            if (tainted.Count == 0) cli.Say("nothing was tainted: it was so already");
        }
        return ExitCode.Ok;
    }
}
