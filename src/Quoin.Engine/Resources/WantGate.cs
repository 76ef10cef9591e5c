using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What has to be right with things outside when a want arrives; an offer is put aside. Belongs to
/// the coordinator's thread.
/// </summary>
sealed class WantGate(Coordinator coordinator, CoordinatorParts parts, Holdings holdings)
{
    readonly List<RunId> outdated = [];

    KernelState State => parts.State;

    DateTimeOffset Now => parts.Time.GetUtcNow();

    /// <summary>
    /// A window that is over; something in use that shall be something else from now on.
    /// </summary>
    public Refusal? Refuse(
        Plan plan, ImmutableArray<PartitionId> targets, WantOptions options)
    {
        outdated.Clear();
        var end = options.StartUntil;
        if (end < Now)
            return new Refusal("start-window-missed", $"The start window ended at {end:O}.");
        foreach (var p in targets)
        {
            var node = plan.Graph.ProducerOf(p);
            if (node < 0 || plan.ReasonOf(node) != StaleReason.Changed
                || plan.Graph.JobOf(node).Resource is null) continue;
            if (State.IsHeld(p))
                return new Refusal(
                    "definition-conflict",
                    $"{State.Names.Text(p)} is in use as it was defined before; release it first.");
            if (State.LifeOf(p) is { } run) outdated.Add(run.Id);
        }
        return null;
    }

    /// <summary>What is kept as it was defined before is released, and then acquired anew.
    /// </summary>
    public void Accepted()
    {
        foreach (var run in outdated)
            coordinator.Do(new ScheduleRelease(run, Now) { IsStale = true });
        outdated.Clear();
    }

    /// <summary>
    /// Says of all that a want needs and that waits for a person what to do about it: the want
    /// fails, and whoever follows it reads why.
    /// </summary>
    public void TellParked(WantToken want, Plan plan)
    {
        if (State.Count(PartitionPlace.Quarantined) == 0) return;
        var needed = want.Targets.Concat(
            plan.Graph.Order.ToArray().SelectMany(node => plan.Graph.Outputs(node).ToArray()));
        foreach (var p in needed.Distinct())
        {
            if (State.PlaceOf(p) != PartitionPlace.Quarantined || State.LifeOf(p) is not { } run)
                continue;
            var open = State.Interventions.Values.Where(i => i.Partition == p)
                .MinBy(i => i.Id.Value);
            coordinator.Note(new ConfigFailed(run.Config.Job, [p], new PlanProblem(
                "waits-for-person",
                $"{State.Names.Text(p)} waits for a person"
                + (open is null ? "" : $" ({open.Id} {open.Code})")
                + $"; answer first: quoin interventions resolve {open?.Id.ToString() ?? "I"} "
                + "--retry | --adopt ID | --released | --abandon")));
        }
    }

    /// <summary>Puts a want aside until somebody accepts it.</summary>
    public Refusal? Offer(Message.Wanted m, WantOptions options, CommandInbox inbox)
    {
        var request = m.Request with { Options = options };
        var offer = Offers.Of(request, State, parts.Graph, Now) with
        {
            Command = m.Command ?? "",
        };
        if (coordinator.Do(offer) is { } refusal) return refusal;
        var want = State.Wants[State.LastWant];
        if (m.Command is { } id) inbox.Answer(id, "done", want.Id.ToString());
        holdings.Look(want);
        return null;
    }
}
