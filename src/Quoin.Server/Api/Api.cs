using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>One route of the API.</summary>
/// <param name="Method"><c>GET</c> or <c>POST</c>.</param>
/// <param name="Path">Below <c>/api/v1</c>.</param>
/// <param name="Summary">For the OpenAPI document.</param>
/// <param name="Answer">What answers.</param>
sealed record ApiRoute(string Method, string Path, string Summary, Func<Request, Task> Answer)
{
    /// <summary>Parameters of the query, as <c>limit</c>.</summary>
    public string[] Query { get; init; } = [];

    /// <summary>Fields of the body, as <c>partitions[]</c>; null: it has no body of JSON.</summary>
    public string[]? Body { get; init; }

    /// <summary>Its body is not JSON.</summary>
    public bool IsRaw { get; init; }
}

/// <summary>All routes below <c>/api/v1</c>, and what they have in common.</summary>
static class Api
{
    /// <summary>Where they lie.</summary>
    public const string Root = "/api/v1";

    /// <summary>How many partitions one want may have; how many entries a short list has.</summary>
    public const int PartitionsMax = 1_000_000, ListMax = 1_000;

    /// <summary>Every route, in the order of the document.</summary>
    public static IReadOnlyList<ApiRoute> Routes { get; } =
    [
        new("GET", "/wants", "Wants, the newest first", WantRoutes.ListAsync)
        {
            Query = ["state", "limit", "cursor"],
        },
        new("POST", "/wants", "Want partitions", WantRoutes.CreateAsync)
        {
            Body = ["partitions[]", "tags[]", "exclude[]", "priority#", "deadline", "fresh",
                "strict?", "on_failure", "soft?", "thorough?", "start", "start_slack", "use",
                "offer?", "group"],
        },
        new("GET", "/wants/{want}", "One want", WantRoutes.ShowAsync),
        new("POST", "/wants/{want}/cancel", "Give a want up", WantRoutes.CancelAsync)
        {
            Body = [],
        },
        new("POST", "/wants/{want}/retry", "Want again what it did not get", WantRoutes.RetryAsync)
        {
            Body = [],
        },
        new("POST", "/wants/{want}/accept", "Take an offer", WantRoutes.AcceptAsync)
        {
            Body = [],
        },
        new("POST", "/wants/{want}/release", "End the use of what it holds",
            WantRoutes.ReleaseAsync) { Body = [] },
        new("GET", "/partitions", "Partitions by name", PartitionRoutes.ListAsync)
        {
            Query = ["prefix", "state", "limit", "cursor"],
        },
        new("GET", "/partition", "One partition", PartitionRoutes.ShowAsync)
        {
            Query = ["partition"],
        },
        new("GET", "/partition/history", "Its events and runs", PartitionRoutes.HistoryAsync)
        {
            Query = ["partition", "limit"],
        },
        new("GET", "/partition/explain", "Why it is current, or what differs",
            PartitionRoutes.ExplainAsync) { Query = ["partition"] },
        new("GET", "/partition/lineage", "What it is made from, and what from it",
            PartitionRoutes.LineageAsync) { Query = ["partition"] },
        new("POST", "/partitions/taint", "Trust them no longer", PartitionRoutes.TaintAsync)
        {
            Body = ["partitions[]", "why"],
        },
        new("GET", "/runs", "Runs, the newest first", RunRoutes.ListAsync)
        {
            Query = ["state", "job", "want", "limit", "cursor"],
        },
        new("GET", "/runs/{run}", "One run with its attempts", RunRoutes.ShowAsync),
        new("GET", "/runs/{run}/log", "What an attempt did and printed, as JSON lines",
            RunRoutes.LogAsync) { Query = ["attempt", "follow"] },
        new("POST", "/runs/{run}/cancel", "Give up the want that it is for", RunRoutes.CancelAsync)
        {
            Body = [],
        },
        new("POST", "/runs/{run}/retry", "Want again what it failed to make",
            WantRoutes.RetryRunAsync) { Body = [] },
        new("POST", "/runs/{run}/wake", "Look at its thing outside now", RunRoutes.WakeAsync)
        {
            Query = ["token"],
            IsRaw = true,
        },
        new("GET", "/workers", "Workers that are there", OtherRoutes.WorkersAsync),
        new("GET", "/feeds", "Feeds of the graph", FeedRoutes.ListAsync),
        new("POST", "/feeds/{feed}/runs/{number}", "Lines of one run of a feed, as text",
            FeedRoutes.PostAsync) { Query = ["job"], IsRaw = true },
        new("GET", "/interventions", "Questions for a person", OtherRoutes.InterventionsAsync)
        {
            Query = ["all", "limit"],
        },
        new("POST", "/interventions/{intervention}/resolve", "Answer one",
            OtherRoutes.ResolveAsync) { Body = ["answer", "external_id"] },
        new("GET", "/graph", "Jobs and datasets", OtherRoutes.GraphAsync),
        new("POST", "/plan", "What a build would do; records nothing", OtherRoutes.PlanAsync)
        {
            Body = ["partitions[]", "tags[]", "exclude[]", "slots#", "soft?", "thorough?"],
        },
        new("GET", "/stats", "How much there is of everything", OtherRoutes.StatsAsync),
        new("GET", "/events", "The log: a page, or followed as server-sent events",
            EventRoutes.AnswerAsync)
        {
            Query = ["after", "type", "subject", "limit"],
        },
        new("GET", "/store/position", "For --server: the end of the log",
            StoreRoutes.PositionAsync),
        new("GET", "/store/wait", "For --server: the end of the log, once it moved",
            StoreRoutes.WaitAsync) { Query = ["after"] },
        new("GET", "/store/log", "For --server: rows of the log", StoreRoutes.LogAsync)
        {
            Query = ["after", "before", "limit", "last", "type", "subject"],
        },
        new("GET", "/store/snapshot", "For --server: a head start", StoreRoutes.SnapshotAsync)
        {
            Query = ["format"],
        },
        new("GET", "/store/fingerprint", "For --server: what decided an output",
            StoreRoutes.FingerprintAsync) { Query = ["digest"] },
        new("GET", "/store/run-log", "For --server: a log", StoreRoutes.RunLogAsync)
        {
            Query = ["run", "attempt"],
        },
        new("POST", "/store/inbox", "For --server: a command", StoreRoutes.InboxAsync)
        {
            Query = ["id", "type"],
            IsRaw = true,
        },
        new("GET", "/openapi.json", "This document", OpenApi.AnswerAsync),
    ];

    /// <summary>Adds them.</summary>
    public static void Map(WebApplication web, Served served)
    {
        foreach (var route in Routes)
            web.MapMethods(
                Root + route.Path, [route.Method], http => AnswerAsync(http, served, route));
        web.Map(Root + "/{**rest}", http => Json.ProblemAsync(
            http, 404, "no-such-route",
            "there is no such address, or not for this method; see /api/v1/openapi.json"));
    }

    // The one catch of a request.
    static async Task AnswerAsync(HttpContext http, Served served, ApiRoute route)
    {
        try
        {
            if (!served.Views.IsReady)
            {
                http.Response.Headers.RetryAfter = "1";
                throw new ApiException(503, "starting", "the log is being read; ask again soon");
            }
            var request = new Request(http, served);
            if (route.Method == "POST" && !route.IsRaw) await request.ReadBodyAsync();
            await route.Answer(request);
        }
        catch (Exception e) when (ProblemOf(e) is { } problem && !http.Response.HasStarted)
        {
            http.Response.Headers.ContentLength = null;
            await Json.ProblemAsync(http, problem.Status, problem.Code, problem.Message);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody waits for the answer.
        }
    }

    static ApiException? ProblemOf(Exception e) => e switch
    {
        ApiException api => api,
        BadHttpRequestException bad => new(bad.StatusCode, "usage", bad.Message),
        UsageException usage => new(usage.Code.StartsWith("no-", StringComparison.Ordinal)
            ? 404 : 400, usage.Code, usage.Message),
        BadSelectionException selection => new(
            400, selection.Problems[0].Code,
            string.Join("; ", selection.Problems.Take(20).Select(p => p.Message))
            + (selection.Problems.Length > 20 ? $"; and {selection.Problems.Length - 20} more"
                : "")),
        BadGraphException graph => new(
            409, "bad-graph", string.Join("; ", graph.Problems.Take(20).Select(p => p.Message))),
        StoreException store => new(503, store.Code, store.Message),
        _ => null,
    };

    static readonly SemaphoreSlim planning = new(2), wanting = new(2);

    /// <summary>
    /// What takes a plan or much memory: on a thread of its own, so many at a time.
    /// </summary>
    public static Task<T> PlanningAsync<T>(Request request, Func<T> plan) =>
        PlanningAsync(plan, request.Ct);

    /// <summary>The same for a page.</summary>
    public static Task<T> PlanningAsync<T>(Func<T> plan, CancellationToken ct) =>
        InTurnAsync(planning, plan, ct);

    /// <summary>The selection of a want: whoever only looks does not keep it waiting.</summary>
    public static Task<T> WantingAsync<T>(Request request, Func<T> select) =>
        InTurnAsync(wanting, select, request.Ct);

    static async Task<T> InTurnAsync<T>(SemaphoreSlim turn, Func<T> work, CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            return await Task.Run(work, ct);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Answers with what was planned so.</summary>
    public static async Task AnswerPlannedAsync(
        Request request, Func<Action<Utf8JsonWriter>> plan) =>
        await Json.WriteAsync(request.Http, await PlanningAsync(request, plan));

    /// <summary><c>needs-inputs</c> of <c>NeedsInputs</c>.</summary>
    public static string Name<T>(T value) where T : struct, Enum => EnumNames<T>.Of(value);

    static class EnumNames<T> where T : struct, Enum
    {
        static readonly Dictionary<T, string> names = Enum.GetValues<T>().ToDictionary(
            value => value, value => JsonNamingPolicy.KebabCaseLower.ConvertName($"{value}"));

        public static string Of(T value) => names[value];
    }
}
