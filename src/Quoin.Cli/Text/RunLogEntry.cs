using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Quoin.Cli;

/// <summary>
/// One entry of an attempt's structured log: <c>{"at":…,"type":…, more fields}</c>.
/// </summary>
sealed class RunLogEntry
{
    readonly List<(string Name, string Value)> fields = [];

    RunLogEntry(DateTimeOffset at, string type) => (At, Type) = (at, type);

    /// <summary>When.</summary>
    public DateTimeOffset At { get; }

    /// <summary><c>launched</c>, <c>stdout</c>, <c>ended</c>, ….</summary>
    public string Type { get; }

    /// <summary>Of interest only with <c>-v</c>.</summary>
    public bool IsDetail => Type is "heartbeat" or "validating" or "config-accepted";

    /// <summary>
    /// Reads a line; null when it is not an entry (a write that a crash cut short).
    /// </summary>
    public static RunLogEntry? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("type", out var type)
                || type.ValueKind != JsonValueKind.String) return null;
            var entry = new RunLogEntry(TimeOf(root), type.GetString()!);
            foreach (var field in root.EnumerateObject())
            {
                if (field.Name is not ("at" or "type"))
                    entry.fields.Add((field.Name, TextOf(field.Value)));
            }
            return entry;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A field's text, or null.</summary>
    public string? this[string name] =>
        fields.FirstOrDefault(field => field.Name == name).Value;

    /// <summary>The entry as people read it: output behind a bar, steps with their facts.</summary>
    public Line LineOf(TimeProvider time)
    {
        var clock = TimeZoneInfo.ConvertTime(At, time.LocalTimeZone)
            .ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
        var line = new Line(clock, Style.Dim);
        if (Type is "stdout" or "stderr")
        {
            return line.Add(Type == "stderr" ? " ! " : " | ", Style.Dim)
                .Add(this["line"] ?? "");
        }
        line.Add("   ").Add(Type, Type switch
        {
            "task-failed" or "launch-failed" or "config-rejected" or "contract-broken" => Style.Red,
            "task-succeeded" => Style.Green,
            "warning" or "timeout" or "cancel-requested" => Style.Yellow,
            _ => Style.Dim,
        });
        foreach (var (name, value) in fields) line.Add($"  {name}=", Style.Dim).Add(value);
        return line;
    }

    static DateTimeOffset TimeOf(JsonElement entry) =>
        entry.TryGetProperty("at", out var time) && time.ValueKind == JsonValueKind.String
            && DateTimeOffset.TryParse(
                time.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
                out var at)
            ? at
            : default;

    static string TextOf(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) return value.GetString()!;
        if (value.ValueKind != JsonValueKind.Array) return value.GetRawText();
        var text = new StringBuilder();
        foreach (var item in value.EnumerateArray())
            text.Append(text.Length > 0 ? " " : "").Append(TextOf(item));
        return text.ToString();
    }
}
