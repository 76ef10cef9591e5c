using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// One want for p and another for p and q, whose job writes p, or p and q in one run: the cases (a)
/// to (g) of the rules, through the whole engine with real processes. p is written once.
/// </summary>
public sealed class SharedRunTests
{
    const string Groups = """
        q: p q
        p: p
        a: a
        """;

    static int Runs(Overlap game, string output) =>
        game.Events.OfType<RunCompleted>().Count(
            e => e.Outputs.Any(manifest => game.Name(manifest.Partition) == output));

    [Fact]
    public async Task A_planned_before_the_run_is_claimed()
    {
        using var game = new Overlap(Groups, slots: 1);
        await game.WantAsync("a"); // Has the slot.
        var (w1, w2) = (await game.WantAsync("p"), await game.WantAsync("p", "q"));
        Assert.Equal(["a"], game.Claims());
        await game.EndAsync("r-1.1");
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
        if (game.Claims() is [_, "p", ..]) await game.EndAsync("r-3.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w2));
        Assert.Equal((1, 1), (Runs(game, "p"), Runs(game, "q")));
    }

    [Fact]
    public async Task B_between_claim_and_start()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var game = new Overlap(Groups, clock: clock);
        var w1 = await game.WantAsync("p");
        await game.EndAsync("r-1.1", "later"); // Claimed, and not running until its time comes.
        var wait = await clock.WhenTimerIsSetAsync(TestContext.Current.CancellationToken);
        var w2 = await game.WantAsync("p", "q");
        Assert.Equal(["p"], game.Claims());
        clock.Advance(wait);
        await game.EndAsync("r-1.2");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w2));
        Assert.Equal(["p", "q"], game.Claims());
        Assert.Equal(("r-1.2", "r-2.1"), (game.By("p"), game.By("q")));
    }

    [Fact]
    public async Task C_while_it_runs()
    {
        using var game = new Overlap(Groups);
        var w1 = await game.WantAsync("p");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("p", "q");
            var delegated = Assert.Single(game.Events.OfType<WantDelegated>());
            Assert.Equal("p", game.Name(delegated.Partition));
            Assert.Equal(["p"], game.Claims());
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["p", "q"], game.Claims());
        Assert.Equal(("r-1.1", "r-2.1"), (game.By("p"), game.By("q")));
    }

    [Fact]
    public async Task D_when_it_fails_both_wants_get_the_one_failure()
    {
        using var game = new Overlap(Groups);
        var w1 = await game.WantAsync("p");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("p", "q");
            await gate.WriteLineAsync("fail");
        }
        Assert.Equal("Failed", await game.OutcomeAsync(w1));
        // The want for both has its failure, whatever comes; q was never tried, and whoever writes
        // q writes p beside it.
        await game.EndAsync("r-2.1");
        Assert.Equal("Failed", await game.OutcomeAsync(1));
        Assert.Equal(["p", "p,q"], game.Claims());
        Assert.Single(game.Events.OfType<RunFailed>());
    }

    [Fact]
    public async Task E_when_its_want_is_cancelled_it_goes_on_for_the_other()
    {
        using var game = new Overlap(Groups);
        var w1 = await game.WantAsync("p");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("p", "q");
            game.Session.Cancel(new WantId(1), "test");
            Assert.Equal("Cancelled", await game.OutcomeAsync(w1));
            await gate.WriteLineAsync("ok");
        }
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(("r-1.1", "r-2.1"), (game.By("p"), game.By("q")));
    }

    [Fact]
    public async Task F_restarted_between_claim_and_start()
    {
        using var game = new Overlap(Groups);
        game.World.Store.BreakAfter(e => e is RunLeased);
        await Assert.ThrowsAsync<StoreException>(() => game.Session.WantAsync(
            new WantRequest { Targets = ["o/p"] }));
        await game.RestartAsync(); // It finds a run that nobody started, and plans again.
        await game.WantAsync("p", "q");
        for (var run = 2; Runs(game, "p") + Runs(game, "q") < 2; run++)
        {
            await game.EndAsync($"r-{run}.1");
            await game.SettledAsync();
            await game.WhenEndedAsync(run);
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(0));
        Assert.Equal((1, 1), (Runs(game, "p"), Runs(game, "q")));
    }

    [Fact]
    public async Task G_a_zombie_writes_after_its_lease()
    {
        using var game = new Overlap(Groups);
        game.MakeZombieGates();
        var w1 = await game.WantAsync("p");
        await game.EndAsync("r-1.1", "zombie");
        await using (await game.AtGateAsync("never"))
        {
            await game.WantAsync("p", "q");
            await game.DoAsync(
                new ExpireLease(new RunId(1), 1, DateTimeOffset.UnixEpoch) { Losses = 3 });
            await game.EndAsync("r-1.2");
            Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
        }
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        await game.LetZombieWriteAsync();
        Assert.Equal(("r-1.2", "r-2.1"), (game.By("p"), game.By("q")));
    }
}
