using System.Text.Json;
using System.Text.RegularExpressions;
using Quoin.Cli;

namespace Quoin.Server;

/// <summary>The OpenAPI document, made from the table of routes, so that none is missing.</summary>
static partial class OpenApi
{
    /// <summary>Answers with it.</summary>
    public static Task AnswerAsync(Request request) => Json.WriteAsync(request.Http, Write);

    /// <summary>Writes it.</summary>
    public static void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("openapi", "3.1.0");
        json.WriteStartObject("info");
        json.WriteString("title", "Quoin");
        json.WriteString("version", "1");
        json.WriteEndObject();
        json.WriteStartObject("paths");
        foreach (var path in Api.Routes.GroupBy(route => route.Path))
        {
            json.WriteStartObject(Api.Root + path.Key);
            foreach (var route in path) Write(json, route);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteStartObject("components");
        WriteProblem(json);
        json.WriteStartObject("securitySchemes");
        json.WriteStartObject("token");
        json.WriteString("type", "http");
        json.WriteString("scheme", "bearer");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, ApiRoute route)
    {
        json.WriteStartObject(route.Method.ToLowerInvariant());
        json.WriteString("summary", route.Summary);
        json.WriteString(
            "operationId",
            route.Method.ToLowerInvariant() + Words().Replace(route.Path, "_").TrimEnd('_'));
        json.WriteStartArray("parameters");
        foreach (Match part in PathParts().Matches(route.Path))
            Parameter(json, "path", part.Groups[1].Value, isNeeded: true);
        foreach (var name in route.Query) Parameter(json, "query", name, isNeeded: false);
        if (route.Method == "POST") Parameter(json, "header", "Idempotency-Key", isNeeded: false);
        json.WriteEndArray();
        if (route.Body is { Length: > 0 } fields) WriteBody(json, fields);
        json.WriteStartObject("responses");
        Response(json, "200", "As asked", isProblem: false);
        Response(json, "default", "A problem (RFC 9457) with a stable code", isProblem: true);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    static void Parameter(Utf8JsonWriter json, string place, string name, bool isNeeded)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteString("in", place);
        json.WriteBoolean("required", isNeeded);
        json.WriteStartObject("schema");
        json.WriteString("type", name is "limit" or "after" or "attempt" ? "integer" : "string");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    // A field's last character says what it is: [] texts, # a number, ? yes or no, else a text.
    static void WriteBody(Utf8JsonWriter json, string[] fields)
    {
        json.WriteStartObject("requestBody");
        json.WriteStartObject("content");
        json.WriteStartObject("application/json");
        json.WriteStartObject("schema");
        json.WriteString("type", "object");
        json.WriteStartObject("properties");
        foreach (var field in fields)
        {
            json.WriteStartObject(field.TrimEnd('[', ']', '#', '?'));
            json.WriteString("type", field[^1] switch
            {
                ']' => "array",
                '#' => "integer",
                '?' => "boolean",
                _ => "string",
            });
            if (field[^1] == ']')
            {
                json.WriteStartObject("items");
                json.WriteString("type", "string");
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteBoolean("additionalProperties", false);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    static void Response(Utf8JsonWriter json, string status, string text, bool isProblem)
    {
        json.WriteStartObject(status);
        json.WriteString("description", text);
        if (isProblem)
        {
            json.WriteStartObject("content");
            json.WriteStartObject("application/problem+json");
            json.WriteStartObject("schema");
            json.WriteString("$ref", "#/components/schemas/Problem");
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    static void WriteProblem(Utf8JsonWriter json)
    {
        json.WriteStartObject("schemas");
        json.WriteStartObject("Problem");
        json.WriteString("type", "object");
        JsonParts.Write(json, "required", ["type", "title", "status", "detail", "code"]);
        json.WriteStartObject("properties");
        foreach (var name in new[] { "type", "title", "status", "detail", "code" })
        {
            json.WriteStartObject(name);
            json.WriteString("type", name == "status" ? "integer" : "string");
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex Words();

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex PathParts();
}
