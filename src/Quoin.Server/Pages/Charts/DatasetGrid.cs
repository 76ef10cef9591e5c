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
/// keeps no state of theirs, so showing a page costs what the page shows; rows and columns stay in
/// order as they come. One with more keys than anybody leafs through is none: a list. Not for
/// several threads.
/// </summary>
public sealed class DatasetGrid
{
    /// <summary>The most cells on a page.</summary>
    public const int CellsMax = 1_200;

    /// <summary>The most columns on a page.</summary>
    public const int ColumnsMax = 40;

    /// <summary>The most rows, and the most columns, of a grid.</summary>
    public const int KeysMax = 200_000;

    readonly int timeSlot = -1;
    readonly CaptureKind timeKind;
    readonly int columnSlot = -1;
    readonly Dictionary<string, int> rows = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> columns = new(StringComparer.Ordinal);
    readonly List<Row> rowList = [];
    readonly List<string> columnList = [];
    readonly SortedIds rowOrder, columnOrder;

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
        }
        else if (pattern.Captures.Length == 2)
        {
            (Shape, columnSlot) = (GridShape.Matrix, 1);
        }
        var byHeads = RowOrder();
        rowOrder = new SortedIds((a, b) => byHeads.Compare(rowList[a], rowList[b]));
        var byValue = Shape == GridShape.Matrix
            ? Values(pattern.Captures[1].Type.Kind)
            : Comparer<string>.Create(string.CompareOrdinal);
        columnOrder = new SortedIds((a, b) => byValue.Compare(columnList[a], columnList[b]));
        if (Shape == GridShape.Calendar) foreach (var column in FixedColumns) ColumnOf(column);
    }

    /// <summary>The pattern of its partitions.</summary>
    public Pattern Pattern { get; }

    /// <summary>How it is laid out.</summary>
    public GridShape Shape { get; private set; }

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
            rows[key] = row = rowList.Count;
            rowList.Add(new Row([.. heads]));
            rowOrder.Add(row);
        }
        rowList[row].Add(ColumnOf(column), id);
        if (rows.Count > KeysMax || columns.Count > KeysMax) GiveUp();
    }

    int ColumnOf(string column)
    {
        if (columns.TryGetValue(column, out var index)) return index;
        columns[column] = index = columnList.Count;
        columnList.Add(column);
        columnOrder.Add(index);
        return index;
    }

    void GiveUp()
    {
        (Shape, Count) = (GridShape.List, 0);
        rows.Clear();
        columns.Clear();
        rowOrder.Fill([]);
        columnOrder.Fill([]);
        rowList.Clear();
        columnList.Clear();
    }

    /// <summary>A part of the grid; numbers that do not exist give the nearest that does.</summary>
    public GridPage Page(int number, int columnNumber)
    {
        var columnPages = Math.Max(1, (columnList.Count + ColumnsMax - 1) / ColumnsMax);
        columnNumber = Math.Clamp(columnNumber, 1, columnPages);
        var shown = columnOrder.Range((columnNumber - 1) * ColumnsMax, ColumnsMax);
        var size = Math.Max(1, CellsMax / Math.Max(1, shown.Count));
        var pages = Math.Max(1, (rowList.Count + size - 1) / size);
        number = Math.Clamp(number, 1, pages);
        var page = rowOrder.Range((number - 1) * size, size).Select(row => new GridRow(
            rowList[row].Heads, [.. shown.Select(rowList[row].Find)])).ToImmutableArray();
        return new GridPage
        {
            HeadNames = HeadNames(),
            Columns = [.. shown.Select(column => columnList[column])],
            Rows = page,
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
        readonly List<(int Column, PartitionId Id)> cells = [];
        bool isSorted = true; // Columns mostly come in their order.

        public ImmutableArray<string> Heads { get; } = heads;

        public void Add(int column, PartitionId id)
        {
            isSorted &= cells is not [.., var last] || last.Column < column;
            cells.Add((column, id));
        }

        public PartitionId? Find(int column)
        {
            if (!isSorted) cells.Sort((a, b) => a.Column.CompareTo(b.Column));
            isSorted = true;
            var at = cells.BinarySearch(
                (column, default), Comparer<(int Column, PartitionId Id)>.Create(
                    (a, b) => a.Column.CompareTo(b.Column)));
            return at < 0 ? null : cells[at].Id;
        }
    }
}
