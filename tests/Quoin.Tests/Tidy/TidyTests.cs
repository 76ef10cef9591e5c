using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Quoin.Tests.Tidy;

/// <summary>
/// What a machine can check about the sources. Each complaint says where and what to do.
/// </summary>
public sealed partial class TidyTests
{
    const int FileLinesMax = 500;
    const int ColumnsMax = 100;

    [Fact]
    public void A_file_is_at_most_500_lines() => None(
        from file in Repository.CSharp
        where file.Lines.Length > FileLinesMax
        select $"{file.Path}:{FileLinesMax + 1}: {file.Lines.Length} lines; split it by noun");

    [Fact]
    public void A_line_is_at_most_100_columns() => None(
        from file in Repository.CSharp
        let quoted = RawStringLines(file)
        from i in Enumerable.Range(0, file.Lines.Length)
        where file.Lines[i].Length > ColumnsMax && !IsOneLongWord(file.Lines[i])
            && !quoted.Contains(i)
        select $"{file.Path}:{i + 1}: break this line, it is longer than {ColumnsMax} columns");

    [Fact]
    public void Nothing_is_left_for_later() => None(
        from file in Repository.Files.Where(IsText).Select(Repository.Read)
        from complaint in file.Where(
            UnfinishedWords().IsMatch,
            "finish it now, or describe the limit in a sentence")
        select complaint);

    [Fact]
    public void Tests_wait_for_signals_and_never_for_time() => None(
        from file in Repository.CSharp
        where file.Path.StartsWith("tests/", StringComparison.Ordinal)
        from complaint in file.WhereCode(
            Sleeping().IsMatch,
            "await a signal with a bound (WaitAsync), or advance the test's own clock")
        select complaint);

    [Fact]
    public void Sql_is_written_in_Quoin_Storage_only() => None(
        from file in Repository.CSharp
        where file.Path.StartsWith("src/", StringComparison.Ordinal)
            && !file.Path.StartsWith("src/Quoin.Storage/", StringComparison.Ordinal)
        from complaint in file.WhereCode(
            line => Sql().IsMatch(line),
            "move this SQL into Quoin.Storage, behind a store interface of Quoin.Engine")
        select complaint);

    [Fact]
    public void Only_the_command_line_speaks_to_the_terminal() => None(
        from file in Repository.CSharp
        where file.Path.StartsWith("src/", StringComparison.Ordinal)
            && !file.Path.StartsWith("src/Quoin.Cli/", StringComparison.Ordinal)
        from complaint in file.WhereCode(
            line => line.Contains("Console.", StringComparison.Ordinal),
            "return a value or tell an observer; Quoin.Cli prints")
        select complaint);

    [Fact]
    public void Versions_of_packages_are_in_Directory_Packages_props_only() => None(
        from path in Repository.Files
        where path.EndsWith(".csproj", StringComparison.Ordinal) || path == "Directory.Build.props"
        from complaint in Repository.Read(path).Where(
            line => line.Contains("<PackageReference") && line.Contains("Version="),
            "give the version in Directory.Packages.props")
        select complaint);

    [Fact]
    public void Every_package_version_is_exact_and_used()
    {
        var references = (
            from path in Repository.Files
            where path.EndsWith(".csproj", StringComparison.Ordinal)
                || path == "Directory.Build.props"
            from element in Xml(path).Descendants("PackageReference")
            select (string?)element.Attribute("Include")).ToHashSet();
        None(
            from element in Xml("Directory.Packages.props").Descendants("PackageVersion")
            let id = (string?)element.Attribute("Include")
            let version = (string?)element.Attribute("Version") ?? ""
            where !ExactVersion().IsMatch(version) || !references.Contains(id)
            select $"Directory.Packages.props: {id} {version}: write one exact version, "
                + "and remove what no project uses");
    }

    [Fact]
    public void Every_project_has_a_lock_file() => None(
        from path in Repository.Files
        where path.EndsWith(".csproj", StringComparison.Ordinal)
        let lockFile = path[..(path.LastIndexOf('/') + 1)] + "packages.lock.json"
        where !Repository.Files.Contains(lockFile)
        select $"{path}: run ./dev build and commit {lockFile}");

    [Fact]
    public void Every_project_is_in_the_solution() => None(
        from path in Repository.Files
        where path.EndsWith(".csproj", StringComparison.Ordinal)
            && !Xml("Quoin.slnx").Descendants("Project")
                .Any(project => (string?)project.Attribute("Path") == path)
        select $"{path}: add it to Quoin.slnx");

    [Fact]
    public void No_machine_and_no_home_is_named() => None(
        from file in Repository.Files.Where(IsText).Select(Repository.Read)
        from complaint in file.Where(
            MachinePath().IsMatch,
            "name the path from the repository's root, or take it from the environment")
        select complaint);

    internal static void None(IEnumerable<string> complaints) =>
        Assert.True(
            !complaints.Any(), string.Join('\n', complaints.Order(StringComparer.Ordinal)));

    internal static XDocument Xml(string path) =>
        XDocument.Load(Path.Combine(Repository.Root, path));

    static bool IsOneLongWord(string line) => !line.Trim().Contains(' ');

    // What stands between two """ is somebody else's text; it cannot always be broken.
    static HashSet<int> RawStringLines(SourceFile file)
    {
        var quoted = new HashSet<int>();
        var inside = false;
        for (var i = 0; i < file.Lines.Length; i++)
        {
            if (inside) quoted.Add(i);
            if (file.Lines[i].Split("\"\"\"").Length % 2 == 0) inside = !inside;
        }
        return quoted;
    }

    static bool IsText(string path) =>
        Path.GetExtension(path) is not (".csv" or ".png" or ".bin" or ".db" or ".svg")
        && !path.EndsWith("packages.lock.json", StringComparison.Ordinal)
        && path != "LICENSE";

    // Each word is written so that this file does not accuse itself.
    [GeneratedRegex(@"\b(TO[D]O|FIX[M]E|HA[C]K|XX[X])\b|NotImplemented[E]xception")]
    private static partial Regex UnfinishedWords();

    [GeneratedRegex(@"\b(Task\.Del[a]y|Thread\.Sl[e]ep)\b")]
    private static partial Regex Sleeping();

    [GeneratedRegex(
        @"""\s*(SELECT\s|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|PRAGMA\s)"
        + @"|Microsoft\.Data\.Sqlite|SQLitePCL")]
    private static partial Regex Sql();

    [GeneratedRegex(@"^\d+\.\d+\.\d+(\.\d+)?(-[\w.]+)?$")]
    private static partial Regex ExactVersion();

    [GeneratedRegex(@"(^|[\s""'`(=:])/(home|root|wor[k]|Users|tmp/q)(/|\b)")]
    private static partial Regex MachinePath();
}
