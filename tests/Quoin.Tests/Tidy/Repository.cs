namespace Quoin.Tests.Tidy;

/// <summary>
/// The files of this repository as text, found from the folder that the tests run in. What was
/// built (artifacts, out, .quoin) is not part of it.
/// </summary>
static class Repository
{
    static readonly string[] built = ["artifacts", "out", ".git", ".quoin", ".vs", ".idea"];

    public static readonly string Root = FindRoot();

    /// <summary>All files, relative to the root, with <c>/</c>, in ordinal order.</summary>
    public static readonly string[] Files =
        [.. Walk(new DirectoryInfo(Root)).Select(Relative).Order(StringComparer.Ordinal)];

    /// <summary>Our C# files: src, tests, bench.</summary>
    public static IEnumerable<SourceFile> CSharp =>
        from path in Files where path.EndsWith(".cs", StringComparison.Ordinal) select Read(path);

    /// <summary>The pages that people read.</summary>
    public static IEnumerable<SourceFile> Pages =>
        from path in Files where path.EndsWith(".md", StringComparison.Ordinal) select Read(path);

    public static SourceFile Read(string path) =>
        new(path, File.ReadAllLines(Path.Combine(Root, path)));

    static IEnumerable<string> Walk(DirectoryInfo directory)
    {
        foreach (var entry in directory.EnumerateFileSystemInfos())
        {
            if (entry.LinkTarget is not null || built.Contains(entry.Name)) continue;
            if (entry is not DirectoryInfo folder) yield return entry.FullName;
            else foreach (var path in Walk(folder)) yield return path;
        }
    }

    static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Quoin.slnx")))
            folder = folder.Parent;
        return folder?.FullName
            ?? throw new InvalidOperationException("The tests run outside the repository.");
    }
}

/// <summary>A text file: its path from the root, and its lines.</summary>
sealed record SourceFile(string Path, string[] Lines)
{
    /// <summary>Lines for which something is wrong, as <c>file:line: what to do</c>.</summary>
    public IEnumerable<string> Where(Func<string, bool> isWrong, string whatToDo)
    {
        for (var i = 0; i < Lines.Length; i++)
            if (isWrong(Lines[i]))
                yield return $"{Path}:{i + 1}: {whatToDo}";
    }

    /// <summary>The same, for lines that are not comments.</summary>
    public IEnumerable<string> WhereCode(Func<string, bool> isWrong, string whatToDo) =>
        Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal)
            && isWrong(line), whatToDo);
}
