using System.Collections.Immutable;
using System.Globalization;
using Quoin.Core;

namespace Quoin.Engine;

// The queue of runs for workers, in plain lists: what the real stores are compared with.
public sealed partial class MemoryStore
{
    readonly SortedDictionary<int, QueueRow> queue = [];
    readonly SortedDictionary<string, WorkerRow> workers = new(StringComparer.Ordinal);
    readonly Dictionary<AttemptId, byte[]> logs = [];

    sealed class QueueRow
    {
        public required OfferedRun Run { get; init; }
        public required int Epoch { get; set; }
        public string? Owner { get; set; }
        public RunStop? Stop { get; set; }
    }

    sealed class WorkerRow
    {
        public required WorkerInfo Info { get; init; }
        public DateTimeOffset HeardAt { get; set; }
        public DateTimeOffset ExpiresAt { get; set; }
    }

    /// <inheritdoc/>
    public Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate)
        {
            var now = time.GetUtcNow();
            var row = new WorkerRow
            {
                Info = worker with { JoinedAt = now },
                HeardAt = now,
                ExpiresAt = now + lease,
            };
            if (!workers.TryAdd(worker.Owner, row))
                throw new StoreException("store-corrupt", $"{worker.Owner} is there already");
            Send(joined);
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closed, this);
            return Task.FromResult(Work(turn));
        }
    }

    WorkerAnswer Work(WorkerTurn turn)
    {
        var late = HandIn(turn);
        if (!workers.TryGetValue(turn.Owner, out var worker))
            return new WorkerAnswer { IsKnown = false, TooLate = late };
        var now = time.GetUtcNow();
        ClaimedRun[] lost = [.. from row in queue.Values
                                where row.Owner == turn.Owner && !turn.Known.Contains(row.Run.Run)
                                select new ClaimedRun(row.Run.Run, row.Epoch, row.Run.Spec)];
        if (turn.Renew is { } lease)
            (worker.HeardAt, worker.ExpiresAt) = (now, now + lease);
        ImmutableArray<ClaimedRun> claimed = lost.Length > 0 ? [.. lost] : [.. Claim(turn, now)];
        var held = from row in queue.Values
                   where row.Owner == turn.Owner
                   select new HeldRun(row.Run.Run, row.Epoch, row.Stop);
        return new WorkerAnswer
        {
            IsKnown = true,
            Claimed = claimed,
            Held = [.. held],
            TooLate = late,
        };
    }

    ImmutableArray<RunId> HandIn(WorkerTurn turn)
    {
        var late = ImmutableArray.CreateBuilder<RunId>();
        foreach (var end in turn.Ended)
        {
            if (!queue.TryGetValue(end.Run.Value, out var row) || row.Epoch != end.Epoch
                || row.Owner != turn.Owner)
            {
                late.Add(end.Run);
                continue;
            }
            queue.Remove(end.Run.Value);
            Send(new InboxCommand(IdOf("ended", end.Run, end.Epoch), "run-ended", end.Body));
            if (end.Log is { } log) logs[new AttemptId(end.Run, end.Attempt)] = log.ToArray();
        }
        return late.ToImmutable();
    }

    List<ClaimedRun> Claim(WorkerTurn turn, DateTimeOffset now)
    {
        var claimed = new List<ClaimedRun>();
        var cpu = 0;
        foreach (var row in queue.Values.OrderByDescending(row => row.Run.Priority))
        {
            if (claimed.Count >= turn.Claim) break;
            var run = row.Run;
            if (row.Owner is not null || run.Activation > now || run.Cpu > turn.Cpu
                || run.MemoryBytes > turn.MemoryBytes || turn.Known.Contains(run.Run)
                || !run.Labels.All(label => turn.Labels.Contains(label))) continue;
            cpu += run.Cpu;
            if (claimed.Count > 0 && cpu > turn.FreeCpu) break;
            row.Owner = turn.Owner;
            row.Epoch++;
            claimed.Add(new ClaimedRun(run.Run, row.Epoch, run.Spec));
            Send(new InboxCommand(
                IdOf("leased", run.Run, row.Epoch), "run-leased", turn.LeasedBody));
        }
        return claimed;
    }

    static string IdOf(string what, RunId run, int epoch) =>
        string.Create(CultureInfo.InvariantCulture, $"{what}/{run.Value}/{epoch}");

    /// <inheritdoc/>
    public Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (gate)
        {
            if (!Remove(owner)) return Task.FromResult(false);
            Send(left);
            return Task.FromResult(true);
        }
    }

    bool Remove(string owner)
    {
        foreach (var row in queue.Values.Where(row => row.Owner == owner).ToList())
            queue.Remove(row.Run.Run.Value);
        return workers.Remove(owner);
    }

    /// <inheritdoc/>
    public IReadOnlyList<WorkerInfo> Workers()
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            return [.. workers.Values.Select(row => row.Info with
            {
                Silent = now - row.HeardAt,
                IsOver = row.ExpiresAt <= now,
            })];
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<QueuedRun> QueuedRuns()
    {
        lock (gate)
            return [.. queue.Values.Select(
                row => new QueuedRun(row.Run.Run, row.Epoch, row.Owner))];
    }

    /// <inheritdoc/>
    public byte[]? RunLog(AttemptId attempt)
    {
        lock (gate) return logs.GetValueOrDefault(attempt);
    }

    void ChangeQueue(AppendBatch batch)
    {
        foreach (var run in batch.Withdrawn) queue.Remove(run.Value);
        foreach (var run in batch.TakenBack)
            if (queue.TryGetValue(run.Value, out var free) && free.Owner is null)
                queue.Remove(run.Value);
        foreach (var run in batch.Offered)
        {
            if (queue.TryGetValue(run.Run.Value, out var row) && row.Epoch > run.Epoch) continue;
            if (run.Owner is { } owner && !workers.ContainsKey(owner))
            {
                queue.Remove(run.Run.Value);
                continue;
            }
            queue[run.Run.Value] = new QueueRow
            {
                Run = run,
                Epoch = run.Owner is null ? run.Epoch : run.Epoch + 1,
                Owner = run.Owner,
            };
        }
        foreach (var stop in batch.Stopped)
        {
            if (queue.TryGetValue(stop.Run.Value, out var row) && row.Owner is not null)
                row.Stop = stop;
        }
        foreach (var owner in batch.WorkersGone) Remove(owner);
        foreach (var log in batch.Logs) logs[log.Attempt] = log.Utf8.ToArray();
    }
}
