using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>A job or a dataset of the picture.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Link">Where its page is.</param>
/// <param name="Kind">A class of the style sheet: <c>job</c>, <c>dataset</c>.</param>
/// <param name="Box">Its size.</param>
public sealed record GraphNode(string Name, string Link, string Kind, LayoutBox Box)
{
    /// <summary>What is told below its name.</summary>
    public string Note { get; init; } = "";

    /// <summary>Something of it runs now.</summary>
    public bool IsBusy { get; init; }
}

/// <summary>A job in the table beside the picture.</summary>
public sealed record GraphJob(
    string Name, ImmutableArray<string> Reads, ImmutableArray<string> Makes, string Declared)
{
    /// <summary>Runs that a worker has.</summary>
    public int Running { get; init; }

    /// <summary>How long a run of it usually takes; null: nobody knows.</summary>
    public TimeSpan? Usual { get; init; }
}

/// <summary>The jobs and datasets of the project, in layers.</summary>
public sealed record GraphModel
{
    /// <summary>Jobs and datasets; empty when the graph is too large for a picture.</summary>
    public required ImmutableArray<GraphNode> Nodes { get; init; }

    /// <summary>Where they are.</summary>
    public required LayeredLayout Layout { get; init; }

    /// <summary>The jobs as a table.</summary>
    public required ImmutableArray<GraphJob> Jobs { get; init; }

    /// <summary>A picture of more than that helps nobody.</summary>
    public const int NodesMax = 300;

    internal static GraphModel Of(StoreState s, Graph graph)
    {
        var nodes = new List<GraphNode>();
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var arrows = new List<LayoutArrow>();
        var jobs = ImmutableArray.CreateBuilder<GraphJob>();
        var running = s.Kernel.Runs.Values.Where(run => run.Place == RunPlace.Running)
            .CountBy(run => run.Config.Job).ToDictionary();
        var known = graph.Jobs.SelectMany(job => job.Outputs)
            .Concat(graph.Datasets.Select(dataset => dataset.Pattern))
            .Select(pattern => Beginning(pattern.Text)).ToHashSet(StringComparer.Ordinal);
        foreach (var dataset in graph.Datasets.Where(dataset => dataset.IsSource))
            NodeOf(Beginning(dataset.Pattern.Text), "source");
        foreach (var job in graph.Jobs)
        {
            var busy = running.GetValueOrDefault(job.Name);
            var note = busy > 0 ? $"{busy} running" : "";
            var number = nodes.Count;
            nodes.Add(new GraphNode(job.Name, Links.Job(job.Name), "job", BoxOf(job.Name, note))
            {
                Note = note,
                IsBusy = busy > 0,
            });
            var reads = NamesOf(job.Inputs.Select(input => input.Text), known);
            var makes = NamesOf(job.Outputs.Select(output => output.Text), known);
            foreach (var input in reads) arrows.Add(new LayoutArrow(NodeOf(input), number));
            foreach (var output in makes) arrows.Add(new LayoutArrow(number, NodeOf(output)));
            jobs.Add(new GraphJob(job.Name, reads, makes, $"{job.Location}")
            {
                Running = busy,
                Usual = s.History.UsualOf(job.Name) is >= 0 and var ms
                    ? TimeSpan.FromMilliseconds(ms)
                    : null,
            });
        }
        var isShown = nodes.Count <= NodesMax;
        return new GraphModel
        {
            Nodes = isShown ? [.. nodes] : [],
            Layout = LayeredLayout.Of(
                isShown ? [.. nodes.Select(node => node.Box)] : [], isShown ? arrows : []),
            Jobs = jobs.ToImmutable(),
        };

        int NodeOf(string name, string kind = "dataset")
        {
            if (numbers.TryGetValue(name, out var number)) return number;
            var note = NoteOf(s, name);
            numbers[name] = number = nodes.Count;
            nodes.Add(new GraphNode(name, Links.Dataset(name), kind, BoxOf(name, note))
            {
                Note = note,
            });
            return number;
        }
    }

    static ImmutableArray<string> NamesOf(
        IEnumerable<string> patterns, HashSet<string> known) =>
        [.. patterns.Select(pattern => DatasetOf(pattern, known)).Distinct()];

    // An input may name a part of a dataset: monthly/oslo/{month}.
    static string DatasetOf(string pattern, HashSet<string> known)
    {
        var name = Beginning(pattern);
        for (var part = name; ; part = part[..part.LastIndexOf('/')])
        {
            if (known.Contains(part)) return part;
            if (!part.Contains('/')) return name;
        }
    }

    static string NoteOf(StoreState s, string dataset)
    {
        if (s.Partitions.CountsOf(dataset) is not { } counts) return "";
        var failed = counts[(int)PartitionPlace.Failed];
        var live = counts[(int)PartitionPlace.Live];
        var others = counts.Sum() - failed - live;
        var parts = new List<string>();
        if (live > 0) parts.Add($"{Words.Number(live)} live");
        if (failed > 0) parts.Add($"{Words.Number(failed)} failed");
        if (others > 0) parts.Add($"{Words.Number(others)} other");
        return string.Join(", ", parts);
    }

    // Letters are about 6.6 units wide; the picture does not measure them.
    static LayoutBox BoxOf(string name, string note) => new(
        Math.Max(70, 20 + (Math.Max(name.Length * 7.2, note.Length * 6.4))),
        note.Length > 0 ? 40 : 28);

    /// <summary>Up to the segment that has the first capture: the dataset of a pattern.</summary>
    internal static string Beginning(string pattern)
    {
        var brace = pattern.IndexOf('{');
        if (brace < 0) return pattern;
        var slash = pattern.LastIndexOf('/', brace);
        return slash > 0 ? pattern[..slash] : pattern;
    }
}
