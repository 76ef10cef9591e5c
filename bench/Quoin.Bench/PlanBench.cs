using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Quoin.Core;

namespace Quoin.Bench;

/// <summary>
/// Analysis of a million partitions, the test of 10,000 that are current, and fingerprints, on one
/// thread and without I/O. The best of some rounds, because other programs run beside it.
/// </summary>
static class PlanBench
{
    const int Rounds = 3;
    const int SmallRounds = 30; // They take milliseconds: less than a time slice.

    public static void Run()
    {
        AnalyzeMillion();
        TestCurrent(10_000);
        WriteFingerprints(10_000);
    }

    // 340 sensors, four years of days, twice; months over days; one report over everything.
    static void AnalyzeMillion()
    {
        var graph = WeatherGraph();
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            // In a method of its own, so that nothing of the last round is still held.
            var (took, line) = AnalyzeOnce(graph);
            best = Min(best, took);
            if (round == Rounds - 1) Console.WriteLine($"{best.TotalSeconds:0.00} s to {line}");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static (TimeSpan Took, string Line) AnalyzeOnce(Graph graph)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var names = new PartitionNames();
        var jobGraph = Analyze(graph, [names.Intern("report")], names);
        var took = watch.Elapsed;
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        var inputs = 0L;
        for (var node = 0; node < jobGraph.Count; node++) inputs += jobGraph.Inputs(node).Length;
        var count = (double)names.Count;
        return (took, $"analyze {jobGraph.OutputCount:N0} partitions, {inputs:N0} inputs; "
            + $"kept {kept / count:0} B a partition "
            + $"({names.Bytes / count:0} names, {jobGraph.Bytes / count:0} graph), "
            + $"allocated {allocated / count:0} B on the way");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static JobGraph Analyze(Graph graph, PartitionId[] targets, PartitionNames names)
    {
        var analysis = new Analysis(graph, names);
        analysis.Start(targets);
        return analysis.Finish();
    }

    static Graph WeatherGraph() => GraphOf(
        [("observed/{s:int}/{year:year}", "data/{s}-{year}.csv")],
        [
            ("raw", "raw/{s:int}/{date:date}", ["observed/{s}/{date.year}"]),
            ("daily", "daily/{s:int}/{date:date}", ["raw/{s}/{date}"]),
            ("monthly", "monthly/{s:int}/{month:month}", ["daily/{s}/{month.days}"]),
            ("report", "report", ["monthly/{s:range(1,340)}/{month:range(2012-01,2015-12)}"]),
        ]);

    static void TestCurrent(int count)
    {
        // Layers of a hundred, fan-in 3, one source below each first one.
        var width = 100;
        var graph = GraphOf(
            [("s/{i:int}", "data/{i}.csv")],
            [
                ("first", "l0/{i:int}", ["s/{i}"]),
                .. Enumerable.Range(1, (count / width) - 1).Select(layer => (
                    $"layer{layer}", $"l{layer}/{{i:int}}",
                    new[] { $"l{layer - 1}/{{i}}", $"l{layer - 1}/0", $"l{layer - 1}/1" })),
            ]);
        var names = new PartitionNames();
        var targets = Enumerable.Range(0, width)
            .Select(i => names.Intern($"l{(count / width) - 1}/{i}")).ToArray();
        var facts = new ArrayFacts(graph, names);
        var options = new PlanOptions { Now = DateTimeOffset.UnixEpoch.AddDays(1) };
        var (analyzed, tested) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
        for (var round = 0; round < SmallRounds; round++)
        {
            var watch = Stopwatch.StartNew();
            var jobGraph = Analyze(graph, targets, names);
            analyzed = Min(analyzed, watch.Elapsed);
            if (round == 0) facts.Publish(jobGraph);
            watch.Restart();
            var plan = Plan.Make(jobGraph, facts, options);
            tested = Min(tested, watch.Elapsed);
            if (plan.Counts.Current != count) throw new InvalidOperationException($"{plan.Counts}");
        }
        Console.WriteLine(
            $"no-op of {count:N0} nodes, fan-in 3: analysis {analyzed.TotalMilliseconds:0.0} ms, "
            + $"test {tested.TotalMilliseconds:0.0} ms without stat calls "
            + $"({tested.TotalMicroseconds / count:0.00} us a node)");
    }

    static void WriteFingerprints(int count)
    {
        var writer = new FingerprintWriter();
        var digest = Fingerprint.DigestOf("x"u8);
        var best = TimeSpan.MaxValue;
        var length = 0;
        for (var round = 0; round < SmallRounds; round++)
        {
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < count; i++)
            {
                writer.Begin();
                writer.Line("job\t"u8, "daily");
                writer.Line("output\t"u8, "daily/seattle/2012-01-31"u8);
                writer.Line("code\t"u8, "daily.awk", digest);
                writer.Arguments(["awk", "-f", "daily.awk", "-v", "date=2012-01-31", "{in}"]);
                writer.Line("env\t"u8, "LC_ALL", "C");
                writer.Line("source\t"u8, "data/seattle-2012.csv", digest);
                length = writer.Text.Length;
                writer.Finish();
            }
            best = Min(best, watch.Elapsed);
        }
        Console.WriteLine(
            $"{count:N0} fingerprints of {length} B: {best.TotalMilliseconds:0.0} ms");
    }

    static Graph GraphOf(
        (string Pattern, string Path)[] sources,
        (string Name, string Output, string[] Inputs)[] jobs)
    {
        var builder = new GraphBuilder("bench");
        foreach (var (i, (pattern, path)) in sources.Index())
            builder.Add(new DatasetDeclaration
            {
                Pattern = At(pattern, i),
                Path = At(path, i),
                IsSource = true,
            });
        foreach (var (i, (name, output, inputs)) in jobs.Index())
            builder.Add(new JobDeclaration
            {
                Name = At(name, i + 100),
                Outputs = [At(output, i + 100)],
                Inputs = [.. inputs.Select(input => At(input, i + 100))],
                Exec = [At("touch", i + 100), At("{out}", i + 100)],
            });
        var problems = new List<GraphProblem>();
        return builder.Build(default, problems)
            ?? throw new InvalidOperationException(string.Join('\n', problems));
    }

    static Written At(string text, int line) => new(text, new SourceLocation("bench", line, 1));

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    /// <summary>Facts in an array by partition, as an engine would keep them.</summary>
    sealed class ArrayFacts(Graph graph, PartitionNames names) : IPlanFacts
    {
        readonly Dictionary<PartitionId, SourceFact> sources = [];
        PartitionFact[] facts = [];

        public void Publish(JobGraph jobGraph)
        {
            facts = new PartitionFact[names.Count];
            var fingerprints = new NodeFingerprints(jobGraph, this);
            foreach (var node in jobGraph.Order)
            {
                var fingerprint = fingerprints.Of(node);
                foreach (var output in jobGraph.Outputs(node))
                    facts[output.Value] = new PartitionFact(Standing.Published)
                    {
                        Fingerprint = fingerprint,
                        Output = new Digest(
                            DigestAlgorithm.Xxh3, Encoding.UTF8.GetBytes($"{output.Value,16}")),
                    };
            }
        }

        public PartitionFact Partition(PartitionId partition) => facts[partition.Value];

        public SourceFact Source(PartitionId source)
        {
            if (!sources.TryGetValue(source, out var fact))
                sources[source] = fact = new SourceFact(
                    graph.PathOf(names.Utf8(source)), Fingerprint.DigestOf(names.Utf8(source)));
            return fact;
        }

        public JobFact Job(Job job) => JobFact.Empty;

        public OutputCheck CheckOutput(PartitionId partition, in PartitionFact fact) =>
            OutputCheck.Ok;

        public ReadOnlyMemory<byte> FingerprintText(Digest fingerprint) => default;
    }
}
