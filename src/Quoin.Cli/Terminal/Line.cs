using System.Text;

namespace Quoin.Cli;

/// <summary>How a piece of text looks. What each is for: see <see cref="Line"/>.</summary>
enum Style
{
    /// <summary>As it is.</summary>
    Plain,

    /// <summary>Names that matter.</summary>
    Bold,

    /// <summary>What can be overlooked.</summary>
    Dim,

    /// <summary>Failed.</summary>
    Red,

    /// <summary>Good.</summary>
    Green,

    /// <summary>Odd: a warning, a retry.</summary>
    Yellow,

    /// <summary>Work that somebody else does.</summary>
    Cyan,
}

/// <summary>
/// One line of the terminal as styled pieces, so that its width can be counted and cut before any
/// escape sequence is in it. Meaning never rests on a colour alone: words and marks say it too.
/// </summary>
sealed class Line
{
    readonly List<(string Text, Style Style)> pieces = [];

    /// <summary>An empty line.</summary>
    public Line() { }

    /// <summary>A line of one piece.</summary>
    public Line(string text, Style style = Style.Plain) => Add(text, style);

    /// <summary>Columns that it takes.</summary>
    public int Width { get; private set; }

    /// <summary>The text without styles.</summary>
    public string Text => string.Concat(pieces.Select(piece => piece.Text));

    /// <summary>Appends a piece; control characters in it become visible ones.</summary>
    public Line Add(string text, Style style = Style.Plain)
    {
        if (text.Length == 0) return this;
        var printable = DisplayWidth.Printable(text);
        pieces.Add((printable, style));
        Width += DisplayWidth.Of(printable);
        return this;
    }

    /// <summary>Appends another line's pieces.</summary>
    public Line Add(Line other)
    {
        pieces.AddRange(other.pieces);
        Width += other.Width;
        return this;
    }

    /// <summary>Appends blanks up to a column.</summary>
    public Line PadTo(int column) => column > Width ? Add(new string(' ', column - Width)) : this;

    /// <summary>
    /// A copy that takes at most so many columns, with an ellipsis where it was cut.
    /// </summary>
    public Line Cut(int columns)
    {
        if (Width <= columns) return this;
        var cut = new Line();
        if (columns <= 0) return cut;
        foreach (var (text, style) in pieces)
        {
            var room = columns - 1 - cut.Width;
            if (DisplayWidth.Of(text) <= room)
            {
                cut.Add(text, style);
                continue;
            }
            return cut.Add(DisplayWidth.Head(text, room).ToString(), style).Add("…", style);
        }
        return cut;
    }

    /// <summary>The text with or without escape sequences for its styles.</summary>
    public string Render(bool color)
    {
        if (!color) return Text;
        var builder = new StringBuilder();
        foreach (var (text, style) in pieces)
        {
            if (style == Style.Plain) builder.Append(text);
            else builder.Append("\e[").Append(Code(style)).Append('m').Append(text).Append("\e[0m");
        }
        return builder.ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    static string Code(Style style) => style switch
    {
        Style.Plain => "0",
        Style.Bold => "1",
        Style.Dim => "2",
        Style.Red => "31",
        Style.Green => "32",
        Style.Yellow => "33",
        Style.Cyan => "36",
    };
}
