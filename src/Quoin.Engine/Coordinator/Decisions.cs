using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Decides without building: takes commands, asks the kernel, appends the events. For commands that
/// only change what is known (want, taint, cancel), while no process builds.
/// </summary>
public static class Decisions
{
    /// <summary>
    /// Makes the decisions that <paramref name="commands"/> asks for on the state of now, in one
    /// append. All or nothing: the first refusal is the answer and nothing is recorded.
    /// </summary>
    /// <param name="store">Opened with its lock held.</param>
    /// <param name="time">When it happens.</param>
    /// <param name="commands">Gets the state, whose names it may add to.</param>
    /// <param name="ct">Before the append.</param>
    /// <returns>The events that were recorded, with their names, or why none were.</returns>
    /// <exception cref="StoreException">The store cannot be read or written.</exception>
    public static async Task<DecisionsMade> MakeAsync(
        IBuildStore store, TimeProvider time,
        Func<KernelState, IReadOnlyList<KernelCommand>> commands, CancellationToken ct)
    {
        var state = StateLoader.Load(store, new PartitionNames()).State;
        var events = new List<BuildEvent>();
        foreach (var command in commands(state))
        {
            var decision = Kernel.Decide(state, command);
            if (decision.Refusal is { } refusal) return new DecisionsMade([], state, refusal);
            if (decision.Event is { } e) Apply(e);
        }
        foreach (var (want, outcome) in state.Notices.Ended.ToArray())
        {
            if (outcome == WantOutcome.Succeeded) Apply(new WantSucceeded(want.Id));
            else if (outcome == WantOutcome.Failed)
                Apply(new WantFailed(want.Id, [.. want.FailedTargets]));
        }
        await AppendAsync(store, time, state.Names, events, ct);
        return new DecisionsMade(events, state, null);

        void Apply(BuildEvent e)
        {
            Evolve.Apply(state, e);
            events.Add(e);
        }
    }

    /// <summary>Records notifications: facts that no decision depends on.</summary>
    public static async Task NotifyAsync(
        IBuildStore store, TimeProvider time, PartitionNames names,
        IReadOnlyList<BuildEvent> events, CancellationToken ct) =>
        await AppendAsync(store, time, names, events, ct);

    static async Task AppendAsync(
        IBuildStore store, TimeProvider time, PartitionNames names,
        IReadOnlyList<BuildEvent> events, CancellationToken ct)
    {
        if (events.Count == 0) return;
        var batch = new AppendBatch { At = time.GetUtcNow(), Names = names, Events = events };
        await store.AppendAsync(batch, ct);
        Holdings.ReachThoseOf(events);
    }
}

/// <summary>What was decided.</summary>
/// <param name="Events">What was recorded; nothing when it was so already.</param>
/// <param name="State">The state behind them.</param>
/// <param name="Refusal">Why nothing was recorded; null when nothing was refused.</param>
public sealed record DecisionsMade(
    IReadOnlyList<BuildEvent> Events, KernelState State, Refusal? Refusal);
