using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Quoin.Core;

namespace Quoin.Bench;

/// <summary>
/// What it brings to choose how many cores runs get that can use several: random graphs whose jobs
/// scale by Amdahl's law with 30 to 98 % of their work shared, laid out with one core each, with
/// each on as many cores as make it fastest, and as the portfolio decides.
/// </summary>
static class MoldableBench
{
    const int Seeds = 3, CoresMost = 16;
    static readonly string[] shapes = ["tree", "layered", "series-parallel", "random"];
    static readonly int[] sizes = [30, 300, 3_000];
    static readonly int[] slots = [4, 16, 64];

    public static void Run()
    {
        Console.WriteLine(
            "runs on 1 to 16 cores: end of the last run over that of the portfolio's choice,\n"
            + "and that over the lower bound (longest chain at its fastest, least work / slots)\n");
        Console.WriteLine($"{"",-22}{"1 core each",14}{"fastest each",14}{"over bound",14}");
        var longest = TimeSpan.Zero;
        var all = (One: new List<double>(), Best: new List<double>(), Bound: new List<double>());
        foreach (var shape in shapes)
        {
            foreach (var size in sizes)
            {
                var some = (One: new List<double>(), Best: new List<double>(),
                    Bound: new List<double>());
                for (var seed = 1; seed <= Seeds; seed++)
                {
                    foreach (var count in slots)
                    {
                        var (one, best, bound) = Measure(shape, size, seed, count, ref longest);
                        some.One.Add(one);
                        some.Best.Add(best);
                        some.Bound.Add(bound);
                    }
                }
                Print($"{shape} {size:N0}", some);
                all.One.AddRange(some.One);
                all.Best.AddRange(some.Best);
                all.Bound.AddRange(some.Bound);
            }
        }
        Print("all", all);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"\none choice takes at most {longest.TotalSeconds:F2} s"));
    }

    static (double One, double Best, double Bound) Measure(
        string shape, int size, int seed, int count, ref TimeSpan longest)
    {
        var graph = RandomGraph.Of(shape, size, seed);
        var random = new Random(seed);
        var shared = Enumerable.Range(0, graph.Jobs.Max() + 1)
            .Select(_ => 0.3 + (0.68 * random.NextDouble())).ToArray();
        var moldable = new CoreEstimates?[graph.Count];
        for (var node = 0; node < graph.Count; node++)
        {
            var (ms, part) = (graph.DurationsMs[node], shared[graph.Jobs[node]]);
            CoreTime[] times =
            [
                .. Enumerable.Range(1, Math.Min(CoresMost, count)).Select(cores => new CoreTime(
                    cores, Math.Max(1, (int)(ms * (1 - part + (part / cores)))))),
            ];
            moldable[node] = new CoreEstimates(
                times, EstimateSource.Partition, new CoreRange(1, times.Length));
        }
        var tasks = new TimetableTasks
        {
            Order = graph,
            EstimatesMs = graph.DurationsMs,
            KeyOf = node => new PartitionId(node),
        };
        var room = new TimetableRoom(
            count, 0, ImmutableSortedDictionary<string, int>.Empty, graph.Names);
        var start = Stopwatch.GetTimestamp();
        var choice = Portfolio.Choose(tasks, moldable, room);
        if (Stopwatch.GetElapsedTime(start) is var took && took > longest) longest = took;
        int[] fastest = [.. moldable.Select(times => times!.Of(times.Best).Milliseconds)];
        var best = Timetable.Of(
            tasks with
            {
                EstimatesMs = fastest,
                NeedOf = node => new ResourceVector { Cpu = moldable[node]!.Best },
            },
            room);
        var path = 0L;
        foreach (var rank in UpwardRank.Of(graph, fastest)) path = Math.Max(path, rank);
        var bound = Math.Max(path, graph.DurationsMs.Sum(ms => (double)ms) / count);
        var end = (double)choice.Times.MakespanMs;
        return (Timetable.Of(tasks, room).MakespanMs / end, best.MakespanMs / end, end / bound);
    }

    static void Print(
        string name, (List<double> One, List<double> Best, List<double> Bound) some) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-22}{some.One.Average(),14:F2}{some.Best.Average(),14:F2}")
            + string.Create(CultureInfo.InvariantCulture, $"{some.Bound.Average(),14:F3}"));
}
