using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Quoin.BrowserTests;

/// <summary>What people read: why something would be built, and logs that are long.</summary>
[Collection(BrowserCollection.Name)]
public sealed class ReadingTests(BrowserWorld world)
{
    static Task HasTextAsync(ILocator place, string text) => Expect(place).ToContainTextAsync(
        text, new LocatorAssertionsToContainTextOptions { Timeout = 20_000 });

    [Theory]
    [InlineData(true, "west")]
    [InlineData(false, "coast")]
    public async Task A_partition_says_what_a_build_would_do_and_why(bool script, string station)
    {
        var (data, day) = ($"gauge-{station}.csv", $"daily/{station}/2026-03-01");
        File.WriteAllText(Path.Combine(world.Root, data), "2026-03-01,4.2\n");
        await world.WantAsync(day, "succeeded");
        File.WriteAllText(Path.Combine(world.Root, data), "2026-03-01,4.25\n");
        await using var page = await world.OpenAsync(
            $"/partitions/{day}", new() { JavaScriptEnabled = script });

        await page.Link("Plan it, and say why").ClickAsync();

        var explained = page.Page.Locator(".explained");
        await HasTextAsync(
            explained, $"{day} not current: will be built by job daily (quoin.yaml:");
        await HasTextAsync(explained, $"changed source {data}");
        var (_, said, _) = await world.Space.QuoinAsync("explain", day);
        Assert.Equal(said.TrimEnd(), await explained.TextContentAsync());
    }

    [Theory]
    [InlineData(true, "lines")]
    [InlineData(false, "rows")]
    public async Task A_long_log_is_read_piece_by_piece(bool script, string name)
    {
        await world.WantAsync($"long/{name}", "succeeded");
        await using var page = await world.OpenAsync(
            $"/partitions/long/{name}", new() { JavaScriptEnabled = script });
        await page.Page.Locator("[data-region=partition] dl a[href^='/runs/']").First.ClickAsync();
        var log = page.Page.Locator(".log");

        await HasTextAsync(log, "line 2500.");
        await Expect(log).Not.ToContainTextAsync("line 1.");
        await page.Link("before this").ClickAsync();
        await HasTextAsync(log, "line 1200.");
        await Expect(log).Not.ToContainTextAsync("line 2500.");
        await page.Link("before this").ClickAsync();
        await HasTextAsync(log, "line 1.");
        Assert.Equal(0, await page.Page.Locator("main a:text-is('before this')").CountAsync());
        await page.Link("after this").ClickAsync();
        await Expect(log).Not.ToContainTextAsync("line 1.");
        await page.Link("its end").ClickAsync();
        await HasTextAsync(log, "line 2500.");
        await page.Link("its beginning").ClickAsync();
        await HasTextAsync(log, "line 1.");
    }

    [Fact]
    public async Task A_page_that_nobody_sees_gives_the_stream_of_its_log_back()
    {
        await using var page = await world.OpenAsync("/");
        await page.Page.AddInitScriptAsync("""
            window.tails = [];
            const Real = window.EventSource;
            window.EventSource = class extends Real {
              constructor(url) { super(url); if (`${url}`.includes("/tail")) tails.push(this); }
            };
            """);
        await page.Page.GetByLabel("Partition", new() { Exact = true }).FillAsync("slow/hidden");
        await page.Button("Build").ClickAsync();
        await page.Page.Locator("section[aria-labelledby=runs] tbody th a").First.ClickAsync();
        var log = page.Page.Locator(".log");
        await HasTextAsync(log, "begun");

        await SeeAsync(page, isSeen: false);
        Assert.Equal(
            "2", await page.Page.EvaluateAsync<string>("tails.map(t => t.readyState).join()"));
        Tides.Signal(world.Root, "more", "hidden");
        await SeeAsync(page, isSeen: true);
        await HasTextAsync(log, "still here");
        Tides.Signal(world.Root, "go", "hidden");
        await HasTextAsync(log, "task-succeeded");

        Assert.Equal(1, await log.Locator("div.out:has-text('begun')").CountAsync());
        Assert.Equal(1, await log.Locator("div.out:has-text('still here')").CountAsync());
    }

    static async Task SeeAsync(OpenPage page, bool isSeen) => await page.Page.EvaluateAsync(
        """
        hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }
        """,
        !isSeen);
}
