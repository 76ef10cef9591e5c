using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// Finds the cycles of a task graph: its strongly connected components (Tarjan 1972, with a stack
/// of its own instead of recursion), and for each the shortest cycle through its first name.
/// </summary>
static class GraphCycles
{
    /// <summary>
    /// The components that are cycles, among the nodes that no order could be found for. Each is
    /// sorted by the name of the first output; so is the list.
    /// </summary>
    public static List<int[]> Find(JobGraphParts parts, ReadOnlySpan<int> unordered)
    {
        var walk = new Tarjan(parts);
        foreach (var node in unordered) walk.From(node);
        foreach (var component in walk.Cycles)
            Array.Sort(component, (a, b) => CompareNames(parts, a, b));
        walk.Cycles.Sort((a, b) => CompareNames(parts, a[0], b[0]));
        return walk.Cycles;
    }

    /// <summary>
    /// Blocks the component's nodes, and adds the problem that shows one whole cycle.
    /// </summary>
    public static void Report(
        JobGraphParts parts, int[] component, int[] blocked, List<PlanProblem> problems)
    {
        foreach (var node in component) blocked[node] = problems.Count + 1;
        var cycle = Shortest(parts, component); // Each reads the next, the last reads the first.
        ImmutableArray<string> needs = [.. cycle.Select(parts.Names.Text)];
        // As data flows, each one an input of the next: the other way round.
        var flow = Chains.Cut([needs[0], .. needs.Skip(1).Reverse(), needs[0]]);
        var way = Chains.Of(parts.Slots, parts.Names, cycle[0]);
        problems.Add(new PlanProblem("cycle", string.Join(" -> ", flow))
        {
            Chain = [.. way, .. Chains.Cut([.. needs.Skip(1), needs[0]])],
        });
    }

    // Breadth first along the inputs inside the component, from its first node back to it.
    static List<PartitionId> Shortest(JobGraphParts parts, int[] component)
    {
        var inside = component.ToHashSet();
        var start = component[0];
        var readBy = new Dictionary<int, (int Reader, PartitionId Through)>();
        var queue = new Queue<int>([start]);
        while (queue.TryDequeue(out var node))
        {
            for (var i = parts.InputStarts[node]; i < parts.InputStarts[node + 1]; i++)
            {
                var producer = parts.Slots.Peek(parts.Inputs[i]).Producer;
                if (producer < 0 || !inside.Contains(producer)) continue;
                if (readBy.TryAdd(producer, (node, parts.Inputs[i]))) queue.Enqueue(producer);
            }
            if (readBy.ContainsKey(start)) break;
        }
        List<PartitionId> cycle = [];
        var at = start;
        do
        {
            var (reader, through) = readBy[at];
            cycle.Add(through);
            at = reader;
        }
        while (at != start);
        // Now each is read by the one after it, and the first is the start's own.
        cycle.Reverse(1, cycle.Count - 1);
        return cycle;
    }

    static int CompareNames(JobGraphParts parts, int a, int b) =>
        parts.Names.Utf8(parts.Outputs[parts.OutputStarts[a]])
            .SequenceCompareTo(parts.Names.Utf8(parts.Outputs[parts.OutputStarts[b]]));

    sealed class Tarjan(JobGraphParts parts)
    {
        readonly Dictionary<int, int> indexes = []; // Node -> order of arrival, from 1.
        readonly Dictionary<int, int> lows = [];
        readonly HashSet<int> open = [];
        readonly Stack<int> members = new();
        readonly Stack<(int Node, int Edge)> path = new();

        public List<int[]> Cycles { get; } = [];

        public void From(int root)
        {
            if (indexes.ContainsKey(root)) return;
            Enter(root);
            while (path.TryPop(out var frame))
            {
                var (node, edge) = frame;
                if (edge < parts.ConsumerStarts[node + 1])
                {
                    path.Push((node, edge + 1));
                    var consumer = parts.Consumers[edge];
                    if (!indexes.TryGetValue(consumer, out var index)) Enter(consumer);
                    else if (open.Contains(consumer)) lows[node] = Math.Min(lows[node], index);
                }
                else
                {
                    if (lows[node] == indexes[node]) Close(node);
                    if (path.TryPeek(out var parent))
                        lows[parent.Node] = Math.Min(lows[parent.Node], lows[node]);
                }
            }
        }

        void Enter(int node)
        {
            indexes[node] = lows[node] = indexes.Count + 1;
            open.Add(node);
            members.Push(node);
            path.Push((node, parts.ConsumerStarts[node]));
        }

        void Close(int node)
        {
            List<int> component = [];
            int member;
            do
            {
                member = members.Pop();
                open.Remove(member);
                component.Add(member);
            }
            while (member != node);
            if (component.Count > 1 || ReadsItself(node)) Cycles.Add([.. component]);
        }

        bool ReadsItself(int node) => parts.Consumers
            .AsSpan(parts.ConsumerStarts[node]..parts.ConsumerStarts[node + 1]).Contains(node);
    }
}
