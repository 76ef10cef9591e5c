namespace Quoin.Core;

/// <summary>What is made from what, over a whole task graph.</summary>
public static class Relatives
{
    /// <summary>
    /// All that is made from the roots, directly or not, after the roots themselves; sources may be
    /// roots. Each once, in the order in which it is met.
    /// </summary>
    public static List<PartitionId> Descendants(JobGraph jobs, IEnumerable<PartitionId> roots)
    {
        var found = new List<PartitionId>();
        var seen = new HashSet<PartitionId>();
        foreach (var root in roots)
            if (seen.Add(root)) found.Add(root);
        var readers = ReadersOfSources(jobs, seen);
        for (var i = 0; i < found.Count; i++)
        {
            if (jobs.ProducerOf(found[i]) is >= 0 and var node)
                foreach (var consumer in jobs.Consumers(node)) AddOutputs(consumer);
            else if (readers.TryGetValue(found[i], out var nodes))
                foreach (var consumer in nodes) AddOutputs(consumer);
        }
        return found;

        void AddOutputs(int node)
        {
            foreach (var output in jobs.Outputs(node))
                if (seen.Add(output)) found.Add(output);
        }
    }

    /// <summary>
    /// All that jobs make and that the roots need, directly or not, without the roots themselves.
    /// Each once, in the order in which it is met.
    /// </summary>
    public static List<PartitionId> Requirements(JobGraph jobs, IEnumerable<PartitionId> roots)
    {
        var found = new List<PartitionId>();
        var open = new List<PartitionId>(roots);
        var seen = open.ToHashSet();
        for (var i = 0; i < open.Count; i++)
        {
            if (jobs.ProducerOf(open[i]) is not (>= 0 and var node)) continue;
            foreach (var input in jobs.Inputs(node))
            {
                if (!seen.Add(input)) continue;
                open.Add(input);
                if (jobs.ProducerOf(input) >= 0) found.Add(input);
            }
        }
        return found;
    }

    static Dictionary<PartitionId, List<int>> ReadersOfSources(
        JobGraph jobs, HashSet<PartitionId> roots)
    {
        var readers = new Dictionary<PartitionId, List<int>>();
        if (roots.All(root => jobs.ProducerOf(root) >= 0)) return readers;
        for (var node = 0; node < jobs.Count; node++)
        {
            foreach (var input in jobs.Inputs(node))
            {
                if (!roots.Contains(input) || jobs.ProducerOf(input) >= 0) continue;
                if (!readers.TryGetValue(input, out var nodes)) readers[input] = nodes = [];
                nodes.Add(node);
            }
        }
        return readers;
    }
}
