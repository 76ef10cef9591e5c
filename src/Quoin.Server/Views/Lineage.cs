using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>
/// What was made from what, as it was planned last, over all wants: the kernel forgets a config
/// when nobody needs it any more. Sources are not in it. Belongs to <see cref="StoreState"/>.
/// </summary>
sealed class Lineage
{
    readonly Dictionary<PartitionId, ImmutableArray<PartitionId>> inputs = [];
    Dictionary<PartitionId, List<PartitionId>>? readers; // Null: nobody asked yet.

    /// <summary>A config became known.</summary>
    public void Add(PartitionPlanned planned)
    {
        foreach (var output in planned.Outputs)
        {
            var before = inputs.GetValueOrDefault(output, []);
            inputs[output] = planned.Inputs;
            if (readers is not null && !before.AsSpan().SequenceEqual(planned.Inputs.AsSpan()))
                AddReader(output, planned.Inputs, before.ToHashSet());
        }
    }

    /// <summary>What a partition is made from; empty: nothing that a job makes.</summary>
    public ImmutableArray<PartitionId> InputsOf(PartitionId p) => inputs.GetValueOrDefault(p, []);

    /// <summary>What is made from a partition, in the order in which that was planned first.
    /// </summary>
    public IEnumerable<PartitionId> ReadersOf(PartitionId p)
    {
        readers ??= Turned();
        // One that was planned anew without this input stays in the list and is passed over.
        return readers.TryGetValue(p, out var found)
            ? found.Where(reader => InputsOf(reader).Contains(p))
            : [];
    }

    Dictionary<PartitionId, List<PartitionId>> Turned()
    {
        readers = [];
        foreach (var (output, from) in inputs) AddReader(output, from, []);
        return readers;
    }

    void AddReader(
        PartitionId output, ImmutableArray<PartitionId> from, HashSet<PartitionId> before)
    {
        foreach (var input in from)
        {
            if (before.Contains(input)) continue;
            if (!readers!.TryGetValue(input, out var list)) readers[input] = list = [];
            if (list is not [.., var last] || last != output) list.Add(output);
        }
    }
}
