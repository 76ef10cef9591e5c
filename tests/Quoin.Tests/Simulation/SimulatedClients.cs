using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>Everybody outside: who wants, cancels, taints, edits and spoils.</summary>
sealed class SimulatedClients(SimulatedWorld world)
{
    Random Random => world.Random;

    public void Want()
    {
        if (world.Process.State.Wants.Count >= 5) return;
        var targets = new List<string>();
        for (var n = Random.Next(1, 4); n > 0; n--)
            targets.Add(world.Graph.Partitions[Random.Next(world.Graph.Partitions.Length)]);
        if (Random.Next(40) == 0) targets.Add("nobody/makes/this");
        Post([.. targets.Distinct()], new WantOptions
        {
            Priority = Random.Next(3),
            Deadline = Random.Next(5) == 0 ? world.Time.GetUtcNow().AddSeconds(10) : null,
            OnFailure = (FailureMode)Random.Next(3),
            Strict = Random.Next(10) == 0,
            Fresh = Random.Next(15) == 0 ? (FreshMode)Random.Next(3) : FreshMode.No,
        });
    }

    public void WantEverything() => Post(world.Graph.Partitions, WantOptions.Default);

    public void Cancel()
    {
        var wants = world.Process.State.Wants.Values.ToArray();
        if (wants.Length == 0) return;
        WantId? want = Random.Next(5) == 0 ? null : wants[Random.Next(wants.Length)].Id;
        world.Say($"{want?.ToString() ?? "everything"} is cancelled");
        world.Process.Coordinator.Post(new Message.Cancel(want, "somebody"));
    }

    /// <summary>Few contents, so that sources often go back to what they were.</summary>
    public void ChangeSource()
    {
        var paths = world.Graph.SourcePaths;
        var path = paths[Random.Next(paths.Count)];
        var text = Random.Next(3).ToString(
            System.Globalization.CultureInfo.InvariantCulture);
        world.Say($"{path} is {text} now");
        if (Random.Next(2) == 0) world.Disk.Replace(path, text);
        else world.Disk.Overwrite(path, text);
        world.Disturbed();
    }

    public void SpoilOutput()
    {
        var reference =
            world.Graph.Partitions[Random.Next(world.Graph.Partitions.Length)];
        var path = world.Graph.PathOf(reference);
        // What somebody spoils while a build goes on is not always noticed: inputs that Quoin made
        // itself are not looked at again for every run.
        var state = world.Process.State;
        if (!world.Disk.Exists(path) || state.Wants.Count > 0 || state.Runs.Count > 0) return;
        world.Say($"{reference} is spoiled");
        if (Random.Next(2) == 0) world.Disk.Delete(path);
        else world.Disk.Overwrite(path, "spoiled");
        world.Disturbed();
    }

    public void Taint()
    {
        var reference =
            world.Graph.Partitions[Random.Next(world.Graph.Partitions.Length)];
        world.Say($"{reference} is tainted");
        world.Process.Coordinator.Post(new Message.Ask(
            state => [new Taint(state.Names.Intern(reference), "somebody", "a bad day")],
            new TaskCompletionSource<Refusal?>()));
    }

    void Post(ImmutableArray<string> targets, WantOptions options)
    {
        world.Say($"wanted: {string.Join(' ', targets)} ({options.OnFailure}, {options.Fresh})");
        var report = new TaskCompletionSource<WantReport>();
        world.Process.Reports.Add(report.Task);
        world.Process.Coordinator.Post(new Message.Wanted(
            new WantRequest { Targets = targets, Options = options }, report));
    }
}
