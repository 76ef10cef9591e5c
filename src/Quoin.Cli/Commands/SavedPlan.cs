using System.Collections.Immutable;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// A plan in a file, from <c>plan --save FILE</c>: what somebody looked at and agreed to.
/// <c>build --plan FILE</c> builds exactly that, or refuses because something moved since.
/// </summary>
sealed record SavedPlan
{
    const int Format = 1;

    /// <summary>What was asked for.</summary>
    public required ImmutableArray<string> Targets { get; init; }

    /// <summary>By partition what was to be done with it, and its definition then.</summary>
    public required IReadOnlyDictionary<string, string> Steps { get; init; }

    /// <summary>The plan that was just made.</summary>
    public static SavedPlan Of(Plan plan, ImmutableArray<string> targets)
    {
        var steps = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var node in plan.Graph.Order.ToArray())
        {
            var verdict = PlanJson.Name(plan.VerdictOf(node));
            var definition = plan.Test.Fingerprints.DefinitionOf(node);
            foreach (var output in plan.Graph.Outputs(node).ToArray())
                steps[plan.Graph.Names.Text(output)] = $"{verdict} {definition}";
        }
        foreach (var source in plan.Sources)
            steps[$"file {source.Path}"] = source.Digest.Exists ? $"{source.Digest}" : "missing";
        return new SavedPlan { Targets = targets, Steps = steps };
    }

    /// <summary>Writes it; the folder has to be there.</summary>
    public void Write(string path) => File.WriteAllText(path, JsonText.Write(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("quoin_plan", Format);
        JsonParts.Write(json, "targets", Targets);
        json.WriteStartObject("steps");
        foreach (var (name, step) in Steps) json.WriteString(name, step);
        json.WriteEndObject();
        json.WriteEndObject();
    }) + "\n");

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="UsageException">It is not such a file.</exception>
    public static SavedPlan Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            if (root.GetProperty("quoin_plan").GetInt32() != Format)
                throw new UsageException(
                    "bad-plan", $"{path} is a plan of another version; save it anew");
            return new SavedPlan
            {
                Targets =
                [
                    .. root.GetProperty("targets").EnumerateArray()
                        .Select(target => target.GetString()!),
                ],
                Steps = root.GetProperty("steps").EnumerateObject().ToDictionary(
                    step => step.Name, step => step.Value.GetString()!, StringComparer.Ordinal),
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException
            or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new UsageException(
                "bad-plan", $"{path} is not a plan that `quoin plan --save` wrote: {e.Message}");
        }
    }

    /// <summary>
    /// The first thing that is not as it was: <c>b/2 was current and is to be built now</c>; null
    /// when nothing moved.
    /// </summary>
    public string? MovedSince(SavedPlan now)
    {
        foreach (var name in Steps.Keys.Union(now.Steps.Keys).Order(StringComparer.Ordinal))
        {
            var was = Steps.GetValueOrDefault(name);
            var isNow = now.Steps.GetValueOrDefault(name);
            if (was == isNow) continue;
            if (name.StartsWith("file ", StringComparison.Ordinal)) return $"{name} changed";
            if (was is null) return $"{name} was not part of it";
            if (isNow is null) return $"{name} is not part of it any more";
            var (before, after) = (was.Split(' ')[0], isNow.Split(' ')[0]);
            return before == after
                ? $"{name} is defined otherwise now"
                : $"{name} was \"{before}\" and is \"{after}\" now";
        }
        return null;
    }
}
