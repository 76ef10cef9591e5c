using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Quoin.Core;

/// <summary>When analysis gives up.</summary>
public sealed record AnalysisOptions
{
    /// <summary>10,000 rounds, 10 million partitions.</summary>
    public static readonly AnalysisOptions Default = new();

    /// <summary>
    /// Links of a chain beyond one for each job of the graph: a chain that long repeats jobs.
    /// </summary>
    public int RoundsMax { get; init; } = 10_000;

    /// <summary>Partitions met.</summary>
    public int PartitionsMax { get; init; } = 10_000_000;

    /// <summary>
    /// What <c>{x:known}</c> in an input runs through; null: such an input is an error.
    /// </summary>
    public IKnownPartitions? Known { get; init; }

    /// <summary>
    /// Inputs that earlier runs of a config found while running, asked by output.
    /// </summary>
    public Func<PartitionId, IReadOnlyList<PartitionId>>? FoundInputs { get; init; }
}

/// <summary>
/// Walks back from wanted partitions to a <see cref="JobGraph"/>, breadth first and without
/// recursion. Jobs without a config command are expanded here; for the others the walk stops when
/// nothing else is left, says what to ask of each job, and goes on with the answers:
/// <code>
/// var analysis = new Analysis(graph, names);
/// analysis.Start(targets);
/// while (analysis.Requests.Length > 0) analysis.Answer(await Ask(analysis.Requests));
/// var jobGraph = analysis.Finish();
/// </code>
/// A problem never stops the walk: all are collected, each with the chain that leads to it. The
/// result depends on the graph, the targets and the answers alone, not on the order of jobs.
/// </summary>
public sealed class Analysis(Graph graph, PartitionNames names, AnalysisOptions? options = null)
{
    // While the walk goes on, a partition that was asked for and has no producer yet.
    const int Pending = -3;

    readonly AnalysisOptions options = options ?? AnalysisOptions.Default;
    readonly PartitionTable<PartitionSlot> slots = new();
    readonly List<PartitionId> met = new(1024); // Everything asked for, in order: the queue.
    readonly List<PartitionId> sources = [];
    readonly List<int> jobs = [];
    readonly List<int> outputStarts = [0];
    readonly List<PartitionId> outputs = [];
    readonly List<int> inputStarts = [0];
    readonly List<PartitionId> inputs = [];
    readonly Dictionary<int, JobConfig> configs = [];
    readonly Dictionary<PartitionId, int> partitionProblems = [];
    readonly List<PlanProblem> problems = [];
    readonly List<PlanProblem> warnings = [];
    readonly List<PartitionId>?[] asked = new List<PartitionId>?[graph.Jobs.Length];
    readonly List<PartitionId> someOutputs = [];
    readonly List<PartitionId> someInputs = [];

    ImmutableArray<PartitionId> targets = [];
    List<ImmutableArray<PartitionId>> requested = [];
    int next; // Place in met of the first one not looked at.
    int roundEnd;
    int rounds;
    int stamp;

    /// <summary>What to ask of which job now, by job name; empty when the walk is over.</summary>
    public ImmutableArray<ConfigRequest> Requests { get; private set; } = [];

    /// <summary>Begins; called once. Targets may repeat.</summary>
    public void Start(ReadOnlySpan<PartitionId> wanted)
    {
        foreach (var target in wanted) Meet(target, askedBy: 0);
        targets = [.. met];
        roundEnd = met.Count;
        Walk();
    }

    /// <summary>Goes on with one answer for each request, in the order of the requests.</summary>
    public void Answer(IReadOnlyList<ConfigAnswer> answers)
    {
        if (answers.Count != Requests.Length)
            throw new ArgumentException($"{Requests.Length} requests, {answers.Count} answers.");
        for (var i = 0; i < answers.Count; i++) Take(Requests[i], requested[i], answers[i]);
        Walk();
    }

    /// <summary>The graph; called once, when there are no more requests.</summary>
    public JobGraph Finish()
    {
        if (Requests.Length > 0)
            throw new InvalidOperationException("There are requests without an answer.");
        var parts = new JobGraphParts
        {
            Graph = graph,
            Names = names,
            Known = options.Known,
            Targets = targets,
            Sources = [.. sources],
            Jobs = [.. jobs],
            OutputStarts = [.. outputStarts],
            Outputs = [.. outputs],
            InputStarts = [.. inputStarts],
            Inputs = [.. inputs],
            Slots = slots,
            Configs = configs,
            PartitionProblems = partitionProblems,
            Warnings = [.. warnings],
        };
        GraphOrder.Complete(parts, problems);
        parts.Problems = [.. problems];
        return new JobGraph(parts);
    }

    void Walk()
    {
        while (next < met.Count)
        {
            if (next == roundEnd)
            {
                roundEnd = met.Count;
                rounds++;
            }
            if (rounds > options.RoundsMax + graph.Jobs.Length
                || met.Count > options.PartitionsMax)
            {
                GiveUp();
                break;
            }
            Resolve(met[next++]);
        }
        MakeRequests();
    }

    void Resolve(PartitionId partition)
    {
        ref var slot = ref slots[partition];
        if (slot.Producer != Pending) return; // A sibling was first: its config makes this one too.
        var producer = graph.FindProducer(names.Utf8(partition));
        if (producer.Job is { } job)
        {
            if (!job.IsAsked) Expand(job, partition);
            else (asked[job.Index] ??= []).Add(partition);
        }
        else if (producer.Source is not null)
        {
            slot.Producer = JobGraph.Source;
            sources.Add(partition);
        }
        else
        {
            // The search for what was meant takes a while: the first hundred problems get it.
            var hint = problems.Count < 100 ? NearestPattern.To(graph, names.Utf8(partition)) : "";
            Blame(partition, "no-producer", $"nothing produces {names.Text(partition)}", hint);
        }
    }

    void Expand(Job job, PartitionId partition)
    {
        someOutputs.Clear();
        someInputs.Clear();
        if (job.Expand(
            partition, names, someOutputs, someInputs, options.Known) is { } wrong)
            Blame(partition, "config-failed", $"job {job.Name} ({job.Location}): {wrong}");
        else
            AddNode(job, partition);
    }

    // The node whose outputs and inputs are in the two scratch lists.
    void AddNode(Job job, PartitionId cause)
    {
        var node = jobs.Count;
        var askedBy = slots[cause].AskedBy;
        jobs.Add(job.Index);
        stamp++;
        foreach (var output in CollectionsMarshal.AsSpan(someOutputs))
        {
            ref var slot = ref slots[output];
            if (slot.Stamp == stamp) continue;
            slot.Stamp = stamp;
            outputs.Add(output);
            if (slot.Producer >= 0)
            {
                WarnOfTwo(output, slot.Producer, job, cause);
                continue;
            }
            if (slot.Producer == JobGraph.Unknown) slot.AskedBy = askedBy;
            slot.Producer = node;
        }
        outputStarts.Add(outputs.Count);
        stamp++;
        foreach (var input in CollectionsMarshal.AsSpan(someInputs)) AddInput(input, cause);
        if (options.FoundInputs is { } found)
        {
            foreach (var output in CollectionsMarshal.AsSpan(someOutputs))
            {
                foreach (var input in found(output)) AddInput(input, cause);
            }
        }
        inputStarts.Add(inputs.Count);
    }

    void AddInput(PartitionId input, PartitionId cause)
    {
        Meet(input, cause.Value + 1);
        ref var slot = ref slots[input];
        if (slot.Stamp == stamp) return;
        slot.Stamp = stamp;
        inputs.Add(input);
    }

    void Meet(PartitionId partition, int askedBy)
    {
        ref var slot = ref slots[partition];
        if (slot.Producer != JobGraph.Unknown) return;
        slot.Producer = Pending;
        slot.AskedBy = askedBy;
        met.Add(partition);
    }

    void MakeRequests()
    {
        requested = [];
        var requests = ImmutableArray.CreateBuilder<ConfigRequest>();
        foreach (var job in graph.Jobs.OrderBy(job => job.Name, StringComparer.Ordinal))
        {
            if (asked[job.Index] is not { } partitions) continue;
            asked[job.Index] = null;
            partitions.RemoveAll(partition => slots[partition].Producer != Pending);
            if (partitions.Count == 0) continue;
            partitions.Sort((a, b) => names.Utf8(a).SequenceCompareTo(names.Utf8(b)));
            requested.Add([.. partitions]);
            requests.Add(new ConfigRequest(job, [.. partitions.Select(names.Text)]));
        }
        Requests = requests.ToImmutable();
    }

    void Take(ConfigRequest request, ImmutableArray<PartitionId> wanted, ConfigAnswer answer)
    {
        var job = request.Job;
        if (answer.Failure is { } failure)
        {
            BlameAll(wanted, $"job {job.Name} ({job.Location}): {failure} "
                + $"(asked for {Counted(wanted.Length, "output")})");
            return;
        }
        var known = wanted.ToHashSet();
        foreach (var config in answer.Configs)
        {
            if (ConfigRules.Check(job, config) is { } wrong) BlameBad(job, known, config, wrong);
            else AddConfig(job, known, config);
        }
        foreach (var (output, code, why) in answer.Refused)
            if (names.Intern(output) is var refused && slots[refused].Producer == Pending)
                Blame(refused, code, $"job {job.Name} ({job.Location}): {why}");
        var missed = wanted.Where(partition => slots[partition].Producer == Pending).ToList();
        if (missed.Count == 0) return;
        BlameAll([.. missed], $"job {job.Name} ({job.Location}): its config answered without "
            + names.Text(missed[0]) + (missed.Count > 1 ? $" and {missed.Count - 1} more" : ""));
    }

    void AddConfig(Job job, HashSet<PartitionId> wanted, JobConfig config)
    {
        someOutputs.Clear();
        someInputs.Clear();
        foreach (var output in config.Outputs) someOutputs.Add(names.Intern(output));
        foreach (var output in someOutputs)
        {
            if (slots[output].Producer is >= 0 and var node
                && configs.TryGetValue(node, out var other) && ConfigRules.Same(config, other))
                return; // Equal configs are one node.
        }
        var cause = someOutputs.FirstOrDefault(wanted.Contains, new PartitionId(-1));
        if (cause.Value < 0)
        {
            warnings.Add(new PlanProblem("config-unasked",
                $"job {job.Name} ({job.Location}): its config answered "
                + $"{string.Join(", ", config.Outputs)}, which nobody asked for; left out"));
            return;
        }
        foreach (var input in config.Inputs.IsDefault ? [] : config.Inputs)
            someInputs.Add(names.Intern(input));
        configs.Add(jobs.Count, config);
        AddNode(job, cause);
    }

    void BlameBad(Job job, HashSet<PartitionId> wanted, JobConfig config, string wrong)
    {
        var text = $"job {job.Name} ({job.Location}): its config answered something bad: {wrong}";
        List<PartitionId> covered = [];
        foreach (var output in config.Outputs.IsDefault ? [] : config.Outputs)
        {
            if (names.TryFind(output, out var id) && wanted.Contains(id)
                && slots[id].Producer == Pending) covered.Add(id);
        }
        // A config that covers nothing asked leaves something uncovered, which is reported on its
        // own; what is wrong with this one is said all the same.
        if (covered.Count == 0) problems.Add(new PlanProblem("config-failed", text));
        else BlameAll([.. covered], text);
    }

    void Blame(PartitionId partition, string code, string message, string hint = "")
    {
        var chain = Chains.Of(slots, names, partition);
        if (slots[partition].AskedBy is > 0 and var askedBy)
        {
            var reader = graph.Jobs[jobs[slots[new PartitionId(askedBy - 1)].Producer]];
            message += $" (input of job {reader.Name}, {reader.Location})";
        }
        slots[partition].Producer = JobGraph.Nobody;
        partitionProblems.Add(partition, problems.Count);
        problems.Add(new PlanProblem(code, message + hint) { Chain = chain });
    }

    // One problem of several partitions; the chain shows the way to the first.
    void BlameAll(ImmutableArray<PartitionId> partitions, string message)
    {
        foreach (var partition in partitions)
        {
            slots[partition].Producer = JobGraph.Nobody;
            partitionProblems[partition] = problems.Count;
        }
        problems.Add(new PlanProblem("config-failed", message)
        {
            Chain = Chains.Of(slots, names, partitions[0]),
        });
    }

    void WarnOfTwo(PartitionId output, int first, Job job, PartitionId cause)
    {
        // Overlapping patterns of two jobs are refused when the graph is loaded, so this is one
        // job.
        var other = new PartitionId(outputs[outputStarts[first]].Value);
        warnings.Add(new PlanProblem("two-producers",
            $"{names.Text(output)} is made by two configs of job {job.Name} ({job.Location}): "
            + $"the one of {names.Text(other)} and the one of {names.Text(cause)}"));
    }

    // Nothing that is still unresolved will be resolved: one problem, with the last links.
    void GiveUp()
    {
        var last = met[^1];
        var chain = Chains.Of(slots, names, last);
        var what = rounds > options.RoundsMax + graph.Jobs.Length
            ? $"after {rounds:N0} rounds"
            : $"at {met.Count:N0} partitions";
        var reader = slots[last].AskedBy is > 0 and var askedBy
            ? graph.Jobs[jobs[slots[new PartitionId(askedBy - 1)].Producer]]
            : null;
        var problem = new PlanProblem("runaway",
            $"analysis gave up {what}, at {names.Text(last)}"
            + (reader is null ? "" : $"; job {reader.Name} ({reader.Location}) has no lower bound"))
        {
            Chain = chain,
        };
        foreach (var partition in met)
        {
            ref var slot = ref slots[partition];
            if (slot.Producer != Pending) continue;
            slot.Producer = JobGraph.Nobody;
            partitionProblems.Add(partition, problems.Count);
        }
        problems.Add(problem);
        next = met.Count;
        Array.Clear(asked);
    }

    static string Counted(int count, string noun) => $"{count:N0} {noun}{(count == 1 ? "" : "s")}";
}
