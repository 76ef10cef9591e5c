using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>A text of a graph and where it was written.</summary>
public sealed record Written(string Text, SourceLocation At)
{
    /// <summary>
    /// Columns from <see cref="At"/> to the text's first character (1 for a quote); null: the text
    /// is on several lines, so places in it cannot be told.
    /// </summary>
    public int? ColumnsBefore { get; init; } = 0;

    /// <summary>
    /// Where a character of the text stands, from 0; the text itself for the first.
    /// </summary>
    public SourceLocation Place(int offset) =>
        offset == 0 || ColumnsBefore is not { } before
            ? At
            : At with { Column = At.Column + before + offset };
}

/// <summary>
/// A job as somebody wrote it, before it is checked. See <see cref="Job"/> for meanings.
/// </summary>
public sealed record JobDeclaration
{
    /// <summary>Its name; where it stands is where the job is declared.</summary>
    public required Written Name { get; init; }

    /// <summary>Patterns; at least one.</summary>
    public required ImmutableArray<Written> Outputs { get; init; }

    /// <summary>Templates of references.</summary>
    public ImmutableArray<Written> Inputs { get; init; } = [];

    /// <summary>An argv that tells inputs instead of <see cref="Inputs"/>; empty: none.</summary>
    public ImmutableArray<Written> ConfigCommand { get; init; } = [];

    /// <summary>
    /// The folder of the feed that asks for what it makes, relative to the workspace; null: none.
    /// </summary>
    public string? FeedFolder { get; init; }

    /// <summary>Answers of the config command may be reused.</summary>
    public bool ConfigCache { get; init; } = true;

    /// <summary>An argv of templates; at least the program.</summary>
    public required ImmutableArray<Written> Exec { get; init; }

    /// <summary>An argv to run before each attempt; empty: none.</summary>
    public ImmutableArray<string> Before { get; init; } = [];

    /// <summary><c>{out}</c>, or null.</summary>
    public Written? Stdout { get; init; }

    /// <summary>
    /// Folder of the graph file, relative to the workspace; <c>""</c>: the workspace.
    /// </summary>
    public string Folder { get; init; } = "";

    /// <summary>Globs of files.</summary>
    public ImmutableArray<string> Code { get; init; } = [];

    /// <summary>Names and templates; a later entry of a name replaces an earlier one.</summary>
    public ImmutableArray<EnvDeclaration> Env { get; init; } = [];

    /// <summary>Names of variables that only the environment has.</summary>
    public ImmutableArray<Written> Secrets { get; init; } = [];

    /// <summary>Options of the fingerprint.</summary>
    public ImmutableArray<JobOption> Options { get; init; } = [];

    /// <summary>Probe argvs.</summary>
    public ImmutableArray<ImmutableArray<string>> Conditions { get; init; } = [];

    /// <summary>Limits.</summary>
    public JobLimits Limits { get; init; } = new();

    /// <summary>Which outputs stay as files.</summary>
    public KeepRule Keep { get; init; }

    /// <summary>Whether copies are kept; null: not said.</summary>
    public bool? Cache { get; init; }

    /// <summary>Its output is a thing outside; null: data.</summary>
    public ResourceDeclaration? Resource { get; init; }

    /// <summary>Tags.</summary>
    public ImmutableArray<string> Tags { get; init; } = [];
}

/// <summary>A variable of the environment, its value a template.</summary>
public sealed record EnvDeclaration(string Name, Written Value);

/// <summary>A dataset as somebody wrote it. See <see cref="Dataset"/> for meanings.</summary>
public sealed record DatasetDeclaration
{
    /// <summary>The references that it covers.</summary>
    public required Written Pattern { get; init; }

    /// <summary>A template of a path relative to <see cref="Folder"/>.</summary>
    public required Written Path { get; init; }

    /// <summary>True: nothing builds it.</summary>
    public required bool IsSource { get; init; }

    /// <summary>
    /// Folder of the graph file, relative to the workspace; <c>""</c>: the workspace.
    /// </summary>
    public string Folder { get; init; } = "";
}
