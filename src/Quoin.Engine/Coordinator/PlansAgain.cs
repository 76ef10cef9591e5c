using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Plans for open wants beside their first one: for what came back to Wanted, and for what a run
/// made that began before something it reads was edited. Belongs to the coordinator's thread.
/// </summary>
sealed class PlansAgain(
    Coordinator coordinator, CoordinatorParts parts, Planning planning, EarlierRuns earlier,
    Dispatcher dispatcher)
{
    KernelState State => parts.State;

    /// <summary>
    /// A run that began before something that it reads was edited: what runs is waited for and
    /// tested when it has ended; what waits for another attempt is planned anew.
    /// </summary>
    public void Await(WantId want, Plan plan)
    {
        foreach (var run in earlier.Of(plan))
        {
            if (run.Place == RunPlace.Queued) Drop(run);
            else
            {
                earlier.Await(run, want);
                coordinator.PlanLog.Waits(want, run.Id);
            }
        }
    }

    void Drop(RunToken run) =>
        coordinator.Do(new RequestRunCancel(run.Id, "outdated") { ToReplan = true });

    /// <summary>A run ended: was it one of those that a want waits for?</summary>
    public void Test(RunToken run, CancellationToken ct)
    {
        if (State.Runs.ContainsKey(run.Id.Value))
        {
            if (!earlier.IsAwaited(run.Id)) return;
            Drop(run); // Its next attempt would be one for the plan of before.
        }
        if (earlier.Ended(run.Id) is not { } newest) return;
        ImmutableArray<PartitionId> live =
            [.. run.Claims.Where(p => State.PlaceOf(p) == PartitionPlace.Live)];
        if (!live.IsEmpty)
        {
            planning.LookAgain();
            Plan(newest, live, isCounted: true, ct);
        }
        foreach (var planned in earlier.TakePlanned()) coordinator.Do(new ProposePlan(planned));
    }

    /// <summary>Plans those that are Wanted, each for a want that needs it.</summary>
    public void Plan(IEnumerable<PartitionId> candidates, CancellationToken ct)
    {
        var wanted = candidates
            .Where(p => State.PlaceOf(p) == PartitionPlace.Wanted)
            .Distinct()
            .ToImmutableArray();
        foreach (var p in wanted) planning.Release(p);
        // What several wants need goes to the newest: it tries again what failed before. But it
        // has to be one that needs it: a want fails with what is planned for it.
        var plans = from p in wanted
                    group p by WaitsFor.NewestWant(State, p) into needed
                    where needed.Key is not null
                    orderby needed.Key.AcceptedAt descending
                    select needed;
        foreach (var needed in plans.ToArray())
            Plan(needed.Key!, [.. needed], isCounted: false, ct);
    }

    void Plan(
        WantToken want, ImmutableArray<PartitionId> wanted, bool isCounted, CancellationToken ct)
    {
        var plan = planning.MakeAgain(wanted, want, ct);
        Await(want.Id, plan);
        coordinator.PlanLog.Planned(want.Id, null, plan, planning.Trace);
        var estimates = planning.Rank(
            plan, want.Id, want.Options, dispatcher.Replanning.Room);
        foreach (var e in planning.Events(estimates))
            coordinator.Do(new ProposePlan(e is WantPlanned planned
                ? new PlanExtended(want.Id, wanted[0], isCounted ? default : planned.Counts)
                : e));
        dispatcher.Replanning.TellTimeLeft();
    }
}
