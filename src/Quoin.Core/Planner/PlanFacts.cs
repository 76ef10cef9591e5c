using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// What the planner asks of the world: the state of the kernel, files, probes. One thread asks; a
/// question may be asked several times and must be answered alike until the plan is made, so
/// whoever implements it keeps answers that are dear. Tests answer from memory.
/// </summary>
public interface IPlanFacts
{
    /// <summary>What is known of a partition that a job makes.</summary>
    PartitionFact Partition(PartitionId partition);

    /// <summary>The file behind a source.</summary>
    SourceFact Source(PartitionId source);

    /// <summary>What is the same for all configs of a job; asked once a job and plan.</summary>
    JobFact Job(Job job);

    /// <summary>
    /// Whether the output is in its place as it was published. Asked only of outputs that passed
    /// all other checks; with <c>--thorough</c> whoever answers hashes it.
    /// </summary>
    OutputCheck CheckOutput(PartitionId partition, in PartitionFact fact);

    /// <summary>
    /// <see cref="Fingerprint.DigestOf"/>; whoever remembers texts is quicker than that.
    /// </summary>
    Digest DigestOf(ReadOnlySpan<byte> fingerprintText) => Fingerprint.DigestOf(fingerprintText);

    /// <summary>The stored text of a fingerprint; empty when it is not stored here.</summary>
    ReadOnlyMemory<byte> FingerprintText(Digest fingerprint);
}

/// <summary>Where a partition stands, as far as a plan needs it.</summary>
public enum Standing : byte
{
    /// <summary>It has no manifest.</summary>
    Missing = 0,

    /// <summary>Live, or waiting for a new test with the manifest that it keeps.</summary>
    Published = 1,

    /// <summary>Published and withdrawn from trust.</summary>
    Tainted = 2,

    /// <summary>
    /// The last run failed. With a manifest from before, that one is tested: it may still be right.
    /// </summary>
    Failed = 3,

    /// <summary>Another want's plan has it already: planned, waiting or being built.</summary>
    Active = 4,
}

/// <summary>
/// What is known of one partition. The manifest's fields are default without a manifest.
/// </summary>
public readonly record struct PartitionFact(Standing Standing)
{
    /// <summary>The fingerprint of the run that published it.</summary>
    public Digest Fingerprint { get; init; }

    /// <summary>The digest of its content.</summary>
    public Digest Output { get; init; }

    /// <summary>Its size.</summary>
    public long Bytes { get; init; }

    /// <summary>When it was published.</summary>
    public DateTimeOffset PublishedAt { get; init; }

    /// <summary>The run that published it, or that holds it now; 0 when there is none.</summary>
    public RunId Run { get; init; }

    /// <summary>Wall clock of that run; 0 when unknown.</summary>
    public int ElapsedMs { get; init; }

    /// <summary>By whom and why it was tainted; how it failed: <c>r-9, exit 1</c>.</summary>
    public string? Reason { get; init; }
}

/// <summary>
/// A source's file: path relative to the workspace; no digest when it does not exist.
/// </summary>
public sealed record SourceFact(string Path, Digest Digest);

/// <summary>What all configs of one job share.</summary>
public sealed record JobFact
{
    /// <summary>No code, no conditions.</summary>
    public static readonly JobFact Empty = new();

    /// <summary>The files of its <c>code</c> globs and its program, in any order.</summary>
    public ImmutableArray<PathDigest> Code { get; init; } = [];

    /// <summary>Its probes, as typed, and what they printed, in any order.</summary>
    public ImmutableArray<ConditionFact> Conditions { get; init; } = [];

    /// <summary>Its secrets and what stands for their values, by name.</summary>
    public ImmutableArray<SecretFact> Secrets { get; init; } = [];

    /// <summary>
    /// Why no config of the job can run (a probe failed, no such code file); else null.
    /// </summary>
    public PlanProblem? Problem { get; init; }
}

/// <summary>A file of the workspace by its relative path.</summary>
public readonly record struct PathDigest(string Path, Digest Digest);

/// <summary>A probe and what it printed: <c>python --version</c>, <c>3.14.0</c>.</summary>
public readonly record struct ConditionFact(string Name, string Value);

/// <summary>
/// A secret and a keyed digest of its value: <c>API_TOKEN</c>, <c>hmac:22ab7710…</c>. Whoever has
/// not the key cannot try values.
/// </summary>
public readonly record struct SecretFact(string Name, string KeyedDigest);

/// <summary>What became of a published output's file.</summary>
public enum OutputCheck : byte
{
    /// <summary>As published.</summary>
    Ok = 0,

    /// <summary>Gone, and nowhere to restore it from.</summary>
    Missing = 1,

    /// <summary>Something else is in its place.</summary>
    Modified = 2,

    /// <summary>It was not kept then; it must be built again if somebody reads it now.</summary>
    NotKept = 3,

    /// <summary>Gone, and a copy can be had: restored when something reads it.</summary>
    Restorable = 4,
}

/// <summary>Which current outputs that are not in their place are restored.</summary>
public enum RestoreMode : byte
{
    /// <summary>What is wanted, and what a run reads.</summary>
    Wanted = 0,

    /// <summary>All that the plan looks at.</summary>
    All = 1,

    /// <summary>Only what a run reads.</summary>
    None = 2,
}

/// <summary>How a plan is made, beside what is wanted.</summary>
public sealed record PlanOptions
{
    /// <summary>The time that ages are counted to.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>Which partitions are rebuilt although they are current.</summary>
    public FreshMode Fresh { get; init; }

    /// <summary>
    /// Ignores inputs that were rebuilt, and missing files that no run of this plan reads.
    /// </summary>
    public bool Soft { get; init; }

    /// <summary>Options marked as presentation count too.</summary>
    public bool Thorough { get; init; }

    /// <summary>What is restored although no run reads it.</summary>
    public RestoreMode Restore { get; init; }
}
