using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// Why a selector selects nothing: a stable code, a sentence, the nearest that would.
/// </summary>
public sealed record SelectionProblem(string Code, string Message, string? Suggestion = null)
{
    /// <summary>The line that the command line prints.</summary>
    public override string ToString() =>
        $"error[{Code}]: {Message}"
            + (Suggestion is null ? "" : $"; did you mean \"{Suggestion}\"?");
}

/// <summary>
/// Turns what people write for partitions into partitions: a reference, a range in the last segment
/// (<c>daily/2026-01-01..2026-01-31</c>), <c>*</c> inside a segment and <c>**</c> for any number of
/// them, <c>job:NAME</c>, and tags. References and ranges need not be known; the others select
/// among what is.
/// </summary>
public sealed class Selection
{
    Selection(ImmutableArray<PartitionId> partitions, ImmutableArray<SelectionProblem> problems)
    {
        Partitions = partitions;
        Problems = problems;
    }

    /// <summary>What was selected, each once, in the order of the selectors.</summary>
    public ImmutableArray<PartitionId> Partitions { get; }

    /// <summary>What could not be understood or found; all of it.</summary>
    public ImmutableArray<SelectionProblem> Problems { get; }

    /// <summary>
    /// Selects; names are interned. An empty selection without problems is possible.
    /// </summary>
    public static Selection Of(
        Graph graph,
        IEnumerable<string> selectors,
        IEnumerable<string> tags,
        PartitionNames names,
        IKnownPartitions known)
    {
        var partitions = ImmutableArray.CreateBuilder<PartitionId>();
        var seen = new HashSet<PartitionId>();
        var problems = ImmutableArray.CreateBuilder<SelectionProblem>();
        foreach (var selector in selectors)
            Take(Find(graph, selector, known, out var wrong), wrong);
        foreach (var tag in tags) Take(FindTag(graph, tag, known, out var wrong), wrong);
        return new(partitions.DrainToImmutable(), problems.DrainToImmutable());

        void Take(IEnumerable<string> found, SelectionProblem? wrong)
        {
            if (wrong is not null) problems.Add(wrong);
            foreach (var name in found)
                if (names.Intern(name) is var id && seen.Add(id)) partitions.Add(id);
        }
    }

    /// <summary>
    /// What is wrong with a selector whatever is known, or null. Globs are right as long as they
    /// are spelled right.
    /// </summary>
    public static SelectionProblem? Check(Graph graph, string selector)
    {
        if (selector.StartsWith("job:", StringComparison.Ordinal))
            return graph.FindJob(selector[4..]) is null ? UnknownJob(graph, selector[4..]) : null;
        if (IsGlob(selector)) return CheckSpelling(selector);
        SelectionRange.Find(graph, selector, out var problem);
        return problem;
    }

    /// <summary>What a reference or a range selects; empty for all else.</summary>
    internal static List<string> Plain(Graph graph, string selector) =>
        IsGlob(selector) || selector.StartsWith("job:", StringComparison.Ordinal)
            ? []
            : SelectionRange.Find(graph, selector, out _);

    static List<string> Find(
        Graph graph, string selector, IKnownPartitions known, out SelectionProblem? problem)
    {
        problem = null;
        if (selector.StartsWith("job:", StringComparison.Ordinal))
        {
            if (graph.FindJob(selector[4..]) is { } job)
                return OutputsOf([job], known, out problem);
            problem = UnknownJob(graph, selector[4..]);
            return [];
        }
        if (!IsGlob(selector)) return SelectionRange.Find(graph, selector, out problem);
        problem = CheckSpelling(selector);
        if (problem is not null) return [];
        var found = new List<string>();
        known.AddStartingWith(selector[..selector.IndexOf('*')], found);
        found.RemoveAll(name => !IsMatch(selector.Split('/'), name.Split('/')));
        found.Sort(StringComparer.Ordinal);
        if (found.Count == 0)
            problem = new("no-match", $"\"{selector}\" matches no known partition",
                NearestDataset(graph, selector));
        return found;
    }

    static List<string> FindTag(
        Graph graph, string tag, IKnownPartitions known, out SelectionProblem? problem)
    {
        var jobs = graph.Jobs.Where(job => job.Tags.Contains(tag)).ToList();
        if (jobs.Count > 0) return OutputsOf(jobs, known, out problem);
        problem = new("unknown-tag", $"no job has the tag {tag}",
            Nearest.To(tag, graph.Jobs.SelectMany(job => job.Tags)));
        return [];
    }

    static List<string> OutputsOf(
        List<Job> jobs, IKnownPartitions known, out SelectionProblem? problem)
    {
        var found = new List<string>();
        foreach (var pattern in jobs.SelectMany(job => job.Outputs))
        {
            var candidates = new List<string>();
            known.AddStartingWith(pattern.Dataset, candidates);
            candidates.Sort(StringComparer.Ordinal);
            found.AddRange(
                candidates.Where(name => pattern.IsMatch(Encoding.UTF8.GetBytes(name))));
        }
        problem = found.Count > 0
            ? null
            : new("no-match", $"no known partition is made by job {jobs[0].Name}; name those that "
                + $"you want: {jobs[0].Outputs[0]}");
        return found;
    }

    static SelectionProblem UnknownJob(Graph graph, string name) =>
        new("unknown-job", $"there is no job \"{name}\"",
            Nearest.To(name, graph.Jobs.Select(job => job.Name)) is { } near ? $"job:{near}"
                : null);

    static bool IsGlob(string selector) => selector.Contains('*');

    static SelectionProblem? CheckSpelling(string selector)
    {
        var segments = selector.Split('/');
        if (segments.Any(segment => segment.Contains("**") && segment != "**"))
            return new("bad-selector", $"\"{selector}\": ** must be a whole segment");
        return PartitionRef.Check(selector) is { } wrong ? new("bad-selector", wrong) : null;
    }

    static string? NearestDataset(Graph graph, string selector)
    {
        var first = selector.Split('/')[0];
        var patterns = graph.Jobs.SelectMany(job => job.Outputs)
            .Concat(graph.Datasets.Select(dataset => dataset.Pattern));
        var near = Nearest.To(first, patterns.Select(pattern => pattern.Text.Split('/')[0]));
        return near is null || near == first ? null : near + selector[first.Length..];
    }

    // ** stands for any number of segments, at the end for at least one.
    static bool IsMatch(ReadOnlySpan<string> glob, ReadOnlySpan<string> name)
    {
        if (glob.IsEmpty) return name.IsEmpty;
        if (glob[0] == "**")
        {
            if (glob.Length == 1) return !name.IsEmpty;
            for (var skip = 0; skip <= name.Length; skip++)
                if (IsMatch(glob[1..], name[skip..])) return true;
            return false;
        }
        return !name.IsEmpty && IsSegmentMatch(glob[0], name[0]) && IsMatch(glob[1..], name[1..]);
    }

    // The usual greedy walk: on a mismatch the last star takes one character more.
    static bool IsSegmentMatch(string glob, string text)
    {
        var (g, t, star, mark) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (g < glob.Length && glob[g] == '*') (star, mark, g) = (g, t, g + 1);
            else if (g < glob.Length && glob[g] == text[t]) (g, t) = (g + 1, t + 1);
            else if (star >= 0) (g, t, mark) = (star + 1, mark + 1, mark + 1);
            else return false;
        }
        while (g < glob.Length && glob[g] == '*') g++;
        return g == glob.Length;
    }
}
