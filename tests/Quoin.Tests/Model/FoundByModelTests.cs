using Quoin.Core;
using Quoin.Tests.KernelTests;

namespace Quoin.Tests.Model;

/// <summary>
/// Where the kernel and its reference differed, each by the shortest commands to it.
/// </summary>
public sealed class FoundByModelTests
{
    [Fact]
    public void A_target_that_fails_twice_for_a_want_is_named_once()
    {
        var world = new KernelWorld();
        var first = world.Want("top", "other");
        for (var attempt = 0; attempt < 2; attempt++)
        {
            world.Want("in"); // Newer than the failure: in is tried again.
            world.Plan(first, "j0", ["top"], "in");
            world.Do(new ProposePlan(new ConfigFailed(
                "j1", [world.P("top")], new PlanProblem("code", "message"))));
            world.Want("top");
            world.Plan(first, "j0", ["top"], "in");
        }
        Assert.Equal([world.P("top")], world.State.Wants[first.Value].FailedTargets);
    }

    [Fact]
    public void An_output_that_is_named_twice_stands_for_no_other_and_is_published_once()
    {
        var world = new KernelWorld();
        var want = world.Want("a", "b");
        world.Plan(want, "j0", ["a", "b"]);
        world.Planned(want);
        var run = world.Schedule("a");
        var epoch = world.Lease(run);
        Assert.Equal("output-missing", world.Complete(run, epoch, "a", "a").Refusal?.Code);

        world.Complete(run, epoch, "a", "b", "free", "free");
        Assert.Equal(PartitionPlace.Live, world["free"]);
        world.CheckInvariants();
    }

    [Fact]
    public void A_worker_that_joins_again_keeps_the_slots_that_it_has_taken()
    {
        var world = new KernelWorld(slots: 2);
        var want = world.Want("a");
        world.Plan(want, "j0", ["a"]);
        world.Planned(want);
        world.Lease(world.Schedule("a"));
        Assert.Empty(world.Do(new AddWorker(new WorkerId("host/1/a"), 2)).Events);

        world.Do(new AddWorker(new WorkerId("host/1/a"), 3));
        Assert.Equal(1, world.State.Workers["host/1/a"].Busy);
        Assert.Equal(3, world.State.Workers["host/1/a"].Slots);
    }

    [Fact]
    public void A_run_has_the_config_that_was_scheduled_and_not_one_that_overlaps_it()
    {
        var world = new KernelWorld();
        var want = world.Want("a", "b", "c");
        world.Plan(want, "j0", ["a", "b"], "in"); // a waits for in.
        world.Plan(want, "j0", ["b", "c"]);
        world.Plan(want, "j0", ["a", "c"]);
        world.Plan(want, "j0", ["a", "b"], "in");
        var scheduled = (RunScheduled)world.Do(new ScheduleRun(world.P("c"), false)).Events[0];

        Assert.Equal([world.P("a"), world.P("c")], scheduled.Claims);
        Assert.Empty(world.State.Runs[scheduled.Run.Value].Config.Inputs); // It used to be: in.
    }
}
