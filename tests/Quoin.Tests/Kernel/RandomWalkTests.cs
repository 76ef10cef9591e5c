using Quoin.Core;

namespace Quoin.Tests.KernelTests;

/// <summary>
/// Random commands, legal and not, on a small overlapping graph: the invariants hold after each,
/// and the log alone gives the same state, from the start and from any snapshot.
/// </summary>
public sealed class RandomWalkTests
{
    static readonly (string Job, string[] Outputs, string[] Inputs)[] Jobs =
    [
        ("j0", ["a", "b"], ["x"]),
        ("j1", ["b", "c"], ["x", "y"]),
        ("j2", ["x"], []),
        ("j3", ["y"], ["x"]),
        ("j4", ["d"], ["a", "c"]),
    ];

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6)]
    [InlineData(7), InlineData(8), InlineData(9), InlineData(10), InlineData(11), InlineData(12)]
    public void Every_state_keeps_the_invariants_and_is_what_its_log_says(int seed)
    {
        var random = new Random(seed);
        for (var walk = 0; walk < 30; walk++)
        {
            var world = new KernelWorld(slots: 1 + random.Next(3));
            byte[]? snapshot = null;
            var snapshotAt = 0;
            for (var step = 0; step < 120; step++)
            {
                Step(world, random);
                world.CheckInvariants();
                if (random.Next(40) != 0) continue;
                snapshot = KernelWorld.Snapshot(world.State);
                snapshotAt = world.Log.Count;
            }
            var expected = KernelWorld.Snapshot(world.State);
            Assert.Equal(expected, KernelWorld.Snapshot(world.Replayed()));
            if (snapshot is null) continue;
            var restored = KernelSnapshot.Read(snapshot, world.State.Names);
            Assert.Equal(expected, KernelWorld.Snapshot(world.Replayed(snapshotAt, restored)));
        }
    }

    [Fact]
    public void Targets_that_fail_together_fail_in_an_order_that_no_snapshot_remembers()
    {
        var world = new KernelWorld();
        var want = world.Want("a", "b", "open");
        world.Plan(want, "j1", ["b"], "in");
        world.Plan(want, "j0", ["a"], "in");
        world.Plan(want, "j2", ["in"]);
        world.Planned(want);
        var run = world.Schedule("in");
        var epoch = world.Lease(run);
        var restored = KernelSnapshot.Read(KernelWorld.Snapshot(world.State), world.State.Names);
        var tail = world.Log.Count;
        world.Fail(run, epoch);

        Assert.Equal(
            KernelWorld.Snapshot(world.State),
            KernelWorld.Snapshot(world.Replayed(tail, restored)));
    }

    static void Step(KernelWorld world, Random random)
    {
        string Any() => "abcdxy"[random.Next(6)].ToString();
        var runs = world.State.Runs.Values.ToArray();
        var run = runs.Length == 0 ? null : runs[random.Next(runs.Length)];
        var epoch = (run?.Epoch ?? 0) - (random.Next(10) == 0 ? 1 : 0);
        var wants = world.State.Wants.Values.ToArray();
        switch (random.Next(15))
        {
            case 0 when wants.Length < 3:
                var mode = (FailureMode)random.Next(3);
                world.Want(new WantOptions { OnFailure = mode }, [Any(), Any()]);
                break;
            case 1 or 2 or 3 when wants.Length > 0:
                var want = wants[random.Next(wants.Length)];
                foreach (var (job, outputs, inputs) in Jobs)
                    world.Plan(want.Id, job, outputs, inputs);
                if (random.Next(2) == 0) world.Planned(want.Id);
                break;
            case 4:
                world.Do(new ProposePlan(new PartitionStale(world.P(Any()), StaleReason.Changed)));
                break;
            case 5 or 6:
                world.Do(new ScheduleRun(world.P(Any()), Supersede: random.Next(4) == 0));
                break;
            case 7 when run is not null:
                world.Do(new LeaseRun(run.Id, new WorkerId("host/1/a"), world.Now));
                break;
            case 8 or 9 when run is not null:
                var claims = run.Claims.Select(world.State.Names.Text);
                world.Complete(run.Id, epoch, [.. claims, .. Extra(random)]);
                break;
            case 10 when run is not null:
                world.Fail(run.Id, epoch, retries: random.Next(2));
                break;
            case 11 when run is not null:
                world.Do(new MissInputs(run.Id, epoch, [world.P(Any())]));
                break;
            case 12:
                if (random.Next(3) == 0 && wants.Length > 0)
                    world.Do(new CancelWant(wants[0].Id, "test"));
                else if (run is not null) world.Do(new RequestRunCancel(run.Id, "test"));
                break;
            case 13 when run is not null:
                if (random.Next(2) == 0) world.Do(new AckRunCancel(run.Id, epoch));
                else world.Do(new ExpireLease(run.Id, epoch, world.Now));
                break;
            case 14:
                if (random.Next(2) == 0) world.Do(new Taint(world.P(Any()), "test", "why"));
                else Keep(world, world.P(Any()));
                break;
        }
    }

    static string[] Extra(Random random) => random.Next(5) == 0 ? ["b"] : [];

    static void Keep(KernelWorld world, PartitionId p)
    {
        if (world.State.TryGetManifest(p, out var manifest))
            world.Do(new KeepCurrent(p, manifest.Fingerprint));
    }
}
