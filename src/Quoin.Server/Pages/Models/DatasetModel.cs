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

    /// <summary>All datasets of the graph, and those that only the store knows.</summary>
    internal static ImmutableArray<DatasetLine> All(StoreState s, Graph? graph)
    {
        var lines = new SortedDictionary<string, DatasetLine>(StringComparer.Ordinal);
        foreach (var job in graph?.Jobs ?? [])
            foreach (var output in job.Outputs)
                Add(output, line => line with { Jobs = Once(line.Jobs, job.Name) });
        foreach (var dataset in graph?.Datasets ?? [])
            Add(dataset.Pattern, line => line with
            {
                Path = dataset.Path?.Text ?? line.Path,
                IsSource = dataset.IsSource,
            });
        foreach (var (name, counts) in s.Partitions.Datasets)
            lines[name] = (lines.GetValueOrDefault(name) ?? new DatasetLine { Name = name })
                with { Counts = [.. counts] };
        return [.. lines.Values];

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
        StoreState s, Graph? graph, DatasetGrids grids, Func<Holdups> holdups, string name,
        DatasetQuery query)
    {
        if (All(s, graph).FirstOrDefault(line => line.Name == name) is not { } dataset) return null;
        var shown = query.Place is null ? grids.Of(s, graph, name) : [];
        var list = shown.Count > 0
            ? []
            : s.Partitions.Page(name, query.Place, query.After, ListMax);
        var why = list.Count > 0 ? holdups() : null;
        return new DatasetModel
        {
            Line = dataset,
            Query = query,
            Grids = [.. shown.Select(grid => Shown(s, grid, query))],
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

    static ShownGrid Shown(StoreState s, DatasetGrid grid, DatasetQuery query)
    {
        var page = grid.Page(query.Part, query.ColumnPart);
        return new ShownGrid(
            grid.Pattern.Text, grid.Shape, page,
            [
                .. page.Rows.Select(row => row.Cells.Select(cell => cell is { } p
                    ? new GridCell(s.Names.Text(p), s.Kernel.PlaceOf(p))
                    : default).ToImmutableArray()),
            ]);
    }
}

/// <summary>
/// The grids of a project's datasets. Each learns the names that are new since it was last looked
/// at, so that the first look costs all names and the next ones what came since. Belongs to whoever
/// holds the lock of <see cref="StoreViews"/>.
/// </summary>
sealed class DatasetGrids
{
    readonly Dictionary<string, (DatasetGrid Grid, int Seen)> grids = new(StringComparer.Ordinal);

    /// <summary>The grids of a dataset; none when its partitions are best one below the other.
    /// </summary>
    public List<DatasetGrid> Of(StoreState s, Graph? graph, string dataset)
    {
        var shown = new List<DatasetGrid>();
        var patterns = (graph?.Jobs ?? []).SelectMany(job => job.Outputs)
            .Concat((graph?.Datasets ?? []).Select(declared => declared.Pattern))
            .Where(pattern => pattern.Dataset == dataset).DistinctBy(pattern => pattern.Text);
        foreach (var pattern in patterns)
        {
            var (grid, seen) = grids.TryGetValue(pattern.Text, out var known)
                ? known
                : (new DatasetGrid(pattern), 0);
            if (grid.Shape == GridShape.List) return [];
            for (; seen < s.Names.Count; seen++)
            {
                var name = s.Names.Utf8(new PartitionId(seen));
                if (name.StartsWith(pattern.Prefix)) grid.Add(new PartitionId(seen), name);
            }
            grids[pattern.Text] = (grid, seen);
            if (grid.Count > 0) shown.Add(grid);
        }
        return shown;
    }
}
