using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Quoin.Core;

/// <summary>
/// Fingerprints and definitions of a task graph's nodes, from the graph and the facts as they are
/// now. An input without a digest (not built yet) stands as <c>-</c>. One thread.
/// </summary>
public sealed class NodeFingerprints(JobGraph graph, IPlanFacts facts)
{
    readonly FingerprintWriter writer = new();
    readonly Blocks?[] blocks = new Blocks?[graph.Graph.Jobs.Length];
    readonly List<SourceFact> sources = [];
    PartitionId[] scratch = new PartitionId[64];
    readonly List<PartitionId> sortedInputs = [];
    int sortedNode = -1;

    // Of things outside that a node reads: what they are, not what they are called outside.
    NodeFingerprints Definitions => field ??= new NodeFingerprints(graph, facts);

    /// <summary>The job's facts, as they are known now.</summary>
    public JobFact FactOf(Job job) => BlocksOf(job).Fact;

    /// <summary>The fingerprint's text; valid until the next call of any member.</summary>
    public ReadOnlySpan<byte> TextOf(int node)
    {
        Write(node, definition: false);
        return writer.Text;
    }

    /// <summary>The fingerprint.</summary>
    public Digest Of(int node)
    {
        Write(node, definition: false);
        return facts.DigestOf(writer.Text);
    }

    /// <summary>
    /// The text that two wants of the same outputs must agree on: all but the content of code,
    /// inputs and sources. Valid until the next call of any member.
    /// </summary>
    public ReadOnlySpan<byte> DefinitionTextOf(int node)
    {
        Write(node, definition: true);
        return writer.Text;
    }

    /// <summary>The digest of <see cref="DefinitionTextOf"/>.</summary>
    public Digest DefinitionOf(int node)
    {
        Write(node, definition: true);
        return writer.Finish();
    }

    void Write(int node, bool definition)
    {
        var job = graph.JobOf(node);
        var jobBlocks = BlocksOf(job);
        writer.Begin(definition);
        writer.Line("job\t"u8, job.Name);
        var outputs = Sorted(graph.Outputs(node));
        foreach (var output in outputs) writer.Line("output\t"u8, graph.Names.Utf8(output));
        if (!definition) writer.Append(jobBlocks.Code);
        var mark = writer.Text.Length;
        if (graph.HasOwnConfig(node) || !jobBlocks.Lines.TryWrite(FirstName(node), writer))
        {
            writer.Truncate(mark);
            var config = graph.ConfigOf(node);
            writer.Arguments(config.Args);
            foreach (var (name, value) in WithSecrets(config.Env, jobBlocks.Fact))
                writer.Line("env\t"u8, name, value);
        }
        writer.Append(jobBlocks.OptionsAndConditions);
        WriteInputs(node, definition);
    }

    static ImmutableSortedDictionary<string, string> WithSecrets(
        ImmutableSortedDictionary<string, string> env, JobFact fact) => fact.Secrets.IsEmpty
        ? env
        : env.SetItems(fact.Secrets.Select(secret =>
            KeyValuePair.Create(secret.Name, secret.KeyedDigest)));

    ReadOnlySpan<byte> FirstName(int node) => graph.Names.Utf8(graph.Outputs(node)[0]);

    void WriteInputs(int node, bool definition)
    {
        sources.Clear();
        foreach (var input in SortedInputs(node))
        {
            if (graph.ProducerOf(input) == JobGraph.Source)
                sources.Add(facts.Source(input));
            else if (definition)
                writer.Line("input\t"u8, graph.Names.Utf8(input));
            else if (graph.ProducerOf(input) is >= 0 and var producer
                && graph.JobOf(producer).Resource is not null)
                writer.Line(
                    "input\t"u8, graph.Names.Utf8(input), Definitions.DefinitionOf(producer));
            else
                writer.Line("input\t"u8, graph.Names.Utf8(input), facts.Partition(input).Output);
        }
        if (sources.Count > 1)
            sources.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        foreach (var source in sources)
        {
            if (definition) writer.Line("source\t"u8, source.Path);
            else writer.Line("source\t"u8, source.Path, source.Digest);
        }
    }

    // A node whose inputs changed is asked about several times in a row: plan, definition, launch.
    ReadOnlySpan<PartitionId> SortedInputs(int node)
    {
        if (node != sortedNode)
        {
            sortedInputs.Clear();
            sortedInputs.AddRange(Sorted(graph.Inputs(node)));
            sortedNode = node;
        }
        return CollectionsMarshal.AsSpan(sortedInputs);
    }

    // By name. Declared order is mostly sorted already: then nothing is copied.
    ReadOnlySpan<PartitionId> Sorted(ReadOnlySpan<PartitionId> partitions)
    {
        var names = graph.Names;
        var sorted = true;
        for (var i = 1; i < partitions.Length && sorted; i++)
            sorted = names.Utf8(partitions[i - 1]).SequenceCompareTo(names.Utf8(partitions[i])) < 0;
        if (sorted) return partitions;
        if (scratch.Length < partitions.Length) scratch = new PartitionId[partitions.Length * 2];
        var copy = scratch.AsSpan(..partitions.Length);
        partitions.CopyTo(copy);
        copy.Sort((a, b) => names.Utf8(a).SequenceCompareTo(names.Utf8(b)));
        return copy;
    }

    // A plan outlives the moment at which it was made, and code files do not stand still: whoever
    // keeps the facts says when they are others.
    Blocks BlocksOf(Job job)
    {
        var fact = facts.Job(job);
        if (blocks[job.Index] is { } known && ReferenceEquals(known.Fact, fact)) return known;
        return blocks[job.Index] = MakeBlocks(job, fact);
    }

    static Blocks MakeBlocks(Job job, JobFact fact)
    {
        var lines = new FingerprintWriter();
        foreach (var (path, digest) in fact.Code.OrderBy(c => c.Path, StringComparer.Ordinal))
            lines.Line("code\t"u8, path, digest);
        var code = lines.Text.ToArray();
        lines = new FingerprintWriter();
        var options = job.Before.IsEmpty
            ? job.Options
            : job.Options.Add(new("before", string.Join(' ', job.Before), false));
        foreach (var option in options.OrderBy(o => o.Name, StringComparer.Ordinal))
            lines.Line("option\t"u8, option.Name, option.Value);
        foreach (var (name, value) in fact.Conditions.OrderBy(c => c.Name, StringComparer.Ordinal))
            lines.Line("condition\t"u8, name, value);
        foreach (var (name, value) in job.Resource?.DefinitionItems() ?? [])
            lines.Line("resource\t"u8, name, value);
        return new Blocks(fact, code, lines.Text.ToArray(), new ConfigLines(job, fact.Secrets));
    }

    sealed record Blocks(
        JobFact Fact, byte[] Code, byte[] OptionsAndConditions, ConfigLines Lines);
}
