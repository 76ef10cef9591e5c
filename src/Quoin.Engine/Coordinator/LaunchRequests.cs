using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Puts together what a slot needs to know of a run, as of now.</summary>
static class LaunchRequests
{
    /// <summary>The request for the next attempt of a run whose plan is at hand.</summary>
    public static LaunchRequest Of(
        CoordinatorParts parts, RunToken run, ActiveRun entry, JobControl control)
    {
        var (plan, node) = (entry.Planned!.Plan, entry.Node);
        var graph = plan.Graph;
        var job = graph.JobOf(node);
        var inputs = ImmutableArray.CreateBuilder<LaunchInput>(graph.Inputs(node).Length);
        var watched = plan.Test.Fingerprints.FactOf(job).Code.ToBuilder();
        foreach (var input in graph.Inputs(node))
        {
            if (graph.ProducerOf(input) == JobGraph.Source)
            {
                var source = parts.Facts.Source(input);
                inputs.Add(new LaunchInput(input, source.Digest));
                watched.Add(new PathDigest(source.Path, source.Digest));
            }
            else
            {
                parts.State.TryGetManifest(input, out var manifest);
                inputs.Add(new LaunchInput(input, manifest.Digest)
                {
                    Held = Activation.HeldOf(parts.State, input),
                    MadeBy = parts.Keeping.MayBeAway(input) ? manifest.Fingerprint : default,
                });
            }
        }
        var text = plan.Test.Fingerprints.TextOf(node).ToArray();
        var keeps = parts.Keeping.Keeps(job);
        return new LaunchRequest
        {
            Id = new AttemptId(run.Id, run.Attempt),
            Epoch = run.Epoch,
            Job = job,
            Outputs = [.. graph.Outputs(node)],
            Claims = run.Claims,
            Inputs = inputs.MoveToImmutable(),
            Config = job.IsAsked ? graph.ConfigOf(node) : null,
            Fingerprint = parts.Facts.DigestOf(text),
            FingerprintText = text,
            Watched = watched.ToImmutable(),
            Secrets = plan.Test.Fingerprints.FactOf(job).Secrets,
            MayRestore = keeps && MayRestore(plan, node, run),
            Keeps = keeps,
            TraceParent = TraceSpans.ParentOf(parts, run),
            Priority = LineRequests.IsAskedFor(job) ? PriorityOf(parts.State, entry.Key) : 0,
            Control = control,
        };
    }

    /// <summary>The highest priority of the wants that ask for a partition.</summary>
    public static int PriorityOf(KernelState state, PartitionId p) => state.Requesters(p).Wants
        .Select(want => state.Wants[want.Value].Options.Priority).DefaultIfEmpty(0).Max();

    // Whoever asked for it anew, does not trust it, edited it or finds it too old wants it made.
    static bool MayRestore(Plan plan, int node, RunToken run)
    {
        var outputs = plan.Graph.Outputs(node);
        var reasons = plan.OutputReasonsOf(node);
        for (var i = 0; i < outputs.Length; i++)
        {
            if (run.Claims.Contains(outputs[i]) && reasons[i] is StaleReason.Fresh
                or StaleReason.Tainted or StaleReason.Expired or StaleReason.OutputModified)
                return false;
        }
        return true;
    }
}
