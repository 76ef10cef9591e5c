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
            var reader = new Utf8JsonReader(line[Prefix.Length..]);
            using var document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return "it is not a JSON object";
            if (line[(Prefix.Length + (int)reader.BytesConsumed)..].TrimEnd(" \t\r"u8).Length > 0)
                return "something follows the JSON object";
            var problems = new List<string>();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (ReadOne(property, document.RootElement, reports, ref progress) is { } problem)
                    problems.Add(problem);
            }
            return problems.Count == 0 ? null : string.Join("; ", problems);
        }
        // Half a surrogate pair in an escape is InvalidOperationException.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return "it is not valid JSON: " + e.Message;
        }
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
            case "defer":
                reports.Deferred = true;
                return null;
            case "fail":
                return ReadFail(value, reports);
            case "manifest":
                return ReadManifest(value, reports);
            case "metric":
                return null; // It is in the log, which is where metrics are read.
            default:
                return $"unknown report \"{property.Name}\" (known: manifest, progress, message, "
                    + "needs, metric, fail, defer)";
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
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("outputs", out var outputs)
            || outputs.ValueKind != JsonValueKind.Array)
            return "manifest is not an object with a list \"outputs\"";
        var problems = new List<string>();
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
