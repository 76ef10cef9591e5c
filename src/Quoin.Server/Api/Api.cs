using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quoin.Cli;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>All routes below <c>/api/v1</c>.</summary>
static class Api
{
    const int LimitDefault = 100, LimitMax = 1_000;

    /// <summary>Adds them.</summary>
    public static void Map(WebApplication web, Served served)
    {
        Get(web, served, "/api/v1/wants", WantsAsync);
        Get(web, served, "/api/v1/runs", RunsAsync);
        Get(web, served, "/api/v1/partitions", PartitionsAsync);
    }

    static void Get(
        WebApplication web, Served served, string route, Func<HttpContext, Served, Task> answer) =>
        web.MapGet(route, http => AnswerAsync(http, served, answer));

    static async Task AnswerAsync(
        HttpContext http, Served served, Func<HttpContext, Served, Task> answer)
    {
        try
        {
            if (!served.Views.IsReady)
                throw new ApiException(503, "starting", "the log is being read; ask again soon");
            await answer(http, served);
        }
        catch (ApiException e)
        {
            await Json.ProblemAsync(http, e.Status, e.Code, e.Message);
        }
    }

    static async Task WantsAsync(HttpContext http, Served served)
    {
        var (limit, before) = (Limit(http), Cursor(http, 'w'));
        var standing = Word<WantStanding>(http, "state");
        int? next = null;
        var page = served.Views.Read(state => state.WantPage(
            want => standing is null || want.Standing == standing, before, limit, out next));
        await Json.WriteAsync(http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("wants");
            foreach (var want in page) Write(json, want);
            json.WriteEndArray();
            if (next is { } more) json.WriteString("next", $"w-{more}");
            json.WriteEndObject();
        });
    }

    static void Write(Utf8JsonWriter json, WantRow want)
    {
        json.WriteStartObject();
        json.WriteString("want", $"{want.Id}");
        json.WriteString("state", Name(want.Standing));
        json.WriteString("request", want.Request);
        json.WriteNumber("wanted", want.Targets.Length);
        JsonParts.Time(json, "accepted_at", want.AcceptedAt);
        JsonParts.Time(json, "ended_at", want.EndedAt);
        json.WriteEndObject();
    }

    static async Task RunsAsync(HttpContext http, Served served)
    {
        var (limit, before) = (Limit(http), Cursor(http, 'r'));
        var state = Word<RunState>(http, "state");
        var job = One(http, "job");
        int? next = null;
        var page = served.Views.Read(all => all.RunPage(
            state, job, null, before, limit, out next));
        await Json.WriteAsync(http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("runs");
            foreach (var run in page)
            {
                json.WriteStartObject();
                json.WriteString("run", $"{run.Id}");
                json.WriteString("state", Name(run.State));
                json.WriteString("job", run.Job);
                json.WriteString("want", $"{run.Want}");
                JsonParts.Time(json, "scheduled_at", run.ScheduledAt);
                JsonParts.Time(json, "ended_at", run.EndedAt);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (next is { } more) json.WriteString("next", $"r-{more}");
            json.WriteEndObject();
        });
    }

    static async Task PartitionsAsync(HttpContext http, Served served)
    {
        var limit = Limit(http);
        var place = Word<PartitionPlace>(http, "state");
        var (prefix, after) = (One(http, "prefix") ?? "", One(http, "cursor"));
        var page = served.Views.Read(state => state.Partitions
            .Page(prefix, place, after, limit)
            .Select(p => (Name: state.Names.Text(p), Place: state.Kernel.PlaceOf(p))).ToList());
        await Json.WriteAsync(http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("partitions");
            foreach (var (name, at) in page)
            {
                json.WriteStartObject();
                json.WriteString("partition", name);
                json.WriteString("state", Name(at));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (page.Count == limit) json.WriteString("next", page[^1].Name);
            json.WriteEndObject();
        });
    }

    /// <summary><c>needs-inputs</c> of <c>NeedsInputs</c>.</summary>
    internal static string Name<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName($"{value}");

    static string? One(HttpContext http, string name) => http.Request.Query[name] switch
    {
        { Count: 0 } => null,
        [{ } value] => value,
        _ => throw new ApiException(400, "usage", $"{name} is given more than once"),
    };

    static int Limit(HttpContext http) => One(http, "limit") switch
    {
        null => LimitDefault,
        var text when int.TryParse(text, NumberStyles.None, null, out var limit)
            && limit is > 0 and <= LimitMax => limit,
        var text => throw new ApiException(
            400, "usage", $"limit={text}: write a number from 1 to {LimitMax}"),
    };

    static int? Cursor(HttpContext http, char letter) => One(http, "cursor") switch
    {
        null => null,
        [var first, '-', .. var number] when first == letter
            && int.TryParse(number, NumberStyles.None, null, out var id) => id,
        var text => throw new ApiException(
            400, "usage", $"cursor={text}: give what the page before said as next"),
    };

    static T? Word<T>(HttpContext http, string name) where T : struct, Enum
    {
        if (One(http, name) is not { } text) return null;
        foreach (var value in Enum.GetValues<T>()) if (Name(value) == text) return value;
        throw new ApiException(
            400, "usage",
            $"{name}={text}: write one of {string.Join(", ", Enum.GetValues<T>().Select(Name))}");
    }
}
