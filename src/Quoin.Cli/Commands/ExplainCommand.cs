using System.CommandLine;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary><c>quoin explain P</c>: why a partition is current, or what differs.</summary>
static class ExplainCommand
{
    public const string Summary = "Say why a partition is current or will be built";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var partitions = new Argument<string[]>("P")
        {
            Description = "Partitions",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("explain", Summary) { partitions };
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), parsed.GetRequiredValue(partitions), ct));
        return command;
    }

    /// <summary>Plans the partitions as a build of them would, and explains each.</summary>
    public static async Task<int> RunAsync(
        Cli cli, string[] partitions, CancellationToken ct)
    {
        if (FeedReport.PathOf(cli) is not null) return FeedReport.HasNone(cli, "graph");
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        await using var store = Project.OpenIfThere(cli, workspace);
        var targets = Selecting.Find(
            cli, workspace, graph, new Asked { Selectors = [.. partitions] }, store, ct);
        using var artifacts = ProjectArtifacts.Open(cli, workspace, graph.Artifacts);
        var explanations = Of(
            cli, workspace, graph, store, artifacts, targets, ct);
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                if (explanations.Count > 1) json.WriteStartArray();
                foreach (var explanation in explanations) Write(json, explanation);
                if (explanations.Count > 1) json.WriteEndArray();
            }));
            return ExitCode.Ok;
        }
        foreach (var explanation in explanations)
            foreach (var (i, line) in explanation.Text().Index())
                cli.Print(i == 0 ? new Line(line, Style.Bold) : new Line(line));
        return ExitCode.Ok;
    }

    /// <summary>Plans the partitions as a build of them would, and explains each.</summary>
    public static List<Explanation> Of(
        Cli cli, Workspace workspace, Graph graph, IBuildStore? store, ArtifactStore? artifacts,
        System.Collections.Immutable.ImmutableArray<string> targets, CancellationToken ct)
    {
        var dry = DryRun.Make(
            workspace, graph, store, new WantRequest { Targets = targets }, 1, cli.Time,
            ct, artifacts);
        return targets.Select(target => WithTaint(store, Explain.Of(
            dry.Plan, dry.State.Names.Intern(target), run => WhyBuilt(store, run)))).ToList();
    }

    // What made a run's outputs stale, from the last such event before it was scheduled.
    static string? WhyBuilt(IBuildStore? store, RunId run)
    {
        if (store is null) return null;
        var names = new PartitionNames();
        var scheduled = store.Query(new EventQuery
        {
            Subject = run.ToString(),
            Types = ["run-scheduled"],
        }).FirstOrDefault();
        if (scheduled is null) return null;
        if (Decode(scheduled, names) is not RunScheduled { Claims: [var first, ..] }) return null;
        var stale = store.Query(new EventQuery
        {
            Subject = names.Text(first),
            Types = ["partition-stale"],
        }).LastOrDefault(raw => raw.Position < scheduled.Position);
        return stale is not null && Decode(stale, names) is PartitionStale why
            ? why.Detail.Length > 0 ? why.Detail : BuildPhrases.Name(why.Reason)
            : null;
    }

    // The state says that it is tainted; by whom and why is only in the log.
    static Explanation WithTaint(IBuildStore? store, Explanation explanation)
    {
        if (store is null || explanation.Reason != StaleReason.Tainted) return explanation;
        var names = new PartitionNames();
        var last = store.Query(new EventQuery
        {
            Subject = explanation.Partition,
            Types = ["partition-tainted"],
            Last = 1,
        }).LastOrDefault();
        return last is not null && Decode(last, names) is PartitionTainted taint
            ? explanation with
            {
                Lines = [new ExplanationLine("tainted", "", "", $"by {taint.By}: {taint.Why}", "")],
            }
            : explanation;
    }

    static BuildEvent Decode(RawEvent raw, PartitionNames names) => EventCodec.Decode(
        raw.Position, System.Text.Encoding.UTF8.GetBytes(raw.Type), raw.Body.Span, names);

    /// <summary>An explanation as one object.</summary>
    public static void Write(Utf8JsonWriter json, Explanation explanation)
    {
        json.WriteStartObject();
        json.WriteString("partition", explanation.Partition);
        json.WriteString("verdict", PlanJson.Name(explanation.Verdict));
        json.WriteString("reason", Explain.Word(explanation.Reason));
        json.WriteString("headline", explanation.Headline);
        json.WriteStartArray("lines");
        foreach (var line in explanation.Lines)
        {
            json.WriteStartObject();
            json.WriteString("what", line.What);
            json.WriteString("kind", line.Kind);
            json.WriteString("name", line.Name);
            json.WriteString("value", line.Value);
            json.WriteString("note", line.Note);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (explanation.Problem is { } problem)
        {
            json.WritePropertyName("problem");
            JsonParts.Write(json, problem);
        }
        if (explanation.LastRun.Value > 0)
            json.WriteString("last_run", explanation.LastRun.ToString());
        if (explanation.LastBuiltAt is { } at) JsonParts.Time(json, "last_built_at", at);
        if (explanation.LastElapsedMs > 0)
            json.WriteNumber("last_elapsed_ms", explanation.LastElapsedMs);
        json.WriteEndObject();
    }
}
