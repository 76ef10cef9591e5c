using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.KernelTests;

namespace Quoin.Tests.Simulation;

/// <summary>What has to hold after every step, and what has to hold at the end.</summary>
sealed class SimulationChecks(SimulatedWorld world)
{
    readonly HashSet<(RunId, int)> launched = [];
    readonly Dictionary<RunId, BuildEvent> ended = [];
    readonly Dictionary<WantId, string> wants = [];
    readonly Dictionary<WantId, string[]> clean = []; // Accepted after the last edit.
    KernelState shadow = null!;
    long seen;
    long scheduled;

    /// <summary>
    /// A process has read the store: from a snapshot and the events after it, or from all of them.
    /// </summary>
    public void Opened(SimulatedProcess process)
    {
        shadow = new KernelState(process.Names);
        foreach (var logged in world.Store.Read(0, process.Names))
        {
            Evolve.Apply(shadow, logged.Event);
            if (logged.Position > seen) Note(logged.Event);
        }
        seen = world.Store.LastPosition;
        Same(process.State);
    }

    /// <summary>
    /// What wants accepted so far will have is open; those accepted from now on have it right.
    /// </summary>
    public void Disturbed() => clean.Clear();

    public void Launched(SimulatedAttempt attempt) => Assert.True(
        launched.Add((attempt.Request.Id.Run, attempt.Request.Epoch)),
        $"{attempt.Id} is launched twice under one lease");

    /// <summary>The same for a worker of another process.</summary>
    public void Claimed(RunId run, int epoch) => Assert.True(
        launched.Add((run, epoch)), $"{run} is claimed twice under epoch {epoch}");

    public void AfterStep(SimulatedProcess process)
    {
        var state = process.State;
        if (world.Store.LastPosition > seen)
        {
            foreach (var logged in world.Store.Read(seen, process.Names))
            {
                Evolve.Apply(shadow, logged.Event);
                Note(logged.Event);
            }
            seen = world.Store.LastPosition;
            KernelWorld.CheckInvariants(state);
            Same(state);
            CheckSlots(process);
        }
    }

    // Resources are held by what runs, and by nothing else; every lease has an attempt, or had one.
    void CheckSlots(SimulatedProcess process)
    {
        var running = process.State.Runs.Values.Where(run => run.Place != RunPlace.Queued);
        Assert.Equal(
            running.Count() + process.Coordinator.Offered, process.Coordinator.Holding);
        Assert.All(running, run => Assert.Contains((run.Id, run.Epoch), launched));
        Assert.Contains(process.Self.Owner, process.State.Workers.Keys);
    }

    /// <summary>Nothing is wanted and nothing runs.</summary>
    public void AtRest()
    {
        var state = world.Process.State;
        Assert.Empty(state.Wants);
        Assert.Empty(state.Runs);
        Assert.Equal(0, world.Process.Coordinator.Holding);
        Assert.Empty(world.Store.QueuedRuns());
        Assert.All(wants, want => Assert.True(want.Value != "open", $"{want.Key} did not end"));
        Assert.All(
            world.Process.Reports,
            report => Assert.True(report.IsCompleted, "somebody waits for an answer"));
        foreach (var place in Enum.GetValues<PartitionPlace>())
            if (place is PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Waiting
                or PartitionPlace.Building)
                Assert.Equal(0, state.Count(place));
    }

    /// <summary>Everything was wanted, without faults.</summary>
    public void AtEnd(bool nothingToDo)
    {
        AtRest();
        var answer = world.Process.Reports[^1].Result;
        Assert.Equal(WantOutcome.Succeeded, answer.Outcome);
        AreRight(world.Graph.Partitions);
        if (nothingToDo) Assert.Equal(scheduled, world.Process.State.LastRun);
        scheduled = world.Process.State.LastRun;
    }

    void AreRight(IEnumerable<string> partitions)
    {
        var known = new Dictionary<string, string>();
        foreach (var reference in partitions)
        {
            var state = world.Process.State;
            var expected = world.Graph.Expected(reference, world.Disk, known);
            Assert.True(
                state.TryGetManifest(state.Names.Intern(reference), out var manifest), reference);
            Assert.True(
                SimulatedDisk.DigestOf(expected) == manifest.Digest,
                $"{reference} is not what a build without faults gives");
            Assert.Equal(expected, world.Disk.Text(world.Graph.PathOf(reference)));
        }
    }

    void Same(KernelState state) => Assert.True(
        KernelWorld.Snapshot(shadow).AsSpan().SequenceEqual(KernelWorld.Snapshot(state)),
        "the log does not give the state");

    void Note(BuildEvent e)
    {
        var subject = e switch
        {
            WantEvent x => $"{x.Want}",
            RunEvent x => $"{x.Run}",
            PartitionStale x => world.Process.Names.Text(x.Partition),
            PartitionCurrent x => world.Process.Names.Text(x.Partition),
            PartitionTainted x => world.Process.Names.Text(x.Partition),
            _ => "",
        };
        world.Say($"  {e.GetType().Name} {subject} {EventText.Of(e, world.Process.Names)}");
        switch (e)
        {
            case WantAccepted x:
                Assert.True(wants.TryAdd(x.Want, "open"), $"{x.Want} is accepted twice");
                var names = world.Process.Names;
                clean[x.Want] = [.. x.Targets.Select(names.Text)];
                break;
            case WantSucceeded or WantFailed or WantCancelled:
                var want = ((WantEvent)e).Want;
                if (e is WantSucceeded && clean.TryGetValue(want, out var targets))
                    AreRight(targets);
                Assert.True(wants[want] == "open", $"{want} ends twice");
                wants[want] = e.GetType().Name;
                break;
            case RunCompleted or RunCancelAcked or RunDepMissed or RunFailed { RetryAt: null }:
            case LeaseExpired { RetryAt: null }:
                var run = ((RunEvent)e).Run;
                Assert.True(ended.TryAdd(run, e), $"the end of {run} is recorded twice");
                break;
        }
    }
}
