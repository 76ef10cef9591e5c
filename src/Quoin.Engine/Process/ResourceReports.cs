using System.Text;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Reads the reports that only jobs with <c>resource:</c> may make.</summary>
static class ResourceReports
{
    const int IdCharsMax = 1024;
    const int ConnectionsBytesMax = 64 << 10;

    /// <summary>
    /// True when this is one of them; <paramref name="problem"/> says what is wrong with it.
    /// </summary>
    public static bool TryRead(
        string name, JsonElement value, JobReports reports, out string? problem)
    {
        switch (name)
        {
            case "defer":
                problem = ReadDefer(value, reports);
                break;
            case "external":
                problem = ReadExternal(value, reports);
                break;
            case "unknown":
                problem = Flag(name, value);
                if (problem is null) reports.Unknown = TextOf(value, "reason") ?? "";
                break;
            case "absent":
                problem = Flag(name, value);
                if (problem is null) reports.IsAbsent = true;
                break;
            case "released":
                problem = Flag(name, value);
                if (problem is null) reports.IsReleased = true;
                break;
            case "ended":
                problem = ReadEnded(value, reports);
                break;
            default:
                problem = null;
                return false;
        }
        reports.ResourceOnly ??= name;
        return true;
    }

    /// <summary>The connections of a manifest.</summary>
    public static string? ReadConnections(JsonElement manifest, JobReports reports)
    {
        if (!manifest.TryGetProperty("connections", out var connections)) return null;
        reports.ResourceOnly ??= "connections";
        if (connections.ValueKind != JsonValueKind.Object)
            return "connections is not an object";
        if (BytesOf(connections) is > ConnectionsBytesMax and var bytes)
            return $"connections has {bytes} bytes, more than {ConnectionsBytesMax}";
        reports.ConnectionsJson = connections.GetRawText();
        return null;
    }

    static string? ReadDefer(JsonElement value, JobReports reports)
    {
        if (value.ValueKind != JsonValueKind.Object) return "defer is not an object";
        var reset = false;
        if (value.TryGetProperty("reset", out var flag))
        {
            if (flag.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                return "defer.reset is not true or false";
            reset = flag.GetBoolean();
        }
        if (ReadAfter(value, out var after) is { } wrong) return wrong;
        string? state = null;
        if (value.TryGetProperty("state", out var given) && given.ValueKind != JsonValueKind.Null)
        {
            if (given.ValueKind != JsonValueKind.Object) return "defer.state is not an object";
            if (BytesOf(given) is > DeferReport.StateBytesMax and var bytes)
                return $"defer.state has {bytes} bytes, more than {DeferReport.StateBytesMax}; "
                    + "keep what is larger in a file or with the service";
            state = given.GetRawText();
        }
        reports.Defer = new(after, reset, state);
        return null;
    }

    static string? ReadAfter(JsonElement defer, out TimeSpan? after)
    {
        const string Form = "defer.after is not a duration such as \"30s\"";
        after = null;
        if (!defer.TryGetProperty("after", out var given) || given.ValueKind == JsonValueKind.Null)
            return null;
        if (given.ValueKind != JsonValueKind.String) return $"{Form}, but {given.GetRawText()}";
        var text = given.GetString()!;
        var size = text.StartsWith('-') ? text.AsSpan(1) : text;
        if (!Quantities.TryParseDuration(size, out var time))
            return $"{Form} of at most 365 days, but \"{text}\"";
        if (text.StartsWith('-'))
            return $"defer.after is {text}: nothing can be deferred into the past";
        if (time > DeferReport.AfterMax)
            return $"defer.after is {text}, more than 365 days";
        after = time;
        return null;
    }

    static string? ReadExternal(JsonElement value, JobReports reports)
    {
        if (value.ValueKind != JsonValueKind.Object) return "external is not an object";
        if (!value.TryGetProperty("id", out var id)) return "external has no \"id\"";
        if (IdOf(id, out var text) is { } wrong) return $"external.id {wrong}";
        var extra = new List<string>();
        if (value.TryGetProperty("extra", out var more) && more.ValueKind != JsonValueKind.Null)
        {
            if (more.ValueKind != JsonValueKind.Array) return "external.extra is not a list of ids";
            foreach (var item in more.EnumerateArray())
            {
                if (IdOf(item, out var other) is { } bad) return $"an id of external.extra {bad}";
                if (other != text && !extra.Contains(other!)) extra.Add(other!);
            }
        }
        reports.ExternalId = text;
        foreach (var other in extra)
            if (!reports.ExtraIds.Contains(other)) reports.ExtraIds.Add(other);
        return null;
    }

    // What is wrong with an id, or null. A service may number its things.
    static string? IdOf(JsonElement value, out string? text)
    {
        text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            _ => null,
        };
        if (text is null) return "is not a text";
        if (text.Length == 0) return "is empty";
        if (text.Length > IdCharsMax) return $"is longer than {IdCharsMax} characters";
        return text.Any(char.IsControl) ? "has a control character" : null;
    }

    static string? ReadEnded(JsonElement value, JobReports reports)
    {
        if (Flag("ended", value) is { } wrong) return wrong;
        int? exit = null;
        if (value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty("exit", out var code) && code.ValueKind != JsonValueKind.Null)
        {
            if (code.ValueKind != JsonValueKind.Number || !code.TryGetInt32(out var number))
                return "ended.exit is not a whole number";
            exit = number;
        }
        reports.Ended = new(exit);
        return null;
    }

    // True or an object. False would be a report that says nothing: somebody erred.
    static string? Flag(string name, JsonElement value) =>
        value.ValueKind is JsonValueKind.True or JsonValueKind.Object
            ? null
            : $"{name} is not true or an object";

    static string? TextOf(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var text)
        && text.ValueKind == JsonValueKind.String
            ? text.GetString()
            : null;

    static int BytesOf(JsonElement value) => Encoding.UTF8.GetByteCount(value.GetRawText());
}
