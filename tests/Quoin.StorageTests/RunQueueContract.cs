using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// What the queue of runs promises on every store: offers, claims, ends, stops, leases.
/// </summary>
public abstract partial class RunQueueContract : IAsyncDisposable
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    readonly PartitionNames names = new();

    protected abstract IBuildStore Store { get; }

    /// <summary>The same store as another process has it.</summary>
    protected abstract IBuildStore Another();

    public abstract ValueTask DisposeAsync();

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected AppendBatch Batch(params BuildEvent[] events) =>
        new() { At = DateTimeOffset.UnixEpoch, Names = names, Events = events };

    protected static OfferedRun Run(int run, int priority = 0, int epoch = 0, int cpu = 1) => new()
    {
        Run = new(run),
        Epoch = epoch,
        Attempt = epoch + 1,
        Priority = priority,
        Cpu = cpu,
        Spec = Encoding.ASCII.GetBytes($"spec {run}"),
    };

    protected Task OfferAsync(params OfferedRun[] runs) =>
        Store.AppendAsync(Batch() with { Offered = runs }, Ct);

    protected Task JoinAsync(string owner, TimeSpan? lease = null) => Store.JoinAsync(
        new() { Owner = owner, Slots = 2, Capacity = 4 }, lease ?? Minute,
        new($"joined/{owner}", "worker-joined", "J"u8.ToArray()), Ct);

    protected static WorkerTurn Turn(string owner, int claim = 9) => new()
    {
        Owner = owner,
        Claim = claim,
        FreeCpu = 99,
        Cpu = 99,
        LeasedBody = Encoding.ASCII.GetBytes($"by {owner}"),
    };

    static EndedRun End(int run, int epoch, string? log = null) => new(
        new(run), epoch, epoch, Encoding.ASCII.GetBytes($"end of {run}"),
        log is null ? null : Encoding.UTF8.GetBytes(log));

    async Task<string> ClaimAsync(WorkerTurn turn) =>
        string.Join(' ', (await Store.WorkAsync(turn, Ct)).Claimed.Select(
            c => $"{c.Run}:{c.Epoch}"));

    static string Held(WorkerAnswer answer) => string.Join(' ', answer.Held.Select(h =>
        $"{h.Run}:{h.Epoch}{(h.Stop is { } stop ? stop.Kill ? "!kill" : "!stop" : "")}"));

    protected string[] Inbox() => [.. Store.Waiting().Select(
        c => $"{c.Id} {c.Type} {Encoding.ASCII.GetString(c.Body.Span)}")];

    string Queued() => string.Join(' ', Store.QueuedRuns().Select(
        q => $"{q.Run}:{q.Epoch}{(q.Owner is null ? "" : "@" + q.Owner)}"));

    [Fact]
    public async Task Claims_come_by_priority_then_run_with_what_was_offered()
    {
        await JoinAsync("a");
        await OfferAsync(Run(3), Run(1), Run(4, priority: 7, epoch: 2), Run(2, priority: -1));

        var answer = await Store.WorkAsync(Turn("a", claim: 3), Ct);

        Assert.True(answer.IsKnown);
        Assert.Equal(
            ["r-4 3 spec 4", "r-1 1 spec 1", "r-3 1 spec 3"],
            answer.Claimed.Select(
                c => $"{c.Run} {c.Epoch} {Encoding.ASCII.GetString(c.Spec.Span)}"));
        Assert.Equal("r-1:1 r-3:1 r-4:3", Held(answer));
        Assert.Equal("r-1:1@a r-2:0 r-3:1@a r-4:3@a", Queued());
        Assert.Equal(
            [
                "joined/a worker-joined J", "leased/4/3 run-leased by a",
                "leased/1/1 run-leased by a", "leased/3/1 run-leased by a",
            ],
            Inbox());
        Assert.Equal(
            "r-2:1", await ClaimAsync(Turn("a") with { Known = [new(1), new(3), new(4)] }));
    }

    [Fact]
    public async Task Claims_stop_at_the_run_that_would_take_more_than_the_free_cores()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1, cpu: 2), Run(2, cpu: 2), Run(3), Run(4));

        Assert.Equal("r-1:1", await ClaimAsync(Turn("a") with { FreeCpu = 3 }));
        Assert.Equal(
            "r-2:1 r-3:1", await ClaimAsync(Turn("a") with { FreeCpu = 3, Known = [new(1)] }));
    }

    [Fact]
    public async Task The_first_run_may_take_more_than_the_free_cores_but_not_more_than_there_are()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1, cpu: 5), Run(2, cpu: 4), Run(3));

        Assert.Equal("r-2:1", await ClaimAsync(Turn("a") with { FreeCpu = 1, Cpu = 4 }));
        Assert.Equal("r-1:0 r-2:1@a r-3:0", Queued());
    }

    [Fact]
    public async Task Runs_that_need_too_much_memory_or_missing_labels_are_left_to_others()
    {
        await JoinAsync("a");
        await OfferAsync(
            Run(1) with { MemoryBytes = 5_000_000_000 },
            Run(2) with { Labels = ["gpu", "os=linux"] },
            Run(3) with { Labels = ["os=linux"], MemoryBytes = 4_000_000_000 },
            Run(4) with { Labels = ["os=windows"] },
            Run(5));

        Assert.Equal("r-5:1", await ClaimAsync(Turn("a") with { MemoryBytes = 3_000_000_000 }));
        Assert.Equal(
            "r-3:1",
            await ClaimAsync(Turn("a") with
            {
                Labels = ["arch=x64", "os=linux"],
                MemoryBytes = 4_000_000_000,
                Known = [new(5)],
            }));
        Assert.Equal(
            "r-1:1 r-2:1",
            await ClaimAsync(Turn("a") with
            {
                Labels = ["gpu", "os=linux"],
                Known = [new(3), new(5)],
            }));
    }

    [Fact]
    public async Task A_run_is_not_claimed_before_its_time()
    {
        await JoinAsync("a");
        await OfferAsync(
            Run(1, priority: 5) with { Activation = new(9999, 1, 1, 0, 0, 0, TimeSpan.Zero) },
            Run(2) with { Activation = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero) });

        Assert.Equal("r-2:1", await ClaimAsync(Turn("a")));

        await OfferAsync(Run(1));
        Assert.Equal("r-1:1", await ClaimAsync(Turn("a") with { Known = [new(2)] }));
    }

    [Fact]
    public async Task An_end_takes_the_run_away_and_tells_the_coordinator_once()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await ClaimAsync(Turn("a", claim: 2));

        var turn = Turn("a", claim: 0) with { Ended = [End(2, 1), End(1, 1)] };
        var first = await Store.WorkAsync(turn, Ct);
        var second = await Store.WorkAsync(turn, Ct);

        Assert.Empty(first.TooLate);
        Assert.Empty(first.Held);
        Assert.Equal([new RunId(2), new RunId(1)], second.TooLate);
        Assert.Equal("r-3:0", Queued());
        Assert.Equal(
            ["ended/2/1 run-ended end of 2", "ended/1/1 run-ended end of 1"], Inbox()[3..]);
    }

    [Fact]
    public async Task One_turn_hands_in_and_claims_what_it_has_room_for()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2));
        await ClaimAsync(Turn("a", claim: 1));

        var answer = await Store.WorkAsync(Turn("a", claim: 1) with { Ended = [End(1, 1)] }, Ct);

        Assert.Equal("r-2:1", Held(answer));
        Assert.Equal([new RunId(2)], answer.Claimed.Select(c => c.Run));
    }

    [Fact]
    public async Task An_end_with_another_epoch_or_by_another_worker_is_too_late()
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1), Run(2));
        await ClaimAsync(Turn("a"));
        var before = Inbox();

        var old = await Store.WorkAsync(
            Turn("a", claim: 0) with { Ended = [End(1, 0, "log"), End(2, 2), End(9, 1)] }, Ct);
        var other = await Store.WorkAsync(
            Turn("b", claim: 0) with { Ended = [End(1, 1, "log")] }, Ct);

        Assert.Equal([1, 2, 9], old.TooLate.Select(run => run.Value));
        Assert.Equal([1], other.TooLate.Select(run => run.Value));
        Assert.Equal("r-1:1@a r-2:1@a", Queued());
        Assert.Equal(before, Inbox());
        Assert.Null(Store.RunLog(new(new(1), 1)));
    }

    [Fact]
    public async Task A_stop_reaches_the_worker_that_has_the_run_and_nobody_else()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await ClaimAsync(Turn("a", claim: 2));

        await Store.AppendAsync(
            Batch() with { Stopped = [new(new(1), false), new(new(2), true), new(new(3), true)] },
            Ct);

        var known = Turn("a", claim: 0) with { Known = [new(1), new(2), new(3)] };
        Assert.Equal("r-1:1!stop r-2:1!kill", Held(await Store.WorkAsync(known, Ct)));
        await Store.AppendAsync(Batch() with { Stopped = [new(new(1), true)] }, Ct);
        Assert.Equal("r-1:1!kill r-2:1!kill", Held(await Store.WorkAsync(known, Ct)));
        Assert.Equal(
            "r-3:1", await ClaimAsync(Turn("a") with { Known = [new(1), new(2)] }));
        Assert.Equal(
            "r-1:1!kill r-2:1!kill r-3:1", Held(await Store.WorkAsync(known, Ct)));
    }

    [Fact]
    public async Task A_run_that_is_offered_anew_is_free_and_its_old_worker_comes_too_late()
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1));
        await ClaimAsync(Turn("a"));
        await Store.AppendAsync(Batch() with { Stopped = [new(new(1), true)] }, Ct);

        await OfferAsync(Run(1, epoch: 1) with { Spec = "again"u8.ToArray() });

        Assert.Equal("r-1:1", Queued());
        var b = await Store.WorkAsync(Turn("b"), Ct);
        Assert.Equal("again", Encoding.ASCII.GetString(b.Claimed.Single().Spec.Span));
        Assert.Equal("r-1:2", Held(b));
        var a = await Store.WorkAsync(Turn("a") with { Ended = [End(1, 1)] }, Ct);
        Assert.Equal([new RunId(1)], a.TooLate);
        Assert.Empty(a.Held);
    }

    [Fact]
    public async Task An_offer_that_a_claim_overtook_changes_nothing()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1));
        await ClaimAsync(Turn("a"));

        await OfferAsync(Run(1, priority: 5));

        Assert.Equal("r-1:1@a", Queued());
    }

    [Fact]
    public async Task The_later_one_of_two_offers_in_a_batch_counts()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(1, epoch: 4));
        Assert.Equal("r-1:4 r-2:0", Queued());
    }

    [Fact]
    public async Task A_worker_does_not_claim_a_run_that_it_believes_it_still_has()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1));
        await ClaimAsync(Turn("a"));
        await OfferAsync(Run(1, epoch: 1));

        var still = await Store.WorkAsync(Turn("a") with { Known = [new(1)] }, Ct);

        Assert.Empty(still.Held);
        Assert.Equal("r-1:2", await ClaimAsync(Turn("a")));
    }

    [Fact]
    public async Task A_withdrawn_run_is_gone_whoever_has_it()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await ClaimAsync(Turn("a", claim: 2));

        await Store.AppendAsync(Batch() with { Withdrawn = [new(1), new(3), new(8)] }, Ct);

        Assert.Equal("r-2:1@a", Queued());
        Assert.Equal(
            "r-2:1", Held(await Store.WorkAsync(Turn("a") with { Known = [new(1), new(2)] }, Ct)));
    }

    [Fact]
    public async Task A_run_that_is_withdrawn_and_offered_in_one_batch_is_offered()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1));
        await ClaimAsync(Turn("a"));
        await Store.AppendAsync(
            Batch() with { Withdrawn = [new(1)], Offered = [Run(1, epoch: 1)] }, Ct);

        Assert.Equal("r-1:1", Queued());
    }

    [Fact]
    public async Task What_is_taken_back_leaves_the_queue_unless_somebody_has_it()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await ClaimAsync(Turn("a", claim: 1));

        await Store.AppendAsync(Batch() with { TakenBack = [new(1), new(3), new(8)] }, Ct);

        Assert.Equal("r-1:1@a r-2:0", Queued());
    }

    [Fact]
    public async Task A_worker_that_leaves_takes_its_runs_out_of_the_queue()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2));
        await ClaimAsync(Turn("a", claim: 1));
        var left = new InboxCommand("left/a", "worker-left", "L"u8.ToArray());

        Assert.True(await Store.LeaveAsync("a", left, Ct));
        Assert.False(await Store.LeaveAsync("a", left with { Id = "again" }, Ct));

        Assert.Equal("r-2:0", Queued());
        Assert.Empty(Store.Workers());
        Assert.Equal("left/a worker-left L", Inbox()[^1]);
    }

    [Fact]
    public async Task A_worker_that_is_gone_claims_nothing_and_hands_in_nothing()
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1), Run(2));
        await ClaimAsync(Turn("a", claim: 1));

        await Store.AppendAsync(
            Batch() with { WorkersGone = ["a"], Offered = [Run(1, epoch: 1)] }, Ct);

        var before = Inbox();
        var answer = await Store.WorkAsync(
            Turn("a") with { Ended = [End(1, 1)], Renew = Minute }, Ct);
        Assert.False(answer.IsKnown);
        Assert.Empty(answer.Claimed);
        Assert.Empty(answer.Held);
        Assert.Equal([new RunId(1)], answer.TooLate);
        Assert.Equal(before, Inbox());
        Assert.Equal("r-1:1 r-2:0", Queued());
        Assert.Equal(["b"], Store.Workers().Select(worker => worker.Owner));
    }

    [Fact]
    public async Task A_claim_whose_answer_got_lost_is_answered_again_and_nothing_else_claimed()
    {
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await ClaimAsync(Turn("a", claim: 1));
        var lost = await ClaimAsync(Turn("a", claim: 1) with { Known = [new(1)] });

        var again = await Store.WorkAsync(Turn("a", claim: 1) with { Known = [new(1)] }, Ct);

        Assert.Equal("r-2:1", lost);
        Assert.Equal(["r-2 1 spec 2"], again.Claimed.Select(
            c => $"{c.Run} {c.Epoch} {Encoding.ASCII.GetString(c.Spec.Span)}"));
        Assert.Equal("r-1:1 r-2:1", Held(again));
        Assert.Equal("r-1:1@a r-2:1@a r-3:0", Queued());
    }

    [Fact]
    public async Task Workers_are_listed_by_owner_with_what_they_said()
    {
        await JoinAsync("b/7/x");
        await Store.JoinAsync(
            new()
            {
                Owner = "B/7/x",
                Slots = 3,
                Capacity = 12,
                MemoryBytes = 5_000_000_000,
                Labels = ["gpu", "os=linux"],
                IsOver = true,
            },
            Minute, new("joined/B", "worker-joined", default), Ct);

        var all = Store.Workers();

        Assert.Equal(["B/7/x", "b/7/x"], all.Select(worker => worker.Owner));
        Assert.Equal(
            (3, 12, 5_000_000_000, false),
            (all[0].Slots, all[0].Capacity, all[0].MemoryBytes, all[0].IsOver));
        Assert.Equal(["gpu", "os=linux"], all[0].Labels.ToArray());
        Assert.Empty(all[1].Labels);
        Assert.InRange(all[0].Silent, TimeSpan.Zero, Minute);
        Assert.InRange(all[0].JoinedAt, all[1].JoinedAt, all[1].JoinedAt + Minute);
    }

    [Fact]
    public async Task A_lease_ends_by_the_clock_of_the_store_and_a_turn_renews_it()
    {
        await JoinAsync("a", TimeSpan.Zero);
        Assert.True(Store.Workers().Single().IsOver);

        await Store.WorkAsync(Turn("a"), Ct);
        Assert.True(Store.Workers().Single().IsOver);

        await Store.WorkAsync(Turn("a") with { Renew = Minute }, Ct);
        Assert.False(Store.Workers().Single().IsOver);

        await Store.WorkAsync(Turn("a") with { Renew = TimeSpan.Zero }, Ct);
        Assert.True(Store.Workers().Single().IsOver);
    }

    [Fact]
    public async Task Who_joins_twice_under_one_name_is_refused()
    {
        await JoinAsync("a");

        var refused = await Assert.ThrowsAsync<StoreException>(() => JoinAsync("a"));

        Assert.Equal("store-corrupt", refused.Code);
        Assert.Contains("a is there already", refused.Message, StringComparison.Ordinal);
        Assert.Single(Store.Workers());
        Assert.Equal(1, await Store.AppendAsync(Batch(new WantSucceeded(new(1))), Ct));
    }

    [Fact]
    public async Task Logs_are_kept_by_attempt_whoever_hands_them_in()
    {
        var text = string.Concat(
            Enumerable.Range(0, 999).Select(i => $"{{\"line\":\"{i} ü\"}}\n"));
        await JoinAsync("a");
        await OfferAsync(Run(1), Run(2), Run(3));
        await ClaimAsync(Turn("a"));

        await Store.WorkAsync(
            Turn("a", claim: 0) with { Ended = [End(1, 1, text), End(2, 1), End(3, 1, "")] }, Ct);
        await Store.AppendAsync(
            Batch() with { Logs = [new(new(new(2), 1), "old"u8.ToArray())] }, Ct);
        await Store.AppendAsync(
            Batch() with { Logs = [new(new(new(2), 1), Encoding.UTF8.GetBytes(text))] }, Ct);

        Assert.Equal(text, Encoding.UTF8.GetString(Store.RunLog(new(new(1), 1))!));
        Assert.Equal(text, Encoding.UTF8.GetString(Store.RunLog(new(new(2), 1))!));
        Assert.Equal([], Store.RunLog(new(new(3), 1))!);
        Assert.Null(Store.RunLog(new(new(1), 2)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public Task Whatever_is_done_at_once_each_run_ends_once(int seed) =>
        new QueueStorm(Store, Another, seed, Ct).RunAsync(200);

    [Fact]
    public async Task The_change_version_moves_with_everything_that_others_wait_for()
    {
        var versions = new List<long> { Store.ChangeVersion() };
        Assert.Equal(versions[0], Store.ChangeVersion());
        async Task After(Task change)
        {
            await change;
            versions.Add(Store.ChangeVersion());
        }

        await After(OfferAsync(Run(1), Run(2)));
        await After(JoinAsync("a"));
        await After(Store.WorkAsync(Turn("a", claim: 1), Ct));
        await After(Store.WorkAsync(Turn("a") with { Ended = [End(1, 1)], Claim = 0 }, Ct));
        await After(Store.SendAsync(new("x", "cancel-all", default), Ct));
        await After(Store.AppendAsync(Batch(new WantSucceeded(new(1))), Ct));
        await After(Store.LeaveAsync("a", new("left", "worker-left", default), Ct));

        Assert.Equal(8, versions.Distinct().Count());
    }
}

/// <summary>The contract of the queue on the store in memory.</summary>
public sealed class MemoryRunQueueTests : RunQueueContract
{
    protected override IBuildStore Store { get; } = new MemoryStore();

    protected override IBuildStore Another() => Store;

    public override ValueTask DisposeAsync() => Store.DisposeAsync();
}
