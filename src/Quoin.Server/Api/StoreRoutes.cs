using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// The store itself over HTTP, for the command line's <c>--server</c>: rows of the log, and rows
/// for the inbox, of the kinds that people send.
/// </summary>
static class StoreRoutes
{
    const int RowsMax = 10_000, CommandBytesMax = 64 << 20, FlushBytes = 256 << 10;
    static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(20);

    static readonly string[] sent =
    [
        "accept-want", "cancel-want", "cancel-all", "cancel-run", "taint-partitions",
        "clean-outputs", "release-want", "accept-offer", "resolve-intervention", "wake-run",
    ];

    /// <summary>The newest position.</summary>
    public static Task PositionAsync(Request request) =>
        TextAsync(request, request.Served.Store.LastPosition);

    /// <summary>The newest position, once it is behind the one that is known.</summary>
    public static async Task WaitAsync(Request request)
    {
        var after = request.One("after") is { Length: > 0 } ? request.Number("after")!.Value : -1;
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(
            request.Ct, request.Served.Stopping);
        wait.CancelAfter(WaitMax);
        try
        {
            await request.Served.Views.NextAsync(after, wait.Token);
        }
        catch (OperationCanceledException) when (!request.Ct.IsCancellationRequested)
        {
            // Nothing new: whoever waits asks again.
        }
        await TextAsync(request, request.Served.Views.Position);
    }

    static Task TextAsync(Request request, long number)
    {
        request.Http.Response.ContentType = "text/plain; charset=utf-8";
        return request.Http.Response.WriteAsync(
            number.ToString(CultureInfo.InvariantCulture), request.Ct);
    }

    /// <summary>Rows of the log as bytes; see <see cref="HttpStore"/>.</summary>
    public static async Task LogAsync(Request request)
    {
        request.Only("after", "before", "limit", "last", "type", "subject");
        var (limit, last) = (request.Number("limit") ?? RowsMax, request.Number("last"));
        if (limit is < 1 or > RowsMax || last is < 1 or > RowsMax)
            throw Request.Bad($"limit and last: write a number from 1 to {RowsMax}");
        var filter = new EventFilter(request.One("subject"), request.All("type"));
        var (after, before) = (request.Number("after") ?? 0, request.Number("before"));
        var (views, store) = (request.Served.Views, request.Served.Store);
        if (!filter.IsAll) await views.CatchUpAsync(request.Ct); // It was told the store's end.
        var rows = last is { } newest
            ? EventReads.Newest(views, store, filter, before ?? long.MaxValue, (int)newest)
                .Where(raw => raw.Position > after).Reverse()
            : filter.IsAll
                ? store.Query(new EventQuery { After = after, Before = before }).Take((int)limit)
                : EventReads.Oldest(views, store, filter, after, (int)limit)
                    .Where(raw => before is null || raw.Position < before);
        await RowsAsync(request, rows);
    }

    // Row by row, so that an answer never lies in memory as a whole.
    static async Task RowsAsync(Request request, IEnumerable<RawEvent> rows)
    {
        request.Http.Response.ContentType = "application/octet-stream";
        using var buffer = new MemoryStream();
        foreach (var raw in rows)
        {
            HttpStore.Write(buffer, raw);
            if (buffer.Length < FlushBytes) continue;
            await request.Http.Response.Body.WriteAsync(
                buffer.GetBuffer().AsMemory(0, (int)buffer.Length), request.Ct);
            buffer.SetLength(0);
        }
        await request.Http.Response.Body.WriteAsync(
            buffer.GetBuffer().AsMemory(0, (int)buffer.Length), request.Ct);
    }

    // A snapshot may be large: so many are in memory at a time, and nobody keeps one for long.
    static readonly SemaphoreSlim snapshots = new(2);
    static readonly TimeSpan partWithin = TimeSpan.FromSeconds(30);

    /// <summary>A snapshot behind its position, whatever its size.</summary>
    public static async Task SnapshotAsync(Request request)
    {
        await snapshots.WaitAsync(request.Ct);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(request.Ct);
        try
        {
            if (request.Served.Store.LatestSnapshot((int)(request.Number("format") ?? 0))
                is not { } snapshot)
                throw new ApiException(404, "no-snapshot", "there is none of that format");
            var http = request.Http;
            http.Response.ContentType = "application/octet-stream";
            http.Response.ContentLength = sizeof(long) + snapshot.Body.Length;
            await http.Response.Body.WriteAsync(
                BitConverter.GetBytes(snapshot.Position), request.Ct);
            for (var rest = snapshot.Body; rest.Length > 0;)
            {
                var part = rest[..Math.Min(rest.Length, FlushBytes)];
                patience.CancelAfter(partWithin);
                await http.Response.Body.WriteAsync(part, patience.Token);
                rest = rest[part.Length..];
            }
        }
        finally
        {
            snapshots.Release();
        }
    }

    /// <summary>The text of a fingerprint.</summary>
    public static Task FingerprintAsync(Request request) =>
        Digest.TryParse(request.One("digest") ?? "", out var digest)
            && request.Served.Store.FingerprintText(digest) is { } text
            ? BytesAsync(request, text)
            : throw new ApiException(404, "no-fingerprint", "there is none of that digest");

    /// <summary>The log of an attempt, from a file here or from the store.</summary>
    public static async Task RunLogAsync(Request request)
    {
        if (!RunId.TryParse(request.One("run"), out var run)
            || request.Number("attempt") is not (> 0 and <= int.MaxValue and var number))
            throw Request.Bad("name a run and an attempt");
        var attempt = new AttemptId(run, (int)number);
        await using var log = AttemptLog.Open(
            request.Served.Workspace, request.Served.Store, attempt)
            ?? throw new ApiException(404, "no-log", $"there is no log of {attempt} here");
        var length = log.Length; // It may grow meanwhile.
        request.Http.Response.ContentType = "application/octet-stream";
        request.Http.Response.ContentLength = length;
        await RunRoutes.CopyAsync(log, request.Http.Response.Body, length, request.Ct);
    }

    /// <summary>A row for the inbox.</summary>
    public static async Task InboxAsync(Request request)
    {
        request.Only("id", "type");
        var (id, type) = (request.One("id") ?? "", request.One("type") ?? "");
        if (!sent.Contains(type)) throw Request.Bad($"type={type}: nobody sends that to a server");
        if (id.Length is 0 or > 100 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-'))
            throw Request.Bad("id: letters, digits and -, at most 100 of them");
        // A want of a million partitions; whoever sends it may operate.
        if (request.Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is
            { IsReadOnly: false } limit) limit.MaxRequestBodySize = CommandBytesMax;
        using var body = new MemoryStream();
        await request.Http.Request.Body.CopyToAsync(body, request.Ct);
        var command = new InboxCommand(id, type, body.ToArray());
        if (StoreCommand.Read(command, out var problem) is not { } read) throw Request.Bad(problem);
        // Who shows a token is who it is of, whatever the command says.
        if (Visitor.Of(request.Http) != Visitor.Local && read.SentBy(request.By) is { } own)
            command = own.ToInbox(id);
        await request.Served.Store.SendAsync(command, request.Ct);
        await BytesAsync(request, [1]);
    }

    static async Task BytesAsync(Request request, byte[] bytes)
    {
        request.Http.Response.ContentType = "application/octet-stream";
        request.Http.Response.ContentLength = bytes.Length;
        await request.Http.Response.Body.WriteAsync(bytes, request.Ct);
    }
}
