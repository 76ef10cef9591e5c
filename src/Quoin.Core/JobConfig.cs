using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// One concrete call of a job: what <c>config</c> answers, and what a worker runs. References are
/// text here, because a config travels to other processes. Everything that decides the outputs is
/// in it or is named by it.
/// </summary>
public sealed record JobConfig
{
    /// <summary>The job's name in the graph.</summary>
    public required string Job { get; init; }

    /// <summary>All partitions that the run will write, in declared order.</summary>
    public required ImmutableArray<string> Outputs { get; init; }

    /// <summary>All partitions that it reads, sources too, in declared order.</summary>
    public ImmutableArray<string> Inputs { get; init; } = [];

    /// <summary>
    /// The argv before the paths are known: <c>{in}</c>, <c>{out}</c>, <c>{in...}</c> and
    /// <c>{out...}</c> stand for paths that the worker fills in with <see cref="Arguments.Fill"/>;
    /// captures are filled in already, and a brace that is meant is doubled.
    /// </summary>
    public ImmutableArray<string> Args { get; init; } = [];

    /// <summary>Declared environment, sorted by name.</summary>
    public ImmutableSortedDictionary<string, string> Env { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);

    /// <summary>What it takes while it runs.</summary>
    public ResourceVector Resources { get; init; } = ResourceVector.OneCpu;
}

/// <summary>
/// What a run takes while it runs: cores, bytes of memory, and places in named pools.
/// </summary>
public sealed record ResourceVector
{
    /// <summary>One core and nothing else.</summary>
    public static readonly ResourceVector OneCpu = new();

    /// <summary>Cores; of a moldable run the least that will do.</summary>
    public int Cpu { get; init; } = 1;

    /// <summary>The most cores that a moldable run can use; 0: it takes just so many.</summary>
    public int CpuMost { get; init; }

    /// <summary>It runs with fewer cores or with more.</summary>
    public bool IsMoldable => CpuMost > Cpu;

    /// <summary>Bytes; 0 when the job does not say.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Pool name and places, sorted by name.</summary>
    public ImmutableArray<PoolClaim> Pools { get; init; } = [];
}

/// <summary>Places in one named pool.</summary>
public readonly record struct PoolClaim(string Pool, int Places);
