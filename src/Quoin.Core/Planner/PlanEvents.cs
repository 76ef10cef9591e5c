using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>The facts that a plan gives the kernel, in the order in which it takes them.</summary>
public static class PlanEvents
{
    /// <summary>
    /// For each planned node, consumers first: P2 for outputs that are published and fail, then P1
    /// (its inputs without sources, which nobody builds and so nobody can demand). Then P4 for
    /// blocked wanted partitions, and P5. With <paramref name="strict"/> and problems: P6 alone.
    /// The want has to hold <see cref="Plan.Targets"/> and <see cref="Plan.AlsoWanted"/>. Each
    /// event has to be applied before the next is asked for: <paramref name="isLeftOver"/> tells,
    /// as of then, which partitions wait to be planned although they pass the test; they are
    /// planned too, and the test at their turn ends them.
    /// </summary>
    public static IEnumerable<BuildEvent> Of(
        Plan plan, WantId want, Func<PartitionId, bool>? isLeftOver = null, bool strict = false)
    {
        if (strict && plan.Problems.Length > 0)
        {
            yield return new AnalysisFailed(want, plan.Problems);
            yield break;
        }
        var graph = plan.Graph;
        List<BuildEvent> events = [];
        for (var i = graph.Order.Length - 1; i >= 0; i--)
        {
            var node = graph.Order[i];
            if (!plan.IsPlanned(node) && !IsLeftOver(plan, node, isLeftOver)) continue;
            events.Clear();
            AddPlanned(plan, want, node, events);
            foreach (var e in events) yield return e;
        }
        events.Clear();
        AddBlocked(plan, events);
        foreach (var e in events) yield return e;
        yield return new WantPlanned(want, plan.Counts) { Graph = graph.Graph.Digest };
    }

    static bool IsLeftOver(Plan plan, int node, Func<PartitionId, bool>? isLeftOver)
    {
        if (isLeftOver is null
            || (plan.VerdictOf(node) != Verdict.Current && !plan.IsDelegated(node))) return false;
        foreach (var output in plan.Graph.Outputs(node))
            if (isLeftOver(output)) return true;
        return false;
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
        // Nothing is acquired for a run that may turn out not to be needed.
        events.Add(PlannedOf(plan, want, node, plan.VerdictOf(node) == Verdict.Build));
    }

    /// <summary>
    /// P1 of a node; without <paramref name="withResources"/> its inputs that are things outside
    /// are left out, and <see cref="IsLacking"/> says so later.
    /// </summary>
    public static PartitionPlanned PlannedOf(Plan plan, WantId want, int node, bool withResources)
    {
        var graph = plan.Graph;
        var job = graph.JobOf(node);
        var inputs = ImmutableArray.CreateBuilder<PartitionId>(graph.Inputs(node).Length);
        foreach (var input in graph.Inputs(node))
        {
            var producer = graph.ProducerOf(input);
            if (producer == JobGraph.Source) continue;
            if (withResources || !IsResource(graph, producer)) inputs.Add(input);
        }
        return new PartitionPlanned(
            want, job.Name, [.. graph.Outputs(node)], inputs.DrainToImmutable())
        {
            Definition = plan.Test.Fingerprints.DefinitionOf(node),
            Resource = job.Resource is { } r ? new ResourcePolicy { Keep = r.Keep } : null,
        };
    }

    /// <summary>True when its run needs things outside that its plan does not ask for yet.
    /// </summary>
    public static bool IsLacking(Plan plan, int node, ConfigToken planned)
    {
        var graph = plan.Graph;
        foreach (var input in graph.Inputs(node))
            if (IsResource(graph, graph.ProducerOf(input)) && !planned.Inputs.Contains(input))
                return true;
        return false;
    }

    static bool IsResource(JobGraph graph, int producer) =>
        producer >= 0 && graph.JobOf(producer).Resource is not null;

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
            if (IsPublished(plan, node, target))
                events.Add(new PartitionStale(target, StaleReason.Changed)
                {
                    Detail = $"{problem.Code}: {problem.Message}",
                });
            events.Add(new ConfigFailed(
                node >= 0 ? graph.JobOf(node).Name : "", [target], problem));
        }
    }

    // Without a node (its config failed) the plan has not asked where it stands.
    static bool IsPublished(Plan plan, int node, PartitionId target) =>
        (node >= 0
            ? plan.StandingsOf(node)[plan.Graph.Outputs(node).IndexOf(target)]
            : plan.Facts.Partition(target).Standing) == Standing.Published;
}
