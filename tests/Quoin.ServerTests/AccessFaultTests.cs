using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Http;
using Quoin.Cli;
using Quoin.Engine;
using Quoin.Server;

namespace Quoin.ServerTests;

/// <summary>What somebody tries who may not, or what goes wrong on the way in.</summary>
public sealed class AccessFaultTests
{
    const string Things = """
        quoin: 1
        name: things
        jobs:
          thing:
            outputs: ["thing/{id:int}"]
            exec: [sh, site]
            resource: { release: [sh, site], settle: 0s, poll: { every: 1h } }
        """;

    static async Task<string> TokenAsync(ServedSpace space, string name, string role) =>
        (await space.QuoinAsync("token", "create", name, "--role", role)).Out.Trim();

    static AuthenticationHeaderValue Bearer(string token) => new("Bearer", token);

    static async Task<(int Status, string Code)> CodeAsync(HttpResponseMessage answer)
    {
        var problem = await answer.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>();
        return ((int)answer.StatusCode, $"{problem.GetProperty("code")}");
    }

    [Fact]
    public async Task Only_a_runs_own_token_wakes_it_and_a_wrong_one_leaves_no_trace()
    {
        await using var space = await ServedSpace.StartAsync(Things, prepare: root =>
            File.WriteAllText(Path.Combine(root, "site"), """
                echo "$QUOIN_CALLBACK" > callback
                if [ -e ready ]; then echo '@quoin {"manifest":{"connections":{"at":"here"}}}'
                else echo '@quoin {"defer":{}}'; fi
                """));
        await space.QuoinAsync("want", "thing/1");
        await space.UntilAsync(
            "/api/v1/runs?state=deferred", runs => runs.GetProperty("runs").GetArrayLength() == 1);
        await TokenAsync(space, "ops", "operate"); // From now on others need one.
        var callback = File.ReadAllText(Path.Combine(space.Root, "callback")).Trim();
        var last = space.Server.Views.Position;

        Assert.Equal((403, "wrong-token"), await WakeAsync("/api/v1/runs/r-1/wake?token=wrong"));
        Assert.Equal((403, "wrong-token"), await WakeAsync("/api/v1/runs/r-1/wake?token="));
        Assert.Equal((403, "wrong-token"), await WakeAsync("/api/v1/runs/r-9/wake?token=wrong"));
        for (var i = 3; i < 60; i++) await WakeAsync($"/api/v1/runs/r-1/wake?token={i}");
        Assert.Equal((429, "too-many"), await WakeAsync("/api/v1/runs/r-1/wake?token=wrong"));
        Assert.Equal(last, space.Server.Views.Position);

        File.WriteAllText(Path.Combine(space.Root, "ready"), "");
        using var right = await space.Http.PostAsync(callback, null);
        Assert.Equal(HttpStatusCode.NoContent, right.StatusCode);
        space.Http.DefaultRequestHeaders.Authorization =
            Bearer(await TokenAsync(space, "other", "read"));
        await space.UntilAsync(
            "/api/v1/partitions?state=live", p => p.GetProperty("count").GetInt32() == 1);

        async Task<(int, string)> WakeAsync(string path)
        {
            using var answer = await space.Http.PostAsync(path, null);
            return await CodeAsync(answer);
        }
    }

    [Fact]
    public async Task A_stream_ends_soon_after_its_token_is_revoked()
    {
        await using var space = await ServedSpace.StartAsync();
        var token = await TokenAsync(space, "eyes", "read");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/events");
        request.Headers.Authorization = Bearer(token);
        request.Headers.Accept.ParseAdd("text/event-stream");
        using var answer = await space.Http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        using var reader = new StreamReader(stream);
        Assert.Equal(": hello", await reader.ReadLineAsync());

        await space.QuoinAsync("token", "revoke", "eyes");

        using var patience = new CancellationTokenSource(ServedSpace.Patience);
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            while (await reader.ReadLineAsync(patience.Token) is not null)
            {
                // Heartbeats.
            }
            throw new IOException("It ended.");
        });
    }

    [Fact]
    public async Task Who_sends_a_command_is_who_its_token_is_of()
    {
        await using var space = await ServedSpace.StartAsync();
        await space.QuoinAsync("want", "letter/a");
        await space.UntilAsync(
            "/api/v1/partitions?state=live", p => p.GetProperty("count").GetInt32() == 1);
        space.Http.DefaultRequestHeaders.Authorization =
            Bearer(await TokenAsync(space, "ops", "operate"));
        await space.StopAsync();
        var header = space.Http.DefaultRequestHeaders.Authorization;
        await space.ServeAsync();
        space.Http.DefaultRequestHeaders.Authorization = header;
        var command = new StoreCommand.Taint(["letter/a"], "somebody else", "it is wrong");

        using var sent = await space.Http.PostAsync(
            "/api/v1/store/inbox?id=a-1&type=taint-partitions",
            new ByteArrayContent(command.ToInbox("a-1").Body.ToArray()));

        Assert.Equal(HttpStatusCode.OK, sent.StatusCode);
        var tainted = await space.UntilAsync(
            "/api/v1/events?type=partition-tainted",
            events => events.GetProperty("events").GetArrayLength() == 1);
        var told = tainted.GetProperty("events")[0].GetProperty("partitionTainted");
        Assert.Equal("http:ops", $"{told.GetProperty("by")}");
    }

    [Theory]
    [InlineData(false, "http", false)]
    [InlineData(false, "https", true)]
    [InlineData(true, "http", true)]
    public async Task Behind_a_proxy_with_TLS_cookies_are_for_TLS_only(
        bool isConfigured, string scheme, bool isSecure)
    {
        await using var space = await ServedSpace.StartAsync();
        var token = await TokenAsync(space, "me", "read");
        await space.StopAsync();
        await space.ServeAsync(options => options with { IsBehindTls = isConfigured });
        using var handler = new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false };
        using var http = new HttpClient(handler) { BaseAddress = new Uri(space.Server.Address) };
        http.DefaultRequestHeaders.Add("X-Forwarded-Proto", scheme);

        using var answer = await http.PostAsync("/login", new FormUrlEncodedContent(
            new Dictionary<string, string> { ["token"] = token }));

        var cookie = answer.Headers.GetValues("Set-Cookie").Single();
        Assert.Equal(isSecure, cookie.Contains("; secure", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_a_problem_with_its_code()
    {
        var gate = new Gate(
            new TokenList(new Broken(), TimeProvider.System), new(IPAddress.Loopback, 1), [],
            TimeProvider.System);
        var http = new DefaultHttpContext();
        http.Response.Body = new MemoryStream();
        http.Request.Host = new("localhost");
        http.Request.Path = "/api/v1/wants";

        await gate.PassAsync(http, _ => throw new InvalidOperationException("not admitted"));

        http.Response.Body.Position = 0;
        using var reader = new StreamReader(http.Response.Body);
        Assert.Equal(
            (503, "application/problem+json; charset=utf-8"),
            (http.Response.StatusCode, http.Response.ContentType));
        Assert.Contains("\"code\":\"store-unavailable\"", await reader.ReadToEndAsync());
    }

    sealed class Broken : IAccessStore
    {
        static StoreException Gone => new("store-unavailable", "The database is gone.");

        public IReadOnlyList<AccessToken> Tokens() => throw Gone;

        public Task<bool> AddTokenAsync(AccessToken token, CancellationToken ct) => throw Gone;

        public Task<bool> RevokeTokenAsync(string name, CancellationToken ct) => throw Gone;

        public KeyedRequest? SentUnder(string key) => throw Gone;

        public Task<KeyedRequest> SendOnceAsync(
            KeyedRequest request, InboxCommand command, CancellationToken ct) => throw Gone;
    }

    [Fact]
    public async Task A_name_is_known_in_capitals_too()
    {
        await using var space = await ServedSpace.StartAsync(
            change: options => options with { Hosts = ["Build.example.org"] });
        space.Http.DefaultRequestHeaders.Host = "build.EXAMPLE.org";

        using var answer = await space.Http.GetAsync("/api/v1/stats");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/v1/events?subject=%00", HttpStatusCode.BadRequest)]
    [InlineData("/api/v1/store/log?subject=a%00b", HttpStatusCode.BadRequest)]
    [InlineData("/api/v1/partitions?prefix=%00", HttpStatusCode.BadRequest)]
    [InlineData("/events?subject=%00", HttpStatusCode.OK)]
    public async Task A_NUL_character_does_not_reach_the_store(string path, HttpStatusCode status)
    {
        await using var space = await ServedSpace.StartAsync();

        using var answer = await space.Http.GetAsync(path);

        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task The_command_line_says_what_is_wrong_with_a_server()
    {
        await using var space = await ServedSpace.StartAsync();
        var address = space.Server.Address;

        var other = await space.QuoinAsync("--server", $"{address}/elsewhere", "status");
        Assert.Equal(ExitCode.Store, other.ExitCode);
        Assert.StartsWith(
            $"error[not-a-server]: {address} is no server of Quoin: it answered 404", other.Err);

        space.Env["QUOIN_TOKEN"] = await TokenAsync(space, "eyes", "read");
        await space.StopAsync();
        await space.ServeAsync();
        address = space.Server.Address;
        var refused = await space.QuoinAsync("--server", address, "want", "word");
        Assert.StartsWith("error[forbidden]", refused.Err);
        Assert.Equal(ExitCode.Refused, refused.ExitCode);

        space.Env["QUOIN_TOKEN"] = "quoin_nobody";
        var unknown = await space.QuoinAsync("--server", address, "want", "word");
        Assert.StartsWith("error[unauthorized]", unknown.Err);
        Assert.Equal(ExitCode.Store, unknown.ExitCode);
    }
}
