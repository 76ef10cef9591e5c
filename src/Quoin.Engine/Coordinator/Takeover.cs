using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What a process does that begins to decide for a store: runs of a process that is gone are found
/// lost, and planned again under the graph of today; runs of workers that are there go on.
/// </summary>
sealed class Takeover(
    Coordinator coordinator, CoordinatorParts parts, Dispatcher dispatcher, RemoteRuns remote,
    CommandInbox inbox)
{
    KernelState State => parts.State;

    public void Run()
    {
        // The rows first: what is claimed or ends after that is in the inbox by then.
        var before = State.Runs.Count == 0 ? null : parts.Store.QueuedRuns();
        if (before is not null) TakeBack(before);
        inbox.LookForWorkers();
        var workers = parts.Store.Workers();
        var there = workers.Where(worker => !RemoteRuns.IsLost(worker))
            .Select(worker => worker.Owner).ToHashSet(StringComparer.Ordinal);
        var rows = before ?? (workers.Count == 0 ? [] : parts.Store.QueuedRuns());
        var byRun = rows.ToDictionary(row => row.Run);
        foreach (var run in State.Runs.Values.OrderBy(run => run.Id.Value).ToArray())
        {
            var isHeld = there.Contains(run.Worker.Owner ?? "")
                && byRun.TryGetValue(run.Id, out var row)
                && (row == new QueuedRun(run.Id, run.Epoch, run.Worker.Owner)
                    || row == new QueuedRun(run.Id, run.Epoch - 1, null)); // Claimed since.
            if (run.Life is not null)
            {
                dispatcher.Holdings.Adopt(
                    run, run.Place == RunPlace.Running
                        && (isHeld || inbox.HasEnd(run.Id, run.Epoch)));
                continue;
            }
            if (run.Place != RunPlace.Queued && (isHeld || inbox.HasEnd(run.Id, run.Epoch)))
            {
                dispatcher.Adopt(run, isRowThere: isHeld);
                continue;
            }
            if (run.Place != RunPlace.Queued)
                coordinator.Do(new ExpireLease(run.Id, run.Epoch, parts.Time.GetUtcNow()));
            remote.Withdraw(run.Id, isRowThere: false); // It takes nobody's room any more.
            if (State.Runs.ContainsKey(run.Id.Value))
                coordinator.Do(new RequestRunCancel(run.Id, "restart") { ToReplan = true });
        }
        foreach (var row in rows)
        {
            if (!dispatcher.IsActive(row.Run) && !dispatcher.Holdings.IsAway(row.Run))
                remote.Withdraw(row.Run, isRowThere: true);
        }
        Meet(workers, there);
    }

    // What nobody has is planned again; once it is out of the queue nobody can begin it meanwhile.
    void TakeBack(IReadOnlyList<QueuedRun> rows)
    {
        RunId[] free = [.. rows.Where(row => row.Owner is null).Select(row => row.Run)];
        if (free.Length == 0) return;
        var batch = new AppendBatch
        {
            At = parts.Time.GetUtcNow(),
            Names = State.Names,
            Events = [],
            TakenBack = free,
        };
        parts.Store.AppendAsync(batch, CancellationToken.None).GetAwaiter().GetResult();
    }

    // Who is there, and who is not any more. A worker with runs that ended stays until their ends
    // are taken.
    void Meet(IReadOnlyList<WorkerInfo> workers, HashSet<string> there)
    {
        foreach (var worker in State.Workers.Values.ToArray())
        {
            if (!there.Contains(worker.Id.Owner))
                remote.Leave(worker.Id.Owner, isRowThere: false);
        }
        foreach (var worker in workers)
        {
            if (there.Contains(worker.Owner)) remote.Join(worker);
            else remote.Leave(worker.Owner, isRowThere: true); // Known to the log or not.
        }
        remote.Met();
        coordinator.Do(new AddWorker(parts.Worker, parts.Slots) { Labels = parts.Labels });
    }
}
