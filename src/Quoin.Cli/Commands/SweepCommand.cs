using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin clean --unused</c>: removes copies of outputs that nothing refers to.
/// </summary>
sealed class SweepCommand
{
    readonly Option<bool> unused = new("--unused")
    {
        Description = "Remove copies of outputs that nothing refers to (see docs/artifacts.md)",
    };

    readonly Option<string?> older = new("--older")
    {
        Description = "With --unused: only what was not used for so long; of shared places only"
            + " with this",
        HelpName = "TIME",
    };

    readonly Option<string?> most = new("--max-size")
    {
        Description = "With --unused: only until .quoin/cas has no more than that",
        HelpName = "SIZE",
    };

    /// <summary>Adds the options to <c>clean</c>.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(unused);
        command.Options.Add(older);
        command.Options.Add(most);
    }

    /// <summary>What is asked for; null: something else is to be cleaned.</summary>
    public SweepRequest? Read(ParseResult parsed, bool dryRun)
    {
        var (age, size) = (parsed.GetValue(older), parsed.GetValue(most));
        if (!parsed.GetValue(unused))
            return age is null && size is null
                ? null
                : throw new UsageException("usage", "--older and --max-size go with --unused");
        TimeSpan time = default;
        if (age is not null && !Quantities.TryParseDuration(age, out time))
            throw new UsageException("usage", $"--older {age}: write a time, as 12h or 30d");
        var bytes = 0L;
        if (size is not null && !Quantities.TryParseSize(size, out bytes))
            throw new UsageException("usage", $"--max-size {size}: write a size, as 50GB");
        return new SweepRequest
        {
            Older = age is null ? null : time,
            MaxBytes = size is null ? null : bytes,
            DryRun = dryRun,
        };
    }

    /// <summary>Sweeps every layer, and says what came of it.</summary>
    public static async Task<int> RunAsync(Cli cli, SweepRequest request)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        using var artifacts = ProjectArtifacts.Open(cli, workspace, graph.Artifacts);
        if (artifacts is null)
            throw new UsageException("usage", $"{ArtifactStore.Variable}=off: nothing is kept");
        await using var store = Project.OpenIfThere(cli, workspace);
        var state = store is null
            ? new KernelState(new PartitionNames())
            : StateLoader.Load(store, new PartitionNames()).State;
        request = request with { Retain = graph.Artifacts?.Retain ?? 1 };
        var now = cli.Time.GetUtcNow();
        var results = new List<SweepResult>
        {
            ArtifactSweep.Local(artifacts, state, request, now),
        };
        foreach (var place in artifacts.Places)
        {
            try
            {
                results.Add(ArtifactSweep.Outer(place, state, request, now));
            }
            catch (ArtifactPlaceException e)
            {
                return cli.Error(
                    "artifacts-unavailable",
                    $"{place.Name} artifacts ({place.Shown}): {e.Message}; {place.Remedy}",
                    ExitCode.Store);
            }
        }
        if (cli.Options.Json) cli.Print(JsonText.Write(json => Write(json, results)));
        else foreach (var result in results) cli.Print(LineOf(result, request.DryRun));
        return ExitCode.Ok;
    }

    static string LineOf(SweepResult result, bool dryRun) =>
        $"{result.Layer}: {(dryRun ? "would remove" : "removed")} "
        + $"{Units.Count(result.Artifacts, "artifact")} ({Units.Bytes(result.Bytes)}) and "
        + $"{Units.Count(result.Records, "record")}; {Units.Bytes(result.BytesLeft)} left";

    static void Write(System.Text.Json.Utf8JsonWriter json, List<SweepResult> results)
    {
        json.WriteStartObject();
        json.WriteStartArray("layers");
        foreach (var result in results)
        {
            json.WriteStartObject();
            json.WriteString("layer", result.Layer);
            json.WriteNumber("records", result.Records);
            json.WriteNumber("artifacts", result.Artifacts);
            json.WriteNumber("bytes", result.Bytes);
            json.WriteNumber("bytes_left", result.BytesLeft);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
