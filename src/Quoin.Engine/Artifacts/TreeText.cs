using System.Globalization;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Reads the text whose digest is that of a folder back into its lines; see
/// <see cref="ContentDigest"/>.
/// </summary>
static class TreeText
{
    /// <summary>
    /// The lines; null for text that no folder has. Paths stay inside of the folder, also when what
    /// is in it is made line by line: what a thing lies in is a folder of a line before, no link.
    /// </summary>
    public static List<TreeLine>? Read(ReadOnlySpan<byte> text)
    {
        var lines = new List<TreeLine>();
        var folders = new HashSet<string>(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in Encoding.UTF8.GetString(text)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split(' ', 4);
            if (parts.Length < 4 || parts[0].Length != 1 || !"-xdl".Contains(parts[0][0])
                || !long.TryParse(parts[2], CultureInfo.InvariantCulture, out var size))
                return null;
            var digest = default(Digest);
            if (parts[1] != "-" && !Digest.TryParse("xxh3:" + parts[1], out digest)) return null;
            if (digest.Exists == (parts[0] == "d")) return null;
            var path = Unescape(parts[3]);
            if (!IsInside(path) || !seen.Add(path)) return null;
            if (path.LastIndexOf('/') is >= 0 and var slash && !folders.Contains(path[..slash]))
                return null;
            if (parts[0] == "d") folders.Add(path);
            lines.Add(new TreeLine(path, parts[0][0], digest, size));
        }
        return lines;
    }

    static bool IsInside(string path)
    {
        foreach (var segment in path.Split('/'))
            if (segment is "" or "." or "..") return false;
        return true;
    }

    static string Unescape(string text)
    {
        if (!text.Contains('\\')) return text;
        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length) plain.Append(text[i]);
            else plain.Append(text[++i] == 'n' ? '\n' : text[i]);
        }
        return plain.ToString();
    }
}
