using System.Diagnostics.CodeAnalysis;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Looks at the files of a plan on a second thread while the first one tests it: from the last node
/// towards the first, until the two meet. Half of a build with nothing to do is asking the file
/// system. What it found is good for this one plan.
/// </summary>
sealed class StatAhead : IDisposable
{
    const int Untouched = 0, Asked = 1, Looking = 2, Found = 3;

    /// <summary>Plans of fewer nodes are over before a second thread has started.</summary>
    public const int NodesMin = 256;

    readonly JobGraph plan;
    readonly FileStampCache files;
    readonly Func<PartitionId, string> pathOf;
    readonly int[] states;
    readonly (string Path, FileStat Stat)[] found;
    readonly Thread thread;
    volatile bool stop;

    public StatAhead(JobGraph plan, FileStampCache files, Func<PartitionId, string> pathOf)
    {
        (this.plan, this.files, this.pathOf) = (plan, files, pathOf);
        states = new int[plan.Names.Count];
        found = new (string, FileStat)[plan.Names.Count];
        thread = new Thread(Look) { IsBackground = true, Name = "quoin stat" };
        thread.Start();
    }

    /// <summary>
    /// What was found out about a partition's file; false when whoever asks has to look. From then
    /// on this one does not.
    /// </summary>
    public bool TryGet(
        PartitionId partition, [NotNullWhen(true)] out string? path, out FileStat stat)
    {
        ref var state = ref states[partition.Value];
        var known = Interlocked.CompareExchange(ref state, Asked, Untouched) == Found;
        (path, stat) = known ? found[partition.Value] : default;
        return known;
    }

    public void Dispose()
    {
        stop = true;
        thread.Join();
    }

    void Look()
    {
        var order = plan.Order;
        for (var i = order.Length - 1; i >= 0 && !stop; i--)
        {
            foreach (var output in plan.Outputs(order[i]))
                if (!LookAt(output)) return; // The other thread was here: all before is done.
            foreach (var input in plan.Inputs(order[i]))
                if (plan.ProducerOf(input) == JobGraph.Source) LookAt(input);
        }
    }

    bool LookAt(PartitionId partition)
    {
        ref var state = ref states[partition.Value];
        var before = Interlocked.CompareExchange(ref state, Looking, Untouched);
        if (before != Untouched) return before != Asked;
        try
        {
            var path = pathOf(partition);
            found[partition.Value] = (path, files.StatOf(path));
            Volatile.Write(ref state, Found);
        }
        catch (IOException)
        {
            Volatile.Write(ref state, Asked); // Whoever needs it gets the same error and tells it.
        }
        return true;
    }
}
