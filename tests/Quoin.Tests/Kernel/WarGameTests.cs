using Quoin.Core;

namespace Quoin.Tests.KernelTests;

/// <summary>
/// The collision cases of the kernel's page: j0 makes {a,b}, j1 makes {b,c}, one want asks for a,
/// another for c, and nobody asks for b.
/// </summary>
public sealed class WarGameTests
{
    [Fact]
    public void S1_disjoint_outputs_commute()
    {
        string Play(bool swapped)
        {
            var world = new KernelWorld();
            var w = world.Want("a", "c");
            world.Plan(w, "j0", ["a"]);
            world.Plan(w, "j1", ["c"]);
            world.Planned(w);
            var first = world.Schedule(swapped ? "c" : "a");
            var second = world.Schedule(swapped ? "a" : "c");
            world.Complete(first, world.Lease(first), swapped ? "c" : "a");
            world.Complete(second, world.Lease(second), swapped ? "a" : "c");
            return $"{world["a"]} {world["c"]} {world.Outcome(w)}";
        }
        Assert.Equal("Live Live Succeeded", Play(swapped: false));
        Assert.Equal("Live Live Succeeded", Play(swapped: true));
    }

    [Fact]
    public void S2_same_outputs_are_delegated_to_the_one_run()
    {
        var world = new KernelWorld();
        var w0 = world.Want("a");
        world.Plan(w0, "j0", ["a", "b"]);
        world.Planned(w0);
        var run = world.Schedule("a");
        var epoch = world.Lease(run);

        var w1 = world.Want("b");
        world.Planned(w1);
        Assert.Equal(PartitionPlace.Building, world["b"]);
        world.Complete(run, epoch, "a", "b");

        Assert.Equal("Succeeded", world.Outcome(w0));
        Assert.Equal("Succeeded", world.Outcome(w1));
        Assert.Equal(1, world.State.LastRun);
    }

    [Fact]
    public void S3_an_overlapping_run_waits_and_then_claims_only_the_rest()
    {
        var world = new KernelWorld();
        var (w0, run, epoch) = RunningJ0(world);
        var w1 = WantJ1(world);

        Assert.Equal("output-held", world.Refused(new ScheduleRun(world.P("c"), false)));
        world.Complete(run, epoch, "a", "b");
        var decision = world.Do(new ScheduleRun(world.P("c"), false));
        var scheduled = Assert.IsType<RunScheduled>(decision.Events[0]);

        Assert.Equal([world.P("c")], scheduled.Claims);
        Assert.Equal([world.P("b")], scheduled.Shadowed);
        world.Complete(scheduled.Run, world.Lease(scheduled.Run), "c");
        Assert.Equal(run.Value, world.Publisher("b"));
        Assert.Equal("Succeeded", world.Outcome(w0));
        Assert.Equal("Succeeded", world.Outcome(w1));
    }

    [Fact]
    public void S4_a_failed_run_leaves_no_false_failure_behind()
    {
        var world = new KernelWorld();
        var (w0, run, epoch) = RunningJ0(world);
        world.Fail(run, epoch, retries: 1);
        Assert.Equal(PartitionPlace.Building, world["b"]); // The attempt failed, the run goes on.
        world.Fail(run, world.Lease(run), retries: 1);

        Assert.Equal("Failed", world.Outcome(w0));
        Assert.Equal(PartitionPlace.Failed, world["a"]);
        Assert.Equal(PartitionPlace.Missing, world["b"]); // Nobody wanted it.
        var w1 = WantJ1(world);
        var j1 = world.Schedule("c");
        world.Complete(j1, world.Lease(j1), "b", "c");
        Assert.Equal("Succeeded", world.Outcome(w1));
    }

    [Fact]
    public void S4b_between_two_attempts_the_claims_are_kept()
    {
        var world = new KernelWorld();
        var (_, run, epoch) = RunningJ0(world);
        WantJ1(world);
        world.Fail(run, epoch, retries: 1);
        Assert.Equal("output-held", world.Refused(new ScheduleRun(world.P("c"), false)));
        world.Complete(run, world.Lease(run), "a", "b");
        var j1 = (RunScheduled)world.Do(new ScheduleRun(world.P("c"), false)).Events[0];
        Assert.Equal([world.P("c")], j1.Claims);
    }

    [Fact]
    public void S5_a_cancelled_run_holds_its_outputs_until_it_has_stopped()
    {
        var world = new KernelWorld();
        var (w0, run, epoch) = RunningJ0(world);
        WantJ1(world);
        world.Do(new CancelWant(w0, "test"));
        Assert.Equal("Cancelled", world.Outcome(w0));
        world.Do(new RequestRunCancel(run, "test"));
        Assert.Equal("output-held", world.Refused(new ScheduleRun(world.P("c"), false)));

        world.Do(new AckRunCancel(run, epoch));
        Assert.Equal(PartitionPlace.Missing, world["a"]);
        Assert.Equal([world.P("b"), world.P("c")],
            ((RunScheduled)world.Do(new ScheduleRun(world.P("c"), false)).Events[0]).Claims);
    }

    [Fact]
    public void S5_a_run_that_another_want_demands_cannot_be_cancelled()
    {
        var world = new KernelWorld();
        var (w0, run, _) = RunningJ0(world);
        world.Planned(world.Want("b"));
        world.Do(new CancelWant(w0, "test"));
        Assert.Equal("still-demanded", world.Refused(new RequestRunCancel(run, "test")));
    }

    [Fact]
    public void S6_a_report_under_an_old_lease_is_rejected()
    {
        var world = new KernelWorld();
        var (_, run, first) = RunningJ0(world);
        world.Do(new ExpireLease(run, first, world.Now));
        Assert.Equal(PartitionPlace.Building, world["b"]);
        var second = world.Lease(run);

        Assert.IsType<StaleReportRejected>(world.Complete(run, first, "a", "b").Events[0]);
        Assert.Equal(PartitionPlace.Building, world["a"]);
        world.Complete(run, second, "a", "b");
        Assert.Equal(PartitionPlace.Live, world["a"]);
    }

    [Fact]
    public void S6_the_budget_of_lost_leases_ends_the_run()
    {
        var world = new KernelWorld();
        var (w0, run, epoch) = RunningJ0(world);
        for (var lost = 0; lost < 3; lost++)
        {
            world.Do(new ExpireLease(run, epoch, world.Now));
            epoch = world.Lease(run);
        }
        world.Do(new ExpireLease(run, epoch, world.Now));
        Assert.Equal("Failed", world.Outcome(w0));
        Assert.Empty(world.State.Runs);
        world.State.TryGetFailure(world.P("a"), out var failure);
        Assert.Equal(FailureCategory.Lost, failure!.RunFailure!.Category);
    }

    [Fact]
    public void S7_a_tainted_sibling_is_made_again()
    {
        var world = new KernelWorld();
        var (_, run, epoch) = RunningJ0(world);
        world.Complete(run, epoch, "a", "b");
        world.Do(new Taint(world.P("b"), "ops", "wrong unit"));
        WantJ1(world);
        var j1 = (RunScheduled)world.Do(new ScheduleRun(world.P("c"), false)).Events[0];
        Assert.Equal([world.P("b"), world.P("c")], j1.Claims);
        world.Complete(j1.Run, world.Lease(j1.Run), "b", "c");
        Assert.Equal(j1.Run.Value, world.Publisher("b"));
    }

    [Fact]
    public void S8_an_undeclared_output_is_adopted_if_free_and_discarded_if_held()
    {
        var world = new KernelWorld();
        var w = world.Want("a", "b");
        world.Plan(w, "j0", ["a"]);
        world.Plan(w, "j1", ["b"]);
        world.Planned(w);
        var j0 = world.Schedule("a");
        var e0 = world.Lease(j0);
        var j1 = world.Schedule("b");
        var e1 = world.Lease(j1);
        var completed = (RunCompleted)world.Complete(j0, e0, "a", "b", "free").Events[0];

        Assert.Equal([world.P("b")], completed.Discarded);
        Assert.Equal(PartitionPlace.Building, world["b"]);
        Assert.Equal(j0.Value, world.Publisher("free"));
        world.Complete(j1, e1, "b");
        Assert.Equal(j1.Value, world.Publisher("b"));
    }

    [Fact]
    public void S9_a_plan_from_an_older_marking_is_dropped_where_it_no_longer_applies()
    {
        var world = new KernelWorld();
        var (w0, run, epoch) = RunningJ0(world);
        Assert.Empty(world.Plan(w0, "j0", ["a", "b"]).Events); // Claimed meanwhile.
        world.Complete(run, epoch, "a", "b");
        Assert.Empty(world.Plan(w0, "j0", ["a", "b"]).Events); // Published meanwhile.
        Assert.Equal("not-ready", world.Refused(new ScheduleRun(world.P("a"), false)));
    }

    // Tainted before the lease or after it: what is made from it is not trusted either.
    [Theory]
    [InlineData(true), InlineData(false)]
    public void An_input_that_is_tainted_makes_what_is_built_from_it_stale(bool beforeLease)
    {
        var world = new KernelWorld();
        var w = world.Want("b");
        world.Plan(w, "j1", ["b"], "a");
        world.Plan(w, "j0", ["a"]);
        world.Planned(w);
        var j0 = world.Schedule("a");
        world.Complete(j0, world.Lease(j0), "a");
        var j1 = world.Schedule("b");
        if (beforeLease) world.Do(new Taint(world.P("a"), "ops", "wrong unit"));
        var epoch = world.Lease(j1);
        if (!beforeLease) world.Do(new Taint(world.P("a"), "ops", "wrong unit"));
        world.Complete(j1, epoch, "b");

        Assert.Equal(PartitionPlace.Wanted, world["b"]);
        Assert.Equal("Open", world.Outcome(w));
    }

    static (WantId Want, RunId Run, int Epoch) RunningJ0(KernelWorld world)
    {
        var w0 = world.Want("a");
        world.Plan(w0, "j0", ["a", "b"]);
        world.Planned(w0);
        var run = world.Schedule("a");
        return (w0, run, world.Lease(run));
    }

    static WantId WantJ1(KernelWorld world)
    {
        var w1 = world.Want("c");
        world.Plan(w1, "j1", ["b", "c"]);
        world.Planned(w1);
        return w1;
    }
}
