using System.Collections.Immutable;
using System.CommandLine;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// The arguments and options that say which partitions are meant, the same everywhere.
/// </summary>
sealed class Selectors
{
    readonly Argument<string[]> selectors = new("SEL")
    {
        Description = "Partitions: daily/2026-01-31, daily/2026-01-01..2026-01-31, daily/2026-*,"
            + " daily/**, job:NAME, @FILE or - with one a line (default: the graph's targets)",
        Arity = ArgumentArity.ZeroOrMore,
    };

    readonly Option<string[]> tags = Many(
        "--tag", "TAG", "Known outputs of jobs with this tag; may be repeated");

    readonly Option<string[]> folders = Many(
        "--in", "DIR", "Known outputs of jobs whose graph file lies in DIR or below");

    readonly Option<string[]> bases = Many(
        "--base", "SEL", "These and all that is made from them; sources too");

    readonly Option<bool> all = new("--all") { Description = "All known partitions" };

    readonly Option<string[]> excluded = Many(
        "--exclude", "SEL", "Not these, nor what is made from them");

    readonly Option<string[]> excludedTags = Many(
        "--exclude-tag", "TAG",
        "Not the outputs of jobs with this tag, nor what is made from them");

    readonly Option<bool> requirements = new("--requirements")
    {
        Description = "What the selected partitions need, without themselves",
    };

    static Option<string[]> Many(string name, string value, string description) => new(name)
    {
        Description = description,
        HelpName = value,
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(selectors);
        foreach (var option in (Option[])[tags, folders, bases, all, excluded, excludedTags,
            requirements])
            command.Options.Add(option);
    }

    /// <summary>What was typed, as it was typed.</summary>
    public Asked Read(ParseResult parsed) => new()
    {
        Selectors = [.. parsed.GetValue(selectors) ?? []],
        Tags = [.. parsed.GetValue(tags) ?? []],
        Folders = [.. parsed.GetValue(folders) ?? []],
        Bases = [.. parsed.GetValue(bases) ?? []],
        All = parsed.GetValue(all),
        Excluded = [.. parsed.GetValue(excluded) ?? []],
        ExcludedTags = [.. parsed.GetValue(excludedTags) ?? []],
        Requirements = parsed.GetValue(requirements),
    };
}

/// <summary>Which partitions are meant, as it was typed.</summary>
sealed record Asked
{
    /// <summary>References, ranges, globs, <c>job:NAME</c>, <c>@FILE</c>, <c>-</c>.</summary>
    public ImmutableArray<string> Selectors { get; init; } = [];

    /// <summary>Tags of jobs.</summary>
    public ImmutableArray<string> Tags { get; init; } = [];

    /// <summary>Folders of graph files.</summary>
    public ImmutableArray<string> Folders { get; init; } = [];

    /// <summary>Selectors that stand for all that is made from them, too.</summary>
    public ImmutableArray<string> Bases { get; init; } = [];

    /// <summary>All known partitions.</summary>
    public bool All { get; init; }

    /// <summary>Selectors that are left out, with all that is made from them.</summary>
    public ImmutableArray<string> Excluded { get; init; } = [];

    /// <summary>Tags of jobs that are left out.</summary>
    public ImmutableArray<string> ExcludedTags { get; init; } = [];

    /// <summary>What the selection needs instead of itself.</summary>
    public bool Requirements { get; init; }

    /// <summary>Nothing says what is meant.</summary>
    public bool IsEmpty => !All && Selectors.IsEmpty && Tags.IsEmpty && Folders.IsEmpty
        && Bases.IsEmpty;

    /// <summary>It takes a look at all that is known and who makes it from what.</summary>
    public bool NeedsRelatives => Requirements || !Bases.IsEmpty || !Excluded.IsEmpty
        || !ExcludedTags.IsEmpty;

    /// <summary>For people: <c>daily/** --tag nightly</c>.</summary>
    public string Text => string.Join(' ', [
        .. Selectors,
        .. Tags.Select(tag => $"--tag {tag}"),
        .. Folders.Select(folder => $"--in {folder}"),
        .. Bases.Select(selector => $"--base {selector}"),
        .. All ? ["--all"] : Array.Empty<string>(),
        .. Excluded.Select(selector => $"--exclude {selector}"),
        .. ExcludedTags.Select(tag => $"--exclude-tag {tag}"),
        .. Requirements ? ["--requirements"] : Array.Empty<string>(),
    ]);
}

/// <summary>Selectors that mean nothing: exit code 2, all of them printed.</summary>
sealed class BadSelectionException(ImmutableArray<SelectionProblem> problems)
    : Exception("the selection has problems")
{
    /// <summary>All problems, in the order of the selectors.</summary>
    public ImmutableArray<SelectionProblem> Problems { get; } = problems;
}
