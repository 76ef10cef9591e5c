using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>How the partitions of a dataset are laid out.</summary>
public enum GridShape
{
    /// <summary>In no grid: one below the other.</summary>
    List,

    /// <summary>A key is a time: rows of months (years, days), columns of days (months, hours).
    /// </summary>
    Calendar,

    /// <summary>Two keys: rows of the first, columns of the second.</summary>
    Matrix,
}

/// <summary>A row of a grid.</summary>
/// <param name="Heads">Values of the keys that the row stands for.</param>
/// <param name="Cells">By column; null: no such partition was ever heard of.</param>
public sealed record GridRow(ImmutableArray<string> Heads, ImmutableArray<PartitionId?> Cells);

/// <summary>A part of a grid that fits a page.</summary>
public sealed record GridPage
{
    /// <summary>The names of the keys in the rows' heads.</summary>
    public required ImmutableArray<string> HeadNames { get; init; }

    /// <summary>What stands above the columns.</summary>
    public required ImmutableArray<string> Columns { get; init; }

    /// <summary>The rows.</summary>
    public required ImmutableArray<GridRow> Rows { get; init; }

    /// <summary>Which part of the rows this is, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>How many parts the rows have.</summary>
    public required int Pages { get; init; }

    /// <summary>Which part of the columns this is, from 1.</summary>
    public int ColumnNumber { get; init; } = 1;

    /// <summary>How many parts the columns have.</summary>
    public int ColumnPages { get; init; } = 1;
}

/// <summary>
/// The partitions of one dataset in rows and columns. It learns one partition after the other and
/// keeps no state of theirs, so showing a page costs what the page shows. Not for several threads.
/// </summary>
public sealed class DatasetGrid
{
    /// <summary>The most cells on a page.</summary>
    public const int CellsMax = 1_200;

    /// <summary>The most columns on a page.</summary>
    public const int ColumnsMax = 40;

    readonly int timeSlot = -1;
    readonly CaptureKind timeKind;
    readonly int columnSlot = -1;
    readonly Dictionary<string, Row> rows = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> columns = new(StringComparer.Ordinal);
    readonly CaptureKind columnKind;
    Row[]? sorted; // null: rows were added
    string[]? sortedColumns;

    /// <summary>An empty grid for a pattern.</summary>
    public DatasetGrid(Pattern pattern)
    {
        Pattern = pattern;
        var times = Enumerable.Range(0, pattern.Captures.Length)
            .Where(slot => pattern.Captures[slot].Type.Kind is CaptureKind.Date
                or CaptureKind.Month or CaptureKind.Hour)
            .ToList();
        if (times is [var time])
        {
            (Shape, timeSlot) = (GridShape.Calendar, time);
            timeKind = pattern.Captures[time].Type.Kind;
            for (var i = 0; i < FixedColumns.Length; i++) columns[FixedColumns[i]] = i;
        }
        else if (pattern.Captures.Length == 2)
        {
            (Shape, columnSlot) = (GridShape.Matrix, 1);
            columnKind = pattern.Captures[1].Type.Kind;
        }
    }

    /// <summary>The pattern of its partitions.</summary>
    public Pattern Pattern { get; }

    /// <summary>How it is laid out.</summary>
    public GridShape Shape { get; }

    /// <summary>How many partitions it learned of.</summary>
    public int Count { get; private set; }

    string[] FixedColumns => timeKind switch
    {
        CaptureKind.Date => days,
        CaptureKind.Month => months,
        _ => hours,
    };

    static readonly string[] days = Numbers(1, 31), months = Numbers(1, 12), hours = Numbers(0, 24);

    static string[] Numbers(int first, int count) =>
        [.. Enumerable.Range(first, count).Select(n => n.ToString("00"))];

    /// <summary>Learns of a partition; one that does not match is left out.</summary>
    public void Add(PartitionId id, ReadOnlySpan<byte> name)
    {
        Span<Range> captures = stackalloc Range[Pattern.CapturesMax];
        if (Shape == GridShape.List || !Pattern.TryRead(name, captures)) return;
        Count++;
        var heads = new List<string>();
        var column = "";
        for (var slot = 0; slot < Pattern.Captures.Length; slot++)
        {
            var text = Encoding.UTF8.GetString(name[captures[slot]]);
            if (slot == timeSlot)
            {
                // 2026-01-31, 2026-01, 2026-01-31T05: the last two digits are the column.
                heads.Add(text[..^3]);
                column = text[^2..];
            }
            else if (slot == columnSlot) column = text;
            else heads.Add(text);
        }
        var key = string.Join('\n', heads);
        if (!rows.TryGetValue(key, out var row))
        {
            rows[key] = row = new Row([.. heads]);
            sorted = null;
        }
        if (!columns.TryGetValue(column, out var index))
        {
            columns[column] = index = columns.Count;
            sortedColumns = null;
        }
        row.Cells.Add((index, id));
    }

    /// <summary>A part of the grid; numbers that do not exist give the nearest that does.</summary>
    public GridPage Page(int number, int columnNumber)
    {
        sortedColumns ??= Shape == GridShape.Calendar
            ? FixedColumns
            : [.. columns.Keys.Order(Values(columnKind))];
        var columnPages = Math.Max(1, (sortedColumns.Length + ColumnsMax - 1) / ColumnsMax);
        columnNumber = Math.Clamp(columnNumber, 1, columnPages);
        var shown = sortedColumns.AsSpan()[((columnNumber - 1) * ColumnsMax)..];
        if (shown.Length > ColumnsMax) shown = shown[..ColumnsMax];
        var placeOf = new Dictionary<int, int>();
        for (var i = 0; i < shown.Length; i++) placeOf[columns[shown[i]]] = i;

        sorted ??= [.. rows.Values.Order(RowOrder())];
        var size = Math.Max(1, CellsMax / Math.Max(1, shown.Length));
        var pages = Math.Max(1, (sorted.Length + size - 1) / size);
        number = Math.Clamp(number, 1, pages);
        var page = ImmutableArray.CreateBuilder<GridRow>();
        foreach (var row in sorted.Skip((number - 1) * size).Take(size))
        {
            var cells = new PartitionId?[shown.Length];
            foreach (var (column, id) in row.Cells)
                if (placeOf.TryGetValue(column, out var place)) cells[place] = id;
            page.Add(new GridRow(row.Heads, [.. cells]));
        }
        return new GridPage
        {
            HeadNames = HeadNames(),
            Columns = [.. shown],
            Rows = page.ToImmutable(),
            Number = number,
            Pages = pages,
            ColumnNumber = columnNumber,
            ColumnPages = columnPages,
        };
    }

    ImmutableArray<string> HeadNames()
    {
        var names = ImmutableArray.CreateBuilder<string>();
        for (var slot = 0; slot < Pattern.Captures.Length; slot++)
        {
            if (slot == columnSlot) continue;
            names.Add(slot != timeSlot ? Pattern.Captures[slot].Name
                : timeKind switch
                {
                    CaptureKind.Date => "month",
                    CaptureKind.Month => "year",
                    _ => "day",
                });
        }
        return names.ToImmutable();
    }

    // By the keys in their order; times newest first, because that is what people look for.
    Comparer<Row> RowOrder()
    {
        var slots = Enumerable.Range(0, Pattern.Captures.Length)
            .Where(slot => slot != columnSlot).ToArray();
        var orders = Array.ConvertAll(slots, slot => Values(Pattern.Captures[slot].Type.Kind));
        var head = Array.IndexOf(slots, timeSlot);
        return Comparer<Row>.Create((a, b) =>
        {
            for (var i = 0; i < a.Heads.Length; i++)
            {
                var order = orders[i].Compare(a.Heads[i], b.Heads[i]);
                if (order != 0) return i == head ? -order : order;
            }
            return 0;
        });
    }

    static Comparer<string> Values(CaptureKind kind) => kind == CaptureKind.Int
        ? Comparer<string>.Create((a, b) => Number(a).CompareTo(Number(b)))
        : Comparer<string>.Create(string.CompareOrdinal);

    static decimal Number(string text) =>
        decimal.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;

    sealed class Row(ImmutableArray<string> heads)
    {
        public ImmutableArray<string> Heads { get; } = heads;
        public List<(int Column, PartitionId Id)> Cells { get; } = [];
    }
}
