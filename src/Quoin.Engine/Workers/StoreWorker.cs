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

/// <summary>
/// The part of a process that takes runs from the store's queue: claims as many as it has slots,
/// and short ones a little ahead; executes them; hands in what came of them. What it may do hangs
/// on its lease and on each run's epoch. It decides nothing and needs no graph.
/// </summary>
public sealed class StoreWorker : IDisposable
{
    // Runs shorter than this are claimed ahead, for about so long.
    const int AheadMs = 100, AheadMax = 64;
    static readonly TimeSpan linger = TimeSpan.FromMilliseconds(40);
    static readonly TimeSpan again = TimeSpan.FromSeconds(1);

    readonly StoreWorkerOptions options;
    readonly Guardian guardian;
    readonly FileStampCache files;
    readonly JobProcess process;
    readonly SlotPool<HeldAttempt> slots, callSlots;
    readonly WorkerCalls calls;
    readonly AttemptArtifacts? artifacts;
    readonly ITimer heartbeat;
    readonly object gate = new();
    readonly Dictionary<int, HeldAttempt> held = [];
    readonly Queue<HeldAttempt> queue = new();
    readonly List<HeldAttempt> given = []; // Calls that came with this turn.
    List<EndedRun> ended = [];
    WorkerId id;
    long renewedAt;
    int freeCpu;
    long freeMemory;
    double usualMs = -1;
    bool woken, draining, killed, unreachable;

    /// <summary>Makes the slots; <see cref="Run"/> does the rest.</summary>
    public StoreWorker(StoreWorkerOptions options)
    {
        this.options = options;
        var workspace = options.Workspace;
        Directory.CreateDirectory(workspace.QuoinDirectory);
        guardian = new Guardian(Path.Combine(workspace.QuoinDirectory, "guard"), options.Time);
        files = new FileStampCache(workspace.Root, [], options.Time);
        process = new JobProcess(options.Time, guardian)
        {
            HostSpeed = new HostSpeed(options.Workspace),
            Secrets = SecretDigests.OfProcess(options.Workspace, keeps: false),
        };
        if (options.Artifacts is { } store)
            artifacts = new AttemptArtifacts(store, files, options.Time, options.IsApart);
        slots = new SlotPool<HeldAttempt>(options.Slots, Execute, HandIn);
        callSlots = new SlotPool<HeldAttempt>(ResourceRuns.Slots, Execute, HandIn);
        calls = new WorkerCalls(options, process);
        freeCpu = options.Slots;
        freeMemory = options.MemoryBytes > 0 ? options.MemoryBytes : long.MaxValue / 2;
        var period = options.Lease / 4;
        heartbeat = options.Time.CreateTimer(_ => Wake(), null, period, period);
    }

    /// <summary>
    /// Takes runs until <see cref="Drain"/>, and until all of them have ended.
    /// </summary>
    /// <exception cref="StoreException">It cannot even join.</exception>
    public void Run()
    {
        Join();
        using (options.Store.WatchRuns(Wake))
        {
            while (TakeTurn() is { } turn)
            {
                if (Work(turn) is { } answer) Take(turn, answer);
                Wait();
            }
        }
        Leave();
    }

    /// <summary>Takes nothing new; <see cref="Run"/> returns when all has ended.</summary>
    public void Drain()
    {
        lock (gate) draining = true;
        SayDraining();
        Wake();
    }

    // No more calls are given to it; those that are on their way are made.
    void SayDraining()
    {
        if (id.Owner is not null) calls.Send(
            new StoreCommand.Joined(InfoOf(calls: 0)).ToInbox($"drains/{id.Owner}"));
    }

    /// <summary>Ends everything that runs with SIGKILL, and drains.</summary>
    public void Kill()
    {
        lock (gate)
        {
            draining = killed = true;
            foreach (var attempt in held.Values) attempt.Control.Kill();
            StopQueued();
        }
        Wake();
    }

    void StopQueued()
    {
        while (queue.TryDequeue(out var attempt))
            Add(attempt, new JobResult { End = JobEnd.Cancelled });
    }

    /// <summary>How many attempts it has.</summary>
    public int Holding
    {
        get
        {
            lock (gate) return held.Count;
        }
    }

    /// <summary>Waits for what runs.</summary>
    public void Dispose()
    {
        heartbeat.Dispose();
        slots.Dispose();
        callSlots.Dispose();
        guardian.Dispose();
    }

    void Wake()
    {
        lock (gate)
        {
            woken = true;
            Monitor.Pulse(gate);
        }
    }

    void Join()
    {
        id = options.NewId();
        var worker = InfoOf(ResourceRuns.Slots);
        var asked = options.Time.GetTimestamp();
        options.Store.JoinAsync(
            worker, options.Lease, new StoreCommand.Joined(worker).ToInbox($"joined/{id.Owner}"),
            CancellationToken.None).GetAwaiter().GetResult();
        Volatile.Write(ref renewedAt, asked);
        options.Observer.Joined(id);
    }

    WorkerInfo InfoOf(int calls) => new()
    {
        Owner = id.Owner,
        Slots = options.Slots,
        Capacity = options.Slots + AheadMax,
        MemoryBytes = options.MemoryBytes,
        Calls = calls,
        Labels = options.Labels,
    };

    void Leave()
    {
        try
        {
            options.Store.LeaveAsync(
                id.Owner, new StoreCommand.Left(id.Owner).ToInbox($"left/{id.Owner}"),
                CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (StoreException)
        {
            // Its lease ends by itself.
        }
    }

    bool LeaseHolds =>
        options.Time.GetElapsedTime(Volatile.Read(ref renewedAt)) < options.Lease;

    // Null: drained.
    WorkerTurn? TakeTurn()
    {
        lock (gate)
        {
            woken = false;
            if (draining && held.Count == 0 && ended.Count == 0) return null;
            var renews = options.Time.GetElapsedTime(renewedAt) >= options.Lease / 4;
            var (runs, cpu) = Room();
            return new WorkerTurn
            {
                Owner = id.Owner,
                Ended = [.. ended],
                Known = [.. held.Values.Select(attempt => attempt.Spec.Id.Run)],
                Claim = runs,
                FreeCpu = cpu,
                Cpu = options.Slots,
                MemoryBytes = options.MemoryBytes > 0 ? options.MemoryBytes : long.MaxValue,
                Labels = options.Labels,
                LeasedBody = StoreCommand.LeasedBody(id.Owner),
                Renew = renews ? options.Lease : null,
            };
        }
    }

    // How many more runs it wants, on how many cores together.
    (int Runs, int Cpu) Room()
    {
        if (draining) return (0, 0);
        var ahead = usualMs is < 0 or >= AheadMs
            ? 0
            : Math.Min(AheadMax, (int)(options.Slots * AheadMs / Math.Max(1, usualMs)));
        // A claim costs the database as much as several runs, so they come in batches.
        if (queue.Count * 2 > ahead) return (0, 0);
        var (runs, cpu) = (options.Slots + ahead, options.Slots + ahead);
        foreach (var attempt in held.Values)
            if (!attempt.IsCall) (runs, cpu) = (runs - 1, cpu - attempt.Cpu);
        return cpu > 0 ? (runs, cpu) : (0, 0);
    }

    WorkerAnswer? Work(WorkerTurn turn)
    {
        var asked = options.Time.GetTimestamp();
        try
        {
            var answer = options.Store.WorkAsync(turn, CancellationToken.None)
                .GetAwaiter().GetResult();
            if (turn.Renew is not null && answer.IsKnown) Volatile.Write(ref renewedAt, asked);
            if (turn.Ended.Count > 0)
            {
                FaultPoint.Reach("reported");
                FaultPoint.Reach("handin.committed");
            }
            if (unreachable) options.Observer.Said("the store answers again");
            unreachable = false;
            calls.SendAll();
            return answer;
        }
        catch (StoreException e)
        {
            // What ended stays here, and what runs goes on: as long as the lease holds it counts.
            if (!unreachable) options.Observer.Said($"{e.Message}; trying again");
            unreachable = true;
            lock (gate) Monitor.Wait(gate, again);
            return null;
        }
    }

    void Take(WorkerTurn turn, WorkerAnswer answer)
    {
        if (draining && answer.Claimed.Length > 0) SayDraining(); // Once more, to who leads now.
        calls.Keep(turn.Ended.Where(end => answer.TooLate.Contains(end.Run)));
        lock (gate)
        {
            ended.RemoveRange(0, turn.Ended.Count);
            if (answer.IsKnown)
            {
                GiveUp(answer.Held);
                foreach (var claimed in answer.Claimed) Add(claimed);
                if (answer.Claimed.Length > 0) FaultPoint.Reach("claimed");
                StartCalls();
                if (!killed)
                {
                    StartQueued();
                    return;
                }
                StopQueued(); // They were on their way when it came: nobody would end them.
                woken = true;
                return;
            }
        }
        var lost = 0;
        lock (gate)
        {
            lost = held.Count;
            GiveUp([]);
            calls.Keep(ended);
            ended = [];
        }
        options.Observer.Said(
            "this worker was not heard of for longer than its lease; "
            + $"{lost} of its runs were given to others");
        if (!draining) Join();
    }

    // What the store says is ours is ours; the rest was taken from us.
    void GiveUp(ImmutableArray<HeldRun> ours)
    {
        var known = ours.ToDictionary(run => (run.Run, run.Epoch));
        foreach (var attempt in held.Values.ToArray())
        {
            if (known.TryGetValue((attempt.Spec.Id.Run, attempt.Epoch), out var run))
            {
                if (run.Stop is not { } stop) continue;
                if (stop.Kill) attempt.Control.Kill();
                else attempt.Control.Cancel();
                continue;
            }
            held.Remove(attempt.Spec.Id.Run.Value);
            attempt.IsGone = true;
            attempt.Control.Revoke();
        }
    }

    void Add(ClaimedRun claimed)
    {
        AttemptSpec spec;
        try
        {
            spec = AttemptSpec.Read(claimed.Spec.Span);
        }
        catch (ProtoException e)
        {
            var failure = new RunFailure(
                FailureCategory.Configuration, $"this worker cannot read the run: {e.Message}");
            var result = new JobResult { End = JobEnd.Failed, Failure = failure };
            var end = new EndedAttempt(
                new AttemptId(claimed.Run, 1), claimed.Epoch, default, result);
            ended.Add(new EndedRun(claimed.Run, 1, claimed.Epoch, end.ToBytes(), null));
            woken = true;
            return;
        }
        var attempt = new HeldAttempt(
            spec, claimed.Epoch, Math.Clamp(spec.Config.Resources.Cpu, 1, options.Slots),
            () => LeaseHolds);
        held[claimed.Run.Value] = attempt;
        if (attempt.IsCall) given.Add(attempt);
        else queue.Enqueue(attempt);
    }

    // In slots of their own: no run delays a call, and no call costs a run its slot. As many as
    // there are slots were given to us, so none of them waits for long.
    void StartCalls()
    {
        if (given.Count == 0) return;
        woken = true; // A turn that brings calls brings no runs: what is free is asked for again.
        foreach (var call in given)
        {
            if (killed) Add(call, new JobResult { End = JobEnd.Cancelled });
            else callSlots.Launch(call);
        }
        given.Clear();
    }

    void StartQueued()
    {
        while (queue.TryPeek(out var next))
        {
            if (!next.IsGone
                && (next.Cpu > freeCpu || next.Spec.Config.Resources.MemoryBytes > freeMemory))
                return;
            queue.Dequeue();
            if (next.IsGone) continue;
            freeCpu -= next.Cpu;
            freeMemory -= next.Spec.Config.Resources.MemoryBytes;
            slots.Launch(next);
        }
    }

    JobResult Execute(HeldAttempt attempt)
    {
        if (attempt.Control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };
        if (attempt.IsCall) return calls.Execute(attempt);
        options.Observer.Started(attempt.Spec.Id, attempt.Spec.Config);
        return AttemptRunner.Run(
            attempt.Spec.In(options.Workspace, attempt.Epoch), attempt.Spec, files, process,
            attempt.Control, _ => { }, options.KeepsLogs, artifacts);
    }

    void HandIn(HeldAttempt attempt, JobResult result)
    {
        if (attempt.IsCall)
        {
            lock (gate)
            {
                if (attempt.IsGone) calls.Keep(WorkerCalls.AnswerOf(attempt, result));
                else Add(attempt, result);
            }
            Wake();
            return;
        }
        options.Observer.Ended(attempt.Spec.Id, attempt.Spec.Config, result);
        lock (gate)
        {
            freeCpu += attempt.Cpu;
            freeMemory += attempt.Spec.Config.Resources.MemoryBytes;
            if (!attempt.IsGone) Add(attempt, result);
            var ms = result.Usage.ElapsedMs;
            usualMs = usualMs < 0 ? ms : (usualMs * 0.9) + (ms * 0.1);
            StartQueued();
        }
        Wake();
    }

    void Add(HeldAttempt attempt, JobResult result)
    {
        held.Remove(attempt.Spec.Id.Run.Value);
        var (spec, epoch) = (attempt.Spec, attempt.Epoch);
        var end = new EndedAttempt(spec.Id, epoch, spec.Fingerprint, result)
        {
            Answer = attempt.IsCall ? WorkerCalls.AnswerOf(attempt, result) : null,
        };
        ended.Add(
            new EndedRun(spec.Id.Run, spec.Id.Attempt, epoch, end.ToBytes(), result.Log));
    }

    // Until something ended, the store says that something changed, or the lease is to be renewed.
    // While there is work in hand, ends wait a moment for others: one turn for many.
    void Wait()
    {
        lock (gate)
        {
            while (!woken) Monitor.Wait(gate);
            var since = options.Time.GetTimestamp();
            while (queue.Count > 0 && ended.Count < AheadMax / 2)
            {
                var left = linger - options.Time.GetElapsedTime(since);
                if (left <= TimeSpan.Zero || !Monitor.Wait(gate, left)) break;
            }
        }
    }
}
