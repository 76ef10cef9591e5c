using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Quoin.Cli;

namespace Quoin.ServerTests;

/// <summary>Who may ask, from where, by which name.</summary>
public sealed class AccessTests
{
    static async Task<string> TokenAsync(ServedSpace space, string name, string role) =>
        (await space.QuoinAsync("token", "create", name, "--role", role)).Out.Trim();

    static HttpRequestMessage With(string path, string? token, HttpMethod? method = null)
    {
        var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (method == HttpMethod.Post) request.Content = JsonContent.Create(new { });
        return request;
    }

    [Fact]
    public async Task Without_tokens_it_listens_on_loopback_only()
    {
        var refused = await Assert.ThrowsAsync<UsageException>(() => ServedSpace.StartAsync(
            change: options => options with { Listen = new IPEndPoint(IPAddress.Any, 0) }));

        Assert.Equal("tokens-needed", refused.Code);
    }

    [Fact]
    public async Task With_tokens_everybody_needs_one_and_its_role_says_what_for()
    {
        await using var space = await ServedSpace.StartAsync();
        var (reads, operates) = (
            await TokenAsync(space, "eyes", "read"), await TokenAsync(space, "ops", "operate"));
        await space.StopAsync();
        await space.ServeAsync(
            options => options with { Listen = new IPEndPoint(IPAddress.Any, 0) });
        var port = new Uri(space.Server.Address).Port;
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

        Assert.StartsWith("quoin_", reads);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/healthz", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("/api/v1/wants", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("/api/v1/wants", "quoin_x"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/api/v1/wants", reads));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("/", null));
        Assert.Equal(
            HttpStatusCode.Forbidden,
            await StatusAsync("/api/v1/wants/w-1/cancel", reads, HttpMethod.Post));
        Assert.Equal(
            HttpStatusCode.NotFound,
            await StatusAsync("/api/v1/wants/w-1/cancel", operates, HttpMethod.Post));

        async Task<HttpStatusCode> StatusAsync(
            string path, string? token, HttpMethod? method = null)
        {
            using var answer = await http.SendAsync(With(path, token, method));
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task A_token_is_kept_by_its_hash_and_can_be_revoked()
    {
        await using var space = await ServedSpace.StartAsync();
        var token = await TokenAsync(space, "ci", "read");

        var listed = await space.QuoinAsync("token", "list", "--json");
        Assert.Contains("\"name\":\"ci\",\"role\":\"read\"", listed.Out);
        Assert.DoesNotContain(token["quoin_".Length..], listed.Out);
        Assert.DoesNotContain(
            token["quoin_".Length..],
            await File.ReadAllTextAsync(Path.Combine(space.Root, ".quoin/quoin.db"))
            + await File.ReadAllTextAsync(Path.Combine(space.Root, ".quoin/quoin.db-wal")));
        Assert.Equal(4, (await space.QuoinAsync("token", "create", "ci")).ExitCode);
        Assert.Equal("revoked ci\n", (await space.QuoinAsync("token", "revoke", "ci")).Out);
        Assert.Equal(4, (await space.QuoinAsync("token", "revoke", "ci")).ExitCode);
        Assert.Equal(2, (await space.QuoinAsync("token", "create", "a b")).ExitCode);
        Assert.Equal(
            2, (await space.QuoinAsync("token", "create", "x", "--role", "root")).ExitCode);
    }

    [Theory]
    [InlineData("Origin", "http://example.org", 403)]
    [InlineData("Origin", "null", 403)]
    [InlineData("Sec-Fetch-Site", "cross-site", 403)]
    [InlineData("Sec-Fetch-Site", "same-site", 403)]
    [InlineData("Sec-Fetch-Site", "same-origin", 404)]
    [InlineData("Host", "rebound.example.org", 421)]
    [InlineData("Host", "localhost", 404)]
    public async Task Another_site_cannot_make_a_browser_act(
        string header, string value, int status)
    {
        await using var space = await ServedSpace.StartAsync();
        using var request = With("/api/v1/wants/w-9/cancel", null, HttpMethod.Post);
        request.Headers.Add(header, value);

        using var answer = await space.Http.SendAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy")
            .Single());
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Fact]
    public async Task A_browser_shows_its_token_once_and_gets_a_session_of_this_site_only()
    {
        await using var space = await ServedSpace.StartAsync();
        var token = await TokenAsync(space, "me", "operate");
        await space.StopAsync();
        await space.ServeAsync();
        using var handler = new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false };
        using var http = new HttpClient(handler) { BaseAddress = new Uri(space.Server.Address) };
        http.DefaultRequestHeaders.Accept.ParseAdd("text/html");

        using var first = await http.GetAsync("/?x=1");
        Assert.Equal("/login?next=%2F%3Fx%3D1", first.Headers.Location!.OriginalString);
        using var wrong = await http.PostAsync("/login", new FormUrlEncodedContent(
            new Dictionary<string, string> { ["token"] = "<b>", ["next"] = "//example.org" }));
        Assert.Equal(HttpStatusCode.Forbidden, wrong.StatusCode);
        Assert.Contains("value=\"/\"", await wrong.Content.ReadAsStringAsync());
        using var right = await http.PostAsync("/login", new FormUrlEncodedContent(
            new Dictionary<string, string> { ["token"] = token, ["next"] = "/?x=1" }));
        Assert.Equal("/?x=1", right.Headers.Location!.OriginalString);
        var cookie = right.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("samesite=strict; httponly", cookie);
        http.DefaultRequestHeaders.Add("Cookie", cookie.Split(';')[0]);
        using var page = await http.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        await space.QuoinAsync("token", "revoke", "me");
        await space.StopAsync(); // The list of tokens may be a second old.
    }
}
