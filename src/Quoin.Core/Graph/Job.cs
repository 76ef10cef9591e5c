using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>One job of a graph: what it makes, from what, and how.</summary>
public sealed class Job
{
    /// <summary>Its place in <see cref="Graph.Jobs"/>.</summary>
    public required int Index { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Where it is declared.</summary>
    public required SourceLocation Location { get; init; }

    /// <summary>What it makes. Every pattern binds the same captures, so one output tells them all.</summary>
    public required ImmutableArray<Pattern> Outputs { get; init; }

    /// <summary>The argv of its <c>config</c> command; empty: inputs follow from the patterns.</summary>
    public ImmutableArray<string> ConfigCommand { get; init; } = [];

    /// <summary>True: answers of <see cref="ConfigCommand"/> may be reused.</summary>
    public bool ConfigCache { get; init; } = true;

    /// <summary>The argv as written, captures and <c>{in}</c> unfilled.</summary>
    public required ImmutableArray<string> Exec { get; init; }

    /// <summary>Where stdout goes: <c>{out}</c>, or null.</summary>
    public string? Stdout { get; init; }

    /// <summary>Folder of its graph file relative to the workspace, <c>""</c> for the workspace itself.</summary>
    public string Folder { get; init; } = "";

    /// <summary>Globs of files that are part of the fingerprint, relative to <see cref="Folder"/>.</summary>
    public ImmutableArray<string> Code { get; init; } = [];

    /// <summary>Declared environment, defaults included.</summary>
    public ImmutableSortedDictionary<string, string> Env { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);

    /// <summary>Options that enter the fingerprint; see <see cref="JobOption"/>.</summary>
    public ImmutableArray<JobOption> Options { get; init; } = [];

    /// <summary>Argvs whose output enters the fingerprint.</summary>
    public ImmutableArray<ImmutableArray<string>> Conditions { get; init; } = [];

    /// <summary>Limits; not part of the fingerprint.</summary>
    public JobLimits Limits { get; init; } = new();

    /// <summary>Labels of runs for selection.</summary>
    public ImmutableArray<string> Tags { get; init; } = [];

    /// <summary>
    /// Adds the outputs and inputs of the config that makes <paramref name="output"/>, in declared
    /// order, to the two lists, interning names. Only for jobs without a config command. Allocates
    /// nothing but new names. Returns null, or what is wrong (then nothing was added).
    /// </summary>
    public string? Expand(
        PartitionId output, PartitionNames names, List<PartitionId> outputs, List<PartitionId> inputs)
        => throw new NotSupportedException();

    /// <summary>The whole config that makes <paramref name="output"/>; only for jobs without a config command.</summary>
    public JobConfig Configure(string output) => throw new NotSupportedException();
}

/// <summary>An option of a job. A presentation option matters only to <c>--thorough</c>.</summary>
public readonly record struct JobOption(string Name, string Value, bool IsPresentation);

/// <summary>What bounds a job's runs.</summary>
public sealed record JobLimits
{
    /// <summary>Wall clock of one attempt; null: none.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>From SIGTERM to SIGKILL.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>n retries are n + 1 attempts.</summary>
    public int Retries { get; init; }

    /// <summary>The job's own meaning of exit codes.</summary>
    public ImmutableSortedDictionary<int, FailureCategory> ExitCodes { get; init; } =
        ImmutableSortedDictionary<int, FailureCategory>.Empty;

    /// <summary>What a run takes.</summary>
    public ResourceVector Resources { get; init; } = ResourceVector.OneCpu;

    /// <summary>Declared duration, when there is no history.</summary>
    public TimeSpan? Estimate { get; init; }

    /// <summary>An output older than this is not current; null: any age.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>True: claim and replace outputs that are Live already (<c>overlap: supersede</c>).</summary>
    public bool Supersede { get; init; }
}
