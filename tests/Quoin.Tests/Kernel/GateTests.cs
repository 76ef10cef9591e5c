using Quoin.Core;

namespace Quoin.Tests.KernelTests;

/// <summary>
/// The gate of a thing, as a table: what each place of an input means for what stands on it. (34.)
/// </summary>
public sealed class GateTests
{
    static readonly RunFailure No = new(FailureCategory.Failed, "no");

    readonly KernelWorld world = new(slots: 9);

    void Plan(WantId want, string name, params string[] inputs) =>
        world.Do(new ProposePlan(new PartitionPlanned(
            want, name, [world.P(name)], [.. inputs.Select(world.P)])
        {
            Resource = new ResourcePolicy(),
        }));

    // A want of its own for x, and its run, as far as it is.
    RunId Begin()
    {
        var want = world.Want("x");
        Plan(want, "x");
        world.Planned(want);
        return world.Schedule("x");
    }

    RunId Live()
    {
        var run = Begin();
        world.Do(new CompleteRun(
            run, world.Lease(run), [new OutputManifest(world.P("x"), default, 0)])
        {
            WatchAt = world.Now,
        });
        return run;
    }

    RunId Releasing()
    {
        var run = Live();
        world.Do(new RequestWantRelease(new WantId(world.State.LastWant), "test"));
        world.Do(new ScheduleRelease(run, world.Now));
        return run;
    }

    void Data(Action<RunId> then)
    {
        var want = world.Want("x");
        world.Plan(want, "x", ["x"]);
        world.Planned(want);
        then(world.Schedule("x"));
    }

    // Brings x where a want finds it that was accepted before.
    void Bring(PartitionPlace place)
    {
        switch (place)
        {
            case PartitionPlace.Missing: break;
            case PartitionPlace.Wanted: world.Want("x"); break;
            case PartitionPlace.Planned: Plan(world.Want("x"), "x"); break;
            case PartitionPlace.Building: Begin(); break;
            case PartitionPlace.Live: Live(); break;
            case PartitionPlace.Releasing: Releasing(); break;
            case PartitionPlace.Waiting:
                Data(run => world.Do(new MissInputs(run, world.Lease(run), [world.P("y")])));
                break;
            case PartitionPlace.Tainted:
                Data(run => world.Complete(run, world.Lease(run), "x"));
                world.Do(new Taint(world.P("x"), "test", ""));
                break;
            case PartitionPlace.Failed:
                var failing = Begin();
                world.Do(new FailRun(failing, world.Lease(failing), No));
                break;
            case PartitionPlace.Released:
                var released = Releasing();
                world.Do(new ReleaseDone(released, world.Lease(released)));
                break;
            case PartitionPlace.Quarantined:
                var parked = Releasing();
                world.Do(new FailRelease(parked, world.Lease(parked), No));
                break;
        }
        Assert.Equal(place, world["x"]);
    }

    string Gate() => world["p"] switch
    {
        PartitionPlace.Planned => world.State.IsReady(world.P("p")) ? "ready" : "wait",
        PartitionPlace.Failed => "fail",
        var other => $"{other}",
    };

    [Theory]
    [InlineData(PartitionPlace.Missing, "wait")]
    [InlineData(PartitionPlace.Wanted, "wait")]
    [InlineData(PartitionPlace.Planned, "wait")]
    [InlineData(PartitionPlace.Building, "wait")]
    [InlineData(PartitionPlace.Waiting, "wait")]
    [InlineData(PartitionPlace.Live, "ready")]
    [InlineData(PartitionPlace.Tainted, "wait")]
    [InlineData(PartitionPlace.Failed, "fail")]
    [InlineData(PartitionPlace.Releasing, "wait")]
    [InlineData(PartitionPlace.Released, "wait")]
    [InlineData(PartitionPlace.Quarantined, "fail")]
    public void An_input_that_is_demanded_and_was_never_held(PartitionPlace place, string gate)
    {
        var want = world.Want("p");
        Bring(place);

        Plan(want, "p", "x");
        world.Planned(want);

        Assert.Equal(gate, Gate());
    }

    // In use it is Live, or it has ended by itself: nothing else can happen to it, and then what
    // stands on it fails.
    [Theory]
    [InlineData("nothing", "Live", "Live")]
    [InlineData("taint", "Live", "Live")]
    [InlineData("release", "Live", "Live")]
    [InlineData("cancel", "Live", "Live")]
    [InlineData("ends", "Releasing", "Releasing")]
    [InlineData("vanishes", "Releasing", "Releasing")]
    public void An_input_that_was_held(string what, string input, string holder)
    {
        var want = world.Want("p");
        var x = Live();
        Plan(want, "p", "x");
        world.Planned(want);
        var p = world.Schedule("p");
        world.Complete(p, world.Lease(p), "p");
        world.Do(new CancelWant(new WantId(2), "test"));

        switch (what)
        {
            case "taint": world.Do(new Taint(world.P("x"), "test", "")); break;
            case "release": world.Do(new ScheduleRelease(x, world.Now)); break;
            case "cancel": world.Do(new RequestRunCancel(x, "test")); break;
            case "ends": world.Do(new EndResource(x, world.Lease(x))); break;
            case "vanishes":
                world.Do(new EndResource(x, world.Lease(x)) { Failure = No });
                break;
        }

        Assert.Equal((input, holder), ($"{world["x"]}", $"{world["p"]}"));
        Assert.Equal(
            input == "Live" ? "Open" : "Failed", world.Outcome(want));
    }
}
