using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin want</c>: records a want; the next process that builds here makes it.
/// </summary>
static class WantCommand
{
    public const string Summary = "Ask for partitions; the next build makes them";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var selectors = new Selectors();
        var modes = new BuildModes();
        var use = new UseOptions();
        var command = new Command("want", Summary);
        selectors.AddTo(command);
        use.AddTo(command, offers: true);
        modes.AddTo(command);
        command.SetAction((parsed, ct) =>
        {
            var context = cli(parsed);
            return RunAsync(
                context, selectors.Read(parsed),
                use.Read(parsed, modes.Read(parsed).Options, context.Time.GetUtcNow()), ct);
        });
        return command;
    }

    /// <summary>Records the want and prints its id.</summary>
    public static async Task<int> RunAsync(
        Cli cli, Asked asked, WantOptions options, CancellationToken ct)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        await using var deciding = Deciding.Open(cli, workspace);
        var targets = FedTargets
            .Find(cli, workspace, graph, asked, deciding.Store, options.Payload, ct)
            .Where(name => Selecting.HasJob(graph, name)).ToList();
        if (targets.Count == 0)
        {
            cli.Say("nothing to want: nothing builds what was selected");
            return ExitCode.Ok;
        }
        options = Telemetry.Below(cli, options);
        var text = $"want {asked.Text}".Trim();
        var request = new WantRequest { Targets = [.. targets], Options = options, Text = text };
        var made = await deciding.DoAsync(
            state => [options.Offer
                ? Offers.Of(request, state, graph, cli.Time.GetUtcNow())
                : new AcceptWant([.. targets.Select(name => state.Names.Intern(name))], options)
                {
                    Request = text,
                }],
            [new StoreCommand.Accept(request, graph)], ct);
        if (made.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, ExitCode.Refused);
        if (made.Events.OfType<WantOffered>().FirstOrDefault() is { } offer)
            return Offered(cli, offer, targets);
        if (made.Events.OfType<WantAccepted>().FirstOrDefault() is not { } want)
        {
            cli.Say("nothing to want: everything is current");
            return ExitCode.Ok;
        }
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("want", want.Want.ToString());
                JsonParts.Write(json, "targets", targets);
                json.WriteEndObject();
            }));
        }
        else
        {
            cli.Print($"{want.Want}");
            cli.Say($"wanted: {BuildPhrases.Some([.. targets.Take(3)], targets.Count)};"
                + " the next quoin build here makes it");
        }
        return ExitCode.Ok;
    }

    static int Offered(Cli cli, WantOffered offer, List<string> targets)
    {
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("offer", offer.Want.ToString());
                JsonParts.Write(json, "targets", targets);
                JsonParts.Time(json, "expires", offer.Expires);
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        cli.Print($"{offer.Want}");
        cli.Say($"offered until {Units.TimeOfDay(offer.Expires, cli.Time)}:"
            + $" {BuildPhrases.Some([.. targets.Take(3)], targets.Count)};"
            + $" quoin accept {offer.Want} takes it");
        return ExitCode.Ok;
    }
}
