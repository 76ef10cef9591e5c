using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A leased run on its way to a slot: everything that the slot's thread needs to know.
/// </summary>
sealed record LaunchRequest
{
    public required AttemptId Id { get; init; }
    public required int Epoch { get; init; }
    public required Job Job { get; init; }

    /// <summary>All outputs of the config in declared order.</summary>
    public required ImmutableArray<PartitionId> Outputs { get; init; }

    /// <summary>The outputs that the run holds.</summary>
    public required ImmutableArray<PartitionId> Claims { get; init; }

    /// <summary>
    /// All inputs of the config in declared order, with their content at lease time.
    /// </summary>
    public required ImmutableArray<LaunchInput> Inputs { get; init; }

    /// <summary>
    /// The config, for jobs whose own command made it; null: it follows from the pattern.
    /// </summary>
    public JobConfig? Config { get; init; }

    /// <summary>The cores that it was given; null: as many as its config says.</summary>
    public int? Cores { get; init; }

    /// <summary>Everything that decides the outputs, as of now.</summary>
    public required Digest Fingerprint { get; init; }

    /// <summary>The text of the fingerprint, to be stored when the run succeeds.</summary>
    public required ReadOnlyMemory<byte> FingerprintText { get; init; }

    /// <summary>Files whose content the fingerprint holds, as it holds it.</summary>
    public required ImmutableArray<PathDigest> Watched { get; init; }

    /// <summary>The job's secrets, as the fingerprint holds them.</summary>
    public ImmutableArray<SecretFact> Secrets { get; init; } = [];

    /// <summary>Outputs of another run with this fingerprint will do.</summary>
    public bool MayRestore { get; init; }

    /// <summary>Copies of its outputs are kept.</summary>
    public bool Keeps { get; init; }

    /// <summary>See <see cref="JobSpec.TraceParent"/>.</summary>
    public string TraceParent { get; init; } = "";

    /// <summary>The highest priority of the wants that ask for it.</summary>
    public int Priority { get; init; }

    /// <summary>How it is told to stop.</summary>
    public required JobControl Control { get; init; }
}

/// <summary>An input as of lease time.</summary>
readonly record struct LaunchInput(PartitionId Partition, Digest Digest)
{
    /// <summary>It is a thing outside; null: it is data.</summary>
    public HeldInput? Held { get; init; }

    /// <summary>
    /// The fingerprint of the run that made it, where it may have to be restored; else none.
    /// </summary>
    public Digest MadeBy { get; init; }
}
