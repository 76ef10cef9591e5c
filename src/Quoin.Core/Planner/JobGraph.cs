using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// The task graph: one node for each job config that the wanted partitions need, numbered from 0 in
/// the order in which the walk back met them. Packed arrays, because a plan may have a million
/// nodes. It knows names and edges, not what is current: that is <see cref="Plan"/>.
/// Made by <see cref="Analysis"/>; immutable.
/// </summary>
public sealed class JobGraph : ITaskOrder
{
    /// <summary>
    /// In place of a node: nothing builds the partition, its file is there already.
    /// </summary>
    public const int Source = -1;

    /// <summary>
    /// In place of a node: analysis found no config that makes it; see the problems.
    /// </summary>
    public const int Nobody = -2;

    /// <summary>In place of a node: the partition is not part of this graph.</summary>
    public const int Unknown = -4;

    readonly JobGraphParts parts;

    internal JobGraph(JobGraphParts parts) => this.parts = parts;

    /// <summary>The jobs and sources that it was made from.</summary>
    public Graph Graph => parts.Graph;

    /// <summary>What the partition ids mean.</summary>
    public PartitionNames Names => parts.Names;

    /// <summary>How many nodes there are.</summary>
    public int Count => parts.Jobs.Length;

    /// <summary>How many partitions the nodes make.</summary>
    public int OutputCount => parts.Outputs.Length;

    /// <summary>The wanted partitions, each once, as asked for.</summary>
    public ImmutableArray<PartitionId> Targets => parts.Targets;

    /// <summary>
    /// All sources that some node reads or somebody wants, in order of discovery.
    /// </summary>
    public ImmutableArray<PartitionId> Sources => parts.Sources;

    /// <summary>All problems; what depends on one is blocked.</summary>
    public ImmutableArray<PlanProblem> Problems => parts.Problems;

    /// <summary>What a person should know and what blocks nothing.</summary>
    public ImmutableArray<PlanProblem> Warnings => parts.Warnings;

    /// <summary>
    /// All nodes, each after the nodes that make its inputs; those on cycles at the end.
    /// </summary>
    public ReadOnlySpan<int> Order => parts.Order;

    /// <summary>The node's job.</summary>
    public Job JobOf(int node) => parts.Graph.Jobs[parts.Jobs[node]];

    /// <summary>All partitions that the node makes, in declared order, each once.</summary>
    public ReadOnlySpan<PartitionId> Outputs(int node) =>
        parts.Outputs.AsSpan(parts.OutputStarts[node]..parts.OutputStarts[node + 1]);

    /// <summary>The place of the node's first output among the outputs of all nodes.</summary>
    internal int OutputStart(int node) => parts.OutputStarts[node];

    /// <summary>
    /// All partitions that the node reads, sources too, in declared order, each once.
    /// </summary>
    public ReadOnlySpan<PartitionId> Inputs(int node) =>
        parts.Inputs.AsSpan(parts.InputStarts[node]..parts.InputStarts[node + 1]);

    /// <summary>The nodes that read an output of this one, ascending.</summary>
    public ReadOnlySpan<int> Consumers(int node) =>
        parts.Consumers.AsSpan(parts.ConsumerStarts[node]..parts.ConsumerStarts[node + 1]);

    /// <summary>
    /// The node that makes the partition, or <see cref="Source"/>, <see cref="Nobody"/> or
    /// <see cref="Unknown"/>, which are negative.
    /// </summary>
    public int ProducerOf(PartitionId partition) => parts.Slots.Peek(partition).Producer;

    /// <summary>
    /// The whole config: what the config command answered, or what the job's patterns give.
    /// </summary>
    public JobConfig ConfigOf(int node) =>
        parts.Configs.TryGetValue(node, out var config)
            ? config
            : JobOf(node).Configure(Names.Text(Outputs(node)[0]), parts.Known);

    /// <summary>True: a config command answered it; else it follows from the patterns.</summary>
    internal bool HasOwnConfig(int node) => parts.Configs.ContainsKey(node);

    /// <summary>
    /// Place in <see cref="Problems"/> of what blocks the node; -1 when nothing does.
    /// </summary>
    public int ProblemOf(int node) => parts.Blocked is null ? -1 : parts.Blocked[node] - 1;

    /// <summary>
    /// Place in <see cref="Problems"/> of why nobody makes the partition; -1 when somebody does.
    /// </summary>
    public int ProblemOf(PartitionId partition) =>
        parts.PartitionProblems.TryGetValue(partition, out var problem) ? problem : -1;

    /// <summary>
    /// The names from a wanted partition to this one; long chains are cut in the middle.
    /// </summary>
    public ImmutableArray<string> Chain(PartitionId partition) =>
        Chains.Of(parts.Slots, Names, partition);

    /// <summary>The bytes that the graph takes, without the names.</summary>
    public long Bytes =>
        (4L * (parts.Jobs.Length + parts.OutputStarts.Length + parts.Outputs.Length
            + parts.InputStarts.Length + parts.Inputs.Length + parts.ConsumerStarts.Length
            + parts.Consumers.Length + parts.Order.Length + (parts.Blocked?.Length ?? 0)
            + parts.Sources.Length))
        + parts.Slots.Bytes(PartitionSlot.Bytes);
}

/// <summary>What the walk knows of one partition. All zero: not met.</summary>
struct PartitionSlot
{
    public const int Bytes = 12;

    const int Offset = -JobGraph.Unknown;

    int producer; // Shifted, so that zero is Unknown.

    /// <summary>
    /// One more than the output whose config asked for it first; 0 for a wanted one.
    /// </summary>
    public int AskedBy;

    /// <summary>Which list it was put into last, so that every list has it once.</summary>
    public int Stamp;

    public int Producer
    {
        readonly get => producer - Offset;
        set => producer = value + Offset;
    }
}

/// <summary>The arrays of a <see cref="JobGraph"/>.</summary>
sealed class JobGraphParts
{
    public required Graph Graph { get; init; }
    public required PartitionNames Names { get; init; }
    public IKnownPartitions? Known { get; init; }
    public required ImmutableArray<PartitionId> Targets { get; init; }
    public required ImmutableArray<PartitionId> Sources { get; init; }
    public required int[] Jobs { get; init; }
    public required int[] OutputStarts { get; init; }
    public required PartitionId[] Outputs { get; init; }
    public required int[] InputStarts { get; init; }
    public required PartitionId[] Inputs { get; init; }
    public required PartitionTable<PartitionSlot> Slots { get; init; }
    public required Dictionary<int, JobConfig> Configs { get; init; }
    public required Dictionary<PartitionId, int> PartitionProblems { get; init; }
    public required ImmutableArray<PlanProblem> Warnings { get; init; }
    public ImmutableArray<PlanProblem> Problems { get; set; } = [];
    public int[] ConsumerStarts { get; set; } = [];
    public int[] Consumers { get; set; } = [];
    public int[] Order { get; set; } = [];
    public int[]? Blocked { get; set; }
}

/// <summary>The way from a wanted partition to one that it needs.</summary>
static class Chains
{
    const int HeadLinks = 3;
    const int TailLinks = 8;

    public static ImmutableArray<string> Of(
        PartitionTable<PartitionSlot> slots, PartitionNames names, PartitionId partition)
    {
        var links = new List<PartitionId> { partition };
        // A partition is asked for by one met before it, so the way back ends; the bound is for
        // the reader who does not believe it.
        while (slots.Peek(links[^1]).AskedBy is > 0 and var asked && links.Count < names.Count)
            links.Add(new PartitionId(asked - 1));
        links.Reverse();
        return Cut([.. links.Select(names.Text)]);
    }

    public static ImmutableArray<string> Cut(ImmutableArray<string> chain) =>
        chain.Length <= HeadLinks + TailLinks + 1
            ? chain
            : [.. chain[..HeadLinks],
                $"... ({chain.Length - HeadLinks - TailLinks:N0} more)",
                .. chain[^TailLinks..]];
}
