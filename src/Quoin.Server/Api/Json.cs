using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quoin.Server;

/// <summary>Answers of the API: documents, and errors as RFC 9457 has them.</summary>
static class Json
{
    static readonly JsonWriterOptions Options =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One document.</summary>
    public static async Task WriteAsync(
        HttpContext http, Action<Utf8JsonWriter> write, int status = 200,
        string type = "application/json; charset=utf-8")
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Options)) write(json);
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.Headers.CacheControl = "no-store";
        http.Response.ContentLength = buffer.WrittenCount;
        await http.Response.Body.WriteAsync(buffer.WrittenMemory, http.RequestAborted);
    }

    /// <summary>
    /// <c>application/problem+json</c>: <c>code</c> is the stable one that the command line prints.
    /// </summary>
    public static Task ProblemAsync(HttpContext http, int status, string code, string message) =>
        WriteAsync(
            http,
            json =>
            {
                json.WriteStartObject();
                json.WriteString("type", $"urn:quoin:problem:{code}");
                json.WriteString("title", code);
                json.WriteNumber("status", status);
                json.WriteString("detail", message);
                json.WriteString("code", code);
                json.WriteEndObject();
            },
            status, "application/problem+json; charset=utf-8");
}

/// <summary>A request that cannot be answered: its status, stable code and a message.</summary>
sealed class ApiException(int status, string code, string message) : Exception(message)
{
    /// <summary>Of HTTP.</summary>
    public int Status { get; } = status;

    /// <summary>Stable.</summary>
    public string Code { get; } = code;
}
