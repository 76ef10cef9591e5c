using System.Globalization;

namespace Quoin.Bench;

/// <summary>
/// The same graphs of tiny commands, built by Quoin, Ninja and Make: cold, with nothing to do, and
/// after one source changed. The tools take turns within every round; the table has medians.
/// </summary>
static class BuildBench
{
    sealed record Builder(string Name, string[] Argv, string File, Func<BuildGraph, string> Text);

    sealed class Figures
    {
        public List<ToolRun> Cold { get; } = [];
        public List<ToolRun> NoOp { get; } = [];
        public List<ToolRun> Leaf { get; } = [];
        public int LeafRan { get; set; }
    }

    static readonly Builder[] builders =
    [
        new("quoin", [QuoinBinary, "-C", "", "build", "-j", "2"], "quoin.yaml", g => g.QuoinYaml),
        new("ninja", ["ninja", "-C", "", "-j2"], "build.ninja", g => g.NinjaFile()),
        new("make", ["make", "-C", "", "-j2"], "Makefile", g => g.MakeFile()),
    ];

    /// <summary>What <c>./dev publish</c> made.</summary>
    public static string QuoinBinary => Path.Combine(ResultsFile.Root, "out", "quoin", "quoin");

    public static void Run()
    {
        var place = Directory.CreateTempSubdirectory("quoin-bench-");
        try
        {
            Console.WriteLine(
                "cp FIRST OUT for every task, -j2, seconds: median of the rounds (least-most)\n");
            Console.WriteLine(
                $"{"graph",-15} {"tool",-6} {"cold",20} {"cold cpu",9} {"nothing to do",22} "
                + $"{"one source changed",22} {"ran",6} {"peak MB",8}");
            foreach (var (graph, rounds) in Graphs()) Measure(place.FullName, graph, rounds);
            Console.WriteLine(
                "\nran: tasks that wrote their output after the change. Quoin stops where an output"
                + "\nhas the same bytes as before; the others go by time.");
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    /// <summary>
    /// Builds with nothing to do of 10,000 tasks, many times in turns: one alone is as long as a
    /// disturbance.
    /// </summary>
    public static void RunNothing()
    {
        const int rounds = 25;
        var place = Directory.CreateTempSubdirectory("quoin-bench-");
        try
        {
            var graph = BuildGraph.Wide(10_000);
            var times = builders.ToDictionary(builder => builder.Name, _ => new List<ToolRun>());
            foreach (var builder in builders)
            {
                var folder = Path.Combine(place.FullName, builder.Name);
                Prepare(folder, builder, graph);
                Build(folder, builder);
                Tool.FlushDisks();
            }
            for (var round = 0; round <= rounds; round++)
            {
                foreach (var builder in builders)
                {
                    var run = Build(Path.Combine(place.FullName, builder.Name), builder);
                    if (round > 0) times[builder.Name].Add(run); // The first one sees new files.
                }
            }
            var ninja = Median(times["ninja"].Select(run => run.Seconds));
            Console.WriteLine(
                $"{graph.Name}, nothing to do, seconds: median of {rounds} in turns "
                + "(least-most)\n");
            foreach (var (name, runs) in times)
            {
                var ratio = Median(runs.Select(run => run.Seconds)) / ninja;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-8} {Times(runs),22} {ratio,6:F2} of Ninja's"
                    + $" {Median(runs.Select(run => run.CpuSeconds)),8:F3} cpu"));
            }
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    // QUOIN_BENCH_SMALL=1 is for trying this program out.
    static IEnumerable<(BuildGraph Graph, int Rounds)> Graphs()
    {
        yield return (BuildGraph.Wide(1000), 3);
        yield return (BuildGraph.Chain(1000), 3);
        yield return (BuildGraph.Layered(10, 91), 3);
        if (Environment.GetEnvironmentVariable("QUOIN_BENCH_SMALL") is not null) yield break;
        yield return (BuildGraph.Wide(10_000), 1);
        yield return (BuildGraph.Chain(10_000), 1);
        yield return (BuildGraph.Layered(50, 151), 1);
    }

    static void Measure(string place, BuildGraph graph, int rounds)
    {
        var figures = builders.ToDictionary(builder => builder.Name, _ => new Figures());
        for (var round = 0; round < rounds; round++)
        {
            // In folders of their own: a file system that looks through the inodes of files deleted
            // a moment ago before it makes new ones would measure the deletion, not the build.
            foreach (var builder in builders)
            {
                var folder = FolderOf(builder, round);
                Prepare(folder, builder, graph);
                WriteSource(folder, 0, $"round {round}");
                Tool.FlushDisks();
                figures[builder.Name].Cold.Add(Build(folder, builder));
                Check(folder, builder, graph, $"round {round}");
            }
            for (var i = 0; i < 5; i++)
                foreach (var builder in builders)
                    figures[builder.Name].NoOp.Add(Build(FolderOf(builder, round), builder));
            foreach (var builder in builders)
            {
                var folder = FolderOf(builder, round);
                WriteSource(folder, 0, $"round {round}, changed");
                var changed = File.GetLastWriteTimeUtc(Path.Combine(folder, "src", "0"));
                figures[builder.Name].Leaf.Add(Build(folder, builder));
                Check(folder, builder, graph, $"round {round}, changed");
                figures[builder.Name].LeafRan = graph.Outputs.Count(output =>
                    File.GetLastWriteTimeUtc(Path.Combine(folder, output)) >= changed);
            }
        }
        foreach (var builder in builders) Print(graph, builder.Name, figures);

        string FolderOf(Builder builder, int round) =>
            Path.Combine(place, $"{graph.Name.Replace(' ', '-')}-{builder.Name}-{round}");
    }

    static void Print(BuildGraph graph, string tool, Dictionary<string, Figures> figures)
    {
        var mine = figures[tool];
        var ninja = figures["ninja"];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(tool == "quoin" ? graph.Name : ""),-15} {tool,-6} {Times(mine.Cold),20} "
            + $"{Median(mine.Cold.Select(run => run.CpuSeconds)),9:F2} {Times(mine.NoOp),22} "
            + $"{Times(mine.Leaf),22} {mine.LeafRan,6} {Peak(mine),8:F0}"));
        if (tool != "quoin") return;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{"",-15} {"/ninja",-6} {Ratio(f => f.Cold),20:F2} {"",9} {Ratio(f => f.NoOp),22:F2} "
            + $"{Ratio(f => f.Leaf),22:F2}"));

        double Ratio(Func<Figures, List<ToolRun>> of) =>
            Median(of(mine).Select(run => run.Seconds))
            / Median(of(ninja).Select(run => run.Seconds));
    }

    static double Peak(Figures figures) =>
        figures.Cold.Concat(figures.NoOp).Concat(figures.Leaf).Max(run => run.PeakKiB) / 1024.0;

    static string Times(List<ToolRun> runs) => string.Create(CultureInfo.InvariantCulture,
        $"{Median(runs.Select(run => run.Seconds)):F3} "
        + $"({runs.Min(run => run.Seconds):F3}-{runs.Max(run => run.Seconds):F3})");

    internal static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    static ToolRun Build(string folder, Builder builder) => Tool.RunTo(
        folder + ".log",
        [.. builder.Argv.Select(argument => argument.Length == 0 ? folder : argument)]);

    static void Prepare(string folder, Builder builder, BuildGraph graph)
    {
        Directory.CreateDirectory(Path.Combine(folder, "src"));
        for (var i = 0; i < graph.Sources; i++) WriteSource(folder, i, "");
        File.WriteAllText(Path.Combine(folder, builder.File), builder.Text(graph));
        // Make does not create folders; so that all have the same work, they are there.
        foreach (var path in graph.Folders) Directory.CreateDirectory(Path.Combine(folder, path));
    }

    static void WriteSource(string folder, int i, string text) =>
        File.WriteAllText(Path.Combine(folder, "src", $"{i}"), $"source {i} {text}\n");

    // A tool that is fast because it forgot something is not fast.
    static void Check(string folder, Builder builder, BuildGraph graph, string text)
    {
        var missing = graph.Outputs.FirstOrDefault(
            path => !File.Exists(Path.Combine(folder, path)));
        if (missing is not null)
            throw new InvalidOperationException($"{builder.Name} did not build {missing}");
        var task = graph.Tasks.Last(task => task.Out.EndsWith("/0", StringComparison.Ordinal)
            || graph.Sources == 1);
        var content = File.ReadAllText(Path.Combine(folder, task.Out));
        if (content != $"source 0 {text}\n")
            throw new InvalidOperationException(
                $"{builder.Name} left \"{content.Trim()}\" in {task.Out}, not \"{text}\"");
    }
}
