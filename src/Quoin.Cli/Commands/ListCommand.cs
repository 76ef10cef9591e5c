using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>build --list</c> and <c>build --only-sources</c>: what a build is about. Nothing runs.
/// </summary>
static class ListCommand
{
    /// <summary>The selected partitions in build order, with where they stand.</summary>
    public static async Task<int> RunAsync(Cli cli, Asked asked, WantRequest request)
    {
        var (dry, targets) = await PlanCommand.MakeAsync(cli, asked, request, slots: 1);
        var selected = targets.ToHashSet(StringComparer.Ordinal);
        var rows = PlanRow.Of(dry.Plan).Where(row => selected.Contains(row.Name)).ToList();
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("partitions");
                foreach (var row in rows) PlanJson.Write(json, row);
                json.WriteEndArray();
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        foreach (var row in rows)
            cli.Print(row.Verdict == Verdict.Current
                ? $"current  {row.Name}"
                : $"{PlanJson.Name(row.Verdict),-8} {row.Name}: {row.Why}");
        if (rows.Count == 0) cli.Say("nothing that a job makes is selected");
        return ExitCode.Ok;
    }

    /// <summary>The sources that the selected partitions come from: digest and path.</summary>
    public static async Task<int> SourcesAsync(Cli cli, Asked asked, WantRequest request)
    {
        var (dry, _) = await PlanCommand.MakeAsync(cli, asked, request, slots: 1);
        var sources = dry.Plan.Sources.OrderBy(source => source.Path, StringComparer.Ordinal)
            .ToList();
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("sources");
                foreach (var source in sources)
                {
                    json.WriteStartObject();
                    json.WriteString("path", source.Path);
                    if (source.Digest.Exists) json.WriteString("digest", source.Digest.ToString());
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        foreach (var source in sources)
            cli.Print($"{(source.Digest.Exists ? source.Digest.ToString() : "missing")}  "
                + source.Path);
        return ExitCode.Ok;
    }
}
