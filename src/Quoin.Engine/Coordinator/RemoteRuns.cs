using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The workers of other processes and the runs that are theirs to take, as the coordinator knows
/// them, with the changes of the store's queue for the next append. Runs are offered only as far as
/// there are slots for them, so that the queue stays short and the order of the ready runs is
/// decided here, as late as possible. Belongs to the coordinator's thread.
/// </summary>
sealed class RemoteRuns(Coordinator coordinator, CoordinatorParts parts)
{
    // Runs shorter than this are offered ahead, so that a worker need not wait for the next ones.
    const int ShortMs = 100;
    static readonly TimeSpan sweepEvery = TimeSpan.FromSeconds(5);

    // A worker with room comes within a few milliseconds.
    static readonly TimeSpan takeBackAfter = TimeSpan.FromMilliseconds(200);

    readonly SortedDictionary<string, Remote> workers = new(StringComparer.Ordinal);
    readonly SortedDictionary<int, (OfferedRun Run, long At)> unclaimed = [];
    readonly Dictionary<int, (string Owner, int Cpu)> leased = [];
    readonly HashSet<RunId> coming = []; // Taken back, unless a worker was quicker.
    readonly HashSet<string> joinedNow = new(StringComparer.Ordinal); // Since rows were read.
    List<OfferedRun> offered = [];
    List<RunId> withdrawn = [];
    List<RunId> takenBack = [];
    List<RunStop> stopped = [];
    List<string> gone = [];
    long sweptAt = parts.Time.GetTimestamp();
    bool isSweepDue;

    sealed class Remote(WorkerInfo info)
    {
        public WorkerInfo Info { get; } = info;

        /// <summary>Cores that its runs take, and what was offered to it in thought.</summary>
        public int Load { get; set; }
    }

    /// <summary>Calls about things outside that workers make.</summary>
    public RemoteCalls Calls { get; } = new();

    /// <summary>True when another process takes runs.</summary>
    public bool Any => workers.Count > 0;

    /// <summary>How many runs wait for one of them.</summary>
    public int Offered => unclaimed.Count;

    /// <summary>Their slots together.</summary>
    public int Slots => workers.Values.Sum(worker => worker.Info.Slots);

    /// <summary>The most slots that one of them has.</summary>
    public int Widest => workers.Values.Select(worker => worker.Info.Slots).DefaultIfEmpty(0).Max();

    /// <summary>Something of the queue is to be changed with the next append.</summary>
    public bool HasChanges =>
        offered.Count + withdrawn.Count + takenBack.Count + stopped.Count + gone.Count > 0;

    /// <summary>The batch with all changes since the last one.</summary>
    public AppendBatch AddTo(AppendBatch batch)
    {
        if (!HasChanges) return batch;
        batch = batch with
        {
            Offered = offered,
            Withdrawn = withdrawn,
            TakenBack = takenBack,
            Stopped = stopped,
            WorkersGone = gone,
        };
        (offered, withdrawn, takenBack, stopped, gone) = ([], [], [], [], []);
        return batch;
    }

    /// <summary>A worker is there.</summary>
    public void Join(WorkerInfo worker)
    {
        coordinator.Do(new AddWorker(new WorkerId(worker.Owner), worker.Capacity)
        {
            Ahead = worker.Capacity - worker.Slots,
            Labels = worker.Labels,
        });
        workers[worker.Owner] = new Remote(worker);
        Calls.Join(worker);
        joinedNow.Add(worker.Owner);
        isSweepDue = true; // Often it comes for one that died.
    }

    /// <summary>A worker ended by itself, or was lost.</summary>
    /// <param name="owner">Who.</param>
    /// <param name="isRowThere">Its row is still in the store, and is to be taken out.</param>
    public void Leave(string owner, bool isRowThere)
    {
        coordinator.Do(new RemoveWorker(new WorkerId(owner)));
        workers.Remove(owner);
        Calls.Leave(owner);
        if (isRowThere) gone.Add(owner);
    }

    /// <summary>Nothing will come from it any more.</summary>
    public static bool IsLost(WorkerInfo worker) =>
        worker.IsOver || ProcessNames.IsGone(worker.Owner);

    /// <summary>
    /// Looks every few seconds, and when one comes, for workers whose lease is over, that died on
    /// this host, or whose row is gone: what they had is given to others, and their reports count
    /// no more.
    /// </summary>
    /// <param name="look">
    /// Takes what they put into the inbox: done after their rows were read, so that a worker that
    /// handed in all and left is not taken for one that was lost.
    /// </param>
    public void Sweep(Action look)
    {
        var isDue = parts.State.Workers.Count > 1
            && (isSweepDue || parts.Time.GetElapsedTime(sweptAt) >= sweepEvery);
        var rows = isDue ? parts.Store.Workers() : [];
        look();
        if (!isDue) return;
        isSweepDue = false;
        sweptAt = parts.Time.GetTimestamp();
        foreach (var worker in parts.State.Workers.Values.ToArray())
        {
            var owner = worker.Id.Owner;
            if (worker.Id == parts.Worker || joinedNow.Contains(owner)) continue;
            var row = rows.FirstOrDefault(row => row.Owner == owner);
            if (row is null || IsLost(row)) Lose(owner);
        }
        joinedNow.Clear();
    }

    /// <summary>All rows of workers were just read, and everybody in them looked at.</summary>
    public void Met()
    {
        isSweepDue = false;
        joinedNow.Clear();
    }

    void Lose(string owner)
    {
        var now = parts.Time.GetUtcNow();
        foreach (var run in parts.State.Runs.Values
            .Where(run => run.Worker.Owner == owner && run.Place != RunPlace.Queued).ToArray())
            coordinator.Do(new ExpireLease(run.Id, run.Epoch, now));
        Leave(owner, isRowThere: true);
    }

    /// <summary>
    /// Shares out in thought what is offered, so that <see cref="HasRoom"/> knows it.
    /// </summary>
    public void Recount()
    {
        foreach (var worker in workers.Values) worker.Load = 0;
        foreach (var (owner, cpu) in leased.Values)
            if (workers.TryGetValue(owner, out var worker)) worker.Load += cpu;
        foreach (var (run, _) in unclaimed.Values)
            if (Best(run.Labels, run.MemoryBytes, int.MaxValue) is { } worker)
                worker.Load += run.Cpu;
    }

    /// <summary>True when somebody with these labels could take one more.</summary>
    /// <param name="labels">Labels that it needs.</param>
    /// <param name="memoryBytes">Memory that it needs.</param>
    /// <param name="usualMs">How long it usually takes; -1: not known.</param>
    public bool HasRoom(ImmutableArray<string> labels, long memoryBytes, int usualMs) =>
        Best(labels, memoryBytes, usualMs) is not null;

    /// <summary>True when somebody has these labels, busy or not.</summary>
    public bool Matches(ImmutableArray<string> labels) =>
        workers.Values.Any(worker => Has(worker, labels, 0));

    /// <summary>True when somebody could take one more, however short.</summary>
    public bool HasAnyRoom => workers.Values.Any(worker => worker.Load < LimitOf(worker, 0));

    /// <summary>
    /// More cores than any worker with these labels has: it takes all of one and runs alone.
    /// </summary>
    public int CpuFor(ImmutableArray<string> labels, int cpu)
    {
        var most = workers.Values.Where(worker => Has(worker, labels, 0))
            .Select(worker => worker.Info.Slots).DefaultIfEmpty(1).Max();
        return Math.Min(Math.Max(cpu, 1), Math.Max(most, 1));
    }

    Remote? Best(ImmutableArray<string> labels, long memoryBytes, int usualMs)
    {
        Remote? best = null;
        foreach (var worker in workers.Values)
        {
            if (worker.Load >= LimitOf(worker, usualMs) || !Has(worker, labels, memoryBytes))
                continue;
            if (best is null || worker.Load * best.Info.Slots < best.Load * worker.Info.Slots)
                best = worker;
        }
        return best;
    }

    static bool Has(Remote worker, ImmutableArray<string> labels, long memoryBytes)
    {
        if (worker.Info.MemoryBytes > 0 && worker.Info.MemoryBytes < memoryBytes) return false;
        foreach (var label in labels)
            if (!worker.Info.Labels.Contains(label)) return false;
        return true;
    }

    // int.MaxValue: what was offered before is somebody's, room or not.
    static int LimitOf(Remote worker, int usualMs)
    {
        if (usualMs == int.MaxValue) return int.MaxValue;
        var slots = worker.Info.Slots;
        if (usualMs is < 0 or >= ShortMs) return slots;
        // What it runs next, and as much again for its next claim.
        var ahead = 2 * (ShortMs / Math.Max(1, usualMs));
        return (int)Math.Min(2L * worker.Info.Capacity, slots * (1L + ahead));
    }

    /// <summary>Puts a run into the queue, or in again with its next epoch.</summary>
    public void Offer(OfferedRun run, int usualMs)
    {
        if (Best(run.Labels, run.MemoryBytes, usualMs) is { } worker) worker.Load += run.Cpu;
        leased.Remove(run.Run.Value);
        coming.Remove(run.Run);
        unclaimed[run.Run.Value] = (run, parts.Time.GetTimestamp());
        offered.Add(run);
    }

    /// <summary>Gives a call to one worker, to which it is leased by the same append.</summary>
    public void Give(OfferedRun call)
    {
        Calls.Given(call.Run, call.Epoch + 1, call.Owner!);
        offered.Add(call);
    }

    /// <summary>A run was claimed, or is held by a worker since before this process led.</summary>
    public void Claimed(RunId run, string owner, int cpu)
    {
        unclaimed.Remove(run.Value, out var was);
        coming.Remove(run);
        leased[run.Value] = (owner, was.Run?.Cpu ?? cpu);
    }

    /// <summary>A run is no worker's business any more.</summary>
    public void Withdraw(RunId run, bool isRowThere)
    {
        unclaimed.Remove(run.Value);
        coming.Remove(run);
        leased.Remove(run.Value);
        if (!isRowThere) return;
        offered.RemoveAll(other => other.Run == run);
        withdrawn.Add(run);
    }

    /// <summary>
    /// Takes back with the next append what nobody who is there can take, and some of what nobody
    /// comes for while slots of this process are idle. Whether a worker was quicker is known when
    /// that is committed.
    /// </summary>
    /// <param name="fits">Whether it could run here.</param>
    /// <param name="most">How many slots are idle.</param>
    /// <param name="wait">How long until the next one is old enough; null: there is none.</param>
    public List<RunId> TakeBack(Func<OfferedRun, bool> fits, int most, out TimeSpan? wait)
    {
        var back = new List<RunId>();
        wait = null;
        foreach (var (run, at) in unclaimed.Values)
        {
            if (coming.Contains(run.Run)) continue;
            if (IsOrphan(run))
            {
                back.Add(run.Run);
                continue;
            }
            if (most <= 0 || !fits(run)) continue;
            var age = parts.Time.GetElapsedTime(at);
            if (age < takeBackAfter)
            {
                wait ??= takeBackAfter - age;
                continue;
            }
            back.Add(run.Run);
            most--;
        }
        takenBack.AddRange(back);
        coming.UnionWith(back);
        return back;
    }

    // Its worker left: nobody has its labels, or so many cores, or so much memory.
    bool IsOrphan(OfferedRun run) => !workers.Values.Any(
        worker => worker.Info.Slots >= run.Cpu && Has(worker, run.Labels, run.MemoryBytes));

    /// <summary>Nobody has it, although it was offered.</summary>
    public bool IsUnclaimed(RunId run) => unclaimed.ContainsKey(run.Value);

    /// <summary>The worker that has it shall stop it.</summary>
    public void Stop(RunId run, bool kill) => stopped.Add(new RunStop(run, kill));
}
