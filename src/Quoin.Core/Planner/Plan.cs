using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>
/// What must run for some wanted partitions, and why: a verdict for each node of a task graph.
/// Every partition is tested when all its inputs are decided. What is not current but read by
/// nothing that runs is left as it is. Immutable once made.
/// </summary>
public sealed class Plan
{
    readonly IPlanFacts facts;
    readonly PlanOptions options;
    readonly Verdict[] verdicts;
    readonly StaleReason[] reasons;
    readonly StaleReason[] outputReasons;
    readonly Standing[] standings;
    readonly BitSet active;
    readonly BitSet deferred;
    readonly BitSet planned;
    readonly Dictionary<int, string> details = [];
    readonly Dictionary<int, int> blockedBy = [];
    readonly Dictionary<PartitionId, int> missingSources = [];
    readonly Dictionary<Job, int> badJobs = [];
    readonly List<PlanProblem> problems;

    Plan(JobGraph graph, IPlanFacts facts, PlanOptions options)
    {
        (Graph, this.facts, this.options) = (graph, facts, options);
        Test = new CurrentTest(graph, facts, options);
        problems = [.. graph.Problems];
        verdicts = new Verdict[graph.Count];
        reasons = new StaleReason[graph.Count];
        outputReasons = new StaleReason[graph.OutputCount];
        standings = new Standing[graph.OutputCount];
        (active, deferred, planned) = (new(graph.Count), new(graph.Count), new(graph.Count));
    }

    /// <summary>Tests the whole graph, inputs first.</summary>
    public static Plan Make(JobGraph graph, IPlanFacts facts, PlanOptions options)
    {
        var plan = new Plan(graph, facts, options);
        foreach (var node in graph.Order) plan.Decide(node);
        plan.DecideDeferred();
        plan.CheckTargets();
        plan.MarkPlanned();
        plan.Problems = [.. plan.problems];
        plan.Counts = plan.Count();
        return plan;
    }

    /// <summary>
    /// A plan that was made before and is known to come out the same: all is current. It knows no
    /// nodes.
    /// </summary>
    /// <param name="graph">The jobs.</param>
    /// <param name="names">What the targets' ids mean.</param>
    /// <param name="facts">The world that was asked then.</param>
    /// <param name="options">As then.</param>
    /// <param name="targets">What the want has to hold.</param>
    /// <param name="counts">What was counted then.</param>
    public static Plan Recall(
        Graph graph, PartitionNames names, IPlanFacts facts, PlanOptions options,
        ImmutableArray<PartitionId> targets, PlanCounts counts)
    {
        var analysis = new Analysis(graph, names);
        analysis.Start([]);
        return new Plan(analysis.Finish(), facts, options)
        {
            Targets = targets,
            Counts = counts,
            IsRecalled = true,
        };
    }

    /// <summary>See <see cref="Recall"/>.</summary>
    public bool IsRecalled { get; private init; }

    /// <summary>The task graph.</summary>
    public JobGraph Graph { get; }

    /// <summary>The test, for asking again about <see cref="Verdict.Maybe"/>.</summary>
    public CurrentTest Test { get; }

    /// <summary>All problems: those of the graph, then those that the facts showed.</summary>
    public ImmutableArray<PlanProblem> Problems { get; private set; } = [];

    /// <summary>Partitions by verdict. Sources do not count.</summary>
    public PlanCounts Counts { get; private set; }

    /// <summary>
    /// The wanted partitions that a want has to hold: sources that are there are satisfied already.
    /// </summary>
    public ImmutableArray<PartitionId> Targets { get; private set; } = [];

    /// <summary>
    /// Partitions that only blocked ones read. They are built although nobody can use them yet:
    /// the want has to hold them too, or nobody demands them.
    /// </summary>
    public ImmutableArray<PartitionId> AlsoWanted { get; private set; } = [];

    /// <summary>The node's verdict.</summary>
    public Verdict VerdictOf(int node) => verdicts[node];

    /// <summary>
    /// The first failing check; none for current, blocked and delegated ones. A node that is left
    /// as
    /// it is, because nothing that runs reads it, has the verdict current and a reason.
    /// </summary>
    public StaleReason ReasonOf(int node) => reasons[node];

    /// <summary>
    /// The fact behind the reason, for people: <c>env REGION eu -> us</c>; may be empty.
    /// </summary>
    public string DetailOf(int node) =>
        reasons[node] != StaleReason.Maybe ? details.GetValueOrDefault(node, "")
        : RebuiltInputs(node).Select(input => (PartitionId?)input).FirstOrDefault() is { } input
            ? $"input {Graph.Names.Text(input)} is rebuilt"
        : "the last run failed; what was published before may do";

    /// <summary>The inputs that are rebuilt, or may be.</summary>
    public IEnumerable<PartitionId> RebuiltInputs(int node) =>
        Graph.Inputs(node).ToArray().Where(input => Graph.ProducerOf(input) is >= 0 and var producer
            && Graph.JobOf(producer).Resource is null
            && verdicts[producer] is Verdict.Build or Verdict.Maybe);

    /// <summary>How many partitions another want's plan or run has.</summary>
    public int Delegated { get; private set; }

    /// <summary>
    /// Each output's own reason, in the order of the outputs; none: it stays as it is.
    /// </summary>
    public ReadOnlySpan<StaleReason> OutputReasonsOf(int node) =>
        outputReasons.AsSpan(Graph.OutputStart(node), Graph.Outputs(node).Length);

    /// <summary>
    /// Where each output stood when the plan was made, in the order of the outputs.
    /// </summary>
    public ReadOnlySpan<Standing> StandingsOf(int node) =>
        standings.AsSpan(Graph.OutputStart(node), Graph.Outputs(node).Length);

    /// <summary>Another want's plan or run has it: nothing to plan, only to wait for.</summary>
    public bool IsDelegated(int node) => active[node];

    /// <summary>True: this plan makes its runs, or its test when its inputs are Live.</summary>
    public bool IsPlanned(int node) => planned[node];

    /// <summary>
    /// What differs between what was recorded and now, without what the options ignore. False, and
    /// why, when the record cannot be read.
    /// </summary>
    internal bool TryCompare(
        int node, Digest recorded,
        out ImmutableArray<FingerprintChange> changes, out string whyNot) =>
        Test.TryCompare(node, recorded, verdicts, out changes, out whyNot);

    internal IPlanFacts Facts => facts;

    /// <summary>The files behind all sources of the graph, in order of discovery.</summary>
    public IEnumerable<SourceFact> Sources => Graph.Sources.Select(facts.Source);

    /// <summary>The problem that blocks the node; null when none does.</summary>
    public PlanProblem? ProblemOf(int node) =>
        blockedBy.TryGetValue(node, out var problem) ? problems[problem]
        : Graph.ProblemOf(node) is >= 0 and var known ? problems[known]
        : null;

    /// <summary>
    /// The problem of a wanted partition that no node makes; null when there is none.
    /// </summary>
    public PlanProblem? ProblemOf(PartitionId partition) =>
        Graph.ProblemOf(partition) is >= 0 and var known ? problems[known]
        : missingSources.TryGetValue(partition, out var missing) ? problems[missing]
        : null;

    void Decide(int node)
    {
        var rebuilt = LookAtInputs(node, out var problem);
        if (problem < 0) problem = Graph.ProblemOf(node);
        if (problem < 0) problem = JobProblem(Graph.JobOf(node));
        var outputs = Graph.Outputs(node);
        var start = Graph.OutputStart(node);
        if (problem >= 0)
        {
            verdicts[node] = Verdict.Blocked;
            blockedBy[node] = problem;
            details[node] = problems[problem].Message;
            for (var i = 0; i < outputs.Length; i++)
                standings[start + i] = facts.Partition(outputs[i]).Standing;
            return;
        }
        var result = Test.Test(
            node, rebuilt ? verdicts : null, outputReasons.AsSpan(start, outputs.Length),
            standings.AsSpan(start, outputs.Length));
        reasons[node] = result.Reason;
        if (result.Detail.Length > 0) details[node] = result.Detail;
        verdicts[node] = result.Verdict;
        if (result.IsDelegated) active[node] = true;
        if (result.Verdict == Verdict.Build && CanBeLeft(node, result.Reason, rebuilt))
        {
            deferred[node] = true;
            verdicts[node] = Verdict.Current;
        }
    }

    // What is only missing as a file matters only if somebody reads it.
    bool CanBeLeft(int node, StaleReason reason, bool inputsRebuilt) => reason switch
    {
        StaleReason.Restorable => (!inputsRebuilt || options.Soft) && options.Restore switch
        {
            RestoreMode.Wanted => !Test.IsTarget(node),
            RestoreMode.All => false,
            RestoreMode.None => true,
        },
        // The result of a check is all there is to want of it.
        StaleReason.NotKept => (!inputsRebuilt || options.Soft)
            && !(Graph.JobOf(node).Keep == KeepRule.Temp && Test.IsTarget(node)),
        StaleReason.OutputMissing or StaleReason.OutputModified => options.Soft,
        _ => false,
    };

    // Whether an input is rebuilt, and the first problem among the inputs (-1: none).
    bool LookAtInputs(int node, out int problem)
    {
        var rebuilt = false;
        problem = -1;
        foreach (var input in Graph.Inputs(node))
        {
            var producer = Graph.ProducerOf(input);
            // What a thing outside is does not depend on when it was acquired.
            if (producer >= 0 && verdicts[producer] is Verdict.Build or Verdict.Maybe)
                rebuilt |= Graph.JobOf(producer).Resource is null;
            else if (problem < 0 && producer >= 0 && verdicts[producer] == Verdict.Blocked)
                problem = blockedBy[producer];
            else if (producer == JobGraph.Source
                && SourceProblem(input, Graph.JobOf(node)) is var missing && problem < 0)
                problem = missing;
        }
        return rebuilt;
    }

    int SourceProblem(PartitionId source, Job? reader)
    {
        var fact = facts.Source(source);
        if (fact.Digest.Exists) return -1;
        if (missingSources.TryGetValue(source, out var known)) return known;
        problems.Add(new PlanProblem("source-missing", $"{fact.Path} does not exist "
            + (reader is null ? "(wanted)" : $"(input of job {reader.Name}, {reader.Location})"))
        {
            Chain = Graph.Chain(source),
        });
        return missingSources[source] = problems.Count - 1;
    }

    int JobProblem(Job job)
    {
        if (badJobs.TryGetValue(job, out var known)) return known;
        if (Test.Fingerprints.FactOf(job).Problem is not { } problem) return badJobs[job] = -1;
        problems.Add(problem);
        return badJobs[job] = problems.Count - 1;
    }

    // Consumers decide: a node that could be left is built if something that runs reads it, which
    // may be something that was left before; and what reads a node that is built now is tested
    // again later. Nodes only ever leave the set, so this ends.
    void DecideDeferred()
    {
        if (deferred.IsEmpty) return;
        bool changed;
        do
        {
            changed = false;
            for (var i = Graph.Order.Length - 1; i >= 0; i--)
            {
                var node = Graph.Order[i];
                if (!deferred[node] || !IsReadByARun(node)) continue;
                deferred[node] = false;
                verdicts[node] = Verdict.Build;
                changed = true;
            }
            foreach (var node in options.Soft ? [] : Graph.Order)
            {
                if (verdicts[node] != Verdict.Current || deferred[node] || !ReadsARun(node))
                    continue;
                verdicts[node] = Verdict.Maybe;
                reasons[node] = StaleReason.Maybe;
                outputReasons.AsSpan(Graph.OutputStart(node), Graph.Outputs(node).Length)
                    .Fill(StaleReason.Maybe);
                changed = true;
            }
        }
        while (changed);
    }

    bool IsReadByARun(int node)
    {
        foreach (var consumer in Graph.Consumers(node))
        {
            // What is restored reads nothing; if it has to be made after all, its run brings what
            // can be restored.
            if (reasons[node] == StaleReason.Restorable
                && reasons[consumer] == StaleReason.Restorable) continue;
            if (verdicts[consumer] is Verdict.Build or Verdict.Maybe) return true;
        }
        return false;
    }

    bool ReadsARun(int node)
    {
        foreach (var input in Graph.Inputs(node))
        {
            if (Graph.ProducerOf(input) is >= 0 and var producer
                && Graph.JobOf(producer).Resource is null
                && verdicts[producer] is Verdict.Build or Verdict.Maybe) return true;
        }
        return false;
    }

    void CheckTargets()
    {
        var held = ImmutableArray.CreateBuilder<PartitionId>(Graph.Targets.Length);
        foreach (var target in Graph.Targets)
        {
            if (Graph.ProducerOf(target) != JobGraph.Source || SourceProblem(target, null) >= 0)
                held.Add(target);
        }
        Targets = held.ToImmutable();
    }

    // Consumers first: what is wanted, or read by a planned node of this plan or another, is
    // planned. What only blocked
    // nodes read is built as well, so that one bad partition does not spoil the rest; what nothing
    // reads that runs is left.
    void MarkPlanned()
    {
        var also = ImmutableArray.CreateBuilder<PartitionId>();
        for (var i = Graph.Order.Length - 1; i >= 0; i--)
        {
            var node = Graph.Order[i];
            if (verdicts[node] is Verdict.Current or Verdict.Blocked || active[node]) continue;
            var (isRead, isReadByBlocked) = (Test.IsTarget(node), false);
            foreach (var consumer in Graph.Consumers(node))
            {
                isRead |= planned[consumer] || active[consumer];
                isReadByBlocked |= verdicts[consumer] == Verdict.Blocked;
            }
            if (!isRead && isReadByBlocked) also.AddRange(Graph.Outputs(node));
            if (isRead || isReadByBlocked) planned[node] = true;
            else verdicts[node] = Verdict.Current;
        }
        AlsoWanted = also.ToImmutable();
    }

    PlanCounts Count()
    {
        int total = 0, current = 0, build = 0, maybe = 0, blocked = 0;
        for (var node = 0; node < verdicts.Length; node++)
        {
            var outputs = Graph.Outputs(node).Length;
            var others = planned[node] ? StandingsOf(node).Count(Standing.Active) : 0;
            var kept = planned[node] ? OutputReasonsOf(node).Count(StaleReason.None) - others : 0;
            total += outputs;
            Delegated += active[node] ? outputs : others;
            current += verdicts[node] == Verdict.Current ? outputs : kept;
            build += verdicts[node] == Verdict.Build ? outputs - kept : 0;
            maybe += verdicts[node] == Verdict.Maybe ? outputs - kept : 0;
            blocked += verdicts[node] == Verdict.Blocked ? outputs : 0;
        }
        foreach (var target in Targets)
        {
            if (Graph.ProducerOf(target) >= 0) continue;
            total++;
            blocked++;
        }
        return new PlanCounts(total, current, build, maybe, blocked);
    }
}

/// <summary>One bit a node.</summary>
sealed class BitSet(int count)
{
    readonly ulong[] words = new ulong[(count + 63) / 64];

    public bool IsEmpty => !words.AsSpan().ContainsAnyExcept(0UL);

    public bool this[int index]
    {
        get => (words[index >> 6] & (1UL << index)) != 0;
        set
        {
            if (value) words[index >> 6] |= 1UL << index;
            else words[index >> 6] &= ~(1UL << index);
        }
    }
}
