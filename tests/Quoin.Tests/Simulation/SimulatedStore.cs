using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>What happens to an append.</summary>
enum AppendFault
{
    None,
    Slow,
    Refuse,
    DieBefore,
    DieAfter,
}

/// <summary>The process ends here, as after SIGKILL: nothing behind it is done.</summary>
sealed class ProcessDied(string when) : Exception(when);

/// <summary>
/// One process's connection to the store that outlives it. After a refusal it refuses everything,
/// as every store does.
/// </summary>
sealed class SimulatedStore(
    IBuildStore inner, SimulatedTime time, Func<AppendFault> nextFault) : IBuildStore
{
    StoreException? broken;

    public long LastPosition => inner.LastPosition;

    public Task<long> AppendAsync(AppendBatch batch, CancellationToken ct)
    {
        var fault = broken is null ? nextFault() : AppendFault.Refuse;
        switch (fault)
        {
            case AppendFault.Slow:
                time.AdvanceTo(time.Elapsed + TimeSpan.FromSeconds(20));
                break;
            case AppendFault.Refuse:
                broken ??= new StoreException("disk-full", "The disk is full.");
                return Task.FromException<long>(broken);
            case AppendFault.DieBefore:
                throw new ProcessDied("before its facts were committed");
            case AppendFault.None or AppendFault.DieAfter:
                break;
        }
        var appended = inner.AppendAsync(batch, ct);
        return fault == AppendFault.DieAfter
            ? throw new ProcessDied("after its facts were committed, before it acted on them")
            : appended;
    }

    public IEnumerable<LoggedEvent> Read(long after, PartitionNames names) =>
        inner.Read(after, names);

    public IEnumerable<RawEvent> Query(EventQuery query) => inner.Query(query);

    public long ChangeVersion() => inner.ChangeVersion();

    public StoredSnapshot? LatestSnapshot(int format) => inner.LatestSnapshot(format);

    public Task SaveSnapshotAsync(StoredSnapshot snapshot, CancellationToken ct) =>
        inner.SaveSnapshotAsync(snapshot, ct);

    public IEnumerable<FileStampEntry> FileStamps() => inner.FileStamps();

    public byte[]? FingerprintText(Digest digest) => inner.FingerprintText(digest);

    public byte[]? ConfigAnswer(Digest question) => inner.ConfigAnswer(question);

    public Task SaveConfigAnswerAsync(
        Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct) =>
        inner.SaveConfigAnswerAsync(question, answer, ct);

    public Task<bool> SendAsync(InboxCommand command, CancellationToken ct) =>
        inner.SendAsync(command, ct);

    public IReadOnlyList<InboxCommand> Waiting() => inner.Waiting();

    public IDisposable Watch(Action changed) => inner.Watch(changed);

    public IDisposable WatchRuns(Action changed) => inner.WatchRuns(changed);

    public Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct) =>
        inner.JoinAsync(worker, lease, joined, ct);

    public Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct) =>
        inner.WorkAsync(turn, ct);

    public Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct) =>
        inner.LeaveAsync(owner, left, ct);

    public IReadOnlyList<WorkerInfo> Workers() => inner.Workers();

    public IReadOnlyList<QueuedRun> QueuedRuns() => inner.QueuedRuns();

    public byte[]? RunLog(AttemptId attempt) => inner.RunLog(attempt);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask; // The simulation's.
}
