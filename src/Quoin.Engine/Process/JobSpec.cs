using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// One attempt of a run, ready to be executed on this machine: a job config with all its paths.
/// The wrapper needs nothing else, in particular no store and no network.
/// </summary>
public sealed record JobSpec
{
    /// <summary>Run and attempt.</summary>
    public required AttemptId Id { get; init; }

    /// <summary>The lease's fencing number.</summary>
    public required int Epoch { get; init; }

    /// <summary>
    /// What is run. Its args may hold <c>{in}</c>, <c>{out}</c>, <c>{in...}</c>, <c>{out...}</c>.
    /// </summary>
    public required JobConfig Config { get; init; }

    /// <summary>
    /// Absolute folder that the process starts in: the one of the job's graph file.
    /// </summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>Inputs in declared order, with absolute paths.</summary>
    public required ImmutableArray<SpecInput> Inputs { get; init; }

    /// <summary>
    /// Outputs in declared order, with the absolute paths where they are published.
    /// </summary>
    public required ImmutableArray<SpecOutput> Outputs { get; init; }

    /// <summary>
    /// An argv to run first, in the same folder and environment; when it fails, so does the
    /// attempt. Empty: none.
    /// </summary>
    public ImmutableArray<string> Before { get; init; } = [];

    /// <summary>
    /// Variables that the process gets from the environment of this one. They have to be there.
    /// </summary>
    public ImmutableArray<SecretFact> Secrets { get; init; } = [];

    /// <summary>Inputs that were restored for this attempt.</summary>
    public ImmutableArray<BroughtInput> Brought { get; init; } = [];

    /// <summary>
    /// An output path template that stdout goes to, or null: stdout is log and reports.
    /// </summary>
    public string? Stdout { get; init; }

    /// <summary>
    /// Absolute folder for this attempt: <c>.quoin/staging/r-19.2</c>. Made and removed by the
    /// wrapper.
    /// </summary>
    public required string StagingDirectory { get; init; }

    /// <summary>Absolute path of the structured log: <c>.quoin/log/r-19.2.jsonl</c>.</summary>
    public required string LogFile { get; init; }

    /// <summary>After this the process group gets SIGTERM; null: never.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>After so long without a line of output it gets SIGTERM; null: never.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>From SIGTERM to SIGKILL.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The job's own meaning of exit codes, before the general one. Null value: success.
    /// </summary>
    public ImmutableSortedDictionary<int, FailureCategory?> ExitCodes { get; init; } =
        ImmutableSortedDictionary<int, FailureCategory?>.Empty;

    /// <summary>
    /// An activation of a resource run: it answers instead of writing outputs. Null: an ordinary
    /// run.
    /// </summary>
    public ResourceCall? Resource { get; init; }

    /// <summary>
    /// The place of this attempt in a trace, as <c>TRACEPARENT</c> has it; empty: in none.
    /// </summary>
    public string TraceParent { get; init; } = "";

    /// <summary>
    /// Bytes of output that the log keeps from the start and, beyond that, from the end.
    /// </summary>
    public LogLimits LogLimits { get; init; } = LogLimits.Default;
}

/// <summary>An input of an attempt.</summary>
public readonly record struct SpecInput(string Ref, string Path, Digest Digest)
{
    /// <summary>A held thing instead of bytes at a path; null: bytes.</summary>
    public HeldInput? Held { get; init; }
}

/// <summary>An input that was not in its place, and the layer that its copy came from.</summary>
public readonly record struct BroughtInput(string Ref, string Layer);

/// <summary>What is known of a resource that a run reads.</summary>
/// <param name="ExternalId">The thing's own id; empty: it has none.</param>
/// <param name="ConnectionsJson">How to reach it, a JSON object; null: not said.</param>
public sealed record HeldInput(string ExternalId, string? ConnectionsJson);

/// <summary>An output of an attempt. Only claimed ones are published.</summary>
public readonly record struct SpecOutput(string Ref, string Path, bool Claimed);

/// <summary>
/// How much of a job's output the log keeps: the first and the last so many bytes.
/// </summary>
public readonly record struct LogLimits(int HeadBytes, int TailBytes, int LineBytes)
{
    /// <summary>8 MiB from the start, 1 MiB from the end, lines cut at 64 KiB.</summary>
    public static readonly LogLimits Default = new(8 << 20, 1 << 20, 64 << 10);
}

/// <summary>How an attempt ended: the first of the cases that applies.</summary>
public enum JobEnd : byte
{
    /// <summary>Exit 0 and a valid manifest; the claimed outputs are in their places.</summary>
    Completed,

    /// <summary>Anything else; see <see cref="JobResult.Failure"/>.</summary>
    Failed,

    /// <summary>It reported <c>needs</c>.</summary>
    NeedsInputs,

    /// <summary>It was told to stop and did.</summary>
    Cancelled,

    /// <summary>The lease was over before publishing; nothing was published.</summary>
    LeaseLost,

    /// <summary>An activation of a resource run; see <see cref="JobResult.Answer"/>.</summary>
    Answered,

    /// <summary>It was not begun, or others can go on with it: it is given back.</summary>
    Returned,
}

/// <summary>What came of an attempt.</summary>
public sealed record JobResult
{
    /// <summary>How it ended.</summary>
    public required JobEnd End { get; init; }

    /// <summary>
    /// Published outputs (<see cref="JobEnd.Completed"/>), with the stamp they have in place.
    /// </summary>
    public ImmutableArray<PublishedOutput> Outputs { get; init; } = [];

    /// <summary>How it failed (<see cref="JobEnd.Failed"/>).</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>References that it asked for (<see cref="JobEnd.NeedsInputs"/>).</summary>
    public ImmutableArray<string> Needs { get; init; } = [];

    /// <summary>
    /// Those are inputs that are not in their places, and that no layer of artifacts has whole.
    /// </summary>
    public bool AreLost { get; init; }

    /// <summary>
    /// What an activation of a resource run came to. There also when it ended in another way once
    /// its process had started: a thing that it named has to be dealt with.
    /// </summary>
    public ResourceAnswer? Answer { get; init; }

    /// <summary>What it took.</summary>
    public RunUsage Usage { get; init; }

    /// <summary>The last lines of its output, at most 20, for a failure's report.</summary>
    public ImmutableArray<string> LogTail { get; init; } = [];

    /// <summary>All lines that it printed.</summary>
    public long LogLines { get; init; }

    /// <summary>Its log, where logs are kept in the store, too; see run_log.</summary>
    public ReadOnlyMemory<byte>? Log { get; init; }

    /// <summary>A file that the fingerprint holds changed while it ran.</summary>
    public bool SourceMoved { get; init; }

    /// <summary>
    /// The layer of artifacts that the outputs come from; empty: the job made them.
    /// </summary>
    public string RestoredFrom { get; init; } = "";

    /// <summary>
    /// The outputs are in no place that others see, only among the artifacts.
    /// </summary>
    public bool IsApart { get; init; }

    /// <summary>Things a person should know: malformed reports, undeclared outputs.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];
}

/// <summary>One output in its place.</summary>
public readonly record struct PublishedOutput(
    string Ref, string Path, Digest Digest, long Bytes, FileStamp Stamp, string? MetadataJson);
