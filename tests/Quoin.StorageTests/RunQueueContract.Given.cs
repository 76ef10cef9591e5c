using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What is given to one worker: it has it from the start, nobody else gets it.</summary>
public abstract partial class RunQueueContract
{
    [Fact]
    public async Task What_is_given_to_a_worker_is_its_from_the_start_and_comes_with_its_turn()
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1, epoch: 2, cpu: 0) with { Owner = "a" }, Run(2));

        Assert.Equal("r-1:3@a r-2:0", Queued());
        Assert.Equal("r-2:1", await ClaimAsync(Turn("b")));
        var answer = await Store.WorkAsync(Turn("a", claim: 0), Ct);
        Assert.Equal(
            ["r-1 3 spec 1"],
            answer.Claimed.Select(
                c => $"{c.Run} {c.Epoch} {Encoding.ASCII.GetString(c.Spec.Span)}"));
        Assert.Equal("r-1:3", Held(answer));
        Assert.DoesNotContain(Inbox(), row => row.StartsWith("leased/1/"));

        var end = Turn("a", claim: 0) with { Ended = [End(1, 3)] };
        Assert.Empty((await Store.WorkAsync(end, Ct)).TooLate);
        Assert.Contains("ended/1/3 run-ended end of 1", Inbox());
        Assert.Equal("r-2:1@b", Queued());
    }

    [Fact]
    public async Task What_is_given_to_a_worker_that_is_gone_is_nobodys()
    {
        await JoinAsync("b");
        await OfferAsync(Run(1) with { Owner = "a" }, Run(2) with { Owner = "b" });

        Assert.Equal("r-2:1@b", Queued());
        Assert.Equal("r-2:1", await ClaimAsync(Turn("b")));
    }

    [Fact]
    public async Task What_a_lost_worker_had_is_given_to_another_with_the_next_epoch()
    {
        await JoinAsync("a");
        await JoinAsync("b");
        await OfferAsync(Run(1) with { Owner = "a" });
        await Store.AppendAsync(
            Batch() with
            {
                Offered = [Run(1, epoch: 1) with { Owner = "b" }],
                WorkersGone = ["a"],
            },
            Ct);

        Assert.Equal("r-1:2@b", Queued());
        var late = await Store.WorkAsync(Turn("a", claim: 0) with { Ended = [End(1, 1)] }, Ct);
        Assert.False(late.IsKnown);
        Assert.Equal([new RunId(1)], late.TooLate);
        Assert.Equal("r-1:2", await ClaimAsync(Turn("b", claim: 0)));
    }
}
