using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>
/// What keeps pages in step: a stream that says up to where the log goes, seldom enough for a
/// person, and one with what a running attempt prints.
/// </summary>
static class PageLive
{
    // A page is fetched anew for each piece of news.
    static readonly TimeSpan NewsMin = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);
    static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    /// <summary>Adds the routes.</summary>
    public static void Map(WebApplication web, Served served)
    {
        web.MapGet("/live", http => NewsAsync(http, served));
        web.MapGet("/runs/{id}/tail", http => TailAsync(http, served));
    }

    static async Task NewsAsync(HttpContext http, Served served)
    {
        Begin(http);
        var ct = http.RequestAborted;
        var position = LongOf(http, "after") ?? served.Views.Position;
        try
        {
            await SendAsync(http, ": hello\n\n", ct);
            while (true)
            {
                using var beat = CancellationTokenSource.CreateLinkedTokenSource(ct);
                beat.CancelAfter(Heartbeat);
                try
                {
                    position = await served.Views.NextAsync(position, beat.Token);
                }
                catch (OperationCanceledException) when (!ct.IsCancellationRequested)
                {
                    await SendAsync(http, ": still there\n\n", ct);
                    continue;
                }
                await SendAsync(http, $"event: news\ndata: {position}\n\n", ct);
                await Task.Delay(NewsMin, served.Cli.Time, ct);
            }
        }
        catch (OperationCanceledException)
        {
            // The browser left.
        }
    }

    static async Task TailAsync(HttpContext http, Served served)
    {
        if (!RunId.TryParse($"{http.Request.RouteValues["id"]}", out var run)
            || LongOf(http, "attempt") is not (> 0 and <= int.MaxValue and var number))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        Begin(http);
        var ct = http.RequestAborted;
        var attempt = new AttemptId(run, (int)number);
        // Resumed, if the browser knows how far it got.
        var from = LongOf(http.Request.Headers["Last-Event-ID"]) ?? LongOf(http, "from") ?? 0;
        try
        {
            while (true)
            {
                // Asked before the file is read, so that nothing is missed of one that ends now.
                var isOver = served.Views.Read(s => s.Run(run.Value)?.Attempts.LastOrDefault(
                    a => a.Attempt == attempt.Attempt) is not { EndedAt: null });
                var part = RunLog.Next(served.Workspace, attempt, from);
                if (part.To > from)
                {
                    var text = new StringBuilder("event: lines\n");
                    text.Append(CultureInfo.InvariantCulture, $"id: {part.To}\ndata: ");
                    foreach (var line in part.Lines) text.Append(Html(line, served.Cli.Time));
                    from = part.To;
                    await SendAsync(http, text.Append("\n\n").ToString(), ct);
                    continue;
                }
                if (isOver) break;
                await Task.Delay(LookAgain, served.Cli.Time, ct);
            }
            await SendAsync(http, "event: end\ndata: end\n\n", ct);
        }
        catch (OperationCanceledException)
        {
            // The browser left.
        }
    }

    /// <summary>A line of a log as it stands on the page; everything in it is escaped.</summary>
    public static string Html(LogLine line, TimeProvider time)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<div class=\"{line.Kind}\">");
        if (line.At != default)
        {
            var at = TimeZoneInfo.ConvertTime(line.At, time.LocalTimeZone);
            text.Append($"<span class=\"at\">{at:HH:mm:ss.fff}</span>");
        }
        foreach (var (words, classes) in line.Spans)
        {
            if (classes.Length > 0) text.Append($"<span class=\"{classes}\">");
            // A line end would end the event of the stream.
            text.Append(WebUtility.HtmlEncode(words).Replace('\n', ' ').Replace('\r', ' '));
            if (classes.Length > 0) text.Append("</span>");
        }
        return text.Append("</div>").ToString();
    }

    static void Begin(HttpContext http)
    {
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
    }

    static async Task SendAsync(HttpContext http, string text, CancellationToken ct)
    {
        await http.Response.WriteAsync(text, ct);
        await http.Response.Body.FlushAsync(ct);
    }

    static long? LongOf(HttpContext http, string name) => LongOf(http.Request.Query[name]);

    static long? LongOf(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
