using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using Quoin.Cli;
using Quoin.Engine;
using Xunit;

namespace Quoin.Tests.Tidy;

/// <summary>What the pages say is there, and what is there is on the pages.</summary>
public sealed partial class PageTests
{
    [Fact]
    public void Links_lead_to_files() => TidyTests.None(
        from page in Repository.Pages
        from place in Matches(page, Link())
        let target = place.Match.Groups[1].Value.Split('#')[0]
        where target.Length > 0 && !target.Contains("://", StringComparison.Ordinal)
        let path = Path.Combine(Repository.Root, Path.GetDirectoryName(page.Path)!, target)
        where !Path.Exists(path)
        select $"{page.Path}:{place.Line}: mend this link, {target} does not exist");

    [Fact]
    public void Commands_of_dev_exist()
    {
        var commands = DevCommands();
        TidyTests.None(
            from page in Repository.Pages
            from place in Matches(page, DevCommand())
            where !commands.Contains(place.Match.Groups[1].Value)
            select $"{page.Path}:{place.Line}: ./dev has no command "
                + $"\"{place.Match.Groups[1].Value}\"");
    }

    [Fact]
    public void Every_command_of_dev_is_described()
    {
        var described = from line in Repository.Read("dev").Lines
                        where line.StartsWith("#: ", StringComparison.Ordinal)
                        select line.Split(' ')[1];
        Assert.Equal(DevCommands().Order(), described.Order());
    }

    [Fact]
    public void The_readme_has_two_commands_to_begin_with_and_ci_runs_the_second()
    {
        var readme = Repository.Read("README.md").Lines;
        var start = Array.IndexOf(readme, "```sh");

        Assert.StartsWith("./dev example", readme[start + 1]);
        Assert.StartsWith("./dev test", readme[start + 2]);
        Assert.EndsWith("exec ./dev test", Repository.Read(".ci/run").Lines[^1]);
    }

    [Fact]
    public void Every_key_of_the_graph_file_is_on_its_page()
    {
        var page = string.Join('\n', Repository.Read("docs/graph-file.md").Lines);
        TidyTests.None(
            from key in KeysOf(GraphShape.File).Distinct()
            where !page.Contains($"`{key}`", StringComparison.Ordinal)
                && !page.Contains($"`{key}:", StringComparison.Ordinal)
            select $"docs/graph-file.md: describe the key {key}");
    }

    [Fact]
    public void Every_exit_code_is_documented()
    {
        var codes = typeof(ExitCode)
            .GetFields(BindingFlags.Static | BindingFlags.Public)
            .Select(field => $"{field.GetRawConstantValue()}");
        TidyTests.None(
            from path in (string[])["README.md", "docs/cli.md"]
            from code in codes
            where !Repository.Read(path).Lines.Any(line =>
                line.StartsWith("| ", StringComparison.Ordinal)
                && line.Split('|')[1].Split(',', StringSplitOptions.TrimEntries).Contains(code))
            select $"{path}: say in the table when quoin exits with {code}");
    }

    // The right column of each table: what is typed instead.
    [Fact]
    public void What_people_are_told_to_type_instead_of_their_habits_is_understood() =>
        TidyTests.None(
            from line in Repository.Read("docs/coming-from.md").Lines.Index()
            let cells = line.Item.Split('|')
            where cells.Length > 3
            from typed in Typed().Matches(cells[2]).Select(match => match.Groups[1].Value)
            let misuse = Misuse(typed)
            where misuse is not null
            select $"docs/coming-from.md:{line.Index + 1}: {typed}: {misuse}");

    [GeneratedRegex("`(quoin [^`]+|--?[a-z][^`]*)`")]
    private static partial Regex Typed();

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Word();

    static string? Misuse(string typed)
    {
        string[] words = [.. Word().Matches(typed).Select(word => word.Value.Trim('"'))];
        if (words[0] == "quoin") words = words[1..];
        else words = ["build", .. words];
        string[] args = [.. BuildModes.Spread(words).Select(w => w is "N" or "S" ? "4" : w)];
        var root = CommandTree.Create(
            args, new GlobalOptionSet(), _ => throw new InvalidOperationException("not run"));
        return CommandTree.Misuse(root, root.Parse(args))?[0].Message;
    }

    [Fact]
    public void Every_command_and_common_option_is_documented()
    {
        var page = string.Join('\n', Repository.Read("docs/cli.md").Lines);
        var root = CommandTree.Create(
            [], new GlobalOptionSet(), _ => throw new UnreachableException("nothing is run"));
        TidyTests.None(
            from name in root.Subcommands.Select(command => command.Name)
                .Concat(root.Options.Select(option => option.Name))
            where !page.Contains($"`{name}", StringComparison.Ordinal)
            select $"docs/cli.md: describe {name}");
    }

    [Fact]
    public void Every_fault_point_is_described_and_some_test_ends_a_process_there()
    {
        const string page = "src/Quoin.Engine/FaultPoint.cs", tests = "tests/Quoin.EndToEndTests/";
        var points = Names("src/", FaultReached());
        Assert.Equal(points, Names(page, FaultDescribed()));
        TidyTests.None(
            from point in points.Except(Names(tests, FaultTested()))
            select $"{page}: no test in {tests} ends a process at {point}");

        static string[] Names(string below, Regex regex) =>
        [
            .. (from file in Repository.CSharp
                where file.Path.StartsWith(below, StringComparison.Ordinal)
                from place in Matches(file, regex)
                select place.Match.Groups[1].Value)
                .Distinct().Order(StringComparer.Ordinal),
        ];
    }

    static IEnumerable<string> KeysOf(Shape shape) => shape switch
    {
        ObjectShape map => map.Keys.SelectMany(key => KeysOf(key.Value).Prepend(key.Key)),
        MapShape map => KeysOf(map.Value),
        ListShape list => KeysOf(list.Item),
        EitherShape either => KeysOf(either.Map),
        _ => [],
    };

    static HashSet<string> DevCommands() =>
        [
            .. from line in Repository.Read("dev").Lines
               let match = DevFunction().Match(line)
               where match.Success
               select match.Groups[1].Value,
        ];

    static IEnumerable<(int Line, Match Match)> Matches(SourceFile page, Regex regex)
    {
        for (var i = 0; i < page.Lines.Length; i++)
            foreach (Match match in regex.Matches(page.Lines[i]))
                yield return (i + 1, match);
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\./dev ([a-z]+)")]
    private static partial Regex DevCommand();

    [GeneratedRegex(@"FaultPoint\.Reach\(""([a-z.-]+)""")]
    private static partial Regex FaultReached();

    [GeneratedRegex("<c>([a-z.-]+)</c>")]
    private static partial Regex FaultDescribed();

    [GeneratedRegex(@"""([a-z]+(?:[.-][a-z]+)*)(?::\d+)?""")]
    private static partial Regex FaultTested();

    [GeneratedRegex(@"^cmd_([a-z]+)\(\)")]
    private static partial Regex DevFunction();
}
