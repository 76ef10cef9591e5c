using System.Buffers;
using System.Collections.Immutable;
using Quoin.Core;


namespace Quoin.Tests.KernelTests;

/// <summary>
/// The production kernel with a hand on every lever: jobs are named by their outputs, commands go
/// through Decide and Evolve, and everything that was decided is kept, to be replayed.
/// </summary>
sealed class KernelWorld
{
    static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public KernelWorld(int slots = 2)
    {
        Do(new AddWorker(new WorkerId("host/1/a"), slots));
    }

    public KernelState State { get; } = new(new PartitionNames());
    public List<BuildEvent> Log { get; } = [];
    public DateTimeOffset Now { get; set; } = Epoch;

    public PartitionId P(string name) => State.Names.Intern(name);

    public Decision Do(KernelCommand command)
    {
        var decision = Kernel.Decide(State, command);
        foreach (var e in decision.Events)
        {
            Evolve.Apply(State, e);
            Log.Add(e);
        }
        return decision;
    }

    public WantId Want(params string[] targets) => Want(WantOptions.Default, targets);

    public WantId Want(WantOptions options, params string[] targets)
    {
        var decision = Do(new AcceptWant([.. targets.Select(P)], options));
        return ((WantAccepted)decision.Events[0]).Want;
    }

    /// <summary>Plans a config: <c>Plan(w, "j0", ["a", "b"], ["in"])</c>.</summary>
    public Decision Plan(WantId want, string job, string[] outputs, params string[] inputs) =>
        Do(new ProposePlan(new PartitionPlanned(
            want, job, [.. outputs.Select(P)], [.. inputs.Select(P)])));

    public void Planned(WantId want) => Do(new ProposePlan(new WantPlanned(want, default)));

    public RunId Schedule(string ready)
    {
        var decision = Do(new ScheduleRun(P(ready), Supersede: false));
        Assert.Null(decision.Refusal);
        return ((RunScheduled)decision.Events[0]).Run;
    }

    public string? Refused(KernelCommand command) => Do(command).Refusal?.Code;

    public int Lease(RunId run)
    {
        var decision = Do(new LeaseRun(run, new WorkerId("host/1/a"), Now));
        Assert.Null(decision.Refusal);
        return ((RunLeased)decision.Events[0]).Epoch;
    }

    public Decision Complete(RunId run, int epoch, params string[] outputs) =>
        Do(new CompleteRun(
            run,
            epoch,
            [.. outputs.Select(o => new OutputManifest(P(o), DigestOf($"{run} {o}"), 1))])
        {
            Fingerprint = DigestOf(run.ToString()),
        });

    public Decision Fail(RunId run, int epoch, int retries = 0) =>
        Do(new FailRun(run, epoch, new RunFailure(FailureCategory.Failed, "exit 1"))
        {
            Retries = retries,
            RetryAt = Now,
        });

    public PartitionPlace this[string name] => State.PlaceOf(P(name));

    public int Publisher(string name) =>
        State.TryGetManifest(P(name), out var m) ? m.Run.Value : 0;

    public string? Outcome(WantId want)
    {
        foreach (var (token, outcome) in State.Notices.Ended)
            if (token.Id == want) return outcome.ToString();
        return State.Wants.ContainsKey(want.Value) ? "Open" : null;
    }

    public static Digest DigestOf(string text) =>
        new(DigestAlgorithm.Sha256,
            System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    public static byte[] Snapshot(KernelState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        KernelSnapshot.Write(state, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A state made from the log alone, with the same numbering of names.</summary>
    public KernelState Replayed(int from = 0, KernelState? onto = null)
    {
        var state = onto ?? new KernelState(State.Names);
        foreach (var e in Log.Skip(from)) Evolve.Apply(state, e);
        return state;
    }

    /// <summary>I1, I3, I6, I8 of the kernel's page, on the whole state.</summary>
    public void CheckInvariants() => CheckInvariants(State);

    /// <summary>The same of any state.</summary>
    public static void CheckInvariants(KernelState state)
    {
        var claimed = new Dictionary<int, RunId>();
        foreach (var run in state.Runs.Values)
        {
            foreach (var p in run.Claims)
            {
                Assert.True(
                    claimed.TryAdd(p.Value, run.Id), $"I1: {state.Names.Text(p)} held twice");
                Assert.Equal(PartitionPlace.Building, state.PlaceOf(p));
                Assert.Equal(run.Id, state.HolderOf(p)!.Id);
            }
        }
        for (var i = 0; i < state.CellCount; i++)
        {
            var p = new PartitionId(i);
            var place = state.PlaceOf(p);
            if (place == PartitionPlace.Building) Assert.True(claimed.ContainsKey(i), "I3");
            if (place is PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Waiting)
                Assert.True(
                    state.IsDemanded(p), $"I8: {state.Names.Text(p)} is {place}, undemanded");
            if (place == PartitionPlace.Live)
                Assert.True(state.TryGetManifest(p, out _), "I2: Live without a manifest");
            if (place is PartitionPlace.Missing or PartitionPlace.Failed
                or PartitionPlace.Tainted)
                Assert.False(state.IsDemanded(p), $"I8: {place} and demanded");
            if (place is PartitionPlace.Planned or PartitionPlace.Waiting)
                Assert.NotNull(place == PartitionPlace.Planned ? state.ConfigOf(p) : new object());
        }
        foreach (var worker in state.Workers.Values)
        {
            var busy = state.Runs.Values.Count(
                r => r.Place != RunPlace.Queued && r.Worker == worker.Id);
            Assert.Equal(busy, worker.Busy); // I6
        }
    }
}
