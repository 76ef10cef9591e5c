using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// The jobs and sources of one project, checked: whatever way it was written. Made by <see
/// cref="GraphBuilder"/>. Immutable; safe for many threads.
/// </summary>
public sealed class Graph
{
    internal Graph() { }

    /// <summary>The project's name.</summary>
    public required string Name { get; init; }

    /// <summary>All jobs, <see cref="Job.Index"/> being the place in this list.</summary>
    public required ImmutableArray<Job> Jobs { get; init; }

    /// <summary>All datasets that were declared.</summary>
    public required ImmutableArray<Dataset> Datasets { get; init; }

    /// <summary>Selectors of what a bare <c>quoin build</c> wants.</summary>
    public ImmutableArray<string> Targets { get; init; } = [];

    /// <summary>Capacities over the whole store.</summary>
    public ImmutableSortedDictionary<string, int> Pools { get; init; } =
        ImmutableSortedDictionary<string, int>.Empty;

    /// <summary>Where copies of outputs are kept; null: nothing is said of it.</summary>
    public ArtifactSettings? Artifacts { get; init; }

    /// <summary>Digest of the text of all graph files.</summary>
    public required Digest Digest { get; init; }

    /// <summary>
    /// The text of all graph files, each under a line with its name; see <see cref="GraphDiff"/>.
    /// </summary>
    public string Text => field ??= MakeText();

    /// <summary>Puts the text together when somebody asks for it.</summary>
    internal Func<string> MakeText { get; init; } = () => "";

    /// <summary>Outputs of jobs, and sources.</summary>
    internal PatternIndex<Producer> Producers { get; init; } = new();

    /// <summary>Datasets with a path of their own.</summary>
    internal PatternIndex<Dataset> Places { get; init; } = new();

    /// <summary>Who makes a partition. No allocation on this path.</summary>
    public Producer FindProducer(ReadOnlySpan<byte> name) => Producers.Find(name);

    /// <summary>The job of a name, or null.</summary>
    public Job? FindJob(string name) =>
        Jobs.FirstOrDefault(job => job.Name == name);

    /// <summary>
    /// Where a partition lies, relative to the workspace, with <c>/</c>: the path of its dataset,
    /// else below <c>.quoin/data/</c>. Percent escapes of a name stay in its path.
    /// </summary>
    [SkipLocalsInit]
    public string PathOf(ReadOnlySpan<byte> name)
    {
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        return Places.Find(name, slots) is { Path: { } path }
            && path.Render(name, slots) is { } place
            ? place
            : string.Concat(DefaultFolder, Encoding.UTF8.GetString(name));
    }

    /// <summary>Where partitions lie that no dataset gives a path.</summary>
    public const string DefaultFolder = ".quoin/data/";
}

/// <summary>Who makes a partition: a job, a source (nothing builds it), or nobody.</summary>
public readonly record struct Producer(Job? Job, Dataset? Source)
{
    /// <summary>A job or a source makes it.</summary>
    public bool Exists => Job is not null || Source is not null;
}

/// <summary>A place in a graph file, both from 1.</summary>
public readonly record struct SourceLocation(string File, int Line, int Column)
{
    /// <summary><c>quoin.yaml:8:3</c>.</summary>
    public override string ToString() => $"{File}:{Line}:{Column}";
}

/// <summary>
/// Where partitions of a pattern lie; with <see cref="IsSource"/> nothing builds them.
/// </summary>
public sealed class Dataset
{
    internal Dataset() { }

    /// <summary>The references it covers.</summary>
    public required Pattern Pattern { get; init; }

    /// <summary>
    /// Where they lie, relative to the workspace; null: below <c>.quoin/data/</c>.
    /// </summary>
    public Template? Path { get; init; }

    /// <summary>
    /// The same as a pattern of paths: its first slots are those of <see cref="Pattern"/>, further
    /// ones hold derived values. Null like <see cref="Path"/>.
    /// </summary>
    internal Pattern? PathPattern { get; init; }

    /// <summary>A glob of all its paths: each hole of <see cref="Path"/> is a <c>*</c>.</summary>
    public string PathGlob => Path is null
        ? ""
        : string.Concat(Path.Parts.ToArray().Select(part =>
            part.Literal is { } literal ? Encoding.UTF8.GetString(literal) : "*"));

    /// <summary>
    /// The partition that lies at a path relative to the workspace, or null: none of this dataset.
    /// </summary>
    public string? ReferenceAt(ReadOnlySpan<byte> path)
    {
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        if (PathPattern?.TryMatch(path, slots) != true) return null;
        Span<byte> buffer = stackalloc byte[PartitionRef.BytesMax];
        var length = Pattern.Fill(path, slots, buffer);
        // Derived parts (the year of a date) have to agree, so the way back must lead here again.
        return length >= 0 && Pattern.TryMatch(buffer[..length], slots)
            && Path!.Render(buffer[..length], slots) is { } place
            && Encoding.UTF8.GetBytes(place).AsSpan().SequenceEqual(path)
                ? Encoding.UTF8.GetString(buffer[..length])
                : null;
    }

    /// <summary>True: files that are there already.</summary>
    public required bool IsSource { get; init; }

    /// <summary>Where it is declared.</summary>
    public required SourceLocation Location { get; init; }
}
