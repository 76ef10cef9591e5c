using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Quoin.Server;

namespace Quoin.ServerTests;

/// <summary>The API, route by route.</summary>
public sealed class ApiTests
{
    static async Task<(int Status, JsonElement Body)> PostAsync(
        ServedSpace space, string path, object body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = JsonContent.Create(body),
        };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        using var answer = await space.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, JsonDocument.Parse(text).RootElement);
    }

    static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    [Fact]
    public async Task A_want_is_made_followed_and_looked_at_from_all_sides()
    {
        await using var space = await ServedSpace.StartAsync();

        var (status, want) = await PostAsync(
            space, "/api/v1/wants", new { partitions = new[] { "word" }, priority = 3 });
        Assert.Equal((201, "w-1", 3), (
            status, Text(want, "want"), want.GetProperty("priority").GetInt32()));
        want = await space.UntilAsync(
            "/api/v1/wants/w-1", now => Text(now, "state") == "succeeded");
        Assert.Equal(4, want.GetProperty("runs").GetArrayLength());
        var part = await space.GetAsync("/api/v1/partition?partition=word");
        Assert.Equal(("live", "word", "r-4"), (
            Text(part, "state"), Text(part, "job"), Text(part.GetProperty("manifest"), "run")));
        var lineage = await space.GetAsync("/api/v1/partition/lineage?partition=letter/a");
        Assert.Equal("""["word"]""", lineage.GetProperty("readers").GetRawText());
        var why = await space.GetAsync("/api/v1/partition/explain?partition=word");
        Assert.Equal("current", Text(why, "verdict"));
        var history = await space.GetAsync("/api/v1/partition/history?partition=word");
        Assert.Equal("r-4", history.GetProperty("runs")[0].GetString());
        var run = await space.GetAsync("/api/v1/runs/r-4");
        Assert.Equal("completed", Text(run.GetProperty("attempts")[0], "outcome"));
        (status, var again) = await PostAsync(
            space, "/api/v1/wants", new { partitions = new[] { "word" } });
        Assert.Equal((201, "w-2"), (status, Text(again, "want")));
        await space.UntilAsync("/api/v1/wants/w-2", now => Text(now, "state") == "succeeded");
        (_, var plan) = await PostAsync(
            space, "/api/v1/plan", new { partitions = new[] { "word", "letter/z" } });
        Assert.Equal(1, plan.GetProperty("build").GetInt32());
        Assert.Equal("letters", Text(await space.GetAsync("/api/v1/graph"), "name"));
        var stats = await space.GetAsync("/api/v1/stats");
        Assert.Equal(4, stats.GetProperty("partitions").GetProperty("live").GetInt32());
        Assert.Equal(1, stats.GetProperty("workers").GetInt32()); // Who only decides is none.
        Assert.Equal(1, (await space.GetAsync("/api/v1/workers"))
            .GetProperty("workers").GetArrayLength());
    }

    [Fact]
    public async Task What_fails_says_why_has_a_log_and_is_wanted_again()
    {
        await using var space = await ServedSpace.StartAsync();
        await PostAsync(space, "/api/v1/wants", new { partitions = new[] { "broken/x" } });
        await space.UntilAsync("/api/v1/wants/w-1", now => Text(now, "state") == "failed");

        var part = await space.GetAsync("/api/v1/partition?partition=broken/x");
        Assert.Equal("bad-input", Text(part.GetProperty("failure"), "category"));
        var log = await space.Http.GetStringAsync("/api/v1/runs/r-1/log");
        Assert.Contains("it is broken", log);
        using var range = new HttpRequestMessage(HttpMethod.Get, "/api/v1/runs/r-1/log");
        range.Headers.Add("Range", "bytes=2-5");
        using var some = await space.Http.SendAsync(range);
        Assert.Equal(
            (HttpStatusCode.PartialContent, log[2..6]),
            (some.StatusCode, await some.Content.ReadAsStringAsync()));
        Assert.Equal(log, await space.Http.GetStringAsync("/api/v1/runs/r-1/log?follow=true"));
        var (status, again) = await PostAsync(space, "/api/v1/runs/r-1/retry", new { });
        Assert.Equal((201, "w-2"), (status, Text(again, "want")));
        await space.UntilAsync("/api/v1/wants/w-2", now => Text(now, "state") == "failed");
        (status, _) = await PostAsync(space, "/api/v1/wants/w-2/retry", new { });
        Assert.Equal(201, status);
    }

    [Fact]
    public async Task A_taint_is_recorded_with_its_reason_and_rebuilt()
    {
        await using var space = await ServedSpace.StartAsync();
        await PostAsync(space, "/api/v1/wants", new { partitions = new[] { "letter/a" } });
        await space.UntilAsync("/api/v1/wants/w-1", now => Text(now, "state") == "succeeded");

        var (status, _) = await PostAsync(
            space, "/api/v1/partitions/taint",
            new { partitions = new[] { "letter/a" }, why = "smudged" });

        Assert.Equal(200, status);
        var why = await space.GetAsync("/api/v1/partition/explain?partition=letter/a");
        Assert.Contains("smudged", why.GetRawText());
        (status, var no) = await PostAsync(
            space, "/api/v1/partitions/taint",
            new { partitions = new[] { "letter/q" }, why = "x" });
        Assert.Equal(409, status);
        Assert.Equal(Text(no, "code"), Text(no, "title"));
    }

    [Fact]
    public async Task A_key_makes_a_request_once_also_after_a_restart()
    {
        await using var space = await ServedSpace.StartAsync();
        var body = new { partitions = new[] { "broken/a" } };

        var (_, first) = await PostAsync(space, "/api/v1/wants", body, "once");
        var (_, second) = await PostAsync(space, "/api/v1/wants", body, "once");
        await space.StopAsync();
        await space.ServeAsync();
        var (status, third) = await PostAsync(space, "/api/v1/wants", body, "once");
        var (other, problem) = await PostAsync(
            space, "/api/v1/wants", new { partitions = new[] { "broken/b" } }, "once");

        Assert.Equal(("w-1", "w-1", "w-1", 201), (
            Text(first, "want"), Text(second, "want"), Text(third, "want"), status));
        Assert.Equal((422, "key-reused"), (other, Text(problem, "code")));
        Assert.Equal(1, (await space.GetAsync("/api/v1/wants"))
            .GetProperty("wants").GetArrayLength());
    }

    [Theory]
    [InlineData("/api/v1/wants", """{"partitions":["nothing/makes/this"]}""", 400)]
    [InlineData("/api/v1/wants", """{"partitions":["@/etc/passwd"]}""", 400)]
    [InlineData("/api/v1/wants", """{"partitions":["-"]}""", 400)]
    [InlineData("/api/v1/wants", """{"partitions":["../x"]}""", 400)]
    [InlineData("/api/v1/wants", """{"partitions":"word"}""", 400)]
    [InlineData("/api/v1/wants", """{"partition":["word"]}""", 400)]
    [InlineData("/api/v1/wants", """{"partitions":["\ud800"]}""", 400)]
    [InlineData("/api/v1/wants", """{"priority":1e99}""", 400)]
    [InlineData("/api/v1/wants", """[1,2""", 400)]
    [InlineData("/api/v1/wants", """[[[[[[[[[[[[1]]]]]]]]]]]]""", 400)]
    [InlineData("/api/v1/wants/w-99/cancel", "{}", 404)]
    [InlineData("/api/v1/runs/r-99/cancel", "{}", 404)]
    [InlineData("/api/v1/interventions/i-1/resolve", """{"answer":"retry"}""", 404)]
    [InlineData("/api/v1/nothing", "{}", 404)]
    public async Task A_bad_request_names_what_is_wrong(string path, string body, int status)
    {
        await using var space = await ServedSpace.StartAsync();
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        using var answer = await space.Http.PostAsync(path, content);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.NotEmpty(Text(problem, "code")!);
    }

    [Fact]
    public async Task The_document_names_every_route_once()
    {
        await using var space = await ServedSpace.StartAsync();

        var document = await space.GetAsync("/api/v1/openapi.json");

        var ids = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject())
            .Select(route => Text(route.Value, "operationId")).ToList();
        Assert.Equal(Api.Routes.Count, ids.Count);
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task Lines_of_a_feed_become_a_file_all_or_none()
    {
        await using var space = await ServedSpace.StartAsync("""
            quoin: 1
            name: fed
            feeds:
              lists: { dir: incoming/, want: "page/{key}" }
            jobs:
              fetch:
                outputs: ["page/{name}"]
                exec: [sh, -c, "true"]
            """);
        async Task<HttpStatusCode> LinesAsync(string path, string lines)
        {
            using var answer = await space.Http.PostAsync(
                path, new StringContent(lines, Encoding.UTF8, "text/plain"));
            return answer.StatusCode;
        }

        Assert.Equal(
            HttpStatusCode.Created, await LinesAsync("/api/v1/feeds/web/runs/7", "a 1\nb 2\n"));
        Assert.Equal(HttpStatusCode.OK, await LinesAsync("/api/v1/feeds/web/runs/7", "a 1\nb 2"));
        Assert.Equal(
            HttpStatusCode.Conflict, await LinesAsync("/api/v1/feeds/web/runs/7", "a 2\n"));
        Assert.Equal((HttpStatusCode)422, await LinesAsync("/api/v1/feeds/web/runs/8", "a 1\nb\n"));
        Assert.Equal(
            HttpStatusCode.BadRequest,
            await LinesAsync("/api/v1/feeds/..%2F..%2Fweb/runs/9", "a 1\n"));
        Assert.Equal(
            ["web.7.txt"],
            Directory.GetFiles(Path.Combine(space.Root, "incoming")).Select(Path.GetFileName));
        Assert.Equal("fetch", Text((await space.GetAsync("/api/v1/feeds"))
            .GetProperty("feeds")[0], "job"));
    }
}
