using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Quoin.FakeService;

/// <summary>
/// Things outside, as a service on loopback: creates, shows, finds and deletes them, and misbehaves
/// by its rules. One instance in a test, or the whole of the program.
/// </summary>
public sealed class Service : IAsyncDisposable
{
    readonly Lock gate = new();
    readonly Ledger ledger = new();
    readonly Journal journal;
    readonly TimeProvider time;
    readonly Action crash;
    readonly WebApplication app;
    readonly HttpClient callbacks = new();
    readonly CancellationTokenSource stopped = new();

    Service(string? journalFile, int port, TimeProvider time, Action? crash)
    {
        this.time = time;
        // In a process of its own it dies; in a test it falls silent until it is started again.
        this.crash = crash ?? (() => _ = DisposeAsync().AsTask());
        journal = new Journal(journalFile, ledger);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        app = builder.Build();
        app.MapPost("/things", context => ServeAsync(Verb.Post, context));
        app.MapGet("/things", context => ServeAsync(Verb.Find, context));
        app.MapGet("/things/{id}", context => ServeAsync(Verb.Get, context));
        app.MapDelete("/things/{id}", context => ServeAsync(Verb.Delete, context));
        app.MapPost("/things/{id}/calls/{name}", context => ServeAsync(Verb.Call, context));
        app.MapGet("/count", CountAsync);
        app.MapPut("/rules", RulesAsync);
    }

    /// <summary><c>127.0.0.1:PORT</c>.</summary>
    public string Address => $"127.0.0.1:{Port}";

    /// <summary>Its port.</summary>
    public int Port { get; private set; }

    /// <summary>Starts a service that goes on where its journal ends.</summary>
    /// <param name="journal">A file; null: it forgets.</param>
    /// <param name="port">0: any.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="crash">What the rule <c>crash</c> does; null: it falls silent.</param>
    public static async Task<Service> StartAsync(
        string? journal = null, int port = 0, TimeProvider? time = null, Action? crash = null)
    {
        var service = new Service(journal, port, time ?? TimeProvider.System, crash);
        await service.app.StartAsync();
        service.Port = new Uri(service.app.Urls.First()).Port;
        return service;
    }

    /// <summary>Rules from here on, counting calls anew.</summary>
    public void SetRules(params IReadOnlyList<Rule> rules)
    {
        lock (gate) Keep(new Entry { At = time.GetUtcNow(), Verb = Verb.Post, Rules = rules });
    }

    /// <summary>What there is.</summary>
    public Tally Count(DateTimeOffset after = default)
    {
        lock (gate) return ledger.Count(after);
    }

    /// <summary>All that was asked, oldest first.</summary>
    public IReadOnlyList<Entry> Entries()
    {
        lock (gate) return [.. ledger.Entries];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (stopped.IsCancellationRequested) return;
        await stopped.CancelAsync();
        await app.DisposeAsync();
        lock (gate) journal.Dispose();
        callbacks.Dispose();
    }

    /// <summary>Returns when the service was told to stop.</summary>
    public Task WaitForShutdownAsync() => app.WaitForShutdownAsync();

    async Task ServeAsync(Verb verb, HttpContext context)
    {
        var id = context.Request.RouteValues["id"] as string ?? "";
        Rule? rule;
        Answer answer;
        lock (gate)
        {
            var labels = ledger.Find(id)?.Created.Labels
                ?? [.. context.Request.Query["label"].OfType<string>()];
            rule = ledger.RuleFor(verb, labels);
            answer = Do(verb, id, labels, rule, context.Request);
        }
        if (rule is { LateMs: { } late }) _ = CreateLateAsync(late, answer.Entry);
        if (rule is { Crash: true })
        {
            context.Abort();
            crash();
            return;
        }
        if (rule is { LatencyMs: > 0 and var latency }) await After(latency, context);
        if (rule is { Hang: true }) await After(int.MaxValue, context);
        if (rule is { LoseAnswer: true } or { LateMs: not null } || stopped.IsCancellationRequested)
        {
            context.Abort();
            return;
        }
        context.Response.StatusCode = answer.Status;
        if (rule is { Garbage: true }) await context.Response.WriteAsync("<html>wibble");
        else if (answer.Body is { } body) await context.Response.WriteAsJsonAsync(body);
    }

    sealed record Answer(Entry Entry, int Status, object? Body);

    Answer Do(
        Verb verb, string id, IReadOnlyList<string> labels, Rule? rule, HttpRequest request)
    {
        var now = time.GetUtcNow();
        var key = request.Headers["Idempotency-Key"].FirstOrDefault();
        var entry = new Entry
        {
            At = now,
            Verb = verb,
            Key = verb == Verb.Post ? key : null,
            Labels = labels,
            Id = id,
            Rule = rule,
            Name = request.RouteValues["name"] as string ?? "",
        };
        if (rule is { Status: { } status }) return Keep(entry, status, new { error = "by rule" });
        if (rule is { Hang: true }) return Keep(entry, 0, null);
        if (rule is { Garbage: true }) return Keep(entry, 200, null);
        if (rule is { LateMs: not null }) return Keep(entry, 0, null);
        switch (verb)
        {
            case Verb.Post:
                var known = rule is { IgnoreKeys: true } ? null : ledger.FindKey(key);
                entry = known is null
                    ? entry with { Id = ledger.NextId, Effect = Effect.Created }
                    : entry with { Id = known.Id };
                Keep(entry with { Answer = known is null ? 201 : 200 });
                if (known is null && request.Query["callback"].FirstOrDefault() is { } callback)
                    _ = CallBackAsync(callback, rule ?? new Rule());
                return new(
                    entry, known is null ? 201 : 200, Shown(ledger.Find(entry.Id)!, now, rule));
            case Verb.Find:
                var found = rule is { IgnoreLabels: true }
                    ? []
                    : ledger.Live.Where(thing => labels.All(thing.Created.Labels.Contains));
                return Keep(
                    entry, 200,
                    new { things = found.Select(thing => Shown(thing, now, rule)).ToList() });
            case Verb.Get or Verb.Delete or Verb.Call when ledger.Find(id) is null:
                return Keep(entry, 404, new { error = "no such thing" });
            case Verb.Get when rule is { Vanish: true }:
                return Keep(entry with { Effect = Effect.Vanished }, 404, new { error = "gone" });
            case Verb.Get:
                var thing = ledger.Find(id)!;
                var effect = rule?.Exit is null ? Effect.Looked : Effect.Ended;
                Keep(entry with { Effect = effect, Answer = 200 });
                return new(entry, 200, Shown(thing, now, rule));
            case Verb.Delete:
                return Keep(entry with { Effect = Effect.Deleted }, 204, null);
            default:
                return Keep(entry, 200, new { done = entry.Name });
        }
    }

    static object Shown(Thing thing, DateTimeOffset now, Rule? rule) => new
    {
        id = thing.Id,
        state = rule is { State.Length: > 0 } ? rule.State : thing.StateAt(now),
        exit = thing.Exit,
    };

    Answer Keep(Entry entry, int status, object? body)
    {
        Keep(entry with { Answer = status });
        return new(entry, status, body);
    }

    void Keep(Entry entry)
    {
        if (stopped.IsCancellationRequested) return; // Died meanwhile: nothing happens any more.
        journal.Write(entry);
        ledger.Apply(entry);
    }

    async Task CreateLateAsync(int afterMs, Entry asked)
    {
        await After(afterMs);
        lock (gate)
        {
            // Its rule was for the call; the thing itself is as any other.
            if (ledger.FindKey(asked.Key) is not null) return;
            Keep(asked with
            {
                At = time.GetUtcNow(),
                Id = ledger.NextId,
                Effect = Effect.Created,
                Rule = null,
            });
        }
    }

    async Task CallBackAsync(string callback, Rule rule)
    {
        if (rule.Callback == Callback.Never) return;
        if (rule.Callback != Callback.Early)
            await After(rule.BusyMs + (rule.Callback == Callback.Late ? 1000 : 0));
        for (var i = 0; i < (rule.Callback == Callback.Twice ? 2 : 1); i++)
        {
            try
            {
                using var nothing = new ByteArrayContent([]);
                using var answer = await callbacks.PostAsync(callback, nothing, stopped.Token);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                // Who wants to be called has to be there.
            }
        }
    }

    async Task CountAsync(HttpContext context)
    {
        var text = context.Request.Query["after"].FirstOrDefault();
        var after = text is null
            ? default
            : DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
        await context.Response.WriteAsJsonAsync(Count(after), Journal.Json);
    }

    async Task RulesAsync(HttpContext context)
    {
        try
        {
            SetRules(await JsonSerializer.DeserializeAsync<List<Rule>>(
                context.Request.Body, Journal.Json) ?? []);
        }
        catch (JsonException e)
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync(e.Message);
        }
    }

    // Waits by the service's own clock; for a caller only as long as it is there.
    async Task After(int ms, HttpContext? context = null)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = time.CreateTimer(
            _ => over.TrySetResult(), null, TimeSpan.FromMilliseconds(ms),
            Timeout.InfiniteTimeSpan);
        using var gone = context?.RequestAborted.Register(() => over.TrySetResult());
        using var end = stopped.Token.Register(() => over.TrySetResult());
        await over.Task;
    }
}
