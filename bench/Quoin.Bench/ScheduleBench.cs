using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Quoin.Core;

namespace Quoin.Bench;

/// <summary>
/// How near the order of runs comes to the best there is: seeded random graphs whose runs take
/// heavy-tailed times, laid out with what is known of those times, and the end of the last run over
/// the lower bound (the longest chain, or all work shared evenly). Nothing is slept.
/// </summary>
static class ScheduleBench
{
    static readonly string[] shapes = ["tree", "layered", "series-parallel", "random"];
    static readonly int[] sizes = [100, 1_000, 10_000, 100_000];
    static readonly int[] slots = [1, 2, 4, 8, 16, 64];
    const int Seeds = 5; // Of the sizes up to 10,000; of the largest there is one.

    static readonly (string Name, Func<Random, RandomGraph, int, int> Of)[] knowledge =
    [
        ("history", (_, graph, node) => graph.DurationsMs[node]),
        // Times of a week ago: half as long to twice as long.
        ("stale history", (random, graph, node) => Math.Max(
            1, (int)(graph.DurationsMs[node] * Math.Pow(2, (random.NextDouble() * 2) - 1)))),
        // A limit for each job, with room: two to four times its longest run, and half of it.
        ("declared timeouts", (_, graph, node) => graph.TimeoutsMs[graph.Jobs[node]] / 2),
        ("nothing", (_, _, _) => 1_000),
    ];

    public static void Run()
    {
        Console.WriteLine(
            "end of the last run over max(longest chain, work / slots): mean, worst\n");
        Console.WriteLine($"{"",-22}{string.Concat(knowledge.Select(k => $"{k.Name,20}"))}");
        var all = knowledge.Select(_ => new List<double>()).ToArray();
        var longest = TimeSpan.Zero;
        foreach (var shape in shapes)
        {
            foreach (var size in sizes)
            {
                var ratios = knowledge.Select(_ => new List<double>()).ToArray();
                for (var seed = 1; seed <= (size > 10_000 ? 1 : Seeds); seed++)
                {
                    var graph = RandomGraph.Of(shape, size, seed);
                    foreach (var count in slots) Measure(graph, seed, count, ratios, ref longest);
                }
                foreach (var (i, list) in ratios.Index()) all[i].AddRange(list);
                Print($"{shape} {size:N0}", ratios);
            }
        }
        Print("all", all);
        Console.WriteLine(Invariant(
            $"\none order of 100,000 runs is laid out in at most {longest.TotalSeconds:F2} s\n"));
        MoldableBench.Run();
    }

    static void Measure(
        RandomGraph graph, int seed, int count, List<double>[] ratios, ref TimeSpan longest)
    {
        var room = new TimetableRoom(
            count, 0, ImmutableSortedDictionary<string, int>.Empty, graph.Names);
        foreach (var (i, known) in knowledge.Index())
        {
            var random = new Random(seed);
            var estimates = new int[graph.Count];
            for (var node = 0; node < graph.Count; node++)
                estimates[node] = known.Of(random, graph, node);
            var start = Stopwatch.GetTimestamp();
            var table = Timetable.Of(
                new TimetableTasks
                {
                    Order = graph,
                    EstimatesMs = estimates,
                    ActualMs = graph.DurationsMs,
                    KeyOf = node => new PartitionId(node),
                    TimeoutOf = node => graph.TimeoutsMs[graph.Jobs[node]],
                },
                room);
            if (graph.Count == 100_000 && Stopwatch.GetElapsedTime(start) is var took
                && took > longest) longest = took;
            if (table.Runs.Length != graph.Count)
                throw new InvalidOperationException("some runs never started");
            ratios[i].Add(table.MakespanMs / (double)table.LowerBoundMs);
        }
    }

    static void Print(string name, List<double>[] ratios) => Console.WriteLine(
        $"{name,-22}" + string.Concat(ratios.Select(
            list => $"{Invariant($"{list.Average():F3}, {list.Max():F3}"),20}")));

    static string Invariant(FormattableString text) =>
        text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A random graph of runs with their times; node n is partition n.</summary>
sealed class RandomGraph : ITaskOrder
{
    const int JobCount = 20;

    readonly int[] starts;
    readonly int[] consumers;
    readonly int[] order;

    RandomGraph(int count, List<(int From, int To)> edges, Random random)
    {
        edges = [.. edges.Distinct()];
        starts = new int[count + 1];
        foreach (var (from, _) in edges) starts[from + 1]++;
        for (var i = 0; i < count; i++) starts[i + 1] += starts[i];
        consumers = new int[edges.Count];
        var at = starts.ToArray();
        foreach (var (from, to) in edges.OrderBy(edge => edge.To)) consumers[at[from]++] = to;
        order = [.. Enumerable.Range(0, count)]; // Edges lead from lower to higher numbers.
        for (var i = 0; i < count; i++) Names.Intern($"n/{i}");
        Jobs = [.. Enumerable.Range(0, count).Select(_ => random.Next(JobCount))];
        var medians = Enumerable.Range(0, JobCount)
            .Select(_ => 1_000 * Math.Exp(1.5 * Normal(random))).ToArray();
        DurationsMs =
        [
            .. Jobs.Select(job => (int)Math.Clamp(
                medians[job] * Math.Exp(0.5 * Normal(random)), 1, 3_600_000)),
        ];
        TimeoutsMs = new int[JobCount];
        for (var i = 0; i < count; i++)
            TimeoutsMs[Jobs[i]] = Math.Max(TimeoutsMs[Jobs[i]], DurationsMs[i]);
        for (var job = 0; job < JobCount; job++)
            TimeoutsMs[job] = (int)(TimeoutsMs[job] * (2 + (2 * random.NextDouble())));
    }

    public PartitionNames Names { get; } = new();

    public int Count => DurationsMs.Length;

    public ReadOnlySpan<int> Order => order;

    /// <summary>Log-normal: by job and, less so, by run.</summary>
    public int[] DurationsMs { get; }

    /// <summary>The job of each run.</summary>
    public int[] Jobs { get; }

    /// <summary>The time limit of each job.</summary>
    public int[] TimeoutsMs { get; }

    public ReadOnlySpan<int> Consumers(int node) =>
        consumers.AsSpan(starts[node]..starts[node + 1]);

    public static RandomGraph Of(string shape, int count, int seed)
    {
        var random = new Random(seed);
        var edges = new List<(int, int)>();
        switch (shape)
        {
            case "tree": // Each is read by one that comes later, near the root more of them.
                for (var i = 0; i < count - 1; i++)
                    edges.Add((i, i + 1 + (int)((count - 1 - i) * Math.Pow(
                        random.NextDouble(), 2))));
                break;
            case "layered":
                var width = Math.Max(2, (int)Math.Sqrt(count));
                for (var i = width; i < count; i++)
                    for (var n = random.Next(1, 4); n > 0; n--)
                        edges.Add((((i / width) - 1) * width + random.Next(width), i));
                break;
            case "series-parallel":
                SeriesParallel(0, count - 1, random, edges);
                break;
            default:
                for (var i = 1; i < count; i++)
                    for (var n = random.Next(0, 4); n > 0; n--) edges.Add((random.Next(i), i));
                break;
        }
        return new RandomGraph(count, edges, random);
    }

    // Between two nodes: branches side by side, each a node or several one after the other.
    static void SeriesParallel(int first, int last, Random random, List<(int, int)> edges)
    {
        var open = new Stack<(int First, int Last)>([(first, last)]);
        while (open.TryPop(out var part))
        {
            var inner = part.Last - part.First - 1;
            if (inner <= 0)
            {
                if (part.Last > part.First) edges.Add((part.First, part.Last));
                continue;
            }
            if (random.Next(2) == 0)
            {
                var middle = part.First + 1 + random.Next(inner);
                open.Push((part.First, middle));
                open.Push((middle, part.Last));
                continue;
            }
            var branches = Math.Min(inner, random.Next(2, 9));
            for (var b = 0; b < branches; b++)
            {
                var from = part.First + 1 + (int)((long)inner * b / branches);
                var to = part.First + (int)((long)inner * (b + 1) / branches);
                edges.Add((part.First, from));
                edges.Add((to, part.Last));
                open.Push((from, to));
            }
        }
    }

    static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()))
        * Math.Cos(2 * Math.PI * random.NextDouble());
}
