using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// The log over HTTP: a page of it, or, for who accepts <c>text/event-stream</c>, on and on. Every
/// event has its position as id, so whoever comes back goes on where it was.
/// </summary>
static class EventRoutes
{
    // What one that does not read keeps in our memory: a piece, and not all there is for it.
    const int PieceMax = 128 << 10;

    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>Answers with a page or a stream.</summary>
    public static Task AnswerAsync(Request request)
    {
        request.Only("after", "type", "subject", "limit");
        var types = request.All("type");
        foreach (var type in types)
            if (!EventCodec.Types.Contains(type))
                throw Request.Bad(
                    $"type={type}: there is no such event; all: "
                    + string.Join(' ', EventCodec.Types));
        var accepts = request.Http.Request.Headers.Accept.ToString();
        return accepts.Contains("text/event-stream", StringComparison.Ordinal)
            ? FollowAsync(request, types)
            : PageAsync(request, types);
    }

    static async Task PageAsync(Request request, IReadOnlyList<string> types)
    {
        var (limit, after) = (request.Limit, request.Number("after") ?? 0);
        var rows = EventReads.Oldest(
            request.Served.Views, request.Served.Store,
            new EventFilter(request.One("subject"), types), after, limit);
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("events");
            foreach (var raw in rows) json.WriteRawValue(EventJson.ToJson(raw));
            json.WriteEndArray();
            if (rows.Count == limit) json.WriteNumber("next", rows[^1].Position);
            json.WriteEndObject();
        });
    }

    static async Task FollowAsync(Request request, IReadOnlyList<string> types)
    {
        var (http, served, subject) = (request.Http, request.Served, request.One("subject"));
        var position = LastSeen(http) ?? request.Number("after") ?? served.Views.Position;
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no"; // A proxy would keep it back.
        using var following = served.Events.Follow();
        await SendAsync(http, ": hello\n\n"u8.ToArray());
        while (!request.Ct.IsCancellationRequested)
        {
            var next = served.Events.NextAsync(position, out var more);
            if (await next.WaitAsync(request.Ct) is { } events && events.Last > position)
            {
                var part = events.After(position, types, subject);
                position = events.Last;
                for (; part.Length > 0; part = part[Math.Min(PieceMax, part.Length)..])
                {
                    var piece = part[..Math.Min(PieceMax, part.Length)];
                    await served.Events.InTurnAsync(() => SendAsync(http, piece), request.Ct);
                }
                continue;
            }
            try
            {
                await more.WaitAsync(Heartbeat, served.Cli.Time, request.Ct);
            }
            catch (TimeoutException)
            {
                await SendAsync(http, ": still there\n\n"u8.ToArray());
            }
        }
    }

    static long? LastSeen(HttpContext http) =>
        long.TryParse(http.Request.Headers["Last-Event-ID"], out var id) && id >= 0 ? id : null;

    static async Task SendAsync(HttpContext http, ReadOnlyMemory<byte> bytes)
    {
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }
}
