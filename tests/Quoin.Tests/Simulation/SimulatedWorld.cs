using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>
/// The whole engine in one thread under one seed. Each step lets something happen (a client, the
/// clock, an attempt, a fault), then the coordinator may take a turn, and everything is checked.
/// Nothing here waits, and nothing comes from outside: the same seed does the same.
/// </summary>
sealed class SimulatedWorld
{
    readonly List<SimulatedAttempt> attempts = [];
    readonly List<SimulatedWorker> workers = [];
    readonly PriorityQueue<(string What, Action Do), (TimeSpan, long)> agenda = new();
    readonly List<string> trace = [];
    readonly SimulatedMachine machine;
    readonly SimulationChecks checks;
    readonly SimulatedClients clients;
    SimulatedProcess? process, interrupted;
    bool faults = true;
    int processes, steps, workersMax;
    long scheduled;

    public SimulatedWorld(int seed)
    {
        Random = new Random(seed);
        var slots = Random.Next(1, 4);
        workersMax = Random.Next(2) == 0 ? 0 : Random.Next(1, 4);
        if (workersMax > 0 && Random.Next(3) == 0) slots = 0;
        Graph = new SimulatedGraph(Random);
        Disk = new SimulatedDisk(Time);
        machine = new SimulatedMachine
        {
            Time = Time,
            Disk = Disk,
            Graph = Graph.Graph,
            Commands = Graph,
            Slots = slots,
            NextAppendFault = NextAppendFault,
            Launch = Launch,
            Say = Say,
        };
        checks = new SimulationChecks(this);
        clients = new SimulatedClients(this);
        foreach (var path in Graph.SourcePaths) Disk.Replace(path, "0");
    }

    public Random Random { get; }
    public SimulatedTime Time { get; } = new();
    public SimulatedDisk Disk { get; }
    public SimulatedGraph Graph { get; }
    public MemoryStore Store => machine.Store;
    public SimulatedProcess Process => process!;
    public int Steps => steps;

    /// <summary>What happened last, oldest first.</summary>
    public IEnumerable<string> Trace => trace;

    public void Say(string what)
    {
        trace.Add($"{steps,6} {Time.Elapsed.TotalSeconds,9:0.0}s {what}");
    }

    /// <summary>A worker has a run.</summary>
    public void Claimed(RunId run, int epoch) => checks.Claimed(run, epoch);

    /// <summary>Something changed that builds read.</summary>
    public void Disturbed() => checks.Disturbed();

    /// <summary>So many steps with faults, then without any to the end.</summary>
    public void Run(int count)
    {
        Start();
        for (var n = 0; n < workersMax; n++) AddWorker();
        for (var i = 0; i < count; i++)
        {
            steps++;
            Step();
            checks.AfterStep(process!);
        }
        (faults, Graph.Faults) = (false, false);
        Say("no more faults");
        if (interrupted == process) Die("interrupted", process!);
        Settle();
        checks.AtRest();
        foreach (var again in (ReadOnlySpan<bool>)[false, true])
        {
            clients.WantEverything();
            Settle();
            checks.AtEnd(nothingToDo: again);
        }
    }

    void Step()
    {
        switch (Random.Next(100))
        {
            case < 9: clients.Want(); break;
            case < 11: clients.Cancel(); break;
            case < 14: clients.ChangeSource(); break;
            case < 16: clients.SpoilOutput(); break;
            case < 18: clients.Taint(); break;
            case < 19: JumpClock(); break;
            case < 20: Die("killed", process!); break;
            case < 21: Interrupt(); break;
            case < 22: Snapshot(); break;
            case < 24: LoseLease(); break;
            case < 25 when workersMax > 0: ShakeWorker(); break;
            default: Proceed(); break;
        }
        if (Random.Next(4) > 0) Turn();
    }

    // Lets everything come to its end: time passes, and what fell silent loses its lease.
    void Settle()
    {
        for (var i = 0; process!.State.Wants.Count > 0 || process.State.Runs.Count > 0 || i == 0
            || attempts.Count > 0; i++)
        {
            steps++;
            while (Turn()) { }
            checks.AfterStep(process);
            if (process.State.Wants.Count == 0 && process.State.Runs.Count == 0) attempts.Clear();
            else if (!Proceed() && !Turn())
                Assert.Fail("Nothing is left to happen, and something waits.\n" + Waiting());
            Assert.True(i < 20_000, "It does not come to an end.\n" + Waiting());
        }
        agenda.Clear();
        if (workersMax > 0) LookAgain();
        foreach (var worker in workers) Work(worker);
    }

    void AddWorker()
    {
        var files = new FileStampCache("/simulated", Disk, [], Time);
        var worker = new SimulatedWorker(this, workers.Count + 1, files);
        workers.Add(worker);
        Work(worker);
        Look();
    }

    // It is woken, or takes a turn by itself after a while; then the coordinator is woken, or looks
    // by itself after a while.
    void Work(SimulatedWorker worker)
    {
        if (worker.IsDead) return;
        var wait = TimeSpan.FromMilliseconds(Random.Next(2500));
        agenda.Enqueue(
            ("", () =>
            {
                worker.Turn(faults);
                if (!faults || Random.Next(3) > 0) Look();
                Work(worker);
            }
        ),
            (Time.Elapsed + wait, scheduled++));
    }

    void Look() => process!.Coordinator.Post(new Message.Look());

    void LookAgain() => Later(TimeSpan.FromSeconds(2.5), "", () =>
    {
        Look();
        LookAgain();
    });

    void ShakeWorker()
    {
        var worker = workers[Random.Next(workers.Count)];
        if (worker.IsDead) return;
        if (Random.Next(2) == 0)
        {
            worker.Die();
            AddWorker();
            return;
        }
        worker.PausedTo = Time.Elapsed + Seconds(100);
        Say($"{worker.Name} pauses to {worker.PausedTo.TotalSeconds:0}s");
    }

    string Waiting() => string.Join('\n',
        process!.State.Wants.Values.Select(want => $"{want.Id} waits for "
            + string.Join(' ', process.State.OutstandingTargets(want).Select(p =>
                $"{process.Names.Text(p)}:{process.State.PlaceOf(p)}")))
        .Concat(process.State.Runs.Values.Select(run => $"{run.Id} is {run.Place}")));

    /// <summary>The next thing that time brings; false: nothing is to come.</summary>
    bool Proceed()
    {
        var timer = Time.NextTimer;
        if (agenda.TryPeek(out var next, out var at) && (timer is null || at.Item1 <= timer))
        {
            agenda.Dequeue();
            Time.AdvanceTo(at.Item1);
            if (next.What.Length > 0) Say(next.What);
            next.Do();
            return true;
        }
        if (timer is not { } due) return false;
        Say("a timer");
        Time.AdvanceTo(due);
        return true;
    }

    /// <summary>To happen later in the life of this process.</summary>
    void Later(TimeSpan wait, string what, Action action)
    {
        var mine = process;
        agenda.Enqueue(
            (what, () =>
            {
                if (process == mine) action();
            }
        ),
            (Time.Elapsed + wait, scheduled++));
    }

    TimeSpan Seconds(int max) => TimeSpan.FromMilliseconds(Random.Next(max * 1000));

    bool Turn()
    {
        var ran = process!;
        try
        {
            if (!ran.Coordinator.Turn(wait: false)) return false;
        }
        catch (Exception e) when (e is ProcessDied or StoreException
            or OperationCanceledException)
        {
            Die(e.Message, ran);
            return true;
        }
        foreach (var attempt in attempts.ToArray())
            if (attempt is { IsCancelled: true, IsStopping: false }) Stop(attempt);
        return true;
    }

    void Start()
    {
        while (true)
        {
            Time.DropTimers();
            process = new SimulatedProcess(machine, ++processes);
            Say($"process {processes} begins");
            try
            {
                checks.Opened(process);
                process.Coordinator.Begin();
                if (workersMax > 0) LookAgain();
                return;
            }
            catch (Exception e) when (e is ProcessDied or StoreException)
            {
                Say($"it died: {e.Message}");
                attempts.Clear();
            }
        }
    }

    void Die(string why, SimulatedProcess died)
    {
        Say($"process died: {why}");
        foreach (var attempt in attempts)
            if (attempt.Process == died && Random.Next(8) == 0) PublishUnheard(attempt);
        attempts.Clear();
        Start();
    }

    // Killed between its renames and the moment at which anybody heard of them.
    void PublishUnheard(SimulatedAttempt attempt)
    {
        Say($"{attempt.Id} publishes, and nobody hears of it");
        attempt.Finish();
    }

    void Launch(SimulatedProcess by, LaunchRequest request)
    {
        var attempt = new SimulatedAttempt(this, by, request);
        attempts.Add(attempt);
        checks.Launched(attempt);
        Say($"{attempt.Id} starts, epoch {request.Epoch}");
        if (faults && Random.Next(25) == 0) Hang(attempt);
        else Later(Seconds(20), $"{attempt.Id} ends", () => End(attempt));
    }

    void Hang(SimulatedAttempt attempt)
    {
        Say($"{attempt.Id} hangs");
        if (attempt.Request.Job.Limits.Timeout is { } timeout)
            Later(timeout, $"{attempt.Id} times out", () =>
            {
                attempts.Remove(attempt);
                Report(attempt, attempt.Failed(FailureCategory.Timeout, "timeout"));
            });
        else Silence(attempt);
    }

    void Silence(SimulatedAttempt attempt)
    {
        attempt.IsSilent = true;
        Later(TimeSpan.FromSeconds(60), $"{attempt.Id} loses its lease", () => Expire(attempt));
    }

    void Expire(SimulatedAttempt attempt) => process!.Coordinator.Post(new Message.Ask(
        _ =>
        [
            new ExpireLease(
                attempt.Request.Id.Run, attempt.Request.Epoch, Time.GetUtcNow()),
        ],
        new TaskCompletionSource<Refusal?>()));

    void Stop(SimulatedAttempt attempt)
    {
        attempt.IsStopping = true;
        if (attempt.IsSilent) return;
        Later(Seconds(10), $"{attempt.Id} stops", () =>
        {
            if (attempts.Remove(attempt))
                Report(attempt, Random.Next(4) == 0 ? attempt.Finish() : attempt.Cancelled());
        });
    }

    void End(SimulatedAttempt attempt)
    {
        if (attempt.IsSilent || !attempts.Remove(attempt)) return;
        var failure = faults ? Random.Next(10) : 9;
        Report(attempt, failure switch
        {
            0 => attempt.Failed(FailureCategory.Temporary, "exit 75"),
            1 => attempt.Failed(
                (FailureCategory)Random.Next(9), "exit 1"),
            _ => attempt.Finish(),
        });
    }

    // A report arrives; or twice, late, or not at all.
    void Report(SimulatedAttempt attempt, JobResult result)
    {
        var message = new Message.Ended(attempt.Request, result);
        Say($"{attempt.Id}: {result.End} {result.Failure?.Category}");
        switch (faults ? Random.Next(30) : 29)
        {
            case 0:
                Say($"{attempt.Id}: the report is lost");
                Later(
                    TimeSpan.FromSeconds(60), $"{attempt.Id} loses its lease",
                    () => Expire(attempt));
                break;
            case 1:
                process!.Coordinator.Post(message);
                Later(Seconds(100), $"{attempt.Id} reports again",
                    () => process.Coordinator.Post(message));
                break;
            case 2:
                Later(
                    TimeSpan.FromSeconds(60), $"{attempt.Id} loses its lease",
                    () => Expire(attempt));
                Later(Seconds(100), $"{attempt.Id} reports late",
                    () => process!.Coordinator.Post(message));
                break;
            default:
                process!.Coordinator.Post(message);
                break;
        }
    }

    // A worker pauses: its lease ends although its attempt is well, and reports later.
    void LoseLease()
    {
        if (attempts.Count == 0) return;
        var attempt = attempts[Random.Next(attempts.Count)];
        Say($"{attempt.Id} loses its lease");
        Expire(attempt);
    }

    void JumpClock()
    {
        var by = TimeSpan.FromSeconds(Random.Next(-100, 100) * Math.Pow(10, Random.Next(6)));
        Say($"the clock jumps by {by}");
        Time.Jump(by);
    }

    // Ctrl-C for the second time: everything is killed, and the process ends soon.
    void Interrupt()
    {
        Say("interrupted");
        var mine = interrupted = process!;
        mine.Coordinator.Post(new Message.Kill());
        Later(Seconds(5), "the process ends", () => Die("interrupted", mine));
    }

    void Snapshot()
    {
        Say("a snapshot is saved");
        process!.SaveSnapshotAsync().GetAwaiter().GetResult();
    }

    AppendFault NextAppendFault()
    {
        if (!faults) return AppendFault.None;
        var fault = Random.Next(400) switch
        {
            < 3 => AppendFault.DieBefore,
            < 6 => AppendFault.DieAfter,
            < 8 => AppendFault.Refuse,
            < 16 => AppendFault.Slow,
            _ => AppendFault.None,
        };
        if (fault != AppendFault.None) Say($"append: {fault}");
        return fault;
    }
}
