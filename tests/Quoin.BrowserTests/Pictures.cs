using System.Diagnostics;
using Microsoft.Playwright;
using Quoin.ServerTests;

namespace Quoin.BrowserTests;

/// <summary>
/// Pictures of the pages for the documentation: <c>./dev screenshots</c>. The weather example with
/// a bad row, a project where something runs and something asks, and the example of feeds.
/// </summary>
[Collection(BrowserCollection.Name)]
public sealed class Pictures(BrowserWorld world)
{
    [Fact]
    public async Task Are_taken_of_every_page()
    {
        var folder = Environment.GetEnvironmentVariable("QUOIN_SCREENSHOTS");
        Assert.SkipWhen(folder is null, "./dev screenshots takes them");
        Directory.CreateDirectory(folder);
        await TakeTidesAsync(folder);
        await TakeWeatherAsync(folder);
        await TakeFeedsAsync(folder);
    }

    async Task TakeTidesAsync(string folder)
    {
        var want = await world.WantAsync("lock/tower", "ready");
        await world.Space.QuoinAsync("release", want);
        await world.Space.QuoinAsync("want", "slow/tide-tables");
        await world.Space.QuoinAsync("want", "slow/moon");
        await world.Space.QuoinAsync("want", "slow/sun");
        await world.Space.UntilAsync("/api/v1/runs?state=running&job=slow", answer =>
            answer.GetProperty("runs").GetArrayLength() == 2);
        await using (var page = await world.OpenAsync("/"))
            await page.Page.Locator(".top .count").WaitForAsync(new() { Timeout = 90_000 });
        await TakeAsync(folder, "now", "/", world.Address, dark: true);
        await TakeAsync(folder, "interventions", "/interventions", world.Address);
        await TakeAsync(folder, "workers", "/workers", world.Address);
        await TakeAsync(folder, "machines", "/machines", world.Address, dark: true);
        foreach (var name in (string[])["tide-tables", "moon", "sun"])
        {
            Tides.Signal(world.Root, "more", name);
            Tides.Signal(world.Root, "go", name);
        }
    }

    async Task TakeWeatherAsync(string folder)
    {
        var example = Example("weather");
        await using var space = await ServedSpace.StartAsync(
            await File.ReadAllTextAsync(Path.Combine(example, "quoin.yaml")),
            prepare: root => Copy(example, root));
        var data = Path.Combine(space.Root, "data/seattle-2012.csv");
        await BuildAsync(space, "report", "table");
        var text = await File.ReadAllTextAsync(data);
        await File.WriteAllTextAsync(
            data, text.Replace("2012-01-04,20.3,12.2,5.6", "2012-01-04,20.3,12.2,15.6"));
        await BuildAsync(space, "report", "table");

        var failed = await space.GetAsync("/api/v1/runs?state=failed&limit=1");
        var run = failed.GetProperty("runs")[0].GetProperty("run").GetString()!;
        var at = space.Http.BaseAddress!;
        await TakeAsync(folder, "want", "/wants/w-1", at, dark: true);
        await TakeAsync(folder, "wants", "/wants", at);
        await TakeAsync(folder, "runs", "/runs", at);
        await TakeAsync(folder, "run", $"/runs/{run}", at, dark: true);
        await TakeAsync(folder, "datasets", "/datasets", at);
        await TakeAsync(folder, "dataset", "/datasets/daily?part=3", at, dark: true);
        await TakeAsync(
            folder, "partition", "/partitions/daily/seattle/2012-01-03", at, dark: true);
        await TakeAsync(folder, "failed", "/partitions/report", at);
        await TakeAsync(folder, "graph", "/graph", at, dark: true);
        await TakeAsync(folder, "events", "/events", at);
    }

    // A supervisor of its own process reads them; a page is fetched for as long as we look.
    async Task TakeFeedsAsync(string folder)
    {
        var example = Example("feeds");
        await using var space = await ServedSpace.StartAsync(
            await File.ReadAllTextAsync(Path.Combine(example, "quoin.yaml")),
            prepare: root =>
            {
                Copy(example, root);
                Put(root, "hold", "");
                Put(root, "fetch.sh", """
                    while [ -e hold ]; do sleep 0.1; done
                    echo $2 >$1
                    """);
                Put(root, "incoming/list.1.txt", """
                    home https://example.org/
                    about https://example.org/about
                    news https://example.org/news
                    jobs https://example.org/jobs

                    """);
                Put(root, "asked/monday.1.txt", "home 1\n");
            });
        using var supervisor = Process.Start(new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "quoin-serve"),
            ["-C", space.Root, "supervisor", "-j", "1"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            using var patience = new CancellationTokenSource(ServedSpace.Patience);
            while (!(await space.Http.GetStringAsync("/feeds", patience.Token))
                .Contains("3 lines waiting, 1 out", StringComparison.Ordinal)) await Task.Yield();
            await TakeAsync(folder, "feeds", "/feeds", space.Http.BaseAddress!);
        }
        finally
        {
            File.Delete(Path.Combine(space.Root, "hold"));
            supervisor.Kill();
            supervisor.WaitForExit();
        }

        static void Put(string root, string name, string text)
        {
            var file = Path.Combine(root, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            var program = name.EndsWith(".sh", StringComparison.Ordinal);
            File.WriteAllText(file, program ? $"#!/bin/sh\n{text}\n" : text);
        }
    }

    static async Task BuildAsync(ServedSpace space, params string[] partitions)
    {
        await space.QuoinAsync(["want", .. partitions]);
        await space.UntilAsync("/api/v1/wants?limit=1", answer =>
            answer.GetProperty("wants")[0].GetProperty("state").GetString()
                is "succeeded" or "failed");
    }

    async Task TakeAsync(string folder, string name, string path, Uri address, bool dark = false)
    {
        foreach (var scheme in dark
            ? (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark]
            : [ColorScheme.Light])
        {
            await using var page = await world.OpenAsync(address, path, new()
            {
                ColorScheme = scheme,
                ViewportSize = new ViewportSize { Width = 1200, Height = 760 },
            });
            var suffix = scheme == ColorScheme.Dark ? "-dark" : "";
            await page.Page.ScreenshotAsync(new PageScreenshotOptions
            {
                Path = Path.Combine(folder, $"{name}{suffix}.png"),
            });
        }
    }

    static string Example(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Quoin.slnx"))) folder = folder.Parent;
        return Path.Combine(folder.FullName, $"examples/{name}");
    }

    static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(from, file);
            if (relative.StartsWith("out/", StringComparison.Ordinal)
                || relative.StartsWith(".quoin", StringComparison.Ordinal)) continue;
            var target = Path.Combine(to, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
