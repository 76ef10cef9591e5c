using System.CommandLine;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin graph</c>: the jobs and datasets of the graph, as text, JSON or a picture.
/// </summary>
static class GraphCommand
{
    public const string Summary = "Show the jobs and datasets of the graph, or all its problems";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var dot = new Option<bool>("--dot") { Description = "A picture for Graphviz" };
        var mermaid = new Option<bool>("--mermaid") { Description = "A picture for Markdown" };
        var net = new Option<bool>("--net")
        {
            Description = "The state machines that decide, of every graph, as one Petri net",
        };
        var pnml = new Option<bool>("--pnml")
        {
            Description = "That net in the language of Petri net tools",
        };
        var command = new Command("graph", Summary) { dot, mermaid, net, pnml };
        command.SetAction(parsed =>
        {
            var form = parsed.GetValue(pnml) ? GraphForm.Pnml
                : parsed.GetValue(dot) ? GraphForm.Dot
                : parsed.GetValue(mermaid) ? GraphForm.Mermaid
                : GraphForm.Text;
            return parsed.GetValue(net) || form == GraphForm.Pnml
                ? RunNet(cli(parsed), form)
                : Run(cli(parsed), form);
        });
        return command;
    }

    /// <summary>Prints the kernel's net; it needs no graph.</summary>
    public static int RunNet(Cli cli, GraphForm form)
    {
        if (cli.Options.Json) cli.Print(JsonText.Write(NetPicture.Write));
        else cli.Print(NetPicture.Of(form));
        return ExitCode.Ok;
    }

    /// <summary>Loads the graph and prints it.</summary>
    public static int Run(Cli cli, GraphForm form)
    {
        var graph = Project.LoadGraph(cli, Project.Find(cli));
        if (cli.Options.Json) cli.Print(JsonText.Write(json => Write(json, graph)));
        else if (form != GraphForm.Text) cli.Print(GraphPicture.Of(graph, form));
        else foreach (var line in Describe(graph, cli.OutScreen.Width)) cli.Print(line);
        return ExitCode.Ok;
    }

    /// <summary>A table of the datasets that are declared and one of the jobs.</summary>
    public static IEnumerable<Line> Describe(Graph graph, int width)
    {
        var targets = graph.Targets.IsEmpty ? "" : $"  builds {string.Join(", ", graph.Targets)}";
        yield return new Line(graph.Name, Style.Bold)
            .Add($"  {Units.Count(graph.Jobs.Length, "job")}{targets}");
        var jobs = new Table(
            new TableColumn("job", 9), new TableColumn("makes", 8) { ShrinkTo = 12 },
            new TableColumn("from", 7) { ShrinkTo = 12, HideEmpty = true },
            new TableColumn("released by", 6) { ShrinkTo = 12, HideEmpty = true },
            new TableColumn("tags", 2) { HideEmpty = true }, new TableColumn("where", 1));
        foreach (var job in graph.Jobs)
        {
            jobs.Add(
                (job.Name, Style.Bold), (string.Join(", ", job.Outputs), Style.Plain),
                (InputsOf(job), Style.Plain),
                (string.Join(' ', job.Resource?.Release ?? []), Style.Plain),
                (string.Join(",", job.Tags), Style.Dim),
                ($"{job.Location.File}:{job.Location.Line}", Style.Dim));
        }
        foreach (var line in jobs.Lines(width, "  ")) yield return line;
        if (graph.Datasets.IsEmpty) yield break;
        yield return new Line();
        var datasets = new Table(
            new TableColumn("dataset", 9), new TableColumn("", 5),
            new TableColumn("path", 8) { ShrinkTo = 12 }, new TableColumn("where", 1));
        foreach (var dataset in graph.Datasets)
        {
            datasets.Add(
                (dataset.Pattern.Text, Style.Bold), (dataset.IsSource ? "source" : "", Style.Cyan),
                (dataset.Path?.Text ?? "", Style.Plain),
                ($"{dataset.Location.File}:{dataset.Location.Line}", Style.Dim));
        }
        foreach (var line in datasets.Lines(width, "  ")) yield return line;
    }

    static string InputsOf(Job job) => job.ConfigCommand.IsEmpty
        ? string.Join(", ", job.Inputs)
        : $"({string.Join(' ', job.ConfigCommand)} says)";

    /// <summary>The graph as one object.</summary>
    public static void Write(Utf8JsonWriter json, Graph graph)
    {
        json.WriteStartObject();
        json.WriteString("name", graph.Name);
        json.WriteString("digest", graph.Digest.ToString());
        JsonParts.Write(json, "targets", graph.Targets);
        json.WriteStartObject("pools");
        foreach (var (pool, places) in graph.Pools) json.WriteNumber(pool, places);
        json.WriteEndObject();
        json.WriteStartArray("jobs");
        foreach (var job in graph.Jobs) Write(json, job);
        json.WriteEndArray();
        json.WriteStartArray("datasets");
        foreach (var dataset in graph.Datasets)
        {
            json.WriteStartObject();
            json.WriteString("pattern", dataset.Pattern.Text);
            json.WriteBoolean("is_source", dataset.IsSource);
            if (dataset.Path is { } path) json.WriteString("path", path.Text);
            JsonParts.Write(json, dataset.Location);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, Job job)
    {
        json.WriteStartObject();
        json.WriteString("name", job.Name);
        JsonParts.Write(json, "outputs", job.Outputs.Select(pattern => pattern.Text));
        JsonParts.Write(json, "inputs", job.Inputs.Select(template => template.Text));
        JsonParts.Write(json, "config", job.ConfigCommand);
        JsonParts.Write(json, "exec", job.Exec);
        if (job.Stdout is { } stdout) json.WriteString("stdout", stdout);
        JsonParts.Write(json, "code", job.Code);
        JsonParts.Write(json, "tags", job.Tags);
        json.WriteNumber("retries", job.Limits.Retries);
        if (job.Limits.Timeout is { } timeout)
            json.WriteNumber("timeout_ms", (long)timeout.TotalMilliseconds);
        if (job.Resource is { } resource) Write(json, resource);
        JsonParts.Write(json, job.Location);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, ResourceSpec resource)
    {
        json.WriteStartObject("resource");
        JsonParts.Write(json, "release", resource.Release);
        JsonParts.Write(json, "watch", resource.Watch);
        json.WriteStartArray("startup");
        foreach (var hook in resource.Startup)
        {
            json.WriteStartArray();
            foreach (var word in hook) json.WriteStringValue(word);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteString("start", ResourceWords.Of(resource.Start));
        json.WriteString("identity", ResourceWords.Of(resource.Identity));
        json.WriteString("on_doubt", ResourceWords.Of(resource.OnDoubt));
        json.WriteNumber("keep_ms", (long)resource.Keep.TotalMilliseconds);
        json.WriteNumber("timeout_ms", (long)resource.Timeout.TotalMilliseconds);
        Write(json, "poll", resource.Poll);
        Write(json, "watch_poll", resource.WatchPoll);
        json.WriteNumber("unknown_count", resource.UnknownMax);
        json.WriteNumber("unknown_ms", (long)resource.UnknownTime.TotalMilliseconds);
        json.WriteNumber("release_ms", (long)resource.ReleaseTime.TotalMilliseconds);
        json.WriteNumber("settle_ms", (long)resource.Settle.TotalMilliseconds);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, string name, PollLimits poll)
    {
        json.WriteStartObject(name);
        json.WriteNumber("every_ms", (long)poll.Every.TotalMilliseconds);
        json.WriteNumber("max_ms", (long)poll.Max.TotalMilliseconds);
        if (poll.Count is { } count) json.WriteNumber("count", count);
        if (poll.Time is { } time) json.WriteNumber("time_ms", (long)time.TotalMilliseconds);
        json.WriteEndObject();
    }
}
