using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// Makes a graph from declarations, whatever way they were written, and finds all that is wrong
/// with them: one job or dataset at a time here, what lies between them in <see
/// cref="GraphChecks"/>.
/// </summary>
public sealed class GraphBuilder(string name)
{
    readonly List<JobDeclaration> jobs = [];
    readonly List<DatasetDeclaration> datasets = [];

    /// <summary>Selectors of what a bare <c>quoin build</c> wants.</summary>
    public ImmutableArray<Written> Targets { get; set; } = [];

    /// <summary>Capacities over the whole store.</summary>
    public ImmutableSortedDictionary<string, int> Pools { get; set; } =
        ImmutableSortedDictionary<string, int>.Empty;

    /// <summary>Where copies of outputs are kept; null: nothing is said of it.</summary>
    public ArtifactSettings? Artifacts { get; set; }

    /// <summary>
    /// True: declarations are missing because of problems of their own, so that nothing is said of
    /// inputs that nobody makes.
    /// </summary>
    public bool IsIncomplete { get; set; }

    /// <summary>Adds a job.</summary>
    public void Add(JobDeclaration job) => jobs.Add(job);

    /// <summary>Puts <see cref="Graph.Text"/> together; asked only when it is needed.</summary>
    public Func<string> Text { get; set; } = () => "";

    /// <summary>Adds a dataset.</summary>
    public void Add(DatasetDeclaration dataset) => datasets.Add(dataset);

    /// <summary>
    /// The graph, or null when a problem was found that is more than a warning; all problems are
    /// added to the list. <paramref name="digest"/> is that of the text that was read.
    /// </summary>
    public Graph? Build(Digest digest, List<GraphProblem> problems)
    {
        var before = problems.Count;
        var builtJobs = ImmutableArray.CreateBuilder<Job>(jobs.Count);
        var names = new Dictionary<string, Written>(jobs.Count);
        foreach (var declared in jobs)
        {
            if (!names.TryAdd(declared.Name.Text, declared.Name))
                problems.Add(new("duplicate-job", declared.Name.At,
                    $"job {declared.Name.Text} is there already, at "
                        + names[declared.Name.Text].At));
            if (JobReader.Read(declared, builtJobs.Count, problems) is { } job) builtJobs.Add(job);
        }
        var builtDatasets = ImmutableArray.CreateBuilder<Dataset>(datasets.Count);
        foreach (var declared in datasets)
            if (DatasetReader.Read(declared, problems) is { } dataset) builtDatasets.Add(dataset);
        var graph = new Graph
        {
            Name = name,
            Jobs = builtJobs.DrainToImmutable(),
            Datasets = builtDatasets.DrainToImmutable(),
            Targets = [.. Targets.Select(target => target.Text)],
            Pools = Pools,
            Artifacts = Artifacts,
            Digest = digest,
            MakeText = Text,
        };
        foreach (var job in graph.Jobs)
            foreach (var pattern in job.Outputs) graph.Producers.Add(pattern, new(job, null));
        foreach (var dataset in graph.Datasets)
        {
            graph.Places.Add(dataset.Pattern, dataset);
            if (dataset.IsSource) graph.Producers.Add(dataset.Pattern, new(null, dataset));
        }
        // With a job missing because of its own problems, others would only seem to be wrong.
        var areAllThere = !IsIncomplete && graph.Jobs.Length == jobs.Count
            && graph.Datasets.Length == datasets.Count;
        GraphChecks.Check(graph, areAllThere, problems);
        if (areAllThere) CheckTargets(graph, problems);
        return problems.Skip(before).Any(problem => !problem.IsWarning) ? null : graph;
    }

    void CheckTargets(Graph graph, List<GraphProblem> problems)
    {
        foreach (var target in Targets)
            if (Selection.Check(graph, target.Text) is { } wrong)
                problems.Add(new(wrong.Code, target.At, wrong.Message, wrong.Suggestion));
    }
}

/// <summary>Checks one dataset.</summary>
static class DatasetReader
{
    public static Dataset? Read(DatasetDeclaration declared, List<GraphProblem> problems)
    {
        if (Pattern.TryParse(declared.Pattern.Text, out var problem) is not { } pattern)
        {
            problems.Add(JobReader.Locate(problem!, declared.Pattern));
            return null;
        }
        var place = Normalize(declared.Folder, declared.Path.Text);
        if (place is null || place.Split('/')[0] == ".quoin")
        {
            problems.Add(new("bad-path", declared.Path.At, place is null
                ? $"\"{declared.Path.Text}\" leaves the workspace; a path is relative to the "
                    + "folder "
                    + "of its graph file"
                : $"\"{declared.Path.Text}\" lies in .quoin, which is Quoin's own"));
            return null;
        }
        if (place.AsSpan().IndexOfAny('*', '?') >= 0)
        {
            problems.Add(new("bad-path", declared.Path.At,
                $"\"{declared.Path.Text}\" has a * or ?; name what varies with a capture: "
                    + $"{{name}}"));
            return null;
        }
        var template = TemplateParser.Parse(
            place, TemplateUse.Text, pattern.Captures, out problem);
        if (template is null)
        {
            problems.Add(JobReader.Locate(problem! with { Offset = 0 }, declared.Path));
            return null;
        }
        return PathPattern(template, pattern, declared, problems) is { } pathPattern
            ? new()
            {
                Pattern = pattern,
                Path = template,
                PathPattern = pathPattern,
                IsSource = declared.IsSource,
                Location = declared.Pattern.At,
            }
            : null;
    }

    /// <summary>
    /// A path joined to its folder, without <c>.</c> and <c>..</c>; null: it leads out.
    /// </summary>
    static string? Normalize(string folder, string path)
    {
        if (path.StartsWith('/') || path.Contains('\0')) return null;
        var segments = new List<string>();
        foreach (var segment in $"{BraceText.Escape(folder)}/{path}".Split('/'))
        {
            if (segment is "" or ".") continue;
            if (segment != "..")
                segments.Add(segment);
            else if (segments.Count == 0)
                return null;
            else
                segments.RemoveAt(segments.Count - 1);
        }
        return segments.Count == 0 ? null : string.Join('/', segments);
    }

    // A path has to tell the partition: every capture is in it, and can be found again.
    static Pattern? PathPattern(
        Template path, Pattern pattern, DatasetDeclaration declared, List<GraphProblem> problems)
    {
        var seen = new bool[pattern.Captures.Length];
        var captures = pattern.Captures.ToBuilder();
        foreach (var part in path.Parts)
        {
            if (part.Value is not { } value) continue;
            if (value.IsPlain) seen[value.Slot] = true;
            else captures.Add(new($"derived {captures.Count}", value.Type));
        }
        var missing = Array.IndexOf(seen, false);
        if (missing >= 0)
            problems.Add(new("path-collision", declared.Path.At,
                $"\"{declared.Path.Text}\" lacks {{{captures[missing].Name}}}: several "
                    + "partitions of "
                + $"{pattern.Text} would lie in one place"));
        else if (captures.Count > Pattern.CapturesMax)
            problems.Add(new("bad-path", declared.Path.At,
                $"\"{declared.Path.Text}\" has more than {Pattern.CapturesMax} captures"));
        else if (TemplateSegments.Of(path) is { } segments)
            return new(path.Text, captures.ToImmutable(), segments);
        else
            problems.Add(new("path-collision", declared.Path.At,
                $"\"{declared.Path.Text}\" has a segment with two captures of variable length, "
                    + "so two "
                + "partitions could lie in one place; separate them with /"));
        return null;
    }
}
