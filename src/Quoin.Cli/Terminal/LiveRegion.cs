using System.Text;

namespace Quoin.Cli;

/// <summary>
/// The last lines of a terminal, painted over and over. A frame goes out as one write between the
/// marks of a synchronized update, each line cleared to its end after it was written, so nothing
/// flickers. Lines are cut one column short of the edge: a full line would wrap on some terminals.
/// </summary>
sealed class LiveRegion(TextWriter writer, TerminalScreen screen)
{
    const string BeginSync = "\e[?2026h";
    const string EndSync = "\e[?2026l";
    const string ClearLine = "\e[K";
    const string ClearBelow = "\e[J";

    readonly List<int> painted = []; // Widths of the lines on the screen.

    /// <summary>Paints <paramref name="lines"/> over the last frame.</summary>
    public void Paint(IReadOnlyList<Line> lines) => PaintBelow([], lines);

    /// <summary>Writes lines that stay, above a new frame.</summary>
    public void PaintBelow(IReadOnlyList<Line> staying, IReadOnlyList<Line> frame)
    {
        var width = screen.Width;
        var text = new StringBuilder(BeginSync);
        GoToTop(text, width);
        foreach (var line in staying)
            text.Append(line.Render(screen.Color)).Append(ClearLine).Append('\n');
        painted.Clear();
        foreach (var line in frame)
        {
            var cut = line.Cut(width - 1);
            painted.Add(cut.Width);
            text.Append(cut.Render(screen.Color)).Append(ClearLine).Append('\n');
        }
        writer.Write(text.Append(ClearBelow).Append(EndSync));
        writer.Flush();
    }

    /// <summary>Removes the region; the cursor stands where it began.</summary>
    public void Clear()
    {
        if (painted.Count == 0) return;
        PaintBelow([], []);
    }

    // A window made narrower has wrapped the lines of the last frame: they take more rows now.
    void GoToTop(StringBuilder text, int width)
    {
        var rows = 0;
        foreach (var length in painted)
            rows += Math.Max(1, (length + width - 1) / Math.Max(1, width));
        if (rows > 0) text.Append("\r\e[").Append(rows).Append('A');
    }
}
