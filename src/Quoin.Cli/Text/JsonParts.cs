using System.Text.Json;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// Pieces of documents that several commands write the same way. docs/json.md lists them.
/// </summary>
static class JsonParts
{
    /// <summary>An object: code, message, chain.</summary>
    public static void Write(Utf8JsonWriter json, PlanProblem problem)
    {
        json.WriteStartObject();
        json.WriteString("code", problem.Code);
        json.WriteString("message", problem.Message);
        json.WriteStartArray("chain");
        foreach (var link in problem.Chain) json.WriteStringValue(link);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>A document: errors with code, message, file, line, column, suggestion.</summary>
    public static void Write(
        Utf8JsonWriter json, IReadOnlyList<GraphProblem> problems, int exitCode)
    {
        json.WriteStartObject();
        json.WriteStartArray("errors");
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("code", problem.Code);
            json.WriteString("message", problem.Message);
            Write(json, problem.Location);
            if (problem.Suggestion is { } near) json.WriteString("suggestion", near);
            if (problem.IsWarning) json.WriteBoolean("is_warning", true);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("exit_code", exitCode);
        json.WriteEndObject();
    }

    /// <summary>A list of texts.</summary>
    public static void Write(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    /// <summary>The fields file, line, column of the object that is open.</summary>
    public static void Write(Utf8JsonWriter json, SourceLocation location)
    {
        json.WriteString("file", location.File);
        json.WriteNumber("line", location.Line);
        json.WriteNumber("column", location.Column);
    }

    /// <summary>
    /// The fields category, reason, exit_code, signal of the object that is open.
    /// </summary>
    public static void Write(Utf8JsonWriter json, RunFailure failure)
    {
        json.WriteString("category", Units.Name(failure.Category));
        json.WriteString("reason", failure.Reason);
        if (failure.Signal == 0) json.WriteNumber("exit_code", failure.ExitCode);
        else json.WriteNumber("signal", failure.Signal);
    }

    /// <summary>A time as ISO 8601 in UTC with milliseconds; null writes null.</summary>
    public static void Time(Utf8JsonWriter json, string name, DateTimeOffset? at)
    {
        if (at is { } time)
            json.WriteString(name, time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ"));
        else
            json.WriteNull(name);
    }
}
