using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>What is wrong between the jobs and datasets of a graph.</summary>
static class GraphChecks
{
    const int SuggestionsMax = 50; // Nearest names cost a walk over all patterns.

    public static void Check(Graph graph, bool areAllThere, List<GraphProblem> problems)
    {
        CheckProducers(graph, problems);
        CheckDatasets(graph, problems);
        CheckPools(graph, problems);
        var producers = new Groups<Producer>();
        if (areAllThere) AddProducers(graph, producers);
        foreach (var job in graph.Jobs)
        {
            var inputs = job.InputsWritten;
            for (var i = 0; i < inputs.Length; i++)
            {
                if (IsOwnOutput(job, job.Inputs[i]))
                    problems.Add(new("own-input", inputs[i].At,
                        $"\"{inputs[i].Text}\" is what the job makes itself"));
                else if (areAllThere)
                    CheckInput(graph, job, job.Inputs[i], inputs[i], producers, problems);
            }
        }
    }

    static void AddProducers(Graph graph, Groups<Producer> producers)
    {
        foreach (var job in graph.Jobs)
            foreach (var pattern in job.Outputs) producers.Add(pattern, new(job, null));
        foreach (var dataset in graph.Datasets)
            if (dataset.IsSource) producers.Add(dataset.Pattern, new(null, dataset));
    }

    static void CheckProducers(Graph graph, List<GraphProblem> problems)
    {
        var groups = new Groups<Producer>();
        AddProducers(graph, groups);
        foreach (var (a, b, example) in groups.Overlaps())
        {
            // One job's own outputs were compared when it was read.
            if (a.Job is not null && a.Job == b.Job) continue;
            // Two sources that overlap are two datasets that do; told once, there.
            if (a.Source is not null && b.Source is not null) continue;
            var (first, second) = IsBefore(PlaceOf(b), PlaceOf(a)) ? (b, a) : (a, b);
            problems.Add(new("two-producers", PlaceOf(second),
                $"{Describe(first)} ({PlaceOf(first)}) and {Describe(second)} both make "
                    + $"{example}"));
        }
    }

    static void CheckDatasets(Graph graph, List<GraphProblem> problems)
    {
        var groups = new Groups<Dataset>();
        foreach (var dataset in graph.Datasets) groups.Add(dataset.Pattern, dataset);
        foreach (var (a, b, example) in groups.Overlaps())
        {
            var (first, second) = IsBefore(b.Location, a.Location) ? (b, a) : (a, b);
            problems.Add(first.Pattern.Text == second.Pattern.Text
                ? new("duplicate-dataset", second.Location,
                    $"dataset {second.Pattern} is there already, at {first.Location}")
                : new("overlapping-datasets", second.Location,
                    $"datasets {first.Pattern} ({first.Location}) and {second.Pattern} both "
                    + $"have {example}"));
        }
        var places = new Groups<Dataset>();
        foreach (var dataset in graph.Datasets) places.Add(dataset.PathPattern!, dataset);
        foreach (var (a, b, example) in places.Overlaps())
        {
            if (a.Pattern.Text == b.Pattern.Text) continue; // Told above.
            var (first, second) = IsBefore(b.Location, a.Location) ? (b, a) : (a, b);
            problems.Add(new("path-collision", second.Location,
                $"partitions of {first.Pattern} ({first.Location}) and of {second.Pattern} could "
                + $"both lie at {example}"));
        }
    }

    static void CheckPools(Graph graph, List<GraphProblem> problems)
    {
        foreach (var job in graph.Jobs)
        {
            foreach (var (pool, places) in job.Limits.Resources.Pools)
            {
                if (!graph.Pools.TryGetValue(pool, out var capacity))
                    problems.Add(new("unknown-pool", job.Location,
                        $"job {job.Name} takes places of pool {pool}, which is not in pools",
                        Nearest.To(pool, graph.Pools.Keys)));
                else if (places > capacity)
                    problems.Add(new("bad-value", job.Location,
                        $"job {job.Name} takes {places} places of pool {pool}, which has "
                            + $"{capacity}"));
            }
        }
    }

    static void CheckInput(
        Graph graph,
        Job job,
        Template input,
        Written written,
        Groups<Producer> producers,
        List<GraphProblem> problems)
    {
        if (input.IsLiteral)
        {
            // Literal parts were read from text that had its escapes undone.
            var name = string.Concat(
                input.Parts.ToArray().Select(part => Encoding.UTF8.GetString(part.Literal!)));
            if (graph.FindProducer(Encoding.UTF8.GetBytes(name)).Exists) return;
        }
        else if (TemplateSegments.Of(input) is not { } segments
            || producers.Near(segments).Any(entry =>
                PatternOverlap.Example(segments, entry.Pattern.Segments) is not null))
        {
            return;
        }
        var (suggestion, why) = problems.Count > SuggestionsMax
            ? (null, null)
            : Explain(graph, input);
        problems.Add(new("no-producer", written.At,
            $"nothing makes \"{input.Text}\", an input of job {job.Name}{why}", suggestion));
    }

    // The nearest pattern by name; when even its literals agree, a value's type must differ.
    static (string? Suggestion, string? Why) Explain(Graph graph, Template input)
    {
        var patterns = graph.Jobs.SelectMany(job => job.Outputs)
            .Concat(graph.Datasets.Where(dataset => dataset.IsSource).Select(d => d.Pattern))
            .ToList();
        if (input.IsLiteral)
            foreach (var pattern in patterns)
                if (pattern.ExplainMismatch(Encoding.UTF8.GetBytes(input.Text)) is { } reason)
                    return (null, $"; in {pattern.Text}, {reason}");
        if (TemplateSegments.Of(input) is { } segments)
            foreach (var pattern in patterns)
                if (DescribeTypes(segments, pattern) is { } difference)
                    return (null, $"; {pattern.Text} takes {difference}");
        var near = Nearest.To(input.Text, patterns.Select(pattern => pattern.Text));
        if (near is not null) return (near, null);
        var first =
            Nearest.To(FirstOf(input.Text), patterns.Select(pattern => FirstOf(pattern.Text)));
        return (patterns.Find(pattern => FirstOf(pattern.Text) == first)?.Text, null);

        static string FirstOf(string text) => text.Split('/')[0];
    }

    static string? DescribeTypes(PatternSegment[] input, Pattern pattern)
    {
        if (input.Length != pattern.Segments.Length) return null;
        string? difference = null;
        for (var i = 0; i < input.Length; i++)
        {
            var (here, there) = (input[i], pattern.Segments[i]);
            if (PatternOverlap.Example([here], [there]) is not null) continue;
            if (here.Atoms is not [{ Type: { } given }] || there.Atoms is not [{ Type: { } taken }])
                return null;
            difference ??= $"{CaptureText.Describe(taken)} where this gives "
                + CaptureText.Describe(given);
        }
        return difference;
    }

    static bool IsOwnOutput(Job job, Template input)
    {
        if (input.IsMany) return false;
        foreach (var output in job.Outputs)
        {
            if (TemplateSegments.Of(input) is not { } segments
                || segments.Length != output.Segments.Length)
                continue;
            var isSame = true;
            for (var i = 0; i < segments.Length && isSame; i++)
                isSame = segments[i].Atoms.Length == output.Segments[i].Atoms.Length;
            if (isSame && IsSameText(input, output)) return true;
        }
        return false;
    }

    // Filled from the same captures, do both always give the same name?
    static bool IsSameText(Template input, Pattern output)
    {
        var values = new List<(string? Literal, int Slot)>();
        foreach (var part in input.Parts)
        {
            if (part.Value is { IsPlain: false }) return false;
            if (part.Value is { } value) values.Add((null, value.Slot));
            else values.Add((Encoding.UTF8.GetString(part.Literal!), -1));
        }
        var own = new List<(string? Literal, int Slot)>();
        var isFirst = true;
        foreach (var segment in output.Segments)
        {
            if (!isFirst) AddLiteral(own, "/");
            isFirst = false;
            foreach (var atom in segment.Atoms)
            {
                if (atom.Literal is { } literal) AddLiteral(own, Encoding.UTF8.GetString(literal));
                else own.Add((null, atom.Slot));
            }
        }
        return values.SequenceEqual(own);
    }

    static void AddLiteral(List<(string? Literal, int Slot)> parts, string text)
    {
        if (parts is [.., ({ } last, -1)]) parts[^1] = (last + text, -1);
        else parts.Add((text, -1));
    }

    static string Describe(Producer producer) => producer.Job is { } job
        ? $"job {job.Name}"
        : $"source {producer.Source!.Pattern.Text}";

    static bool IsBefore(SourceLocation a, SourceLocation b) =>
        a.File == b.File && (a.Line, a.Column).CompareTo((b.Line, b.Column)) < 0;

    static SourceLocation PlaceOf(Producer producer) =>
        producer.Job?.Location ?? producer.Source!.Location;

    /// <summary>
    /// Patterns by their first segment, so that only those are compared that can overlap.
    /// </summary>
    sealed class Groups<T>
    {
        readonly Dictionary<string, List<Entry>> captures = [];
        readonly Dictionary<string, List<Entry>> literals = [];

        public sealed record Entry(Pattern Pattern, T Value);

        public sealed record Overlap(T First, T Second, string Example);

        public void Add(Pattern pattern, T value)
        {
            var (table, key) = pattern.IsLiteral
                ? (literals, pattern.Dataset)
                : (captures, FirstOf(pattern.Segments[0]));
            if (!table.TryGetValue(key, out var group)) table[key] = group = [];
            group.Add(new(pattern, value));
        }

        /// <summary>All that may match a name of these segments.</summary>
        public IEnumerable<Entry> Near(PatternSegment[] segments)
        {
            var key = FirstOf(segments[0]);
            var groups = key == ""
                ? captures.Values.AsEnumerable()
                : [captures.GetValueOrDefault(key, []), captures.GetValueOrDefault("", [])];
            foreach (var entry in groups.SelectMany(group => group)) yield return entry;
            foreach (var entry in literals.Values.SelectMany(group => group))
                if (key == "" || FirstOf(entry.Pattern.Segments[0]) == key) yield return entry;
        }

        /// <summary>All pairs that overlap, the earlier one first, with a name of both.</summary>
        public IEnumerable<Overlap> Overlaps()
        {
            foreach (var (text, group) in literals)
                foreach (var entry in group.Skip(1))
                    yield return new(group[0].Value, entry.Value, text);
            var anywhere = captures.GetValueOrDefault("", []);
            foreach (var (key, group) in captures)
            {
                for (var i = 0; i < group.Count; i++)
                {
                    var others = key == ""
                        ? group.Skip(i + 1).Concat(captures.Where(g => g.Key != "")
                            .SelectMany(other => other.Value))
                        : group.Skip(i + 1);
                    foreach (var other in others)
                        if (PatternOverlap.Example(group[i].Pattern, other.Pattern) is { } example)
                            yield return new(group[i].Value, other.Value, example);
                }
            }
            foreach (var group in literals.Values)
            {
                var first = FirstOf(group[0].Pattern.Segments[0]);
                foreach (var other in captures.GetValueOrDefault(first, []).Concat(anywhere))
                    if (PatternOverlap.Example(group[0].Pattern, other.Pattern) is { } example)
                        yield return new(other.Value, group[0].Value, example);
            }
        }

        static string FirstOf(PatternSegment segment) =>
            segment.IsLiteral ? Encoding.UTF8.GetString(segment.Atoms[0].Literal!) : "";
    }
}
