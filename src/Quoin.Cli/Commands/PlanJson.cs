using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>A plan as one document; docs/json.md shows it.</summary>
static class PlanJson
{
    /// <summary>
    /// Counts, problems, and every partition with verdict and reason in build order.
    /// </summary>
    public static void Write(
        Utf8JsonWriter json, DryPlan dry, Timetable times, int wanted, int exitCode)
    {
        var counts = dry.Plan.Counts;
        json.WriteStartObject();
        json.WriteNumber("wanted", wanted);
        json.WriteNumber("partitions", counts.Total);
        json.WriteNumber("current", counts.Current);
        json.WriteNumber("build", counts.Build);
        json.WriteNumber("maybe", counts.Maybe);
        json.WriteNumber("blocked", counts.Blocked);
        if (dry.Estimate is { } estimate)
        {
            json.WriteNumber("estimate_low_ms", (long)estimate.Low.TotalMilliseconds);
            json.WriteNumber("estimate_high_ms", (long)estimate.High.TotalMilliseconds);
        }
        json.WriteNumber("makespan_s", times.MakespanMs / 1000.0);
        json.WriteNumber("lower_bound_s", times.LowerBoundMs / 1000.0);
        if (dry.Estimates.Strategy.Length > 0) json.WriteString("cores", dry.Estimates.Strategy);
        json.WriteStartArray("runs");
        foreach (var run in times.Runs) Write(json, dry, run);
        json.WriteEndArray();
        json.WriteStartArray("order");
        foreach (var row in PlanRow.Of(dry.Plan)) Write(json, row);
        json.WriteEndArray();
        json.WriteStartArray("problems");
        foreach (var problem in dry.Plan.Problems) JsonParts.Write(json, problem);
        json.WriteEndArray();
        json.WriteNumber("exit_code", exitCode);
        json.WriteEndObject();
    }

    /// <summary>A partition with verdict and reason.</summary>
    public static void Write(Utf8JsonWriter json, PlanRow row)
    {
        json.WriteStartObject();
        json.WriteString("partition", row.Name);
        json.WriteString("job", row.Job);
        json.WriteString("verdict", Name(row.Verdict));
        if (row.Reason != StaleReason.None)
        {
            json.WriteString("reason", Explain.Word(row.Reason));
            if (row.Detail.Length > 0) json.WriteString("detail", row.Detail);
        }
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, DryPlan dry, TimetableRun run)
    {
        var graph = dry.Plan.Graph;
        json.WriteStartObject();
        json.WriteString("partition", graph.Names.Text(graph.Outputs(run.Node)[0]));
        json.WriteString("job", graph.JobOf(run.Node).Name);
        json.WriteNumber("start_s", run.StartMs / 1000.0);
        json.WriteNumber("end_s", run.EndMs / 1000.0);
        json.WriteStartArray("slots");
        foreach (var slot in run.Slots) json.WriteNumberValue(slot + 1);
        json.WriteEndArray();
        json.WriteString("estimate_from", NameOf(dry.Estimates.Sources[run.Node]));
        json.WriteEndObject();
    }

    /// <summary>Where an estimate comes from, as a word.</summary>
    public static string NameOf(EstimateSource source) => source switch
    {
        EstimateSource.Partition => "partition",
        EstimateSource.Job => "job",
        EstimateSource.Declared => "declared",
        EstimateSource.Timeout => "timeout",
        EstimateSource.Tag => "tag",
        EstimateSource.All => "all",
        EstimateSource.Default => "default",
        EstimateSource.OtherCores => "other-cores",
        EstimateSource.OtherHosts => "other-hosts",
        EstimateSource.OtherHostsAndCores => "other-hosts-and-cores",
    };

    /// <summary><c>current</c>, <c>build</c>, <c>maybe</c>, <c>blocked</c>.</summary>
    public static string Name(Verdict verdict) => verdict switch
    {
        Verdict.Current => "current",
        Verdict.Build => "build",
        Verdict.Maybe => "maybe",
        Verdict.Blocked => "blocked",
    };
}
