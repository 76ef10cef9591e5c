using System.Text;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Reads report lines: <c>@quoin </c> and one JSON object. Whatever a job prints, the answer is
/// null or a sentence that says what is wrong with the line; never an exception.
/// </summary>
static class ReportReader
{
    /// <summary>How a report line starts.</summary>
    public static ReadOnlySpan<byte> Prefix => "@quoin "u8;

    /// <summary>
    /// Adds what a line says to <paramref name="reports"/>. <paramref name="progress"/> is set when
    /// it is about progress.
    /// </summary>
    public static string? Read(
        ReadOnlySpan<byte> line, JobReports reports, out JobProgress? progress)
    {
        progress = null;
        try
        {
            return ReadLine(line, reports, ref progress);
        }
        // Half a surrogate pair in an escape is InvalidOperationException.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Broken(reports, "it is not valid JSON: " + e.Message);
        }
    }

    static string? ReadLine(
        ReadOnlySpan<byte> line, JobReports reports, ref JobProgress? progress)
    {
        var reader = new Utf8JsonReader(line[Prefix.Length..]);
        using var document = JsonDocument.ParseValue(ref reader);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            return Broken(reports, "it is not a JSON object");
        if (line[(Prefix.Length + (int)reader.BytesConsumed)..].TrimEnd(" \t\r"u8).Length > 0)
            return Broken(reports, "something follows the JSON object");
        var problems = new List<string>();
        foreach (var property in document.RootElement.EnumerateObject())
        {
            if (ReadOne(property, document.RootElement, reports, ref progress) is not { } problem)
                continue;
            problems.Add(problem);
            // What is only to be shown is no part of an answer; a failure is one of any category.
            if (property.Name is not ("progress" or "message" or "metric")
                && !(property.Name == "fail" && reports.Fail is not null))
                Broken(reports, problem);
        }
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }

    static string Broken(JobReports reports, string problem)
    {
        reports.Broken ??= problem;
        return problem;
    }

    static string? ReadOne(
        JsonProperty property, JsonElement all, JobReports reports, ref JobProgress? progress)
    {
        var value = property.Value;
        switch (property.Name)
        {
            case "progress":
                double? fraction =
                    value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
                if (fraction is not (>= 0 and <= 1)) return "progress is not a number from 0 to 1";
                progress = new JobProgress(fraction, Message(all));
                return null;
            case "message":
                if (value.ValueKind != JsonValueKind.String) return "message is not a text";
                progress ??= new JobProgress(null, Message(all));
                return null;
            case "needs":
                return ReadNeeds(value, reports);
            case "fail":
                return ReadFail(value, reports);
            case "manifest":
                reports.HasManifest = true;
                return ReadManifest(value, reports);
            case "metric":
                return null; // It is in the log, which is where metrics are read.
            default:
                return ResourceReports.TryRead(property.Name, value, reports, out var problem)
                    ? problem
                    : $"unknown report \"{property.Name}\" (known: manifest, progress, message, "
                        + "needs, metric, fail, defer, external, unknown, absent, ended, released)";
        }
    }

    static string? Message(JsonElement all) =>
        all.TryGetProperty("message", out var text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()
            : null;

    static string? ReadNeeds(JsonElement value, JobReports reports)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
            return "needs is not a list of partition references";
        var problems = new List<string>();
        foreach (var item in value.EnumerateArray())
        {
            var text = item.ValueKind == JsonValueKind.String ? item.GetString()! : null;
            if (text is null) problems.Add($"needs has {item.GetRawText()}, which is not a text");
            else if (PartitionRef.Check(text) is { } wrong) problems.Add($"needs: {wrong}");
            else if (!reports.Needs.Contains(text)) reports.Needs.Add(text);
        }
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }

    static string? ReadFail(JsonElement value, JobReports reports)
    {
        if (value.ValueKind != JsonValueKind.Object) return "fail is not an object";
        var reason = value.TryGetProperty("reason", out var text)
            && text.ValueKind == JsonValueKind.String
            ? text.GetString()! : "the job reported failure";
        var name = value.TryGetProperty("category", out var category)
            && category.ValueKind == JsonValueKind.String ? category.GetString() : "failed";
        var known = CategoryNames.TryParse(name, out var parsed) && parsed != FailureCategory.Lost;
        reports.Fail = (known ? parsed : FailureCategory.Failed, reason);
        return known
            ? null
            : $"unknown failure category \"{name}\" (known: {CategoryNames.Reportable})";
    }

    static string? ReadManifest(JsonElement value, JobReports reports)
    {
        if (value.ValueKind != JsonValueKind.Object) return "manifest is not an object";
        var problems = new List<string>();
        if (ResourceReports.ReadConnections(value, reports) is { } wrong) problems.Add(wrong);
        // In JSON of protocol buffers an empty list is left out.
        if (!value.TryGetProperty("outputs", out var outputs)) return problems.FirstOrDefault();
        if (outputs.ValueKind != JsonValueKind.Array) return "manifest.outputs is not a list";
        foreach (var output in outputs.EnumerateArray())
        {
            if (output.ValueKind != JsonValueKind.Object
                || !output.TryGetProperty("ref", out var reference)
                || reference.ValueKind != JsonValueKind.String)
            {
                problems.Add("an output of the manifest has no \"ref\"");
                continue;
            }
            string? path = null, metadata = null;
            if (output.TryGetProperty("path", out var place))
            {
                if (place.ValueKind == JsonValueKind.String) path = place.GetString();
                else problems.Add($"the path of {reference.GetString()} is not a text");
            }
            if (output.TryGetProperty("metadata", out var data))
            {
                if (data.ValueKind == JsonValueKind.Object) metadata = data.GetRawText();
                else problems.Add($"the metadata of {reference.GetString()} is not an object");
            }
            reports.Outputs[reference.GetString()!] = new OutputReport(path, metadata);
        }
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }
}

/// <summary>Failure categories as jobs, graph files and people write them: kebab-case.</summary>
public static class CategoryNames
{
    static readonly (FailureCategory Category, string Name)[] all =
    [
        (FailureCategory.Failed, "failed"),
        (FailureCategory.BadInput, "bad-input"),
        (FailureCategory.Permission, "permission"),
        (FailureCategory.Configuration, "configuration"),
        (FailureCategory.Contract, "contract"),
        (FailureCategory.Temporary, "temporary"),
        (FailureCategory.Timeout, "timeout"),
        (FailureCategory.OutOfMemory, "out-of-memory"),
        (FailureCategory.Signal, "signal"),
        (FailureCategory.Lost, "lost"),
    ];

    /// <summary>Those that a job may report, for messages.</summary>
    public static string Reportable { get; } = string.Join(
        ", ", all.Where(c => c.Category != FailureCategory.Lost).Select(c => c.Name));

    /// <summary>The name of a category.</summary>
    public static string Of(FailureCategory category) =>
        Array.Find(all, c => c.Category == category).Name ?? "failed";

    /// <summary>Reads what <see cref="Of"/> wrote.</summary>
    public static bool TryParse(string? name, out FailureCategory category)
    {
        var found = Array.FindIndex(all, c => c.Name == name);
        category = found < 0 ? FailureCategory.Failed : all[found].Category;
        return found >= 0;
    }
}
