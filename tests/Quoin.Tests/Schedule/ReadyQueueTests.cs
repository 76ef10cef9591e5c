using System.Collections.Immutable;
using Quoin.Core;
using Xunit;

namespace Quoin.Tests.Schedule;

public sealed class ReadyQueueTests
{
    readonly PartitionNames names = new();

    [Fact]
    public void Priority_lateness_rank_timeout_name_in_this_order()
    {
        var queue = new ReadyQueue(names);
        queue.Put(Run("b"));
        queue.Put(Run("a"));
        queue.Put(Run("timeout") with { TimeoutMs = 5 });
        queue.Put(Run("rank") with { RankMs = 1 });
        queue.Put(Run("late") with { IsLate = true });
        queue.Put(Run("urgent") with { Priority = 1 });

        Assert.Equal(["urgent", "late", "rank", "timeout", "a", "b"], InOrder(queue));
    }

    [Fact]
    public void A_run_changes_its_place_and_leaves()
    {
        var queue = new ReadyQueue(names);
        queue.Put(Run("a"));
        queue.Put(Run("b"));
        queue.Put(Run("b") with { Priority = 7 });

        Assert.Equal(["b", "a"], InOrder(queue));
        Assert.True(queue.Remove(P("b")));
        Assert.False(queue.Remove(P("b")));
        Assert.True(queue.Contains(P("a")));
        Assert.Equal(["a"], InOrder(queue));
    }

    [Fact]
    public void The_order_does_not_depend_on_the_order_of_arrival()
    {
        for (var seed = 1; seed <= 40; seed++)
        {
            var random = new Random(seed);
            var runs = Enumerable.Range(0, 50).Select(i => new ReadyRun(
                P($"p{i}"), random.Next(2), random.Next(2) == 0, random.Next(3), random.Next(2)))
                .ToArray();
            var (one, other) = (new ReadyQueue(names), new ReadyQueue(names));
            foreach (var run in runs) one.Put(run);
            random.Shuffle(runs);
            foreach (var run in runs) other.Put(Run("x") with { Partition = run.Partition });
            foreach (var run in runs) other.Put(run);

            Assert.True(one.InOrder.SequenceEqual(other.InOrder), $"seed {seed}");
            Assert.Equal(50, one.Count);
        }
    }

    [Fact]
    public void What_fits_is_taken_and_the_rest_waits()
    {
        var queue = new ReadyQueue(names);
        foreach (var name in (string[])["a", "b", "c"]) queue.Put(Run(name));
        var ledger = new ResourceLedger(2, 0, ImmutableSortedDictionary<string, int>.Empty);

        Assert.Equal("a", Next(queue, ledger));
        Assert.Equal("b", Next(queue, ledger));
        Assert.Null(Next(queue, ledger));
        ledger.Give(P("a"));
        Assert.Equal("c", Next(queue, ledger));
        Assert.Equal(0, queue.Count);
    }

    // Scenario: a large run behind a stream of small ones starts by its reserved time.
    [Fact]
    public void A_large_run_is_not_starved_by_small_ones()
    {
        var queue = new ReadyQueue(names);
        var ledger = new ResourceLedger(4, 0, ImmutableSortedDictionary<string, int>.Empty);
        ResourceVector NeedOf(PartitionId p) =>
            new() { Cpu = names.Text(p) == "large" ? 4 : 1 };
        int EstimateMs(PartitionId p) =>
            names.Text(p) == "large" ? 1_000 : 100 + (names.Text(p)[^1] % 7 * 20);
        var ends = new PriorityQueue<PartitionId, long>();
        var (now, small, largeAt, readyAt, reserved) = (0L, 0, -1L, 250L, -1L);
        while (now < 5_000 && largeAt < 0)
        {
            while (queue.Count < 3) queue.Put(Run($"small{small++:000}"));
            if (now >= readyAt && !queue.Contains(P("large")))
            {
                queue.Put(Run("large") with { RankMs = 1_000 });
                reserved = ledger.Reserve(NeedOf(P("large")), now)!.StartMs;
            }
            while (queue.TakeNext(ledger, now, NeedOf, EstimateMs) is { } run)
            {
                if (run.Partition == P("large")) largeAt = now;
                ends.Enqueue(run.Partition, now + EstimateMs(run.Partition));
                if (queue.Count < 3 && largeAt < 0) queue.Put(Run($"small{small++:000}"));
            }
            ends.TryDequeue(out var ended, out now);
            ledger.Give(ended);
        }

        Assert.InRange(reserved, readyAt + 1, readyAt + 220);
        Assert.Equal(reserved, largeAt);
    }

    [Fact]
    public void A_full_pool_does_not_leave_cores_idle()
    {
        var queue = new ReadyQueue(names);
        var pools = ImmutableSortedDictionary<string, int>.Empty.Add("db", 1);
        var ledger = new ResourceLedger(4, 0, pools);
        var db = new ResourceVector { Pools = [new PoolClaim("db", 1)] };
        ResourceVector NeedOf(PartitionId p) =>
            names.Text(p).StartsWith("db", StringComparison.Ordinal) ? db : ResourceVector.OneCpu;
        queue.Put(Run("db1") with { RankMs = 3 });
        queue.Put(Run("db2") with { RankMs = 2 });
        queue.Put(Run("long"));

        Assert.Equal("db1", Text(queue.TakeNext(ledger, 0, NeedOf, _ => 100)));
        Assert.Equal("long", Text(queue.TakeNext(ledger, 0, NeedOf, _ => 100_000)));
        Assert.Null(queue.TakeNext(ledger, 0, NeedOf, _ => 1));
    }

    // Scenario: timeouts only, a long chain beside many short jobs, 8 slots: chain first.
    [Fact]
    public void By_rank_a_chain_beside_short_jobs_ends_within_3_percent_of_the_bound()
    {
        var nodes = Enumerable.Range(0, 20)
            .Select(i => i == 0 ? "chain0" : $"chain{i} chain{i - 1}")
            .Concat(Enumerable.Range(0, 400).Select(i => $"a-short{i}")).ToArray();
        var graph = RankTests.Graph(nodes);
        var times = Enumerable.Range(0, graph.Count).Select(i => i < 20 ? 600 : 200).ToArray();

        Assert.Equal(12_000, CriticalPath.Of(graph, times).Milliseconds);
        Assert.InRange(Makespan(graph, times, 8, UpwardRank.Of(graph, times)), 12_000, 12_360);
        // In order of names the short ones would go first and the chain would end far behind.
        Assert.InRange(Makespan(graph, times, 8, new long[graph.Count]), 15_000, 24_000);
    }

    static long Makespan(JobGraph graph, int[] times, int slots, long[] ranks)
    {
        var queue = new ReadyQueue(graph.Names);
        var ledger = new ResourceLedger(slots, 0, ImmutableSortedDictionary<string, int>.Empty);
        var waiting = Enumerable.Range(0, graph.Count)
            .Select(node => graph.Inputs(node).Length).ToArray();
        var ends = new PriorityQueue<PartitionId, long>();
        var now = 0L;
        int TimeOf(PartitionId p) => times[graph.ProducerOf(p)];
        void Ready(int node) =>
            queue.Put(new ReadyRun(graph.Outputs(node)[0], 0, false, ranks[node], 0));
        for (var node = 0; node < graph.Count; node++)
        {
            if (waiting[node] == 0) Ready(node);
        }
        do
        {
            while (queue.TakeNext(ledger, now, _ => ResourceVector.OneCpu, TimeOf) is { } run)
                ends.Enqueue(run.Partition, now + TimeOf(run.Partition));
            if (!ends.TryDequeue(out var ended, out now)) break;
            ledger.Give(ended);
            foreach (var consumer in graph.Consumers(graph.ProducerOf(ended)))
            {
                if (--waiting[consumer] == 0) Ready(consumer);
            }
        }
        while (ends.Count > 0 || queue.Count > 0);
        return now;
    }

    PartitionId P(string name) => names.Intern(name);

    ReadyRun Run(string name) => new(P(name), 0, false, 0, 0);

    IEnumerable<string> InOrder(ReadyQueue queue) =>
        queue.InOrder.Select(run => names.Text(run.Partition));

    string? Next(ReadyQueue queue, ResourceLedger ledger) =>
        Text(queue.TakeNext(ledger, 0, _ => ResourceVector.OneCpu, _ => 100));

    string? Text(ReadyRun? run) => run is { } ready ? names.Text(ready.Partition) : null;
}
