using System.Buffers;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Tests.Things;

namespace Quoin.Tests.Simulation;

/// <summary>
/// X1 to X9 of the page on durable steps, after every step and in the end. (X10, no transaction
/// older than a second, is of the stores: <c>ThingStormTests</c> looks at them between two steps.)
/// </summary>
sealed class ThingChecks(ThingWorld world)
{
    readonly HashSet<string> abandoned = [];
    KernelState shadow = null!;
    PartitionNames names = null!;
    long seen;

    /// <summary>Somebody said that whatever is left of it is nobody's business.</summary>
    public void Abandoned(string name) => abandoned.Add(name);

    /// <summary>A process has read the store.</summary>
    public void Opened()
    {
        if (!world.IsUp) return;
        (names, seen) = (world.State.Names, 0);
        shadow = new KernelState(names);
        known.Clear();
        AfterStep();
    }

    public void AfterStep()
    {
        if (!world.IsUp) return;
        if (world.Store.LastPosition == seen) return;
        foreach (var logged in world.Store.Read(seen, names))
        {
            seen = logged.Position;
            var before = RunOf(logged.Event);
            NoClaimCreatesForNobody(logged.Event, before);
            Evolve.Apply(shadow, logged.Event); // X3: whatever has no transition throws.
            IsExplained(logged.Event, before);
        }
        var state = world.State;
        Assert.True( // X9
            Snapshot(shadow).AsSpan().SequenceEqual(Snapshot(state)),
            "the log does not give the state");
        foreach (var run in state.Runs.Values) Check(run);
        EverythingHasAReason(state);
    }

    RunToken? RunOf(BuildEvent e) =>
        e is RunEvent run ? shadow.Runs.GetValueOrDefault(run.Run.Value) : null;

    // X7.
    void NoClaimCreatesForNobody(BuildEvent e, RunToken? run)
    {
        if (e is not RunLeased || run is not { Life.Direction: RunDirection.Acquire }
            || run.Place == RunPlace.Running) return;
        Assert.True(
            Kernel.Demanded(shadow, run), $"{run.Id} is activated, and nobody wants it");
    }

    // X8: of a run that may have acted its own event says how it ended.
    void IsExplained(BuildEvent e, RunToken? run)
    {
        foreach (var (id, before) in known.ToArray())
        {
            if (shadow.Runs.ContainsKey(id)) continue;
            known.Remove(id);
            Assert.True(
                run?.Id.Value == id || before == 0, $"r-{id} ended with {e.GetType().Name}");
        }
        foreach (var active in shadow.Runs.Values) known[active.Id.Value] = active.Epoch;
    }

    readonly Dictionary<int, int> known = []; // The epoch of each active run.

    void Check(RunToken run)
    {
        var life = run.Life!;
        // X4: what runs here is being called, or nobody has got round to it since a takeover.
        if (run.Place == RunPlace.Running && run.Worker == world.Self)
            Assert.True(
                world.InFlight.Contains((run.Id, run.Epoch)), $"{run.Id} runs, and is not called");
        var limit = ResourceRecipe.Read(life.Recipe).Resource.Poll.Count;
        if (life.Direction == RunDirection.Acquire) // X6
            Assert.True(life.Polls <= (limit ?? int.MaxValue), $"{run.Id}: {life.Polls} polls");
    }

    // X5.
    static readonly string[] vague = ["ending"];

    void EverythingHasAReason(KernelState state)
    {
        var reasons = new Holdups(
            state,
            new HoldupFacts(true, job => world.Graph.FindJob(job), world.Time.GetUtcNow()));
        foreach (var want in state.Wants.Values) Say($"{want.Id}", reasons.Of(want));
        foreach (var run in state.Runs.Values) Say($"{run.Id}", reasons.Of(run));
        foreach (var p in reasons.Partitions()) Say(state.Names.Text(p), reasons.Of(p));

        static void Say(string what, Holdup why) =>
            Assert.False(vague.Contains(why.Code), $"{what}: {why.Text}");
    }

    /// <summary>All is over: X1, X2.</summary>
    public void AtRest()
    {
        Assert.Empty(world.State.Wants);
        Assert.Empty(world.State.Runs);
        Assert.Empty(world.State.Interventions);
        Assert.Empty(world.State.Cleanups);
        world.Pass(TimeSpan.FromMinutes(5)); // What the service still creates is there by then.
        var left = world.Service.Live.Where(name => !abandoned.Contains(name)).ToList();
        Assert.True(left.Count == 0, string.Join('\n', left.Concat(
            world.Service.Calls.Where(call => left.Contains(call.Name)).TakeLast(12).Select(
                call => $"{call.At} {call.Name} {call.Direction} {call.Key} {call.Created} "
                    + $"{call.Said.ExternalId} {call.Answered}"))));
        Assert.All(world.Service.CreatesByKey, made => Assert.True(
            made.Value == 1, $"{made.Key} was made {made.Value} times"));
    }

    /// <summary>What waits for what.</summary>
    public string Waiting() => string.Join('\n',
        world.State.Wants.Values.Select(want => $"{want.Id} {want.Remaining} left")
            .Concat(world.State.Runs.Values.Select(run =>
                $"{run.Id} {world.State.Names.Text(run.Claims[0])} {run.Place} "
                + $"{run.Life!.Direction} until {run.Life.Until:O}")));

    static byte[] Snapshot(KernelState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        KernelSnapshot.Write(state, buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
