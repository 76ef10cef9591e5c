using System.IO.Enumeration;

namespace Quoin.Engine;

/// <summary>
/// Finds files by a pattern of path segments: <c>*</c> and <c>?</c> inside a segment, <c>**</c> for
/// any number of folders. Hidden names match only what spells their dot; links to folders are not
/// followed.
/// </summary>
public static class Glob
{
    /// <summary>True when the text has a character that makes it a pattern.</summary>
    public static bool IsPattern(ReadOnlySpan<char> text) => text.IndexOfAny('*', '?') >= 0;

    /// <summary>
    /// Files below <paramref name="folder"/> (absolute) that match, relative to it with <c>/</c>,
    /// sorted, each once. A folder that cannot be read fails as the file system says; one that is
    /// not there has no files.
    /// </summary>
    public static List<string> Files(string folder, string pattern)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        Walk(folder, "", pattern.Split('/', StringSplitOptions.RemoveEmptyEntries), found);
        return [.. found];
    }

    static void Walk(
        string folder, string relative, ReadOnlySpan<string> segments, SortedSet<string> found)
    {
        if (segments.IsEmpty) return;
        var segment = segments[0];
        var path = Path.Combine(folder, relative);
        if (segment == ".")
        {
            Walk(folder, relative, segments[1..], found);
        }
        else if (!IsPattern(segment))
        {
            var next = relative + segment;
            if (segments.Length > 1) Walk(folder, next + "/", segments[1..], found);
            else if (File.Exists(Path.Combine(folder, next))) found.Add(next);
        }
        else if (Directory.Exists(path))
        {
            if (segment == "**" && segments.Length > 1)
                Walk(folder, relative, segments[1..], found);
            foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos())
            {
                if (entry.Name[0] == '.' && segment[0] != '.') continue;
                var isFolder = entry is DirectoryInfo { LinkTarget: null };
                var isFile = entry is FileInfo;
                if (segment == "**")
                {
                    if (isFolder) Walk(folder, $"{relative}{entry.Name}/", segments, found);
                    else if (isFile && segments.Length == 1) found.Add(relative + entry.Name);
                }
                else if (FileSystemName.MatchesSimpleExpression(segment, entry.Name,
                    ignoreCase: false))
                {
                    if (isFolder) Walk(folder, $"{relative}{entry.Name}/", segments[1..], found);
                    else if (isFile && segments.Length == 1) found.Add(relative + entry.Name);
                }
            }
        }
    }
}
