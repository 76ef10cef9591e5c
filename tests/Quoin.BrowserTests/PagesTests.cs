using Microsoft.Playwright;

namespace Quoin.BrowserTests;

/// <summary>Every page in a real browser: it loads, is accessible, and needs nobody else.</summary>
[Collection(BrowserCollection.Name)]
public sealed class PagesTests(BrowserWorld world)
{
    /// <summary>Every page there is, with its headline.</summary>
    public static readonly TheoryData<string, string> All = new()
    {
        { "/", "Now" },
        { "/wants", "Wants" },
        { "/wants/w-1", "w-1" },
        { "/runs", "Runs" },
        { "/runs?state=failed", "Runs" },
        { "/runs?job=monthly", "Runs" },
        { "/runs/r-1", "r-1" },
        { "/datasets", "Datasets" },
        { "/datasets/daily", "daily" },
        { "/datasets/daily?state=failed", "daily" },
        { "/datasets/monthly", "monthly" },
        { "/datasets/compared", "compared" },
        { "/datasets/gauge", "gauge" },
        { "/partitions/daily/north/2026-01-02", "daily/north/2026-01-02" },
        { "/partitions/" + Tides.BadDay, Tides.BadDay },
        { "/partitions/report", "report" },
        { "/graph", "Graph" },
        { "/machines", "States" },
        { "/workers", "Workers" },
        { "/feeds", "Feeds" },
        { "/interventions", "Interventions" },
        { "/events", "Events" },
        { "/events?type=run-failed", "Events" },
        { "/help", "Keys" },
    };

    [Theory]
    [MemberData(nameof(All))]
    public async Task It_loads_without_a_complaint_and_is_accessible(string path, string headline)
    {
        await using var page = await world.OpenAsync(path);

        await page.HasHeadlineAsync(headline);
        Assert.Equal(1, await page.Page.Locator("main").CountAsync());
        await Accessibility.CheckAsync(page.Page);
    }

    [Fact]
    public async Task Every_page_is_readable_without_a_script()
    {
        await using var page = await world.OpenAsync(
            "/", new BrowserNewContextOptions { JavaScriptEnabled = false });
        foreach (var row in All)
        {
            await page.GoAsync(row.Data.Item1);
            await page.HasHeadlineAsync(row.Data.Item2);
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/wants/w-1")]
    [InlineData("/datasets/daily")]
    [InlineData("/partitions/" + Tides.BadDay)]
    [InlineData("/graph")]
    public async Task In_the_dark_its_colours_still_have_contrast(string path)
    {
        await using var page = await world.OpenAsync(
            path, new BrowserNewContextOptions { ColorScheme = ColorScheme.Dark });

        Assert.Equal(
            "rgb(15, 19, 24)",
            await page.Page.EvaluateAsync<string>(
                "getComputedStyle(document.body).backgroundColor"));
        await Accessibility.CheckAsync(page.Page);
    }

    [Fact]
    public async Task What_is_not_there_is_said_with_status_404()
    {
        await using var page = await world.OpenAsync("/help");
        page.MayFail = true;
        foreach (var path in (string[])["/runs/r-99999", "/wants/w-99999", "/partitions/no/such",
            "/datasets/none", "/nonsense"])
        {
            var answer = await page.Page.GotoAsync(path);
            Assert.Equal(404, answer!.Status);
            await page.HasHeadlineAsync("Not there");
        }
    }

    [Fact]
    public async Task What_a_job_prints_is_never_markup()
    {
        await using var page = await world.OpenAsync("/partitions/" + Tides.BadDay);
        await page.Page.Locator("main a", new PageLocatorOptions { HasTextString = "Log of" })
            .First.ClickAsync();

        var log = page.Page.Locator(".log");
        await Assertions.Expect(log).ToContainTextAsync("no level <script>alert(1)</script>");
        Assert.Equal(0, await page.Page.Locator(".log script").CountAsync());
        Assert.Equal("error", await page.Page.Locator(".log .f1.b").TextContentAsync());
    }

    [Fact]
    public async Task The_keyboard_alone_leads_to_content_pages_and_rows()
    {
        await using var page = await world.OpenAsync("/");
        var keys = page.Page.Keyboard;

        await keys.PressAsync("Tab");
        Assert.Equal("Skip to the content", await FocusAsync(page));
        await keys.PressAsync("Enter");
        Assert.EndsWith("#main", page.Page.Url);
        await keys.PressAsync("g");
        await keys.PressAsync("d");
        await page.HasHeadlineAsync("Datasets");
        await keys.PressAsync("j");
        Assert.Equal("compared", await FocusAsync(page));
        await keys.PressAsync("j");
        Assert.Equal("daily", await FocusAsync(page));
        await keys.PressAsync("Enter");
        await page.HasHeadlineAsync("daily");
        await keys.PressAsync("/");
        await keys.TypeAsync(Tides.BadDay);
        await keys.PressAsync("Enter");
        await page.HasHeadlineAsync(Tides.BadDay);
    }

    static Task<string> FocusAsync(OpenPage page) =>
        page.Page.EvaluateAsync<string>("document.activeElement.textContent");
}
