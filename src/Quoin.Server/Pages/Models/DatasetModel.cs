using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>A dataset in a table.</summary>
public sealed record DatasetLine
{
    /// <summary>Its name: what its references begin with.</summary>
    public required string Name { get; init; }

    /// <summary>Its patterns.</summary>
    public ImmutableArray<string> Patterns { get; init; } = [];

    /// <summary>The jobs that make it.</summary>
    public ImmutableArray<string> Jobs { get; init; } = [];

    /// <summary>Where it lies, as written.</summary>
    public string Path { get; init; } = "";

    /// <summary>Nothing builds it.</summary>
    public bool IsSource { get; init; }

    /// <summary>How many partitions lie where, in the order of the places.</summary>
    public ImmutableArray<int> Counts { get; init; } = [];

    /// <summary>How many partitions are in a place.</summary>
    public int Count(PartitionPlace place) =>
        Counts.IsDefaultOrEmpty ? 0 : Counts[(int)place];

    /// <summary>How many partitions there are.</summary>
    public int Total => Counts.IsDefaultOrEmpty ? 0 : Counts.Sum();
}

/// <summary>A cell of a grid.</summary>
/// <param name="Name">The partition; null: no such partition was ever heard of.</param>
/// <param name="Place">Where it is.</param>
public readonly record struct GridCell(string? Name, PartitionPlace Place);

/// <summary>A part of a grid as it is shown.</summary>
/// <param name="Pattern">Whose partitions these are.</param>
/// <param name="Shape">How they are laid out.</param>
/// <param name="Page">Heads, columns, numbers of parts.</param>
/// <param name="Cells">By row and column.</param>
public sealed record ShownGrid(
    string Pattern, GridShape Shape, GridPage Page, ImmutableArray<ImmutableArray<GridCell>> Cells);

/// <summary>What is asked of the page of a dataset.</summary>
/// <param name="Place">Only partitions in this place, as a list; null: all.</param>
/// <param name="Part">Which part of the rows, from 1.</param>
/// <param name="ColumnPart">Which part of the columns, from 1.</param>
/// <param name="After">Of a list: behind this name.</param>
public sealed record DatasetQuery(
    PartitionPlace? Place = null, int Part = 1, int ColumnPart = 1, string? After = null);

/// <summary>The partitions of one dataset.</summary>
public sealed record DatasetModel
{
    /// <summary>The most rows of a list.</summary>
    public const int ListMax = 200;

    /// <summary>The dataset.</summary>
    public required DatasetLine Line { get; init; }

    /// <summary>What was asked for.</summary>
    public required DatasetQuery Query { get; init; }

    /// <summary>Grids, one for each pattern that has one.</summary>
    public required ImmutableArray<ShownGrid> Grids { get; init; }

    /// <summary>Partitions one below the other.</summary>
    public required ImmutableArray<PartitionLine> List { get; init; }

    /// <summary>The name behind which the list goes on; null: that was all.</summary>
    public required string? Next { get; init; }

    /// <summary>The most datasets on a page.</summary>
    public const int DatasetsMax = 200;

    /// <summary>
    /// Datasets of the graph, and those that only the store knows, in the order of their names, so
    /// many behind a name; there may be as many as a pattern's first segment has values.
    /// </summary>
    internal static ImmutableArray<DatasetLine> Page(
        StoreState s, Graph? graph, string? after, int limit = DatasetsMax)
    {
        var declared = Declared(graph);
        var names = declared.Keys.Where(name => string.CompareOrdinal(name, after) > 0)
            .Concat(s.Partitions.DatasetsBehind(after).Take(limit))
            .Distinct().Order(StringComparer.Ordinal).Take(limit);
        return [.. names.Select(name => WithCounts(s, declared.GetValueOrDefault(name), name))];
    }

    /// <summary>A dataset by name; null: neither the graph nor the store has it.</summary>
    internal static DatasetLine? Find(StoreState s, Graph? graph, string name)
    {
        var declared = Declared(graph).GetValueOrDefault(name);
        return declared is null && s.Partitions.CountsOf(name) is null
            ? null
            : WithCounts(s, declared, name);
    }

    static DatasetLine WithCounts(StoreState s, DatasetLine? declared, string name) =>
        (declared ?? new DatasetLine { Name = name }) with
        {
            Counts = [.. s.Partitions.CountsOf(name) ?? []],
        };

    static Dictionary<string, DatasetLine> Declared(Graph? graph)
    {
        var lines = new Dictionary<string, DatasetLine>(StringComparer.Ordinal);
        foreach (var job in graph?.Jobs ?? [])
            foreach (var output in job.Outputs)
                Add(output, line => line with { Jobs = Once(line.Jobs, job.Name) });
        foreach (var dataset in graph?.Datasets ?? [])
            Add(dataset.Pattern, line => line with
            {
                Path = dataset.Path?.Text ?? line.Path,
                IsSource = dataset.IsSource,
            });
        return lines;

        void Add(Pattern pattern, Func<DatasetLine, DatasetLine> change)
        {
            var name = pattern.Dataset;
            if (name.Length == 0) return; // Its first segment varies: the store names those.
            var line = lines.GetValueOrDefault(name) ?? new DatasetLine { Name = name };
            lines[name] = change(line with { Patterns = Once(line.Patterns, pattern.Text) });
        }

        static ImmutableArray<string> Once(ImmutableArray<string> list, string item) =>
            list.Contains(item) ? list : list.Add(item);
    }

    /// <summary>One dataset; null: there is none of that name.</summary>
    internal static DatasetModel? Of(
        StoreViews views, Graph? graph, DatasetGrids grids, Func<StoreState, Holdups> holdups,
        string name, DatasetQuery query)
    {
        // Names are learned outside of the lock of the views, under which there are only a page's.
        var shown = query.Place is null ? grids.Of(views.Names, graph, name, query) : [];
        return views.Read(s => Of(s, graph, shown, holdups, name, query));
    }

    static DatasetModel? Of(
        StoreState s, Graph? graph, List<(DatasetGrid Grid, GridPage Page)> shown,
        Func<StoreState, Holdups> holdups, string name, DatasetQuery query)
    {
        if (Find(s, graph, name) is not { } dataset) return null;
        var list = shown.Count > 0
            ? []
            : s.Partitions.Page(name, query.Place, query.After, ListMax);
        var why = list.Count > 0 ? holdups(s) : null;
        return new DatasetModel
        {
            Line = dataset,
            Query = query,
            Grids = [.. shown.Select(pair => Shown(s, pair.Grid, pair.Page))],
            List = [.. list.Select(p => LineOf(s, p, why!))],
            Next = list.Count == ListMax ? s.Names.Text(list[^1]) : null,
        };
    }

    static PartitionLine LineOf(StoreState s, PartitionId p, Holdups holdups)
    {
        var line = PartitionLine.Of(s, p);
        return line.Place switch
        {
            PartitionPlace.Failed when s.Kernel.TryGetFailure(p, out var failure) =>
                NowModel.FailureLine(s, p, failure),
            PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Waiting
                or PartitionPlace.Building or PartitionPlace.Releasing
                or PartitionPlace.Quarantined =>
                line with { Note = RunLine.WithTime(holdups.Of(p)) },
            PartitionPlace.Live when s.Kernel.TryGetManifest(p, out var manifest) =>
                line with { Note = Words.Bytes(manifest.Bytes), Run = manifest.Run },
            _ => line,
        };
    }

    static ShownGrid Shown(StoreState s, DatasetGrid grid, GridPage page) => new(
        grid.Pattern.Text, grid.Shape, page,
        [
            .. page.Rows.Select(row => row.Cells.Select(cell => cell is { } p
                ? new GridCell(s.Names.Text(p), s.Kernel.PlaceOf(p))
                : default).ToImmutableArray()),
        ]);
}

/// <summary>
/// The grids of a project's datasets. Each learns the names that are new since it was last looked
/// at, so that the first look costs all names and the next ones what came since. Any thread may
/// ask; it needs no lock but its own, because names stay where they are.
/// </summary>
sealed class DatasetGrids
{
    readonly Lock gate = new();
    readonly Dictionary<string, (DatasetGrid Grid, int Seen)> grids = new(StringComparer.Ordinal);

    /// <summary>
    /// A page of each grid of a dataset; none when its partitions are best one below the other.
    /// </summary>
    public List<(DatasetGrid Grid, GridPage Page)> Of(
        PartitionNames names, Graph? graph, string dataset, DatasetQuery query)
    {
        var shown = new List<(DatasetGrid, GridPage)>();
        foreach (var pattern in Patterns(graph).Where(pattern => pattern.Dataset == dataset))
        {
            lock (gate)
            {
                var grid = Learn(names, pattern);
                if (grid.Shape == GridShape.List) return [];
                if (grid.Count > 0) shown.Add((grid, grid.Page(query.Part, query.ColumnPart)));
            }
        }
        return shown;
    }

    /// <summary>Learns all names that there are, so that nobody waits for it.</summary>
    public void Learn(PartitionNames names, Graph? graph)
    {
        foreach (var pattern in Patterns(graph)) lock (gate) Learn(names, pattern);
    }

    static IEnumerable<Pattern> Patterns(Graph? graph) =>
        (graph?.Jobs ?? []).SelectMany(job => job.Outputs)
            .Concat((graph?.Datasets ?? []).Select(declared => declared.Pattern))
            .DistinctBy(pattern => pattern.Text);

    DatasetGrid Learn(PartitionNames names, Pattern pattern)
    {
        var (grid, seen) = grids.TryGetValue(pattern.Text, out var known)
            ? known
            : (new DatasetGrid(pattern), 0);
        for (; seen < names.Count && grid.Shape != GridShape.List; seen++)
        {
            var name = names.Utf8(new PartitionId(seen));
            if (name.StartsWith(pattern.Prefix)) grid.Add(new PartitionId(seen), name);
        }
        grids[pattern.Text] = (grid, seen);
        return grid;
    }
}
