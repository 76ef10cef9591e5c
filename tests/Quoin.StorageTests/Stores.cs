using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>Several store objects on one store, as several processes have them.</summary>
static class Stores
{
    /// <summary>
    /// Workers that claim and hand in until nothing is left, each with a store of its own, while
    /// the runs are still being offered: each run is claimed and ends exactly once.
    /// </summary>
    public static async Task ClaimAllAsync(
        IBuildStore store, Func<IBuildStore> open, int workers, int runs, CancellationToken ct)
    {
        var done = 0;
        var claimed = await Task.WhenAll(Enumerable.Range(1, workers)
            .Select(worker => Task.Run(() => WorkAsync($"w{worker}"), ct))
            .Append(Task.Run(OfferAsync, ct)));

        Assert.Equal(Enumerable.Range(1, runs), claimed.SelectMany(run => run).Order());
        Assert.Empty(store.QueuedRuns());
        var commands = store.Waiting().Select(c => c.Id).ToList();
        Assert.Equal((2 * runs) + workers, commands.Count);
        for (var run = 1; run <= runs; run++)
            Assert.InRange(
                commands.IndexOf($"leased/{run}/1"), 0, commands.IndexOf($"ended/{run}/1"));

        async Task<List<int>> WorkAsync(string owner)
        {
            await using var own = open();
            await own.JoinAsync(
                new() { Owner = owner, Slots = 4, Capacity = 8 }, TimeSpan.FromMinutes(1),
                new($"joined/{owner}", "worker-joined", default), ct);
            var all = new List<int>();
            EndedRun[] ended = [];
            while (Volatile.Read(ref done) < runs)
            {
                var answer = await own.WorkAsync(
                    new()
                    {
                        Owner = owner,
                        Claim = 8,
                        FreeCpu = 8,
                        Cpu = 8,
                        Ended = ended,
                        LeasedBody = Encoding.ASCII.GetBytes(owner),
                    },
                    ct);
                Assert.Empty(answer.TooLate);
                Assert.Equal(
                    answer.Claimed.Select(c => c.Run).Order(Comparer<RunId>.Create(
                        (a, b) => a.Value.CompareTo(b.Value))),
                    answer.Held.Select(h => h.Run));
                Interlocked.Add(ref done, ended.Length);
                all.AddRange(answer.Claimed.Select(c => c.Run.Value));
                ended = [.. answer.Claimed.Select(c => new EndedRun(
                    c.Run, c.Epoch, c.Epoch, "end"u8.ToArray(), null))];
            }
            return all;
        }

        async Task<List<int>> OfferAsync()
        {
            var names = new PartitionNames();
            foreach (var some in Enumerable.Range(1, runs).Chunk(50))
            {
                await store.AppendAsync(
                    new()
                    {
                        At = DateTimeOffset.UnixEpoch,
                        Names = names,
                        Events = [new WantSucceeded(new(some[0]))],
                        Offered = [.. some.Select(run => new OfferedRun
                        {
                            Run = new(run),
                            Epoch = 0,
                            Attempt = 1,
                            Priority = run % 3,
                            Spec = "x"u8.ToArray(),
                        })],
                    },
                    ct);
            }
            return [];
        }
    }
}
