using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>The facts that a plan gives the kernel, in the order in which it takes them.</summary>
public static class PlanEvents
{
    /// <summary>
    /// For each planned node, consumers first: P2 for outputs that are published and fail, then P1
    /// (its inputs without sources, which nobody builds and so nobody can demand). Then P4 for
    /// blocked wanted partitions, and P5. With <c>strict</c> and problems: P6 alone. The want has
    /// to
    /// hold <see cref="Plan.Targets"/> and <see cref="Plan.AlsoWanted"/>.
    /// </summary>
    public static List<BuildEvent> Of(Plan plan, WantId want, bool strict = false)
    {
        if (strict && plan.Problems.Length > 0) return [new AnalysisFailed(want, plan.Problems)];
        var graph = plan.Graph;
        List<BuildEvent> events = [];
        for (var i = graph.Order.Length - 1; i >= 0; i--)
        {
            if (plan.IsPlanned(graph.Order[i])) AddPlanned(plan, want, graph.Order[i], events);
        }
        AddBlocked(plan, events);
        events.Add(new WantPlanned(want, plan.Counts) { Graph = graph.Graph.Digest });
        return events;
    }

    static void AddPlanned(Plan plan, WantId want, int node, List<BuildEvent> events)
    {
        var graph = plan.Graph;
        var outputs = graph.Outputs(node);
        var reasons = plan.OutputReasonsOf(node);
        var standings = plan.StandingsOf(node);
        for (var i = 0; i < outputs.Length; i++)
        {
            if (standings[i] != Standing.Published || reasons[i] == StaleReason.None) continue;
            events.Add(new PartitionStale(outputs[i], reasons[i])
            {
                Detail = reasons[i] == plan.ReasonOf(node) ? plan.DetailOf(node) : "",
            });
        }
        var inputs = ImmutableArray.CreateBuilder<PartitionId>(graph.Inputs(node).Length);
        foreach (var input in graph.Inputs(node))
        {
            if (graph.ProducerOf(input) != JobGraph.Source) inputs.Add(input);
        }
        events.Add(new PartitionPlanned(
            want, graph.JobOf(node).Name, [.. outputs], inputs.DrainToImmutable())
        {
            Definition = plan.Test.Fingerprints.DefinitionOf(node),
        });
    }

    // Only wanted ones have a token that can fail: what reads a blocked partition is blocked too,
    // so nobody demands the ones between.
    static void AddBlocked(Plan plan, List<BuildEvent> events)
    {
        var graph = plan.Graph;
        foreach (var target in plan.Targets)
        {
            var node = graph.ProducerOf(target);
            var problem = node >= 0 ? plan.ProblemOf(node) : plan.ProblemOf(target);
            if (problem is null) continue;
            if (node >= 0 && IsPublished(plan, node, target))
                events.Add(new PartitionStale(target, StaleReason.Changed)
                {
                    Detail = $"{problem.Code}: {problem.Message}",
                });
            events.Add(new ConfigFailed(
                node >= 0 ? graph.JobOf(node).Name : "", [target], problem));
        }
    }

    static bool IsPublished(Plan plan, int node, PartitionId target) =>
        plan.StandingsOf(node)[plan.Graph.Outputs(node).IndexOf(target)] == Standing.Published;
}
