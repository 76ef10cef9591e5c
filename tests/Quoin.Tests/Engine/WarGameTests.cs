using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Engine;

/// <summary>
/// Runs that overlap in what they write, through the whole engine with real processes: the cases
/// S1 to S10, for <c>j0 → {a,b}</c> and <c>j1 → {b,c}</c>. The same cases on the bare kernel are in
/// the kernel's own war games.
/// </summary>
public sealed class WarGameTests
{
    const string Chain = """
        a: a b
        b: a b
        c: b c
        """;

    [Fact]
    public async Task S1_disjoint_outputs_are_written_side_by_side()
    {
        using var game = new Overlap("a: a\nc: c");
        var (w0, w1) = (await game.WantAsync("a"), await game.WantAsync("c"));
        await using (var first = await game.AtGateAsync("r-1.1"))
        {
            await game.EndAsync("r-2.1"); // It ends while the first one still runs.
            Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
            await first.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
    }

    [Fact]
    public async Task S2_a_want_for_a_siblings_output_is_delegated_to_the_one_run()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            var w1 = await game.WantAsync("b");
            var delegated = game.Events.OfType<WantDelegated>().Last();
            Assert.Equal(("b", 1), (game.Name(delegated.Partition), delegated.Run.Value));
            await gate.WriteLineAsync("ok");
            await gate.FlushAsync(TestContext.Current.CancellationToken);
            Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
        Assert.Single(game.Events.OfType<RunCompleted>());
    }

    [Fact]
    public async Task S3_an_overlapping_run_waits_and_then_writes_only_the_rest()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("c");
            Assert.Equal(["a,b"], game.Claims()); // A slot is free, and yet j1 is not scheduled.
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["a,b", "c"], game.Claims());
        Assert.Equal(("r-1.1", "r-1.1", "r-2.1"), (game.By("a"), game.By("b"), game.By("c")));
    }

    [Fact]
    public async Task S4_a_run_that_fails_for_good_leaves_its_siblings_to_others()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("c");
            await gate.WriteLineAsync("fail");
        }
        Assert.Equal("Failed", await game.OutcomeAsync(w0));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["a,b", "b,c"], game.Claims());
        Assert.Equal(("r-2.1", "r-2.1"), (game.By("b"), game.By("c")));
    }

    [Fact]
    public async Task S4b_between_two_attempts_the_claims_are_kept()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var game = new Overlap(Chain, retries: 1, clock: clock);
        var w0 = await game.WantAsync("a");
        await game.EndAsync("r-1.1", "fail");
        var wait = await clock.WhenTimerIsSetAsync(TestContext.Current.CancellationToken);
        await game.WantAsync("c");
        Assert.Equal(["a,b"], game.Claims());
        clock.Advance(wait);
        await game.EndAsync("r-1.2");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["a,b", "c"], game.Claims());
        Assert.Equal(("r-1.2", "r-2.1"), (game.By("b"), game.By("c")));
    }

    [Fact]
    public async Task S5_a_cancelled_run_holds_its_outputs_until_it_has_stopped()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await using (await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("c");
            game.Session.Cancel(new WantId(1), "test");
            Assert.Equal("Cancelled", await game.OutcomeAsync(w0));
            await game.EndAsync("r-2.1");
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["a,b", "b,c"], game.Claims());
        var events = game.Events.ToList();
        Assert.InRange(
            events.FindLastIndex(e => e is RunScheduled), game.IndexOf<RunCancelAcked>(),
            events.Count);
    }

    [Fact]
    public async Task S5_a_run_that_another_want_demands_goes_on()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await using (var gate = await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("b");
            game.Session.Cancel(new WantId(1), "test");
            Assert.Equal("Cancelled", await game.OutcomeAsync(w0));
            await gate.WriteLineAsync("ok");
        }
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Empty(game.Events.OfType<RunCancelRequested>());
        Assert.Equal("r-1.1", game.By("b"));
    }

    [Fact]
    public async Task S6_an_attempt_whose_lease_is_over_publishes_nothing()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await using (await game.AtGateAsync("r-1.1"))
        {
            await game.WantAsync("c");
            await game.DoAsync(new ExpireLease(new RunId(1), 1, DateTimeOffset.UnixEpoch));
            await game.EndAsync("r-1.2");
            Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
        }
        Assert.Equal(["a,b", "c"], game.Claims());
        Assert.Equal(("r-1.2", "r-1.2"), (game.By("a"), game.By("b")));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
    }

    [Fact]
    public async Task S7_a_tainted_sibling_is_written_again()
    {
        using var game = new Overlap(Chain);
        var w0 = await game.WantAsync("a");
        await game.EndAsync("r-1.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
        await game.DoAsync(new Taint(game.Id("b"), "test", "wrong"));
        await game.WantAsync("c");
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["a,b", "b,c"], game.Claims());
        Assert.Equal(("r-1.1", "r-2.1"), (game.By("a"), game.By("b")));
    }

    [Fact]
    public async Task S8_what_nobody_declared_is_thrown_away_with_a_warning()
    {
        using var game = new Overlap("a: a\nb: b");
        var (w0, w1) = (await game.WantAsync("a"), await game.WantAsync("b"));
        await game.EndAsync("r-1.1", "b"); // j0 writes a, and b beside it.
        Assert.Equal("Succeeded", await game.OutcomeAsync(w0));
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(w1));
        Assert.Equal("r-2.1", game.By("b"));
        Assert.Contains(game.World.Last.Warnings, warning => warning.Contains(
            "extra output: b is not declared", StringComparison.Ordinal));
    }

    [Fact]
    public async Task S9_a_plan_made_earlier_claims_what_is_still_missing_at_its_turn()
    {
        using var game = new Overlap(Chain, slots: 1);
        await game.WantAsync("a");
        await game.WantAsync("c"); // Planned as {b,c} before anything is there.
        await game.EndAsync("r-1.1");
        await game.EndAsync("r-2.1");
        Assert.Equal("Succeeded", await game.OutcomeAsync(1));
        Assert.Equal(["a,b", "c"], game.Claims());
        var shadowed = game.Events.OfType<RunScheduled>().Last().Shadowed;
        Assert.Equal("b", game.Name(Assert.Single(shadowed)));
    }

    [Fact]
    public async Task S10_a_ring_of_overlapping_runs_does_not_lock_up()
    {
        using var game = new Overlap(
            """
            a: a b
            b: b c
            c: c a
            """,
            slots: 3);
        var wants = new List<int>();
        foreach (var target in (string[])["a", "b", "c"]) wants.Add(await game.WantAsync(target));
        await game.EndAsync("r-1.1");
        await game.EndAsync("r-2.1");
        foreach (var want in wants) Assert.Equal("Succeeded", await game.OutcomeAsync(want));
        Assert.Equal(2, game.Claims().Length);
        Assert.Equal(3, string.Join(',', game.Claims()).Split(',').Distinct().Count());
    }
}
