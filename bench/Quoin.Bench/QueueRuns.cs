using System.Collections.Immutable;
using System.Diagnostics;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Bench;

/// <summary>
/// Runs that do nothing, through the real store, queue, kernel and commands. The coordinator is
/// this process, the workers are another, each with a store of its own. They have joined and are
/// idle when all runs are offered in one append; the time goes from its commit to the commit of the
/// last run's end. The log has everything: each lease and each end is an event, decided by the
/// kernel.
/// </summary>
sealed class QueueRuns : IDisposable
{
    const int Batch = 500; // As the peers have it.
    static readonly Digest content = new(DigestAlgorithm.Xxh3, new byte[16]);
    static readonly Digest fingerprint = new(DigestAlgorithm.Sha256, new byte[32]);

    readonly IBuildStore store;
    readonly PartitionNames names = new();
    readonly KernelState state;
    readonly List<BuildEvent> events = [];
    readonly List<string> taken = [];
    readonly AutoResetEvent rung = new(false);
    readonly IDisposable watch;
    int ended;

    /// <param name="place">A PostgreSQL address, or the path of a file.</param>
    public QueueRuns(string place)
    {
        store = Open(place, lead: true);
        state = new KernelState(names);
        watch = store.Watch(() => rung.Set());
    }

    static IBuildStore Open(string place, bool lead)
    {
        var options = new StoreOptions { NewId = "bench", Lead = lead };
        return PostgresAddress.IsAddress(place)
            ? PostgresStore.Open(
                PostgresAddress.Parse(place, Environment.GetEnvironmentVariable), options)
            : SqliteStore.Open(place, options);
    }

    /// <summary>Seconds from the offer to the last end, with so many workers.</summary>
    public double Measure(string place, int warmUp, int runs, int count)
    {
        using var workers = Process.Start(
            Environment.ProcessPath!, ["queue-workers", place, $"{count}"]);
        while (state.Workers.Count < count) Look();
        Round(0, warmUp);
        var seconds = Round(warmUp, runs);
        workers.Kill();
        workers.WaitForExit();
        Check(warmUp + runs);
        return seconds;
    }

    double Round(int first, int runs)
    {
        Append(Plan(first, runs));
        var start = Stopwatch.GetTimestamp();
        while (ended < first + runs) Look();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    // A want for as many partitions, planned, and a run for each.
    List<OfferedRun> Plan(int first, int runs)
    {
        ImmutableArray<PartitionId> targets =
            [.. Enumerable.Range(first, runs).Select(i => names.Intern($"daily/seattle/{i}"))];
        Do(new AcceptWant(targets, WantOptions.Default));
        var want = new WantId(state.LastWant);
        foreach (var p in targets)
            Do(new ProposePlan(new PartitionPlanned(want, "daily", [p], [])));
        Do(new ProposePlan(new WantPlanned(want, new PlanCounts(runs, 0, runs, 0, 0))));
        var offered = new List<OfferedRun>();
        foreach (var p in targets)
        {
            Do(new ScheduleRun(p, false));
            var run = new RunId(state.LastRun);
            offered.Add(new OfferedRun
            {
                Run = run,
                Epoch = 0,
                Attempt = 1,
                Spec = EndOf(run.Value, names.Text(p)).ToBytes(),
            });
        }
        return offered;
    }

    // What the worker will say: it does nothing, so it can be told before.
    static EndedAttempt EndOf(int run, string output) => new(
        new AttemptId(new RunId(run), 1), 1, fingerprint,
        new JobResult
        {
            End = JobEnd.Completed,
            Outputs = [new PublishedOutput(output, "", content, 12_345, default, null)],
            Usage = new RunUsage(DateTimeOffset.UnixEpoch, 1, 1, 4096),
        });

    void Do(KernelCommand command)
    {
        var decision = Kernel.Decide(state, command);
        if (decision.Refusal is { } refusal) throw new InvalidOperationException(refusal.Message);
        if (decision.Event is not { } e) return;
        Evolve.Apply(state, e);
        state.Notices.Clear();
        events.Add(e);
    }

    // What a coordinator does when it is told that others wrote.
    void Look()
    {
        rung.WaitOne(TimeSpan.FromSeconds(1));
        foreach (var row in store.Waiting()) Carry(row);
        if (taken.Count > 0) Append([]);
    }

    void Carry(InboxCommand row)
    {
        taken.Add(row.Id);
        switch (StoreCommand.Read(row, out var problem))
        {
            case StoreCommand.Joined c:
                Do(new AddWorker(new WorkerId(c.Worker.Owner), c.Worker.Capacity));
                break;
            case StoreCommand.Leased c:
                Do(new LeaseRun(c.Run, new WorkerId(c.Worker), DateTimeOffset.UnixEpoch));
                break;
            case StoreCommand.Ended { Attempt: var attempt }:
                var output = attempt.Result.Outputs[0];
                Do(new CompleteRun(
                    attempt.Id.Run, attempt.Epoch,
                    [new OutputManifest(names.Intern(output.Ref), output.Digest, output.Bytes)])
                {
                    Fingerprint = attempt.Fingerprint,
                    Usage = attempt.Result.Usage,
                });
                ended++;
                break;
            case var other:
                throw new InvalidOperationException($"{row.Type} {other} {problem}");
        }
    }

    void Append(List<OfferedRun> offered)
    {
        var batch = new AppendBatch
        {
            At = TimeProvider.System.GetUtcNow(),
            Names = names,
            Events = events.ToArray(),
            InboxTaken = taken.ToArray(),
            Offered = offered,
        };
        store.AppendAsync(batch, CancellationToken.None).GetAwaiter().GetResult();
        events.Clear();
        taken.Clear();
    }

    // Who is fast because something was forgotten is not fast.
    void Check(int runs)
    {
        var log = new KernelState(new PartitionNames());
        foreach (var e in store.Read(0, log.Names)) Evolve.Apply(log, e.Event);
        if (log.LastRun != runs || log.Runs.Count > 0 || log.Wants.Count > 0
            || log.Count(PartitionPlace.Live) != runs || store.QueuedRuns().Count > 0)
            throw new InvalidOperationException("the log does not say that all runs ended well");
    }

    public void Dispose()
    {
        watch.Dispose();
        rung.Dispose();
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>The workers' process: they take runs until it is killed.</summary>
    public static int Work(string place, int count)
    {
        var threads = Enumerable.Range(1, count)
            .Select(i => new Thread(() => Work(place, $"host/{i}/bench"))).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        return 0;
    }

    static void Work(string place, string owner)
    {
        var store = Open(place, lead: false);
        var worker = new WorkerInfo { Owner = owner, Slots = Batch, Capacity = Batch };
        using var rung = new AutoResetEvent(false);
        using var watch = store.WatchRuns(() => rung.Set());
        store.JoinAsync(
            worker, TimeSpan.FromMinutes(5),
            new StoreCommand.Joined(worker).ToInbox($"joined/{owner}"), CancellationToken.None)
            .GetAwaiter().GetResult();
        var turn = new WorkerTurn
        {
            Owner = owner,
            Claim = Batch,
            FreeCpu = Batch,
            Cpu = Batch,
            LeasedBody = StoreCommand.LeasedBody(owner),
        };
        while (true)
        {
            var answer = store.WorkAsync(turn, CancellationToken.None).GetAwaiter().GetResult();
            turn = turn with
            {
                Ended =
                [
                    .. answer.Claimed.Select(
                        run => new EndedRun(run.Run, 1, run.Epoch, run.Spec, null)),
                ],
            };
            if (turn.Ended.Count == 0) rung.WaitOne();
        }
    }
}
