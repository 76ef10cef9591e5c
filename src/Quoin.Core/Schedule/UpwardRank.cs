namespace Quoin.Core;

/// <summary>
/// How long everything takes from the start of a node to the end of the last that needs it, when
/// nothing waits for a slot: <c>rank(x) = est(x) + max(0, max over consumers y of rank(y))</c>.
/// Starting the highest rank first keeps the critical path moving (Topcuoglu, Hariri and Wu 2002).
/// O(nodes + edges), without recursion.
/// </summary>
public static class UpwardRank
{
    /// <summary>
    /// The rank of each node in milliseconds. <paramref name="estimatesMs"/> is by node; 0 for what
    /// does not run. Nodes on cycles never run, and what they get means nothing.
    /// </summary>
    public static long[] Of(ITaskOrder graph, ReadOnlySpan<int> estimatesMs)
    {
        if (estimatesMs.Length != graph.Count)
            throw new ArgumentException($"{graph.Count} nodes, {estimatesMs.Length} estimates.");
        var ranks = new long[graph.Count];
        var order = graph.Order;
        for (var i = order.Length - 1; i >= 0; i--)
        {
            var node = order[i];
            var after = 0L;
            foreach (var consumer in graph.Consumers(node))
                after = Math.Max(after, ranks[consumer]);
            ranks[node] = estimatesMs[node] + after;
        }
        return ranks;
    }
}
