using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The part of a process that takes runs from the store's queue: claims as many as it has slots,
/// and short ones a little ahead; executes them; hands in what came of them. What was claimed ahead
/// and turns out to wait is given back. What it may do hangs on its lease and on each run's epoch.
/// It decides nothing and needs no graph.
/// </summary>
public sealed class StoreWorker : IDisposable
{
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
    readonly ClaimedAhead queue;
    readonly List<HeldAttempt> given = []; // Calls that came with this turn.
    List<EndedRun> ended = [];
    WorkerId id;
    long renewedAt;
    int freeCpu;
    long freeMemory;
    bool woken, draining, aside, wasAside, killed, unreachable; // wasAside: when its turn began.

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
        queue = new ClaimedAhead(options.Time, options.Slots);
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

    /// <summary>
    /// Takes nothing new, and gives back what it has not begun; <see cref="Run"/> returns when all
    /// has ended.
    /// </summary>
    public void Drain()
    {
        lock (gate)
        {
            if (draining) return; // Who has left is not to be known again.
            draining = true;
            GiveBackQueued();
        }
        SayDraining();
        Wake();
    }

    /// <summary>
    /// As <see cref="Drain"/>; also gives back what only waits for line workers, unless it was told
    /// to stop: somebody else goes on with that.
    /// </summary>
    public void StepAside()
    {
        lock (gate) aside = true;
        Drain();
        Wake();
    }

    void GiveBackQueued()
    {
        foreach (var attempt in queue.TakeAll())
            Add(attempt, new JobResult { End = JobEnd.Returned });
    }

    // Not before the store has said what is to be stopped by then: that ends in its own way.
    void GiveBackWaiting()
    {
        foreach (var attempt in held.Values)
        {
            if (!attempt.IsCall && LineRequests.IsAskedFor(attempt.Spec.Config))
                attempt.Control.StepAside();
        }
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
            GiveBackQueued();
        }
        Wake();
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
        Capacity = options.Slots + ClaimedAhead.Max,
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
            (woken, wasAside) = (false, aside);
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
        var ahead = queue.Room;
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
                    if (draining) GiveBackQueued(); // Claimed while it came to that.
                    if (wasAside) GiveBackWaiting();
                    if (ended.Count > 0) woken = true;
                    return;
                }
                GiveBackQueued(); // They were on their way when it came.
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
        else queue.Add(attempt);
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
        while (queue.Next(freeCpu, freeMemory) is { } next)
        {
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
        if (attempt.Control.IsAside && result.End == JobEnd.Cancelled)
            result = result with { End = JobEnd.Returned };
        options.Observer.Ended(attempt.Spec.Id, attempt.Spec.Config, result);
        lock (gate)
        {
            freeCpu += attempt.Cpu;
            freeMemory += attempt.Spec.Config.Resources.MemoryBytes;
            if (!attempt.IsGone) Add(attempt, result);
            queue.Ended(result.Usage.ElapsedMs);
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
            while (!woken)
            {
                if (queue.Rest is not { } rest) Monitor.Wait(gate);
                else if (rest > TimeSpan.Zero) Monitor.Wait(gate, rest);
                else
                {
                    queue.Stall();
                    GiveBackQueued();
                    woken = true;
                }
            }
            var since = options.Time.GetTimestamp();
            while (queue.Count > 0 && ended.Count < ClaimedAhead.Max / 2)
            {
                var left = linger - options.Time.GetElapsedTime(since);
                if (left <= TimeSpan.Zero || !Monitor.Wait(gate, left)) break;
            }
        }
    }
}
