using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>
/// What was made from what, as it was planned last, over all wants: the kernel forgets a config
/// when nobody needs it any more. Sources are not in it. Both directions are kept as it grows, so
/// that no question walks over everything. Belongs to <see cref="StoreState"/>.
/// </summary>
sealed class Lineage
{
    readonly List<(int Reader, int Next)> links = [default]; // 0 is the end of a chain.

    // A reader that was planned anew without an input stays in that input's chain and is passed
    // over, until it comes back: so each pair is in it once.
    readonly HashSet<(int Input, int Reader)> gone = [];
    ImmutableArray<PartitionId>[] inputs = [];
    (int First, int Last)[] readers = [];

    /// <summary>A config became known.</summary>
    public void Add(PartitionPlanned planned)
    {
        foreach (var output in planned.Outputs)
        {
            var before = InputsOf(output);
            Growing.Slot(ref inputs, output.Value) = planned.Inputs;
            if (before.AsSpan().SequenceEqual(planned.Inputs.AsSpan())) continue;
            Turn(output, before, planned.Inputs);
        }
    }

    /// <summary>What a partition is made from; empty: nothing that a job makes.</summary>
    public ImmutableArray<PartitionId> InputsOf(PartitionId p) =>
        p.Value < inputs.Length && inputs[p.Value] is { IsDefault: false } known ? known : [];

    /// <summary>What is made from a partition, in the order in which that was planned first.
    /// </summary>
    public IEnumerable<PartitionId> ReadersOf(PartitionId p)
    {
        if (p.Value >= readers.Length) yield break;
        for (var at = readers[p.Value].First; at != 0; at = links[at].Next)
            if (!gone.Contains((p.Value, links[at].Reader)))
                yield return new PartitionId(links[at].Reader);
    }

    void Turn(
        PartitionId output, ImmutableArray<PartitionId> before, ImmutableArray<PartitionId> now)
    {
        var old = before.ToHashSet();
        foreach (var input in now.Distinct())
            if (!old.Remove(input) && !gone.Remove((input.Value, output.Value)))
                Link(input.Value, output.Value);
        foreach (var input in old) gone.Add((input.Value, output.Value));
    }

    void Link(int input, int reader)
    {
        ref var chain = ref Growing.Slot(ref readers, input);
        links.Add((reader, 0));
        var at = links.Count - 1;
        if (chain.Last != 0) links[chain.Last] = (links[chain.Last].Reader, at);
        chain = (chain.First == 0 ? at : chain.First, at);
    }
}
