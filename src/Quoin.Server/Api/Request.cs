using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// One request of the API: its parameters and body, read and bounded. What cannot be read is an
/// <see cref="ApiException"/> that names it.
/// </summary>
sealed class Request(HttpContext http, Served served)
{
    const int LimitDefault = 100, LimitMax = 1_000, TextMax = 4_096;

    static readonly JsonDocumentOptions Strict = new() { MaxDepth = 8 };

    JsonElement? body;

    /// <summary>The request itself.</summary>
    public HttpContext Http => http;

    /// <summary>What is asked about.</summary>
    public Served Served => served;

    /// <summary>Ends with the connection.</summary>
    public CancellationToken Ct => http.RequestAborted;

    /// <summary>Who asks, for the log.</summary>
    public string By => Visitor.Of(http) is { } visitor ? $"http:{visitor.Name}" : "http";

    /// <summary>The bytes of the body; empty before it was read.</summary>
    public ReadOnlyMemory<byte> BodyBytes { get; private set; }

    /// <summary>The trace that whoever asks is in (W3C Trace Context); empty: in none.</summary>
    public string Trace => $"{TraceContext.Read(http.Request.Headers.TraceParent)}";

    /// <summary>A part of the path, decoded.</summary>
    public string Part(string name) => $"{http.Request.RouteValues[name]}";

    /// <summary>A parameter of the query; null: it is not given.</summary>
    public string? One(string name) => http.Request.Query[name] switch
    {
        { Count: 0 } => null,
        [{ } value] when value.Contains('\0') => throw Bad($"{name} holds a NUL character"),
        [{ Length: <= TextMax } value] => value,
        [_] => throw Bad($"{name} is longer than {TextMax} characters"),
        _ => throw Bad($"{name} is given more than once"),
    };

    /// <summary>A parameter that may be repeated.</summary>
    public IReadOnlyList<string> All(string name) =>
        [.. http.Request.Query[name].OfType<string>()];

    /// <summary>Every parameter is one of these.</summary>
    public void Only(params ReadOnlySpan<string> names)
    {
        foreach (var name in http.Request.Query.Keys)
            if (!names.Contains(name))
                throw Bad($"there is no parameter {name}; there is {string.Join(", ", names)}");
    }

    /// <summary>How many things a page has.</summary>
    public int Limit => One("limit") switch
    {
        null => LimitDefault,
        var text when int.TryParse(text, NumberStyles.None, null, out var limit)
            && limit is > 0 and <= LimitMax => limit,
        var text => throw Bad($"limit={text}: write a number from 1 to {LimitMax}"),
    };

    /// <summary>The id that a page of ids goes on behind; null: from the newest one.</summary>
    public int? Cursor(char letter) => One("cursor") switch
    {
        null => null,
        [var first, '-', .. var number] when first == letter
            && int.TryParse(number, NumberStyles.None, null, out var id) => id,
        var text => throw Bad($"cursor={text}: give what the page before said as next"),
    };

    /// <summary>A number that is not negative; null: it is not given.</summary>
    public long? Number(string name) => One(name) switch
    {
        null => null,
        var text when long.TryParse(text, NumberStyles.None, null, out var number) => number,
        var text => throw Bad($"{name}={text}: write a number"),
    };

    /// <summary>A flag: given, or <c>true</c>.</summary>
    public bool Flag(string name) => One(name) switch
    {
        null or "false" => false,
        "" or "true" => true,
        var text => throw Bad($"{name}={text}: write true or false"),
    };

    /// <summary>One of the names of an enum, in kebab-case; null: it is not given.</summary>
    public T? Word<T>(string name) where T : struct, Enum =>
        One(name) is { } text ? Words<T>(name, text) : null;

    /// <summary>The value of such a name.</summary>
    public static T Words<T>(string name, string text) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>()) if (Api.Name(value) == text) return value;
        throw Bad($"{name}={text}: write one of "
            + string.Join(", ", Enum.GetValues<T>().Select(Api.Name)));
    }

    /// <summary>The run of the path, of any time.</summary>
    public RunId Run() => RunId.TryParse(Part("run"), out var id)
        && served.Views.Read(state => state.Run(id.Value) is not null)
            ? id
            : throw new ApiException(404, "no-such-run", $"there is no {Part("run")}");

    /// <summary>The want of the path, of any time.</summary>
    public WantId Want() => WantId.TryParse(Part("want"), out var id)
        && served.Views.Read(state => state.Want(id.Value) is not null)
            ? id
            : throw new ApiException(404, "no-such-want", $"there is no {Part("want")}");

    /// <summary>A reference, checked.</summary>
    public static string Reference(string? text) => text switch
    {
        null or "" => throw Bad("name a partition: ?partition=daily/2026-01-31"),
        _ when PartitionRef.Check(text) is { } problem => throw Bad($"{text}: {problem}"),
        _ => text,
    };

    /// <summary>Reads the body: an object of JSON; with nothing in it an empty one.</summary>
    public async Task ReadBodyAsync()
    {
        var type = http.Request.ContentType ?? "";
        if (http.Request.ContentLength is null or > 0
            && !type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase)
            && http.Request.ContentLength is not null)
            throw new ApiException(
                415, "usage", "send a body of JSON: Content-Type: application/json");
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer, Ct);
        BodyBytes = buffer.ToArray();
        try
        {
            body = BodyBytes.Length == 0
                ? JsonDocument.Parse("{}").RootElement
                : JsonDocument.Parse(BodyBytes, Strict).RootElement;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw Bad("the body is not UTF-8");
        }
        catch (JsonException e)
        {
            throw Bad($"the body is not JSON: line {e.LineNumber + 1}, byte"
                + $" {e.BytePositionInLine + 1}");
        }
        if (body.Value.ValueKind != JsonValueKind.Object) throw Bad("the body is not an object");
    }

    static string NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            throw Bad("a field's name is not text"); // Half a character, as \ud800.
        }
    }

    /// <summary>Every field of the body is one of these.</summary>
    public void OnlyFields(params ReadOnlySpan<string> names)
    {
        foreach (var field in body!.Value.EnumerateObject())
            if (!names.Contains(NameOf(field)))
                throw Bad($"there is no field {Short(NameOf(field))}; there is "
                    + string.Join(", ", names));
    }

    /// <summary>A text of the body; null: it is not there.</summary>
    public string? Text(string name) => Field(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } field when Valid(field) is { } text =>
            text.Length <= TextMax
                ? text
                : throw Bad($"{name} is longer than {TextMax} characters"),
        _ => throw Bad($"{name} is not a text"),
    };

    /// <summary>Texts of the body; empty when they are not there.</summary>
    public IReadOnlyList<string> Texts(string name, int most)
    {
        if (Field(name) is not { } field) return [];
        if (field.ValueKind != JsonValueKind.Array) throw Bad($"{name} is not a list");
        if (field.GetArrayLength() > most) throw Bad($"{name} has more than {most} entries");
        var texts = new List<string>();
        foreach (var item in field.EnumerateArray())
            texts.Add(item.ValueKind == JsonValueKind.String && Valid(item) is { } text
                ? text
                : throw Bad($"{name} is not a list of texts"));
        return texts;
    }

    /// <summary>A whole number of the body.</summary>
    public int? Integer(string name) => Field(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } field when field.TryGetInt32(out var number) => number,
        _ => throw Bad($"{name} is not a whole number"),
    };

    /// <summary>A yes or no of the body.</summary>
    public bool Bool(string name) => Field(name) switch
    {
        null => false,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Bad($"{name} is not true or false"),
    };

    /// <summary>A time of the body, with its zone.</summary>
    public DateTimeOffset? Time(string name) => Text(name) switch
    {
        null => null,
        var text when DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) =>
            time.ToUniversalTime(),
        var text => throw Bad($"{name}: {Short(text)} is not a time (2026-01-31T06:00Z)"),
    };

    /// <summary>A duration of the body.</summary>
    public TimeSpan? Duration(string name) => Text(name) switch
    {
        null => null,
        var text when Quantities.TryParseDuration(text, out var duration) => duration,
        var text => throw Bad($"{name}: {Short(text)} is not a duration such as 5m or PT2H"),
    };

    /// <summary>A bad request: what is wrong with it.</summary>
    public static ApiException Bad(string message) => new(400, "usage", message);

    JsonElement? Field(string name) =>
        body!.Value.TryGetProperty(name, out var field)
            && field.ValueKind != JsonValueKind.Null ? field : null;

    // Null: half of a surrogate pair, which is no text.
    static string? Valid(JsonElement text)
    {
        try
        {
            return text.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    static string Short(string text) => text.Length > 80 ? text[..80] + "…" : text;
}
