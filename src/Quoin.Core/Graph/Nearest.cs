namespace Quoin.Core;

/// <summary>Finds what somebody probably meant to write.</summary>
public static class Nearest
{
    /// <summary>
    /// The candidate with the smallest edit distance (swapped neighbours count as one edit), when
    /// that is at most a third of the word's length, at least 1; the first of equals. Else null.
    /// </summary>
    public static string? To(string word, IEnumerable<string> candidates)
    {
        string? best = null;
        var bound = Math.Max(1, (word.Length + 2) / 3) + 1;
        foreach (var candidate in candidates)
        {
            if (Math.Abs(candidate.Length - word.Length) >= bound) continue;
            var distance = Distance(word, candidate);
            if (distance >= bound) continue;
            (best, bound) = (candidate, distance);
        }
        return best;
    }

    /// <summary>
    /// Edits from one word to the other: insert, delete, replace, swap two neighbours.
    /// </summary>
    public static int Distance(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        // Three rows of the table of optimal string alignment are enough.
        var width = b.Length + 1;
        var cells = width <= 128 ? stackalloc int[3 * width] : new int[3 * width];
        var before = cells[..width];
        var last = cells[width..(2 * width)];
        var row = cells[(2 * width)..];
        for (var j = 0; j < width; j++) last[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j < width; j++)
            {
                var cost =
                    char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1;
                row[j] = Math.Min(Math.Min(last[j] + 1, row[j - 1] + 1), last[j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
            var free = before;
            before = last;
            last = row;
            row = free;
        }
        return last[b.Length];
    }
}
