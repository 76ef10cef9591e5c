using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// The lines in which two versions of a project's graph files differ. A text holds the files one
/// after the other, each under a line with its name (<see cref="Graph.Text"/>).
/// </summary>
public static class GraphDiff
{
    /// <summary>What begins the line with a file's name.</summary>
    public const string FileMark = "--- ";

    // Beyond that the table of common subsequences would take more memory than a diff is worth.
    const int CellsMax = 4_000_000;

    /// <summary>
    /// Lines as <c>quoin.yaml:12 - text</c> (only the old has it) and <c>quoin.yaml:12 + text</c>,
    /// in the order of the files; after <paramref name="most"/> a line that says how many more.
    /// </summary>
    public static ImmutableArray<string> Lines(string oldText, string newText, int most)
    {
        var (old, now) = (Places(oldText), Places(newText));
        var start = 0;
        while (start < old.Count && start < now.Count && Same(old[start], now[start])) start++;
        var end = 0;
        while (end < old.Count - start && end < now.Count - start
            && Same(old[^(end + 1)], now[^(end + 1)])) end++;
        var all = Middle(
            old.GetRange(start, old.Count - start - end),
            now.GetRange(start, now.Count - start - end));
        return all.Count <= most
            ? [.. all]
            : [.. all.Take(most), $"({all.Count - most} more lines)"];
    }

    readonly record struct Place(string File, int Line, string Text);

    static bool Same(Place a, Place b) => a.File == b.File && a.Text == b.Text;

    static List<Place> Places(string text)
    {
        var places = new List<Place>();
        var (file, line) = ("", 0);
        var all = text.EndsWith('\n') ? text[..^1] : text;
        foreach (var one in all.Split('\n'))
        {
            if (one.StartsWith(FileMark, StringComparison.Ordinal))
                (file, line) = (one[FileMark.Length..], 0);
            else places.Add(new Place(file, ++line, one.TrimEnd('\r')));
        }
        return places;
    }

    // By the longest common subsequence: the fewest lines.
    static List<string> Middle(List<Place> old, List<Place> now)
    {
        var lines = new List<string>();
        var (i, j) = (0, 0);
        if ((long)old.Count * now.Count <= CellsMax)
        {
            var common = Common(old, now);
            while (i < old.Count && j < now.Count)
            {
                if (Same(old[i], now[j])) (i, j) = (i + 1, j + 1);
                else if (common[i + 1, j] >= common[i, j + 1]) lines.Add(Line(old[i++], '-'));
                else lines.Add(Line(now[j++], '+'));
            }
        }
        while (i < old.Count) lines.Add(Line(old[i++], '-'));
        while (j < now.Count) lines.Add(Line(now[j++], '+'));
        return lines;
    }

    static int[,] Common(List<Place> old, List<Place> now)
    {
        var common = new int[old.Count + 1, now.Count + 1];
        for (var i = old.Count - 1; i >= 0; i--)
            for (var j = now.Count - 1; j >= 0; j--)
                common[i, j] = Same(old[i], now[j])
                    ? common[i + 1, j + 1] + 1
                    : Math.Max(common[i + 1, j], common[i, j + 1]);
        return common;
    }

    static string Line(Place place, char sign) =>
        $"{place.File}:{place.Line} {sign} {place.Text}".TrimEnd();
}
