using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// From what was typed to partitions: S is the union of all that is selected, without what is
/// excluded and what is made from that. The store is asked only where a pattern or a relation needs
/// what is recorded.
/// </summary>
sealed class Selecting
{
    readonly Cli cli;
    readonly Workspace workspace;
    readonly Graph graph;
    readonly IBuildStore? store;
    readonly KnownPartitions known;
    readonly PartitionNames names = new();
    readonly List<SelectionProblem> problems = [];
    readonly CancellationToken ct;

    Selecting(
        Cli cli, Workspace workspace, Graph graph, IBuildStore? store,
        IEnumerable<string>? recorded, CancellationToken ct)
    {
        (this.cli, this.workspace, this.graph, this.store) = (cli, workspace, graph, store);
        this.ct = ct;
        known = new KnownPartitions(
            graph, glob => Glob.Files(workspace.Root, glob), recorded ?? Recorded(store));
    }

    /// <summary>
    /// The partitions. Throws <see cref="BadSelectionException"/> with every selector that means
    /// nothing, and <see cref="UsageException"/> when nothing is selected.
    /// </summary>
    /// <param name="cli">For warnings, and where <c>-</c> reads.</param>
    /// <param name="workspace">Where sources lie.</param>
    /// <param name="graph">Its graph.</param>
    /// <param name="asked">What was typed.</param>
    /// <param name="store">What is recorded; null: nothing.</param>
    /// <param name="ct">Nobody waits for it any more.</param>
    /// <param name="orTargets">Nothing typed means the graph's targets.</param>
    /// <param name="recorded">What was published once; null: read from the store.</param>
    public static ImmutableArray<string> Find(
        Cli cli, Workspace workspace, Graph graph, Asked asked, IBuildStore? store,
        CancellationToken ct, bool orTargets = true, IEnumerable<string>? recorded = null)
    {
        if (asked.IsEmpty)
        {
            if (!orTargets || graph.Targets.IsEmpty)
            {
                throw new UsageException(
                    "nothing-selected",
                    orTargets
                        ? "nothing is selected: name partitions, or give the graph `targets: [...]`"
                        : "name the partitions that are meant");
            }
            asked = asked with { Selectors = graph.Targets };
        }
        return new Selecting(cli, workspace, graph, store, recorded, ct).Find(asked);
    }

    ImmutableArray<string> Find(Asked asked)
    {
        var selectors = Expand(asked.Selectors);
        var named = Of(selectors, asked.Tags);
        var bases = Of(Expand(asked.Bases), []);
        var excluded = Of(Expand(asked.Excluded), asked.ExcludedTags);
        var inFolders = asked.Folders.SelectMany(OfFolder).ToList();
        if (problems.Count > 0) throw new BadSelectionException([.. problems]);
        var selected = new List<string>(named);
        selected.AddRange(inFolders);
        if (asked.All) selected.AddRange(known.All.Where(name => HasJob(graph, name)));
        if (!asked.NeedsRelatives) return [.. selected.Distinct()];

        var jobs = DryRun.Analyze(
            workspace, graph, store,
            known.All.Where(name => HasJob(graph, name)).Concat(named).Concat(bases)
                .Concat(excluded),
            cli.Time, ct);
        selected.AddRange(MadeFrom(bases).Where(name => HasJob(graph, name)));
        if (excluded.Count > 0)
        {
            var gone = MadeFrom(excluded).ToHashSet(StringComparer.Ordinal);
            foreach (var name in named.Where(gone.Contains).Take(3))
                cli.Warn($"{name} is selected and excluded; it is left out");
            selected.RemoveAll(gone.Contains);
        }
        if (asked.Requirements)
            selected = [.. Relatives.Requirements(jobs, selected.Select(Id))
                .Select(jobs.Names.Text)];
        return [.. selected.Distinct()];

        PartitionId Id(string name) => jobs.Names.Intern(name);

        IEnumerable<string> MadeFrom(List<string> roots) =>
            Relatives.Descendants(jobs, roots.Select(Id)).Select(jobs.Names.Text);
    }

    List<string> Of(IEnumerable<string> selectors, IEnumerable<string> tags)
    {
        var found = Selection.Of(graph, selectors, tags, names, known);
        problems.AddRange(found.Problems);
        return [.. found.Partitions.Select(names.Text)];
    }

    // Graph files are named from the workspace, as the folder is after this.
    IEnumerable<string> OfFolder(string folder)
    {
        var full = Path.GetFullPath(folder, cli.Options.Directory);
        var place = Path.GetRelativePath(workspace.Root, full).Replace('\\', '/') + "/";
        if (place == "./") place = "";
        var jobs = graph.Jobs
            .Where(job => job.Location.File.StartsWith(place, StringComparison.Ordinal)).ToList();
        if (jobs.Count == 0)
        {
            problems.Add(new("no-match", $"--in {folder}: no graph file with jobs lies there"));
            return [];
        }
        return jobs.SelectMany(job => job.Outputs).SelectMany(pattern =>
        {
            var candidates = new List<string>();
            known.AddStartingWith(pattern.Dataset, candidates);
            return candidates.Where(name => pattern.IsMatch(Encoding.UTF8.GetBytes(name)));
        });
    }

    // @FILE and - stand for the lines in them; empty ones and those with # in front say nothing.
    List<string> Expand(ImmutableArray<string> typed)
    {
        var all = new List<string>();
        foreach (var selector in typed)
        {
            if (selector == "-") AddLines(all, cli.OpenIn());
            else if (selector is ['@', _, ..]) AddFile(all, selector[1..]);
            else all.Add(selector);
        }
        return all;
    }

    void AddFile(List<string> all, string file)
    {
        try
        {
            using var reader = new StreamReader(
                Path.GetFullPath(file, cli.Options.Directory), Encoding.UTF8);
            AddLines(all, reader);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new("no-selection-file", $"@{file}: {e.Message}"));
        }
    }

    static void AddLines(List<string> all, TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            line = line.Trim();
            if (line.Length > 0 && line[0] != '#') all.Add(line);
        }
    }

    /// <summary>A job makes it; it is not a source.</summary>
    public static bool HasJob(Graph graph, string name) =>
        graph.FindProducer(Encoding.UTF8.GetBytes(name)).Job is not null;

    /// <summary>
    /// The partitions that were published once, read when they are asked for.
    /// </summary>
    static IEnumerable<string> Recorded(IBuildStore? store)
    {
        if (store is null) yield break;
        var state = StateLoader.Load(store, new PartitionNames()).State;
        for (var id = 0; id < state.CellCount; id++)
        {
            var partition = new PartitionId(id);
            if (state.TryGetManifest(partition, out _)) yield return state.Names.Text(partition);
        }
    }

    /// <summary>
    /// What is recorded and made from these, directly or not, after these themselves.
    /// </summary>
    public static IReadOnlyList<string> MadeFrom(
        Cli cli, Workspace workspace, Graph graph, IBuildStore store, IEnumerable<string> roots,
        CancellationToken ct)
    {
        string[] from = [.. roots];
        var jobs = DryRun.Analyze(
            workspace, graph, store,
            Recorded(store).Where(name => HasJob(graph, name)).Concat(from),
            cli.Time, ct);
        return
        [
            .. Relatives.Descendants(jobs, from.Select(name => jobs.Names.Intern(name)))
                .Select(jobs.Names.Text),
        ];
    }
}
