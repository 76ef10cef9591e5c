using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>Tasks and who waits for whom: what ranks and timetables are made of.</summary>
public interface ITaskOrder
{
    /// <summary>How many tasks there are; they are numbered from 0.</summary>
    int Count { get; }

    /// <summary>All tasks, each after those it waits for; those on cycles at the end.</summary>
    ReadOnlySpan<int> Order { get; }

    /// <summary>The tasks that wait for this one, each once.</summary>
    ReadOnlySpan<int> Consumers(int node);
}

/// <summary>When and where a run is expected.</summary>
/// <param name="Node">The task.</param>
/// <param name="Slots">Its slots, from 0, ascending; none when it takes no core.</param>
/// <param name="StartMs">From the beginning.</param>
/// <param name="EndMs">From the beginning.</param>
public readonly record struct TimetableRun(
    int Node, ImmutableArray<int> Slots, long StartMs, long EndMs);

/// <summary>
/// What would run when, if every run took as long as estimated: the very queue and ledger that the
/// dispatcher uses, driven by a clock that jumps from end to end. O(n log n).
/// </summary>
public sealed class Timetable
{
    Timetable(ImmutableArray<TimetableRun> runs, long makespan, long path, double work)
    {
        (Runs, MakespanMs, PathMs) = (runs, makespan, path);
        LowerBoundMs = Math.Max(path, (long)Math.Ceiling(work));
    }

    /// <summary>In the order of their starts.</summary>
    public ImmutableArray<TimetableRun> Runs { get; }

    /// <summary>From the first start to the last end.</summary>
    public long MakespanMs { get; }

    /// <summary>The longest chain.</summary>
    public long PathMs { get; }

    /// <summary>
    /// No schedule is shorter: the longest chain, or all work shared by all slots evenly.
    /// </summary>
    public long LowerBoundMs { get; }

    /// <summary>Lays out tasks in the room that there is.</summary>
    public static Timetable Of(TimetableTasks tasks, TimetableRoom room)
    {
        var actual = tasks.ActualMs ?? tasks.EstimatesMs;
        var path = 0L;
        foreach (var rank in UpwardRank.Of(tasks.Order, actual)) path = Math.Max(path, rank);
        var making = new Making(tasks, room);
        making.Run();
        return new Timetable(
            making.Runs.DrainToImmutable(), making.Now, path, making.Work / (double)room.Slots);
    }

    sealed class Making(TimetableTasks tasks, TimetableRoom room)
    {
        readonly ITaskOrder order = tasks.Order;
        readonly int[] estimates = tasks.EstimatesMs;
        readonly int[] durations = tasks.ActualMs ?? tasks.EstimatesMs;
        readonly long[] ranks = UpwardRank.Of(tasks.Order, tasks.EstimatesMs);
        readonly ReadyQueue ready = new(room.Names);
        readonly ResourceLedger ledger = new(room.Slots, room.MemoryBytes, room.Pools);
        readonly Dictionary<PartitionId, int> nodes = [];
        readonly PriorityQueue<int, (long EndMs, int Node)> running = new();
        readonly SortedSet<int> freeSlots = [.. Enumerable.Range(0, room.Slots)];
        readonly Dictionary<int, ImmutableArray<int>> slotsOf = [];
        readonly int[] waitsFor = new int[tasks.Order.Count];
        readonly Stack<int> ended = new();

        public ImmutableArray<TimetableRun>.Builder Runs { get; } =
            ImmutableArray.CreateBuilder<TimetableRun>();

        public long Now { get; private set; }

        public long Work { get; private set; }

        public void Run()
        {
            for (var node = 0; node < order.Count; node++)
                foreach (var consumer in order.Consumers(node)) waitsFor[consumer]++;
            for (var node = 0; node < order.Count; node++)
                if (waitsFor[node] == 0) MakeReady(node);
            Spread();
            while (true)
            {
                while (ready.TakeNext(ledger, Now, Need, Estimate) is { } run)
                    Start(nodes[run.Partition]);
                if (!running.TryDequeue(out var first, out var end)) break;
                Now = end.EndMs;
                End(first);
                while (running.TryPeek(out var next, out end) && end.EndMs == Now)
                {
                    running.Dequeue();
                    End(next);
                }
                Spread();
            }
        }

        void MakeReady(int node)
        {
            if (durations[node] == 0)
            {
                ended.Push(node); // It is there already.
                return;
            }
            var key = tasks.KeyOf(node);
            var need = Need(node);
            if (ledger.WhyNever(need) is not null) return;
            nodes[key] = node;
            Work += (long)durations[node] * need.Cpu;
            ready.Put(new ReadyRun(key, 0, false, ranks[node], tasks.TimeoutOf(node)));
        }

        void Start(int node)
        {
            var end = Now + durations[node];
            ImmutableArray<int> taken = [.. freeSlots.Take(Need(node).Cpu)];
            freeSlots.ExceptWith(taken);
            slotsOf[node] = taken;
            running.Enqueue(node, (end, node));
            Runs.Add(new TimetableRun(node, taken, Now, end));
        }

        void End(int node)
        {
            ledger.Give(tasks.KeyOf(node));
            slotsOf.Remove(node, out var slots);
            freeSlots.UnionWith(slots);
            ended.Push(node);
        }

        void Spread()
        {
            while (ended.TryPop(out var node))
                foreach (var consumer in order.Consumers(node))
                    if (--waitsFor[consumer] == 0) MakeReady(consumer);
        }

        ResourceVector Need(PartitionId key) => Need(nodes[key]);

        ResourceVector Need(int node)
        {
            var need = tasks.NeedOf(node);
            return need.Cpu <= room.Slots ? need : need with { Cpu = room.Slots };
        }

        int Estimate(PartitionId key) => estimates[nodes[key]];
    }
}

/// <summary>What is laid out in a <see cref="Timetable"/>.</summary>
public sealed record TimetableTasks
{
    /// <summary>Who waits for whom.</summary>
    public required ITaskOrder Order { get; init; }

    /// <summary>By task, in milliseconds: what decides the order. 0: it does not run.</summary>
    public required int[] EstimatesMs { get; init; }

    /// <summary>What they take in the end; null: as estimated.</summary>
    public int[]? ActualMs { get; init; }

    /// <summary>A task's name, which breaks ties.</summary>
    public required Func<int, PartitionId> KeyOf { get; init; }

    /// <summary>What a task takes; more cores than there are count as all of them.</summary>
    public Func<int, ResourceVector> NeedOf { get; init; } = _ => ResourceVector.OneCpu;

    /// <summary>A task's time limit in milliseconds, 0: none; breaks ties.</summary>
    public Func<int, long> TimeoutOf { get; init; } = _ => 0;
}

/// <summary>What a timetable may use.</summary>
/// <param name="Slots">Cores, at least 1.</param>
/// <param name="MemoryBytes">0: not counted.</param>
/// <param name="Pools">Places by pool.</param>
/// <param name="Names">Behind the keys of the tasks.</param>
public sealed record TimetableRoom(
    int Slots, long MemoryBytes, ImmutableSortedDictionary<string, int> Pools,
    PartitionNames Names)
{
    /// <summary>The most cores that one process has: no run gets more.</summary>
    public int Widest { get; init; } = Slots;
}
