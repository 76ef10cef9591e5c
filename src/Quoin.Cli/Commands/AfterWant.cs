using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>--after WANT</c>: a build begins when that want is over, and, where it was made with another
/// version of the graph, when the process that made it has let go of the store.
/// </summary>
static class AfterWant
{
    static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    public static Option<string?> Option() => new("--after")
    {
        Description = "Begin when that want is over (w-17)",
        HelpName = "WANT",
    };

    /// <summary>The option's value; null: it is not given.</summary>
    public static WantId? Read(string? text) => text is null ? null
        : WantId.TryParse(text, out var want) ? want
        : throw new UsageException("usage", $"--after {text}: write a want, as w-17");

    /// <summary>The store, when the want is over.</summary>
    public static async Task<(IBuildStore Store, string? Holder)> OpenAsync(
        Cli cli, Workspace workspace, Graph graph, WantId want)
    {
        var said = false;
        while (true)
        {
            var (store, holder) = Project.OpenToBuild(cli, workspace);
            var state = StateLoader.Load(store, new PartitionNames()).State;
            if (want.Value > state.LastWant)
            {
                await store.DisposeAsync();
                throw new UsageException("no-such-want", $"there is no {want}; see: quoin status");
            }
            // Who leads nothing any more may still have other wants: it is asked, and answers.
            var isOver = !state.Wants.ContainsKey(want.Value)
                && (holder is null || GraphOf(store, want) == graph.Digest
                    || state.Wants.Count > 0);
            if (isOver || holder is null) return (store, holder);
            if (!said) cli.Say($"waiting for {want}");
            said = true;
            using (var changes = new StoreChanges(store))
            {
                _ = changes.HasNew();
                await changes.WaitAsync(LookAgain, CancellationToken.None);
            }
            await store.DisposeAsync();
        }
    }

    static Digest GraphOf(IBuildStore store, WantId want) =>
        store.Read(0, new PartitionNames()).Select(logged => logged.Event).OfType<WantPlanned>()
            .LastOrDefault(planned => planned.Want == want)?.Graph ?? default;
}
