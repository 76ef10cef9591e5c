using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>The jobs and sources of one project, checked: whatever way it was written.</summary>
public sealed class Graph
{
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

    /// <summary>Digest of the text of all graph files.</summary>
    public required Digest Digest { get; init; }

    /// <summary>Who makes a partition. No allocation on this path.</summary>
    public Producer FindProducer(ReadOnlySpan<byte> name) => throw new NotSupportedException();

    /// <summary>Where a partition lies, relative to the workspace, with <c>/</c>.</summary>
    public string PathOf(ReadOnlySpan<byte> name) => throw new NotSupportedException();
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

/// <summary>Where partitions of a pattern lie; with <see cref="IsSource"/> nothing builds them.</summary>
public sealed class Dataset
{
    /// <summary>The references it covers.</summary>
    public required Pattern Pattern { get; init; }

    /// <summary>True: files that are there already.</summary>
    public required bool IsSource { get; init; }

    /// <summary>Where it is declared.</summary>
    public required SourceLocation Location { get; init; }
}
