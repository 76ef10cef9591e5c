using System.Diagnostics;
using Microsoft.Playwright;
using Quoin.ServerTests;

namespace Quoin.BrowserTests;

/// <summary>
/// One server and one browser for all tests of this project; each test opens pages of its own. The
/// browser is the system's (Debian: chromium), nothing is downloaded. Where there is none the tests
/// are skipped, and say so.
/// </summary>
public sealed class BrowserWorld : IAsyncLifetime
{
    static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];

    ServedSpace? space;
    IPlaywright? playwright;
    IBrowser? browser;

    /// <summary>The project's folder.</summary>
    public string Root => space!.Root;

    /// <summary>What is served.</summary>
    internal ServedSpace Space => space!;

    /// <summary>Where it is served.</summary>
    public Uri Address => space!.Http.BaseAddress!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (BrowserPath() is not { } path) return;
        space = await ServedSpace.StartAsync(Tides.Graph, prepare: Tides.Write);
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        });
        await WantAsync("report", "failed");
        await WantAsync("compared/north/south", "succeeded");
    }

    /// <summary>A page that reports all that goes wrong in it; skips the test without a browser.
    /// </summary>
    public Task<OpenPage> OpenAsync(string path, BrowserNewContextOptions? options = null) =>
        OpenAsync(space?.Http.BaseAddress, path, options);

    internal async Task<OpenPage> OpenAsync(
        Uri? address, string path, BrowserNewContextOptions? options = null)
    {
        Assert.SkipWhen(browser is null, "NO BROWSER (Debian: apt-get install chromium): skipped");
        options ??= new BrowserNewContextOptions();
        options.BaseURL = address!.ToString();
        options.ViewportSize ??= new ViewportSize { Width = 1280, Height = 800 };
        var context = await browser.NewContextAsync(options);
        context.SetDefaultTimeout(15_000);
        var page = new OpenPage(context, await context.NewPageAsync(), address);
        await page.GoAsync(path);
        return page;
    }

    /// <summary>Wants a partition and waits until that is over as it should.</summary>
    internal async Task<string> WantAsync(string partition, string standing)
    {
        var (code, said, errors) = await Space.QuoinAsync("want", partition);
        Assert.True(code == 0, errors);
        var want = said.Trim();
        // The server may not have heard of it yet; the newest want it knows is another one then.
        await Space.UntilAsync("/api/v1/wants?limit=5", answer =>
            answer.GetProperty("wants").EnumerateArray().Any(it =>
                it.GetProperty("want").GetString() == want
                && it.GetProperty("state").GetString() == standing));
        return want;
    }

    static string? BrowserPath() => (
        from name in Names
        from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        let path = Path.Combine(folder, name)
        where folder.Length > 0 && File.Exists(path)
        select path).FirstOrDefault();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (browser is not null) await browser.DisposeAsync();
        playwright?.Dispose();
        if (space is not null) await space.DisposeAsync();
    }
}

/// <summary>All tests share one world.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserCollection : ICollectionFixture<BrowserWorld>
{
    /// <summary>Its name.</summary>
    public const string Name = "browser";
}

/// <summary>
/// A page in a context of its own. What it says on its console, what it throws and what it asks of
/// another host is kept, and has to be nothing when it is closed.
/// </summary>
public sealed class OpenPage : IAsyncDisposable
{
    readonly IBrowserContext context;
    readonly List<string> complaints = [];

    internal OpenPage(IBrowserContext context, IPage page, Uri address)
    {
        (this.context, Page) = (context, page);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") Complain($"console: {message.Text}");
        };
        page.PageError += (_, error) => Complain($"thrown: {error}");
        page.Request += (_, request) =>
        {
            var to = new Uri(request.Url);
            if (to.Scheme is "http" or "https" && to.Authority != address.Authority)
                Complain($"asked of another host: {request.Url}");
        };
        page.Response += (_, response) =>
        {
            if (response.Status >= 400 && !MayFail) Complain($"{response.Status}: {response.Url}");
        };
    }

    /// <summary>What Playwright knows of it.</summary>
    public IPage Page { get; }

    /// <summary>It is expected to be refused something.</summary>
    public bool MayFail { get; set; }

    /// <summary>Goes to an address of the server.</summary>
    public Task GoAsync(string path) =>
        Page.GotoAsync(path, new PageGotoOptions { WaitUntil = WaitUntilState.Load });

    /// <summary>The button of a name, inside of the content.</summary>
    public ILocator Button(string name) => Page.Locator("main").GetByRole(
        AriaRole.Button, new LocatorGetByRoleOptions { Name = name, Exact = true });

    /// <summary>The link of a name, inside of the content.</summary>
    public ILocator Link(string name) => Page.Locator("main").GetByRole(
        AriaRole.Link, new LocatorGetByRoleOptions { Name = name, Exact = true }).First;

    /// <summary>Waits until the headline says so.</summary>
    public Task HasHeadlineAsync(string text) => Assertions.Expect(Page.Locator("h1"))
        .ToContainTextAsync(text, new LocatorAssertionsToContainTextOptions { Timeout = 15_000 });

    /// <summary>How long something takes.</summary>
    public static async Task<TimeSpan> TimeAsync(Func<Task> action)
    {
        var since = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(since);
    }

    void Complain(string text)
    {
        // What a page of an error says about itself is no news.
        if (MayFail && text.Contains("Failed to load resource", StringComparison.Ordinal)) return;
        lock (complaints) complaints.Add(text);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await context.CloseAsync();
        lock (complaints) Assert.Empty(complaints);
    }
}
