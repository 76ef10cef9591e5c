using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Quoin.BrowserTests;

/// <summary>What people do with the pages: find out, and act, by links and buttons.</summary>
[Collection(BrowserCollection.Name)]
public sealed class ActingTests(BrowserWorld world)
{
    const int PatienceMs = 20_000;

    static Task HasStateAsync(OpenPage page, string state) =>
        Expect(page.Page.Locator("h1 .st")).ToHaveTextAsync(
            state, new LocatorAssertionsToHaveTextOptions { Timeout = PatienceMs });

    static Task HasTextAsync(ILocator place, string text) => Expect(place).ToContainTextAsync(
        text, new LocatorAssertionsToContainTextOptions { Timeout = PatienceMs });

    // The way of somebody who is woken: what is missing, why, what the job said, mended, built.
    [Fact]
    public async Task From_a_failed_partition_to_its_log_its_cause_and_its_repair()
    {
        await using var page = await world.OpenAsync("/help");
        await world.WantAsync(Tides.MendedMonth, "failed");
        await page.GoAsync("/datasets");

        await page.Link("monthly").ClickAsync();
        await page.Page.Locator($"a[title='{Tides.MendedMonth}: failed']").ClickAsync();
        await HasStateAsync(page, "failed");
        await HasTextAsync(page.Page.Locator(".alarm"), "bad input (exit 65)");
        await page.Page.Locator(".alarm").GetByRole(
            AriaRole.Link, new LocatorGetByRoleOptions { Name = Tides.MendedDay }).ClickAsync();
        await page.HasHeadlineAsync(Tides.MendedDay);
        await page.Page.Locator(".alarm a").First.ClickAsync();
        await HasTextAsync(page.Page.Locator(".log"), "row 2026-02-05: no level");
        await HasTextAsync(
            page.Page.Locator("section[aria-labelledby=blocked]"), Tides.MendedMonth);

        Tides.Mend(world.Root);
        await page.Button("Retry").ClickAsync();
        await HasTextAsync(page.Page.Locator("[role=status].notice"), "Tried again");
        await HasStateAsync(page, "succeeded");
        await page.Link(Tides.MendedDay).ClickAsync();
        await HasStateAsync(page, "live");
        await page.Link(Tides.MendedMonth).ClickAsync();
        await page.Button("Build").ClickAsync();
        await HasStateAsync(page, "succeeded");
        await page.Link(Tides.MendedMonth).ClickAsync();
        await HasStateAsync(page, "live");
    }

    [Theory]
    [InlineData(true, "daily/north/2026-01-05")]
    [InlineData(false, "daily/north/2026-01-06")]
    public async Task A_partition_is_tainted_and_built_again(bool script, string partition)
    {
        await using var page = await world.OpenAsync(
            $"/partitions/{partition}", new() { JavaScriptEnabled = script });
        await HasStateAsync(page, "live");

        await page.Page.GetByLabel("Why it is not to be trusted")
            .FillAsync("the sensor <b>fell</b>");
        await page.Button("Taint").ClickAsync();
        await HasStateAsync(page, "tainted");
        await HasTextAsync(page.Page.Locator("dl.facts").First, "the sensor <b>fell</b>");
        await page.Button("Build").ClickAsync();
        await page.HasHeadlineAsync($"build {partition}");
        await ReloadUntilAsync(page, script, "succeeded");
        await page.GoAsync($"/partitions/{partition}");
        await HasStateAsync(page, "live");
        await HasTextAsync(page.Page.Locator("[data-region=history]"), "the sensor <b>fell</b>");
    }

    // Without a script nothing comes by itself: people reload.
    async Task ReloadUntilAsync(OpenPage page, bool script, string state)
    {
        if (!script)
        {
            var id = new Uri(page.Page.Url).AbsolutePath.Split('/')[^1];
            await world.Space.UntilAsync("/api/v1/wants?limit=5", answer =>
                answer.GetProperty("wants").EnumerateArray().Any(want =>
                    want.GetProperty("want").GetString() == id
                    && want.GetProperty("state").GetString() == state));
            await page.Page.ReloadAsync();
        }
        await HasStateAsync(page, state);
    }

    [Fact]
    public async Task What_happens_is_on_the_page_within_a_second()
    {
        await using var page = await world.OpenAsync("/");
        await Expect(page.Page.Locator("#live")).ToHaveTextAsync("live");
        var position = page.Page.Locator(".foot [data-region=position]");
        var before = await position.TextContentAsync();
        var best = TimeSpan.MaxValue;
        // The machine may be busy with something else: the best of three counts.
        for (var i = 0; i < 3 && best > TimeSpan.FromSeconds(1); i++)
        {
            await world.Space.QuoinAsync("want", $"slow/live{i}");
            await world.Space.UntilAsync("/api/v1/runs?state=running&job=slow", answer =>
                answer.GetProperty("runs").GetArrayLength() == 1);
            var took = await OpenPage.TimeAsync(() => page.Page
                .Locator($"section[aria-labelledby=running] a[href='/partitions/slow/live{i}']")
                .WaitForAsync());
            best = took < best ? took : best;
            await page.Page.Locator($"tr:has(a[href='/partitions/slow/live{i}'])")
                .GetByRole(AriaRole.Button).First.ClickAsync();
            await HasTextAsync(page.Page.Locator("[role=status].notice"), "Cancelled.");
            await Expect(page.Page.Locator("section[aria-labelledby=running]"))
                .ToContainTextAsync("Nothing runs.", new() { Timeout = PatienceMs });
        }
        Assert.InRange(best, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.NotEqual(before, await position.TextContentAsync());
    }

    [Fact]
    public async Task The_log_of_a_run_comes_as_it_is_printed()
    {
        await using var page = await world.OpenAsync("/");
        await page.Page.GetByLabel("Partition", new() { Exact = true }).FillAsync("slow/log");
        await page.Button("Build").ClickAsync();
        await page.Page.Locator("section[aria-labelledby=runs] tbody th a").First.ClickAsync();
        var log = page.Page.Locator(".log");

        await HasTextAsync(log, "begun");
        Tides.Signal(world.Root, "more", "log");
        await HasTextAsync(log.Locator(".f3"), "still here");
        await HasStateAsync(page, "running");
        Tides.Signal(world.Root, "go", "log");
        await HasStateAsync(page, "built");
        await HasTextAsync(log, "task-succeeded");
    }

    [Fact]
    public async Task A_question_is_answered_where_it_is_asked()
    {
        await using var page = await world.OpenAsync("/");
        await page.Page.GetByLabel("Partition", new() { Exact = true }).FillAsync("lock/7");
        await page.Button("Build").ClickAsync();
        await HasStateAsync(page, "ready");
        await page.Button("Release what it holds").ClickAsync();
        var asked = page.Page.Locator("main section.alarm");
        await HasTextAsync(page.Page.Locator("main"), "release-failed: it waits for a person");
        // On the page that was open already: its head is as live as the rest of it.
        await HasTextAsync(page.Page.Locator(".top .count"), "1");
        await page.GoAsync("/interventions");
        await HasTextAsync(asked, "the lock is somebody else's");
        await asked.GetByRole(AriaRole.Button, new() { Name = "It was released by hand" })
            .ClickAsync();
        await HasTextAsync(page.Page.Locator("[data-region=answered]"), "lock/7");
        await HasTextAsync(page.Page.Locator("main"), "Nothing needs a person.");
    }

    [Fact]
    public async Task What_is_refused_is_said_in_words()
    {
        await using var page = await world.OpenAsync("/");
        page.MayFail = true;
        await page.Page.GetByLabel("Partition", new() { Exact = true }).FillAsync("nonsense/1");
        await page.Button("Build").ClickAsync();

        await page.HasHeadlineAsync("Refused: no-producer");
        await HasTextAsync(page.Page.Locator("main"), "no job of the graph makes nonsense/1");
        await page.Link("Back").ClickAsync();
        await page.HasHeadlineAsync("Now");
    }
}
