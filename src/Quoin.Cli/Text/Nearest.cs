namespace Quoin.Cli;

/// <summary>The name that somebody may have meant.</summary>
static class Nearest
{
    /// <summary>
    /// The candidate with the fewest edits (insert, delete, replace, swap of neighbours) from
    /// <paramref name="typed"/>, or null when every candidate needs more than a third of its
    /// length.
    /// </summary>
    public static string? To(string typed, IEnumerable<string> candidates)
    {
        string? best = null;
        var fewest = int.MaxValue;
        foreach (var candidate in candidates)
        {
            var edits = Edits(typed, candidate);
            if (edits >= fewest || edits > Math.Max(1, candidate.Length / 3)) continue;
            (best, fewest) = (candidate, edits);
        }
        return best;
    }

    // Optimal string alignment distance.
    static int Edits(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) rows[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = a[i - 1] == b[j - 1] ? 0 : 1;
                var edits = Math.Min(
                    Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    edits = Math.Min(edits, rows[i - 2, j - 2] + 1);
                rows[i, j] = edits;
            }
        }
        return rows[a.Length, b.Length];
    }
}
