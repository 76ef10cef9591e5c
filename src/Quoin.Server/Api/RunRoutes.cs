using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>Runs: listed, looked at, stopped, woken, and what they printed.</summary>
static class RunRoutes
{
    static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    /// <summary>A page of runs, the newest first.</summary>
    public static async Task ListAsync(Request request)
    {
        request.Only("state", "job", "want", "limit", "cursor");
        var (limit, before) = (request.Limit, request.Cursor('r'));
        var (standing, job) = (request.Word<RunState>("state"), request.One("job"));
        int? want = request.One("want") switch
        {
            null => null,
            var text when WantId.TryParse(text, out var id) => id.Value,
            var text => throw Request.Bad($"want={text}: write a want, as w-17"),
        };
        var (page, next) = request.Served.Views.Read(state =>
        {
            var rows = state.RunPage(standing, job, want, before, limit, out var more);
            return (rows.ConvertAll(run => Picture(state, run)), more);
        });
        await Json.WriteAsync(request.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("runs");
            foreach (var write in page) write(json);
            json.WriteEndArray();
            if (next is { } more) json.WriteString("next", $"r-{more}");
            json.WriteEndObject();
        });
    }

    /// <summary>One run with its attempts.</summary>
    public static async Task ShowAsync(Request request)
    {
        request.Only();
        await WriteAsync(request, request.Run());
    }

    static async Task WriteAsync(Request request, RunId id)
    {
        var facts = WantRoutes.Facts(request.Served);
        var write = request.Served.Views.Read(state =>
        {
            var why = state.Kernel.Runs.TryGetValue(id.Value, out var token)
                ? new Holdups(state.Kernel, facts).Of(token)
                : null;
            return Picture(state, state.Run(id.Value)!, whole: true, why);
        });
        await Json.WriteAsync(request.Http, write);
    }

    // Copied under the lock, written outside of it.
    static Action<Utf8JsonWriter> Picture(
        StoreState state, RunRow run, bool whole = false, Holdup? why = null)
    {
        var outputs = run.Claims.Take(100).Select(state.Names.Text).ToList();
        var (standing, ended, retry) = (run.State, run.EndedAt, run.RetryAt);
        var (restored, external) = (run.RestoredFrom, run.ExternalId);
        var attempts = run.Attempts.Select(a => (
            a.Attempt, a.Worker, a.LeasedAt, a.EndedAt, a.Outcome, a.Usage, a.Failure)).ToList();
        return json =>
        {
            json.WriteStartObject();
            json.WriteString("run", $"{run.Id}");
            json.WriteString("state", Api.Name(standing));
            json.WriteString("job", run.Job);
            if (run.Want.Value > 0) json.WriteString("want", $"{run.Want}");
            JsonParts.Write(json, "outputs", outputs);
            json.WriteNumber("output_count", run.Claims.Length);
            JsonParts.Time(json, "scheduled_at", run.ScheduledAt);
            JsonParts.Time(json, "ended_at", ended);
            if (retry is { } at) JsonParts.Time(json, "next_attempt_at", at);
            if (restored.Length > 0) json.WriteString("restored_from", restored);
            if (external.Length > 0) json.WriteString("external_id", external);
            json.WriteStartArray("attempts");
            foreach (var (n, worker, leased, over, outcome, usage, failure) in whole
                ? attempts
                : attempts.TakeLast(1))
            {
                json.WriteStartObject();
                json.WriteNumber("attempt", n);
                json.WriteString("worker", worker);
                json.WriteString("outcome", outcome);
                JsonParts.Time(json, "started_at", leased);
                JsonParts.Time(json, "ended_at", over);
                json.WriteNumber("elapsed_ms", usage.ElapsedMs);
                json.WriteNumber("cpu_ms", usage.CpuMs);
                json.WriteNumber("memory_kb", usage.MemoryKb);
                if (failure is not null) JsonParts.Write(json, failure);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (why is not null) Quoin.Cli.Standing.Write(json, why, null);
            json.WriteEndObject();
        };
    }

    /// <summary>Gives up the want that a run is for.</summary>
    public static async Task CancelAsync(Request request)
    {
        request.OnlyFields();
        var run = request.Run();
        await Asking.DoAsync(request, () => new StoreCommand.CancelRun(run, request.By));
        await WriteAsync(request, run);
    }

    /// <summary>
    /// A service, or somebody who may act, says that asking for a thing is worth while now.
    /// </summary>
    public static async Task WakeAsync(Request request)
    {
        var token = request.One("token");
        if (token is not null) await CheckTokenAsync(request, token);
        var run = request.Run();
        await Asking.DoAsync(request, () => new StoreCommand.Wake(run, token));
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    // Anybody can reach this address. What is wrong is refused here, so that it leaves no trace in
    // the log; it does not say either which runs there are.
    static async Task CheckTokenAsync(Request request, string token)
    {
        var served = request.Served;
        if (IsRight()) return;
        if (!served.WrongTokens.MayLookAgain(served.Cli.Time.GetUtcNow()))
        {
            request.Http.Response.Headers.RetryAfter = "60";
            throw new ApiException(429, "too-many", "too many wrong tokens; ask again later");
        }
        await served.Views.CatchUpAsync(request.Ct); // It may be of a run that just began.
        if (!IsRight())
            throw new ApiException(
                403, "wrong-token", $"that is not the token of {request.Part("run")}");

        bool IsRight() => RunId.TryParse(request.Part("run"), out var run)
            && served.Views.Read(state => new StoreCommand.Wake(run, token)
                .In(state.Kernel, served.Cli.Time.GetUtcNow()).NotAllowed is null);
    }

    /// <summary>
    /// The log of an attempt (the newest, or <c>?attempt=N</c>) as JSON lines: all of it, a part
    /// (<c>Range: bytes=…</c>), or, with <c>?follow=true</c>, on until it ends.
    /// </summary>
    public static async Task LogAsync(Request request)
    {
        request.Only("attempt", "follow");
        var run = request.Run();
        var last = request.Served.Views.Read(s => s.Run(run.Value)!.Last?.Attempt ?? 0);
        var number = request.Number("attempt") ?? last;
        if (number is < 1 or > int.MaxValue || number > last)
            throw new ApiException(404, "no-log", $"{run} has no attempt {number} so far");
        var attempt = new AttemptId(run, (int)number);
        await using var log = AttemptLog.Open(
            request.Served.Workspace, request.Served.Store, attempt);
        if (log is null && !request.Flag("follow"))
            throw new ApiException(404, "no-log", $"there is no log of {attempt} here");
        var http = request.Http;
        http.Response.ContentType = "application/x-ndjson; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.AcceptRanges = "bytes";
        if (request.Flag("follow")) await FollowAsync(request, attempt, log);
        else await SendAsync(http, log!);
    }

    static async Task SendAsync(HttpContext http, Stream log)
    {
        var (from, to) = (0L, log.Length - 1);
        if (http.Request.GetTypedHeaders().Range is { Unit.Value: "bytes", Ranges.Count: 1 } range)
        {
            var asked = range.Ranges.Single();
            from = asked.From ?? Math.Max(0, log.Length - (asked.To ?? 0));
            to = asked.From is null ? log.Length - 1 : Math.Min(asked.To ?? to, to);
            if (from >= log.Length || to < from)
            {
                http.Response.Headers.ContentRange = $"bytes */{log.Length}";
                throw new ApiException(
                    416, "usage", $"the log has {log.Length} bytes");
            }
            http.Response.StatusCode = StatusCodes.Status206PartialContent;
            http.Response.Headers.ContentRange =
                string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to}/{log.Length}");
        }
        http.Response.ContentLength = to - from + 1;
        log.Position = from;
        await CopyAsync(log, http.Response.Body, to - from + 1, http.RequestAborted);
    }

    /// <summary>Copies so many bytes at most, piece by piece.</summary>
    public static async Task CopyAsync(Stream from, Stream to, long count, CancellationToken ct)
    {
        var buffer = new byte[64 << 10];
        while (count > 0)
        {
            var read = await from.ReadAsync(
                buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), ct);
            if (read == 0) break;
            await to.WriteAsync(buffer.AsMemory(0, read), ct);
            count -= read;
        }
    }

    static async Task FollowAsync(Request request, AttemptId attempt, Stream? log)
    {
        var (http, served) = (request.Http, request.Served);
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await http.Response.StartAsync(request.Ct);
        try
        {
            while (true)
            {
                // Asked before the file is read, so that nothing is missed of one that ends now.
                var isOver = served.Views.Read(s => s.Run(attempt.Run.Value)?.Attempts
                    .LastOrDefault(a => a.Attempt == attempt.Attempt) is not { EndedAt: null });
                log ??= AttemptLog.Open(served.Workspace, served.Store, attempt);
                if (log is not null)
                    await CopyAsync(log, http.Response.Body, long.MaxValue, request.Ct);
                await http.Response.Body.FlushAsync(request.Ct);
                if (isOver || served.Stopping.IsCancellationRequested) return;
                await Task.Delay(LookAgain, served.Cli.Time, request.Ct);
            }
        }
        finally
        {
            if (log is not null) await log.DisposeAsync();
        }
    }
}
