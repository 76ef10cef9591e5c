namespace Quoin.Cli;

/// <summary>A column of a <see cref="Table"/>.</summary>
/// <param name="Header">Its title; may be empty.</param>
/// <param name="Keep">Columns with the lowest number leave first when the window is narrow.</param>
sealed record TableColumn(string Header, int Keep)
{
    /// <summary>Numbers stand at the right.</summary>
    public bool AlignRight { get; init; }

    /// <summary>The fewest columns that names may be shortened to; 0: never shortened.</summary>
    public int ShrinkTo { get; init; }

    /// <summary>True: it leaves when no row has anything in it.</summary>
    public bool HideEmpty { get; init; }
}

/// <summary>
/// Rows in columns that fit a window. First names shrink, then whole columns leave, the least
/// important first. A number is never cut: half a count is a wrong count.
/// </summary>
sealed class Table(params TableColumn[] columns)
{
    const int Gap = 2;

    readonly List<(string Text, Style Style)[]> rows = [];

    /// <summary>Adds a row; missing cells are empty.</summary>
    public void Add(params (string Text, Style Style)[] cells)
    {
        var missing = Enumerable.Repeat(("", Style.Plain), columns.Length - cells.Length);
        rows.Add([.. cells, .. missing]);
    }

    /// <summary>The header (dim) and the rows, none of them wider than the window.</summary>
    public IReadOnlyList<Line> Lines(int width, string indent = "", bool header = true)
    {
        var widths = columns.Select((column, i) => WidthOf(column, i, header)).ToArray();
        var shown = Enumerable.Range(0, columns.Length).Where(i => widths[i] > 0).ToList();
        Fit(widths, shown, width - indent.Length);
        var lines = new List<Line>(rows.Count + 1);
        if (header && columns.Any(column => column.Header.Length > 0))
            lines.Add(LineOf(i => (columns[i].Header, Style.Dim), shown, widths, indent));
        lines.AddRange(rows.Select(row => LineOf(i => row[i], shown, widths, indent)));
        return lines;
    }

    int WidthOf(TableColumn column, int i, bool header)
    {
        var widest = rows.Count == 0 ? 0 : rows.Max(row => DisplayWidth.Of(row[i].Text));
        return widest == 0 && column.HideEmpty
            ? 0
            : Math.Max(widest, header ? DisplayWidth.Of(column.Header) : 0);
    }

    void Fit(int[] widths, List<int> shown, int width)
    {
        int Over() => shown.Sum(i => widths[i]) + (Gap * (shown.Count - 1)) - width;
        while (Over() > 0)
        {
            var slack = shown.Where(i => columns[i].ShrinkTo > 0 && widths[i] > columns[i].ShrinkTo)
                .OrderByDescending(i => widths[i]).ToList();
            if (slack.Sum(i => widths[i] - columns[i].ShrinkTo) >= Over())
            {
                foreach (var i in slack)
                    widths[i] -= Math.Clamp(Over(), 0, widths[i] - columns[i].ShrinkTo);
                return;
            }
            if (shown.Count <= 1) return;
            shown.Remove(shown.MinBy(i => columns[i].Keep));
        }
    }

    Line LineOf(
        Func<int, (string Text, Style Style)> cell, List<int> shown, int[] widths, string indent)
    {
        var line = new Line(indent);
        var column = indent.Length;
        foreach (var i in shown)
        {
            var (text, style) = cell(i);
            var fitting = columns[i].ShrinkTo > 0 ? DisplayWidth.Shorten(text, widths[i]) : text;
            if (columns[i].AlignRight) column += widths[i] - DisplayWidth.Of(fitting);
            if (fitting.Length > 0) line.PadTo(column).Add(fitting, style);
            column += (columns[i].AlignRight ? DisplayWidth.Of(fitting) : widths[i]) + Gap;
        }
        return line;
    }
}
