using System.Collections.Immutable;
using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary><c>quoin retry RUN|WANT</c>: a new want for what failed, built here and now.</summary>
static class RetryCommand
{
    public const string Summary = "Build again what a run or want failed to make";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var id = new Argument<string>("ID") { Description = "r-19 or w-17" };
        var slots = new SlotOptions();
        var command = new Command("retry", Summary) { id };
        slots.AddTo(command);
        command.SetAction(async (parsed, ct) =>
        {
            var context = cli(parsed);
            var asked = parsed.GetRequiredValue(id);
            return await ParkedByAsync(context, asked) is { } intervention
                ? await InterventionsCommand.ResolveAsync(
                    context, intervention, InterventionAnswer.Retry, "", ct)
                : await RunAsync(context, asked, slots.Read(parsed, least: 0));
        });
        return command;
    }

    // A run that waits for a person is not made anew: its release is tried once more.
    static async Task<InterventionId?> ParkedByAsync(Cli cli, string id)
    {
        var workspace = Project.Find(cli);
        if (!RunId.TryParse(id, out var run) || !Project.HasStore(cli, workspace)) return null;
        await using var store = Project.OpenForReading(cli, workspace);
        var state = StateLoader.Load(store, new PartitionNames()).State;
        return state.Interventions.Values
            .Where(open => open.Run == run
                && state.PlaceOf(open.Partition) == PartitionPlace.Quarantined)
            .Select(open => (InterventionId?)open.Id).LastOrDefault();
    }

    /// <summary>Builds the outputs of the run, or what the want did not get.</summary>
    public static async Task<int> RunAsync(Cli cli, string id, Slots slots)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        if (!Project.HasStore(cli, workspace))
            throw new UsageException("no-such-run", $"{id}: nothing was built here yet");
        var (store, holder) = Project.OpenToBuild(cli, workspace);
        await using (store)
        {
            var targets = TargetsOf(store, id);
            if (targets.IsEmpty)
            {
                cli.Say($"{id} failed to make nothing");
                return ExitCode.Ok;
            }
            return await BuildRunner.RunAsync(
                cli, workspace, graph, slots, store, holder,
                new WantRequest { Targets = targets, Text = $"retry {id}" });
        }
    }

    static ImmutableArray<string> TargetsOf(IBuildStore store, string id)
    {
        if (!RunId.TryParse(id, out _) && !WantId.TryParse(id, out _))
            throw new UsageException("usage", $"\"{id}\" is not a run (r-19) or a want (w-17)");
        var names = new PartitionNames();
        ImmutableArray<PartitionId> targets = [];
        var found = false;
        foreach (var raw in store.Query(new EventQuery { Subject = id }))
        {
            var e = EventCodec.Decode(
                raw.Position, System.Text.Encoding.UTF8.GetBytes(raw.Type), raw.Body.Span, names);
            found = true;
            targets = e switch
            {
                RunScheduled run => run.Claims,
                RunCompleted => [],
                WantAccepted want => want.Targets,
                WantFailed want => want.Failed,
                WantSucceeded => [],
                _ => targets,
            };
        }
        return found
            ? [.. targets.Select(names.Text)]
            : throw new UsageException("no-such-run", $"there is no {id}; see: quoin runs");
    }
}
