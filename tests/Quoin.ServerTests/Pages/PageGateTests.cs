using System.Net;
using System.Text.RegularExpressions;

namespace Quoin.ServerTests.Pages;

/// <summary>What pages let nobody do: act from elsewhere, run what is shown.</summary>
public sealed partial class PageGateTests
{
    [Fact]
    public async Task A_form_without_the_proof_of_its_page_does_nothing()
    {
        await using var space = await ServedSpace.StartAsync();
        using var http = new HttpClient(new HttpClientHandler { UseCookies = false })
        {
            BaseAddress = space.Http.BaseAddress,
        };
        Dictionary<string, string> form = new() { ["partition"] = "word" };

        using var without = await http.PostAsync("/wants", new FormUrlEncodedContent(form));
        Assert.Equal(HttpStatusCode.Forbidden, without.StatusCode);
        form["proof"] = new string('a', 64);
        using var guessed = await http.PostAsync("/wants", new FormUrlEncodedContent(form));
        Assert.Equal(HttpStatusCode.Forbidden, guessed.StatusCode);
        using var json = await http.PostAsync("/wants", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, json.StatusCode);
        Assert.Empty((await space.GetAsync("/api/v1/wants")).GetProperty("wants").EnumerateArray());
    }

    [Fact]
    public async Task A_form_with_its_proof_wants_something_and_leads_to_the_want()
    {
        await using var space = await ServedSpace.StartAsync();
        using var page = await space.Http.GetAsync("/");
        var proof = Proof().Match(await page.Content.ReadAsStringAsync()).Groups[1].Value;

        using var answer = await space.Http.PostAsync("/wants", new FormUrlEncodedContent(
            new Dictionary<string, string>
            {
                ["partition"] = "word",
                ["proof"] = proof,
                ["back"] = "https://evil.example/",
            }));

        Assert.Equal("/wants/w-1", answer.RequestMessage!.RequestUri!.AbsolutePath);
        Assert.Contains("build word", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_page_may_load_and_run_nothing_but_what_this_server_has()
    {
        await using var space = await ServedSpace.StartAsync();
        using var page = await space.Http.GetAsync("/");
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        var text = await page.Content.ReadAsStringAsync();

        Assert.Contains("default-src 'none'", policy);
        Assert.DoesNotContain("unsafe", policy);
        Assert.DoesNotContain("<style", text);
        Assert.DoesNotContain(" style=", text);
        Assert.DoesNotContain(" onclick=", text);
        foreach (Match asset in Asset().Matches(text))
        {
            using var file = await space.Http.GetAsync(asset.Value);
            Assert.Equal(TimeSpan.FromDays(365), file.Headers.CacheControl!.MaxAge);
        }
    }

    [Theory]
    [InlineData("/partitions/../../etc/passwd")]
    [InlineData("/partitions/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/assets/0/..%2f..%2fquoin.yaml")]
    [InlineData("/runs/..%2f..%2fquoin.yaml")]
    [InlineData("/runs/r-1/tail?attempt=../../x")]
    [InlineData("/datasets/%00")]
    public async Task Nothing_else_can_be_read(string path)
    {
        await using var space = await ServedSpace.StartAsync();
        using var answer = await space.Http.GetAsync(path);

        Assert.InRange((int)answer.StatusCode, 400, 499);
    }

    [GeneratedRegex("name=\"proof\" value=\"([0-9a-f]{64})\"")]
    private static partial Regex Proof();

    [GeneratedRegex("/assets/[0-9a-f]+/[a-z.]+")]
    private static partial Regex Asset();
}
