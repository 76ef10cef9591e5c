using Microsoft.Playwright;

namespace Quoin.BrowserTests;

/// <summary>
/// The rules of axe-core, run in the page. The file comes from the package of that name (MPL-2.0)
/// and is put into <c>artifacts</c> by <c>./dev</c>, its digest checked; without it the pages are
/// opened all the same and this says that it was left out.
/// </summary>
static class Accessibility
{
    static readonly string? source = Find();

    /// <summary>Fails with each rule that is broken, and where.</summary>
    public static async Task CheckAsync(IPage page)
    {
        if (source is null)
        {
            TestContext.Current.AddWarning("NO AXE-CORE: ACCESSIBILITY WAS NOT CHECKED");
            return;
        }
        // Evaluated by the debugger's protocol, so the page's own policy stays as it is.
        await page.EvaluateAsync(source);
        var broken = await page.EvaluateAsync<string[]>("""
            async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
              .flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary}`))
            """);
        Assert.Empty(broken);
    }

    static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null;
            folder = folder.Parent)
        {
            var file = Path.Combine(folder.FullName, "artifacts", "axe", "axe.min.js");
            if (File.Exists(file)) return File.ReadAllText(file) + "\n;0";
        }
        return null;
    }
}
