using System.Collections.Immutable;
using System.Diagnostics;
using Quoin.Core;

namespace Quoin.Bench;

/// <summary>What the kernel does in a second on one thread, without I/O.</summary>
public static class KernelBench
{
    /// <summary>Prints the best of five passes with 100,000 partitions.</summary>
    public static void Run()
    {
        const int partitions = 100_000;
        var (decided, applied, bytes) = (0.0, 0.0, 0.0);
        for (var pass = 0; pass < 5; pass++)
        {
            var (d, a, b) = Run(partitions);
            (decided, applied, bytes) = (Math.Max(decided, d), Math.Max(applied, a), b);
        }
        Console.WriteLine($"{partitions:N0} runs of one output, best of 5, one thread, no I/O");
        Console.WriteLine(
            $"decided and applied  {decided / 1e6,6:F2} million events/s (at least 2)");
        Console.WriteLine($"applied (replay)     {applied / 1e6,6:F2} million events/s");
        Console.WriteLine($"state                {bytes,6:F0} bytes a partition");
    }

    /// <summary>
    /// Events a second for runs of one output, decided and applied, then applied alone.
    /// </summary>
    /// <param name="partitions">How many partitions are built.</param>
    public static (double Decided, double Applied, double BytesPerPartition) Run(int partitions)
    {
        var names = new PartitionNames();
        var ids = new PartitionId[partitions];
        for (var i = 0; i < partitions; i++) ids[i] = names.Intern($"daily/seattle/{i:D7}");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var state = new KernelState(names);
        // An event is dropped as soon as it is applied, as a writer does that has encoded it.
        var count = 0;
        var watch = Stopwatch.StartNew();
        Build(state, ids, _ => count++);
        var decided = count / watch.Elapsed.TotalSeconds;

        var log = new List<BuildEvent>(count);
        Build(new KernelState(names), ids, log.Add);
        var events = log.ToArray();
        log = [];
        var replayed = new KernelState(names);
        watch.Restart();
        foreach (var e in events)
        {
            Evolve.Apply(replayed, e);
            if (replayed.Notices.Ready.Count > 0) replayed.Notices.Clear();
        }
        var applied = events.Length / watch.Elapsed.TotalSeconds;
        events = [];
        GC.KeepAlive(replayed);
        var after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(state);
        GC.KeepAlive(ids);
        return (decided, applied, (after - before) / 2.0 / partitions);
    }

    static void Build(KernelState state, PartitionId[] ids, Action<BuildEvent> log)
    {
        void Do(KernelCommand command)
        {
            if (Kernel.Decide(state, command).Event is not { } e) return;
            Evolve.Apply(state, e);
            log(e);
        }
        var worker = new WorkerId("bench/1/a");
        var usage = new RunUsage(DateTimeOffset.UnixEpoch, 1, 1, 1);
        var digest = Fingerprint.DigestOf("bench"u8);
        var options = new WantOptions { OnFailure = FailureMode.FailFast };
        Do(new AddWorker(worker, 2));
        Do(new AcceptWant(ImmutableArray.Create(ids), options));
        var want = new WantId(1);
        state.Notices.Clear();
        foreach (var id in ids) Do(new ProposePlan(new PartitionPlanned(want, "daily", [id], [])));
        Do(new ProposePlan(new WantPlanned(want, default)));
        state.Notices.Clear();
        foreach (var id in ids)
        {
            Do(new ScheduleRun(id, Supersede: false));
            var run = new RunId(state.LastRun);
            Do(new LeaseRun(run, worker, DateTimeOffset.UnixEpoch));
            Do(new CompleteRun(run, 1, [new OutputManifest(id, digest, 100)])
            {
                Fingerprint = digest,
                Usage = usage,
            });
            state.Notices.Clear();
        }
    }
}
