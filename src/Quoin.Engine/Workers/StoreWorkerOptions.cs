using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What a worker process brings.</summary>
public sealed record StoreWorkerOptions
{
    /// <summary>The project's folder as this host sees it.</summary>
    public required Workspace Workspace { get; init; }

    /// <summary>The open store. The worker does not close it.</summary>
    public required IBuildStore Store { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>
    /// A new name host/pid/nonce: one at the start, another after its lease was lost.
    /// </summary>
    public required Func<WorkerId> NewId { get; init; }

    /// <summary>How many runs at a time, at least 1.</summary>
    public required int Slots { get; init; }

    /// <summary>Bytes of memory that runs may claim together; 0: not counted.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>What it can do beside the rest, as <c>os=linux</c>; sorted.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>How long it may go unheard before its runs are given to others.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Logs of attempts go into the store, because others cannot read our files.</summary>
    public bool KeepsLogs { get; init; }

    /// <summary>Copies of outputs; null: none are kept. The worker does not close it.</summary>
    public ArtifactStore? Artifacts { get; init; }

    /// <summary>
    /// Other hosts do not see this one's folder: inputs come from <see cref="Artifacts"/>, and
    /// outputs go there.
    /// </summary>
    public bool IsApart { get; init; }

    /// <summary>Who watches.</summary>
    public required IWorkerObserver Observer { get; init; }
}

/// <summary>
/// What a worker tells people. Called on several threads, one at a time; be quick.
/// </summary>
public interface IWorkerObserver
{
    /// <summary>It is known to the store, under this name.</summary>
    void Joined(WorkerId worker);

    /// <summary>An attempt starts.</summary>
    void Started(AttemptId attempt, JobConfig config);

    /// <summary>An attempt ended here, whether or not its end still counts.</summary>
    void Ended(AttemptId attempt, JobConfig config, JobResult result);

    /// <summary>Something a person should know.</summary>
    void Said(string message);
}
