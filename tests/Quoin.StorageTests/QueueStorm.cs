using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>
/// A coordinator that offers, stops, withdraws, takes runs back and declares workers gone, by a
/// seed, while workers claim and hand in at the same time: every run that is not withdrawn ends
/// once, and no two workers ever have the same run with the same epoch.
/// </summary>
sealed class QueueStorm(IBuildStore store, Func<IBuildStore> open, int seed, CancellationToken ct)
{
    enum Place { Offered, Leased, Over }

    const int Workers = 4;

    readonly PartitionNames names = new();
    readonly Dictionary<int, (Place Place, int Epoch, string Owner)> runs = [];
    readonly HashSet<string> gone = [];
    readonly ConcurrentDictionary<(int Run, int Epoch), string> claims = [];
    readonly ConcurrentDictionary<(int Run, int Epoch), int> ends = [];
    readonly HashSet<int> withdrawn = [];
    readonly List<int> ended = [];
    volatile bool isOver;
    int nonces;

    public async Task RunAsync(int count)
    {
        var workers = Enumerable.Range(1, Workers)
            .Select(worker => Task.Run(() => WorkAsync(new Random(seed + worker)), ct)).ToList();
        try
        {
            await CoordinateAsync(new Random(seed), count);
        }
        finally
        {
            isOver = true;
        }
        await Task.WhenAll(workers);
        Assert.All(ends, end => Assert.Equal((end.Key, 1), (end.Key, end.Value)));
        Assert.Equal(Enumerable.Range(1, count), ended.Concat(withdrawn).Order());
        Assert.All(ended, run => Assert.True(ends.ContainsKey((run, runs[run].Epoch))));
        Assert.Empty(store.QueuedRuns());
    }

    async Task CoordinateAsync(Random random, int count)
    {
        while (runs.Count < count || runs.Values.Any(run => run.Place != Place.Over))
        {
            ct.ThrowIfCancellationRequested();
            var (taken, offered) = TakeInbox();
            for (var i = 0; i < 3 && runs.Count < count; i++)
            {
                var next = runs.Count + 1;
                runs.Add(next, (Place.Offered, 0, ""));
                offered.Add(Offer(next, 0));
            }
            List<RunId> withdrawals = [];
            List<RunStop> stops = [];
            List<string> workersGone = [];
            if (random.Next(4) == 0 && Any(Place.Leased, random) is { } back)
                offered.Add(TakeBack(back));
            if (random.Next(4) == 0 && Any(Place.Leased, random) is { } stop)
                stops.Add(new(new(stop), random.Next(2) == 0));
            if (random.Next(9) == 0 && Any(Place.Offered, random) is { } waiting
                && !offered.Exists(run => run.Run.Value == waiting))
            {
                runs[waiting] = (Place.Over, 0, "");
                withdrawn.Add(waiting);
                withdrawals.Add(new(waiting));
            }
            if (random.Next(12) == 0 && store.Workers() is [var dead, ..])
            {
                workersGone.Add(dead.Owner);
                gone.Add(dead.Owner);
                var lost = runs.Where(run => run.Value.Place == Place.Leased
                    && run.Value.Owner == dead.Owner).Select(run => run.Key).ToList();
                offered.AddRange(lost.Select(TakeBack));
            }
            await store.AppendAsync(
                new()
                {
                    At = DateTimeOffset.UnixEpoch,
                    Names = names,
                    Events = [new WantSucceeded(new(1))],
                    InboxTaken = taken,
                    Offered = offered,
                    Withdrawn = withdrawals,
                    Stopped = stops,
                    WorkersGone = workersGone,
                },
                ct);
        }
    }

    OfferedRun TakeBack(int run)
    {
        runs[run] = (Place.Offered, runs[run].Epoch, "");
        return Offer(run, runs[run].Epoch);
    }

    static OfferedRun Offer(int run, int epoch) => new()
    {
        Run = new(run),
        Epoch = epoch,
        Attempt = epoch + 1,
        Priority = run % 2,
        Spec = "x"u8.ToArray(),
    };

    int? Any(Place place, Random random)
    {
        var all = runs.Where(run => run.Value.Place == place).Select(run => run.Key).ToList();
        return all.Count > 0 ? all[random.Next(all.Count)] : null;
    }

    // An end of a run that was taken back meanwhile came too late: the run is done once more. What
    // was leased by a worker that is gone by now is offered anew.
    (List<string> Taken, List<OfferedRun> Offered) TakeInbox()
    {
        var (taken, offered) = (new List<string>(), new List<OfferedRun>());
        foreach (var command in store.Waiting())
        {
            taken.Add(command.Id);
            if (command.Id.Split('/') is not [var what and ("leased" or "ended"), var id, var of])
                continue;
            var (run, epoch) = (Number(id), Number(of));
            var was = runs[run];
            if (was.Place == Place.Over) continue;
            if (what == "ended")
            {
                if (was.Epoch != epoch || was.Place != Place.Leased) continue;
                runs[run] = (Place.Over, epoch, "");
                ended.Add(run);
                continue;
            }
            Assert.Equal(was.Epoch + 1, epoch);
            var owner = Encoding.ASCII.GetString(command.Body.Span);
            runs[run] = (Place.Leased, epoch, owner);
            if (gone.Contains(owner)) offered.Add(TakeBack(run));
        }
        return (taken, offered);
    }

    static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    async Task WorkAsync(Random random)
    {
        var own = open();
        try
        {
            await WorkAsync(own, random);
        }
        finally
        {
            if (own != store) await own.DisposeAsync();
        }
    }

    async Task WorkAsync(IBuildStore own, Random random)
    {
        var owner = await JoinAsync(own);
        var has = new Dictionary<RunId, int>();
        while (!isOver)
        {
            ct.ThrowIfCancellationRequested();
            var ended = has.Where(_ => random.Next(2) == 0)
                .Select(run => new EndedRun(run.Key, run.Value, run.Value, default, null)).ToList();
            foreach (var end in ended) has.Remove(end.Run);
            var answer = await own.WorkAsync(
                new()
                {
                    Owner = owner,
                    Claim = 3,
                    FreeCpu = 3,
                    Cpu = 3,
                    Ended = ended,
                    Known = [.. has.Keys],
                    LeasedBody = Encoding.ASCII.GetBytes(owner),
                    Renew = random.Next(3) == 0 ? TimeSpan.FromMinutes(1) : null,
                },
                ct);
            foreach (var end in ended.Where(end => !answer.TooLate.Contains(end.Run)))
                ends.AddOrUpdate((end.Run.Value, end.Epoch), 1, (_, before) => before + 1);
            foreach (var claim in answer.Claimed)
            {
                Assert.Equal(
                    owner, claims.GetOrAdd((claim.Run.Value, claim.Epoch), owner));
                has.Add(claim.Run, claim.Epoch);
            }
            foreach (var run in has.Keys.ToList())
            {
                if (!answer.Held.Any(held => held.Run == run && held.Epoch == has[run]))
                    has.Remove(run);
            }
            Assert.Equal(has.Count, answer.Held.Length);
            if (answer.IsKnown) continue;
            owner = await JoinAsync(own);
        }
    }

    async Task<string> JoinAsync(IBuildStore own)
    {
        var owner = string.Create(
            CultureInfo.InvariantCulture, $"host/1/{Interlocked.Increment(ref nonces)}");
        await own.JoinAsync(
            new() { Owner = owner, Slots = 3, Capacity = 3 }, TimeSpan.FromMinutes(1),
            new($"joined/{owner}", "worker-joined", default), ct);
        return owner;
    }
}
