using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Writes the JSON Schema of graph files, for editors, from the table that the loader checks with:
/// <c>schemas/quoin.schema.json</c> is this text.
/// </summary>
public static class SchemaWriter
{
    const string DurationPattern =
        @"^(P(?=[\dT])(\d+(\.\d+)?D)?(T(?=\d)(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?"
        + @"|(?=\d)(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?)$";

    const string SizePattern = @"^\d+(\.\d+)? ?(B|[kKMGT]B|[KMGT]iB|[KMGT])?$";

    /// <summary>The schema, indented, with a newline at its end.</summary>
    public static string Write()
    {
        using var buffer = new MemoryStream();
        var options = new JsonWriterOptions
        {
            Indented = true,
            IndentSize = 2,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
            json.WriteString("title", "quoin.yaml: the jobs and datasets of a project");
            WriteObject(json, GraphShape.File);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    static void WriteShape(Utf8JsonWriter json, Shape shape)
    {
        switch (shape)
        {
            case TextShape:
                // YAML reads 2012 and true as other types; to Quoin they are text.
                json.WriteStartArray("type");
                foreach (var type in (ReadOnlySpan<string>)["string", "number", "boolean"])
                    json.WriteStringValue(type);
                json.WriteEndArray();
                break;
            case IntShape whole:
                json.WriteString("type", "integer");
                json.WriteNumber("minimum", whole.Min);
                json.WriteNumber("maximum", whole.Max);
                break;
            case BoolShape:
                json.WriteString("type", "boolean");
                break;
            case DurationShape duration:
                json.WriteString("type", "string");
                json.WriteString("pattern",
                    duration.AllowsNone ? $"^none$|{DurationPattern}" : DurationPattern);
                break;
            case SizeShape:
                json.WriteStartArray("type");
                json.WriteStringValue("string");
                json.WriteStringValue("integer");
                json.WriteEndArray();
                json.WriteString("pattern", SizePattern);
                break;
            case CoresShape:
                json.WriteStartArray("type");
                json.WriteStringValue("integer");
                json.WriteStringValue("string");
                json.WriteEndArray();
                json.WriteNumber("minimum", 0);
                json.WriteNumber("maximum", CoreRange.Max);
                json.WriteString("pattern", "^\\d+(-\\d+)?$");
                break;
            case ChoiceShape choice:
                json.WriteStartArray("enum");
                foreach (var word in choice.Words) json.WriteStringValue(word);
                json.WriteEndArray();
                break;
            case ListShape list:
                json.WriteString("type", "array");
                WriteNested(json, "items", list.Item);
                if (list.CountMin > 0) json.WriteNumber("minItems", list.CountMin);
                break;
            case MapShape map:
                json.WriteString("type", "object");
                if (map.Key is not null)
                {
                    json.WriteStartObject("propertyNames");
                    json.WriteString("pattern", "^[0-9]+$");
                    json.WriteEndObject();
                }
                WriteNested(json, "additionalProperties", map.Value);
                break;
            case EitherShape either:
                json.WriteStartArray("anyOf");
                foreach (var one in (ReadOnlySpan<Shape>)[either.Text, either.Map])
                {
                    json.WriteStartObject();
                    WriteShape(json, one);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                break;
            case ObjectShape map:
                WriteObject(json, map);
                break;
            default:
                throw new InvalidOperationException($"no schema for {shape.GetType().Name}");
        }
    }

    static void WriteObject(Utf8JsonWriter json, ObjectShape shape)
    {
        json.WriteString("type", "object");
        json.WriteStartObject("properties");
        foreach (var key in shape.Keys)
        {
            json.WriteStartObject(key.Key);
            json.WriteString("description", key.Support switch
            {
                KeySupport.Full => key.Doc,
                KeySupport.NoEffect => $"{key.Doc} No effect in this version.",
                KeySupport.None => $"{key.Doc} Not supported by this version.",
            });
            WriteShape(json, key.Value);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteBoolean("additionalProperties", false);
        if (!shape.Keys.Any(key => key.IsRequired)) return;
        json.WriteStartArray("required");
        foreach (var key in shape.Keys)
            if (key.IsRequired) json.WriteStringValue(key.Key);
        json.WriteEndArray();
    }

    static void WriteNested(Utf8JsonWriter json, string name, Shape shape)
    {
        json.WriteStartObject(name);
        WriteShape(json, shape);
        json.WriteEndObject();
    }
}
