using System.Collections.Immutable;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Schedule;

public sealed class ResourceLedgerTests
{
    static readonly ImmutableSortedDictionary<string, int> Pools =
        ImmutableSortedDictionary<string, int>.Empty.Add("db", 4).Add("plots", 2);

    [Fact]
    public void A_run_takes_all_or_nothing()
    {
        var ledger = new ResourceLedger(4, 1_000, Pools);
        var need = new ResourceVector
        {
            Cpu = 2,
            MemoryBytes = 600,
            Pools = [new PoolClaim("db", 3), new PoolClaim("plots", 1)],
        };

        Assert.True(ledger.Take(P(1), need, 10));
        Assert.False(ledger.Take(P(2), need, 10));
        Assert.Equal(2, ledger.FreeCpu);
        Assert.True(ledger.Take(P(2), new ResourceVector { Pools = [new("db", 1)] }, 10));
        Assert.False(ledger.Take(P(2), ResourceVector.OneCpu, 10)); // Has something already.
        Assert.True(ledger.Give(P(1)));
        Assert.False(ledger.Give(P(1)));
        Assert.False(ledger.Fits(new ResourceVector { Pools = [new("db", 4)] }));
        Assert.True(ledger.Fits(new ResourceVector { Cpu = 3, MemoryBytes = 1_000 }));
        Assert.Equal(1, ledger.Count);
    }

    [Theory]
    [InlineData(5, 0, "db", 0, "it needs 5 cores, there are 4")]
    [InlineData(1, 1_001, "db", 0, "it needs 1001 bytes of memory, there are 1000")]
    [InlineData(1, 0, "dbs", 1, "it needs pool dbs, which is not declared under pools")]
    [InlineData(1, 0, "db", 5, "it needs 5 places of pool db, there are 4")]
    [InlineData(4, 1_000, "db", 4, null)]
    public void What_could_never_start_is_told(
        int cpu, long memory, string pool, int places, string? why) =>
        Assert.Equal(why, new ResourceLedger(4, 1_000, Pools).WhyNever(new ResourceVector
        {
            Cpu = cpu,
            MemoryBytes = memory,
            Pools = [new PoolClaim(pool, places)],
        }));

    [Fact]
    public void Memory_counts_only_when_there_is_a_capacity() =>
        Assert.True(new ResourceLedger(1, 0, Pools).Fits(
            new ResourceVector { MemoryBytes = long.MaxValue / 4 }));

    [Fact]
    public void The_earliest_start_follows_from_the_estimated_ends()
    {
        var ledger = new ResourceLedger(4, 0, Pools);
        ledger.Take(P(1), new ResourceVector { Cpu = 2 }, 500);
        ledger.Take(P(2), new ResourceVector { Cpu = 1 }, 300);
        ledger.Take(P(3), new ResourceVector { Cpu = 1 }, 50); // Should have ended already.

        Assert.Equal(100, ledger.Reserve(new ResourceVector { Cpu = 1 }, 100)!.StartMs);
        Assert.Equal(300, ledger.Reserve(new ResourceVector { Cpu = 2 }, 100)!.StartMs);
        Assert.Equal(500, ledger.Reserve(new ResourceVector { Cpu = 3 }, 100)!.StartMs);
        Assert.Null(ledger.Reserve(new ResourceVector { Cpu = 5 }, 100));
    }

    [Fact]
    public void Passing_a_reservation_must_not_delay_it()
    {
        var ledger = new ResourceLedger(4, 0, Pools);
        ledger.Take(P(1), new ResourceVector { Cpu = 2 }, 500);
        var reserved = ledger.Reserve(new ResourceVector { Cpu = 3 }, 0)!;

        Assert.True(ledger.MayPass(reserved, ResourceVector.OneCpu, 500));
        Assert.True(ledger.MayPass(reserved, ResourceVector.OneCpu, 900)); // The fourth core.
        Assert.False(ledger.MayPass(reserved, new ResourceVector { Cpu = 2 }, 501));
    }

    [Fact]
    public void Whatever_is_taken_and_given_the_sum_stays()
    {
        for (var seed = 1; seed <= 40; seed++)
        {
            var random = new Random(seed);
            var ledger = new ResourceLedger(8, 1_000, Pools);
            var held = new Dictionary<int, ResourceVector>();
            for (var step = 0; step < 200; step++)
            {
                var run = random.Next(10);
                if (held.Remove(run))
                {
                    Assert.True(ledger.Give(P(run)), $"seed {seed}");
                    continue;
                }
                var need = new ResourceVector
                {
                    Cpu = random.Next(1, 6),
                    MemoryBytes = random.Next(500),
                    Pools = random.Next(2) == 0 ? [] : [new("db", random.Next(1, 4))],
                };
                var fits = held.Values.Sum(h => h.Cpu) + need.Cpu <= 8
                    && held.Values.Sum(h => h.MemoryBytes) + need.MemoryBytes <= 1_000
                    && held.Values.Append(need).Sum(h => h.Pools.Sum(c => c.Places)) <= 4;
                Assert.True(fits == ledger.Take(P(run), need, step), $"seed {seed}, step {step}");
                if (fits) held.Add(run, need);
            }
        }
    }

    static PartitionId P(int value) => new(value);
}
