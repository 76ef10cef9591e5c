using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// The longest chain of nodes by time: what bounds a build however many slots there are.
/// </summary>
/// <param name="Nodes">The chain, first to run first; empty when nothing takes time.</param>
/// <param name="Milliseconds">What its nodes take together.</param>
public sealed record CriticalPath(ImmutableArray<int> Nodes, long Milliseconds)
{
    /// <summary>
    /// The longest chain. <paramref name="durationsMs"/> is by node: actual times, or estimates;
    /// 0 for what does not run. Of equally long chains the one through earlier nodes wins.
    /// </summary>
    public static CriticalPath Of(JobGraph graph, ReadOnlySpan<int> durationsMs)
    {
        var ranks = UpwardRank.Of(graph, durationsMs);
        var at = -1;
        for (var node = 0; node < ranks.Length; node++)
        {
            if (ranks[node] > 0 && (at < 0 || ranks[node] > ranks[at])) at = node;
        }
        if (at < 0) return new CriticalPath([], 0);
        var length = ranks[at];
        var chain = ImmutableArray.CreateBuilder<int>();
        while (at >= 0)
        {
            if (durationsMs[at] > 0) chain.Add(at);
            var rest = ranks[at] - durationsMs[at];
            var next = -1;
            foreach (var consumer in graph.Consumers(at))
            {
                if (rest > 0 && ranks[consumer] == rest && (next < 0 || consumer < next))
                    next = consumer;
            }
            at = next;
        }
        return new CriticalPath(chain.ToImmutable(), length);
    }

    /// <summary>
    /// <c>raw/03 > clean/03 > report/03 (2m50s)</c>: each node by its first output; long chains are
    /// cut in the middle.
    /// </summary>
    public string Text(JobGraph graph)
    {
        var names = Chains.Cut([.. Nodes.Select(node => graph.Names.Text(graph.Outputs(node)[0]))]);
        var time = Spans.Short(TimeSpan.FromMilliseconds(Milliseconds));
        return $"{string.Join(" > ", names)} ({time})";
    }
}
