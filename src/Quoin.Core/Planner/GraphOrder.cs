namespace Quoin.Core;

/// <summary>
/// Completes a task graph: who reads what, an order with inputs first, the cycles, and what the
/// problems block. O(nodes + edges), without recursion.
/// </summary>
static class GraphOrder
{
    public static void Complete(JobGraphParts parts, List<PlanProblem> problems)
    {
        AddConsumers(parts);
        var ordered = AddOrder(parts);
        var count = parts.Jobs.Length;
        if (ordered == count && parts.PartitionProblems.Count == 0) return;
        var blocked = parts.Blocked = new int[count];
        if (ordered < count)
        {
            foreach (var cycle in GraphCycles.Find(parts, parts.Order.AsSpan(ordered..)))
                GraphCycles.Report(parts, cycle, blocked, problems);
        }
        Spread(parts, blocked);
    }

    // Counting sort of all edges by producer: two passes, no lists.
    static void AddConsumers(JobGraphParts parts)
    {
        var count = parts.Jobs.Length;
        var starts = new int[count + 1];
        var producers = new int[parts.Inputs.Length]; // Looked up once; the table is scattered.
        for (var i = 0; i < producers.Length; i++)
        {
            producers[i] = parts.Slots.Peek(parts.Inputs[i]).Producer;
            if (producers[i] >= 0) starts[producers[i] + 1]++;
        }
        for (var node = 0; node < count; node++) starts[node + 1] += starts[node];
        var consumers = new int[starts[count]];
        var places = starts.AsSpan(..count).ToArray();
        for (var node = 0; node < count; node++)
        {
            for (var i = parts.InputStarts[node]; i < parts.InputStarts[node + 1]; i++)
            {
                if (producers[i] >= 0) consumers[places[producers[i]]++] = node;
            }
        }
        parts.ConsumerStarts = starts;
        parts.Consumers = consumers;
    }

    // Kahn's algorithm: the order is its own queue. Returns how many nodes it could reach; what is
    // on a cycle, or reads from one, follows them in the order of the nodes.
    static int AddOrder(JobGraphParts parts)
    {
        var count = parts.Jobs.Length;
        var waiting = new int[count]; // Edges from nodes that are not in the order yet.
        foreach (var consumer in parts.Consumers) waiting[consumer]++;
        var order = new int[count];
        var end = 0;
        for (var node = 0; node < count; node++)
        {
            if (waiting[node] == 0) order[end++] = node;
        }
        for (var i = 0; i < end; i++)
        {
            var (from, to) = (parts.ConsumerStarts[order[i]], parts.ConsumerStarts[order[i] + 1]);
            foreach (var consumer in parts.Consumers.AsSpan(from..to))
            {
                if (--waiting[consumer] == 0) order[end++] = consumer;
            }
        }
        var reached = end;
        for (var node = 0; node < count && end < count; node++)
        {
            if (waiting[node] > 0) order[end++] = node;
        }
        parts.Order = order;
        return reached;
    }

    // A node is blocked by the first of its inputs that is: in the order of nodes that have one.
    static void Spread(JobGraphParts parts, int[] blocked)
    {
        var queue = new Queue<int>();
        for (var node = 0; node < blocked.Length; node++)
        {
            if (blocked[node] == 0) blocked[node] = OwnProblem(parts, node) + 1;
            if (blocked[node] > 0) queue.Enqueue(node);
        }
        while (queue.TryDequeue(out var node))
        {
            var (from, to) = (parts.ConsumerStarts[node], parts.ConsumerStarts[node + 1]);
            foreach (var consumer in parts.Consumers.AsSpan(from..to))
            {
                if (blocked[consumer] > 0) continue;
                blocked[consumer] = blocked[node];
                queue.Enqueue(consumer);
            }
        }
    }

    static int OwnProblem(JobGraphParts parts, int node)
    {
        for (var i = parts.InputStarts[node]; i < parts.InputStarts[node + 1]; i++)
        {
            if (parts.PartitionProblems.TryGetValue(parts.Inputs[i], out var problem))
                return problem;
        }
        return -1;
    }
}
