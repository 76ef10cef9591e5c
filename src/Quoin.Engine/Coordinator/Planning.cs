using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The plans of open wants, as long as something of them is to be made: which plan and node a
/// partition belongs to, and how urgent the node is. Belongs to the coordinator's thread.
/// </summary>
sealed class Planning(
    Graph graph, KernelState state, WorkspaceFacts facts, ConfigCalls calls,
    DurationHistory history, TimeProvider time, Func<int> hostSpeed)
{
    readonly List<PlannedWant> plans = [];
    readonly Dictionary<PartitionId, (PlannedWant Plan, int Node)> owners = [];

    /// <summary>Analyzes and tests; changes nothing but caches.</summary>
    public Plan Make(WantRequest request, CancellationToken ct)
    {
        facts.Forget();
        facts.IsOwned = owners.ContainsKey;
        var targets = ImmutableArray.CreateRange(
            request.Targets, name => state.Names.Intern(name));
        calls.Given = (request.Options.Payload, request.Targets);
        return Make(targets, OptionsOf(request.Options, request.Options.Fresh), ct);
    }

    /// <summary>
    /// Analyzes again what came back to Wanted: found inputs, a cancelled run, a restart. In the
    /// modes of its want; only what was to be made anew in any case may be made by now.
    /// </summary>
    public Plan MakeAgain(
        ImmutableArray<PartitionId> wanted, WantToken want, CancellationToken ct)
    {
        facts.IsOwned = owners.ContainsKey;
        var payload = want.Options.Payload;
        calls.Given = (payload, payload == "" ? [] : [.. want.Targets.Select(state.Names.Text)]);
        return Make(wanted, OptionsOf(want.Options, FreshMode.No), ct);
    }

    /// <summary>Tests a node once more, in the modes of its plan.</summary>
    public TestResult Retest(PlannedWant planned, int node)
    {
        facts.Thorough = planned.Options.Thorough;
        return planned.Plan.Test.Retest(node);
    }

    /// <summary>Files may have been edited: all plans and tests look at them again.</summary>
    public void LookAgain() => facts.Forget();

    Plan Make(ImmutableArray<PartitionId> targets, PlanOptions options, CancellationToken ct)
    {
        facts.Thorough = options.Thorough;
        return facts.Test(Analyze(targets, ct), options);
    }

    /// <summary>Which runs would make these, and from what; nothing is tested.</summary>
    public JobGraph Analyze(ImmutableArray<PartitionId> targets, CancellationToken ct)
    {
        var known = facts.Known;
        var analysis = new Analysis(graph, state.Names, new AnalysisOptions
        {
            FoundInputs = state.FoundInputs,
            Known = known,
        });
        calls.Known = known;
        analysis.Start(targets.AsSpan());
        var rounds = ImmutableArray.CreateBuilder<AnalysisRound>();
        while (analysis.Requests is { IsEmpty: false } requests)
        {
            var answers = calls.AnswerAll(requests, ct);
            rounds.Add(new AnalysisRound(requests, [.. answers]));
            analysis.Answer(answers);
        }
        Trace = rounds.DrainToImmutable();
        return analysis.Finish();
    }

    /// <summary>What the last analysis asked of config commands, round by round.</summary>
    public ImmutableArray<AnalysisRound> Trace { get; private set; } = [];

    PlanOptions OptionsOf(WantOptions options, FreshMode fresh) => new()
    {
        Now = time.GetUtcNow(),
        Fresh = fresh,
        Soft = options.Soft,
        Thorough = options.Thorough,
        Restore = options.Restore,
    };

    /// <summary>
    /// The events of a plan, one after the other: each must be applied before the next is asked
    /// for, because a consumer's plan is what makes its inputs Wanted.
    /// </summary>
    public IEnumerable<BuildEvent> Events(PlannedWant planned, bool strict = false)
    {
        var plan = planned.Plan;
        plans.Add(planned);
        foreach (var e in PlanEvents.Of(plan, planned.Want, p => IsLeftOver(plan, p), strict))
        {
            yield return e;
            if (e is PartitionPlanned p) Own(planned, p);
        }
    }

    // A partition that an earlier process planned, or that failed only because an input did: it is
    // Wanted although its test passes, so it is planned, and the test at its turn ends it.
    bool IsLeftOver(Plan plan, PartitionId p) =>
        state.PlaceOf(p) is PartitionPlace.Wanted
        || (state.PlaceOf(p) is PartitionPlace.Planned
            && (!owners.ContainsKey(p) || IsAnsweredAnew(plan, p)));

    // Its config is another one since it was planned: the newest is what shall run.
    bool IsAnsweredAnew(Plan plan, PartitionId p)
    {
        var node = plan.Graph.ProducerOf(p);
        return plan.Graph.JobOf(node).IsAsked
            && state.ConfigOf(p) is { } config
            && plan.Graph.Outputs(node).SequenceEqual(config.Outputs.AsSpan())
            && plan.Test.Fingerprints.DefinitionOf(node) != config.Definition;
    }

    void Own(PlannedWant planned, PartitionPlanned e)
    {
        var node = planned.Plan.Graph.ProducerOf(e.Outputs[0]);
        foreach (var output in e.Outputs)
        {
            if (state.PlaceOf(output) == PartitionPlace.Planned) owners[output] = (planned, node);
        }
    }

    /// <summary>The plan and node of a partition that is to be made.</summary>
    public bool TryGetOwner(PartitionId p, [NotNullWhen(true)] out PlannedWant? plan, out int node)
    {
        var owned = owners.TryGetValue(p, out var owner);
        (plan, node) = owner;
        return owned;
    }

    /// <summary>All that is to be made, with its plan and node.</summary>
    public IEnumerable<(PartitionId Partition, PlannedWant Plan, int Node)> Owned =>
        owners.Select(owner => (owner.Key, owner.Value.Plan, owner.Value.Node));

    /// <summary>Something that is still to be made, or to be tested, reads it.</summary>
    public bool IsRead(PartitionId p)
    {
        foreach (var (plan, _, _) in plans)
        {
            if (plan.Graph.ProducerOf(p) is not (>= 0 and var node)) continue;
            foreach (var consumer in plan.Graph.Consumers(node))
                foreach (var output in plan.Graph.Outputs(consumer))
                    if (owners.ContainsKey(output)) return true;
        }
        return false;
    }

    /// <summary>It is Live, Failed or to be planned again.</summary>
    public void Release(PartitionId p) => owners.Remove(p);

    /// <summary>Drops plans whose want is over and of which nothing is left to make.</summary>
    public void Forget(WantId want)
    {
        if (state.Runs.Count == 0 && state.Wants.Count == 0)
        {
            plans.Clear();
            owners.Clear();
        }
        else
        {
            plans.RemoveAll(plan => plan.Want == want && !owners.Values.Any(o => o.Plan == plan));
        }
    }

    /// <summary>
    /// Ranks of a plan's nodes by the durations known now, and the sum of all work.
    /// </summary>
    public PlannedWant Rank(Plan plan, WantId want, WantOptions options, TimetableRoom room) =>
        new(plan, want, new NodeEstimates(
            plan, new DurationEstimates(graph, history, hostSpeed), room))
        {
            Options = options,
        };

    /// <summary>
    /// How long what is left of each want takes, by what is known now; null: too little is.
    /// </summary>
    public IEnumerable<(WantId Want, TimeLeft? Left)> TimeLeft(int slots) =>
        plans.GroupBy(planned => planned.Want).Select(group => (
            group.Key, NodeEstimates.TimeLeft(group.Select(planned => planned.Estimates), slots)));

    /// <summary>The same anew for what is left of all plans.</summary>
    public void RankAgain(TimetableRoom room, bool keepsCores)
    {
        var durations = new DurationEstimates(graph, history, hostSpeed);
        foreach (var planned in plans)
            planned.Estimates.Update(
                p => owners.TryGetValue(p, out var owner) && (owner.Plan == planned
                    || planned.Plan.IsDelegated(planned.Plan.Graph.ProducerOf(p))),
                durations, room, keepsCores);
    }

    /// <summary>Some run of an open plan could take fewer cores or more.</summary>
    public bool IsMoldable => plans.Exists(planned => planned.Estimates.All.Strategy.Length > 0);
}

/// <summary>What one round of an analysis asked of config commands, and what they said.</summary>
sealed record AnalysisRound(
    ImmutableArray<ConfigRequest> Asked, ImmutableArray<ConfigAnswer> Answers);

/// <summary>A plan with the want that it is for.</summary>
sealed record PlannedWant(Plan Plan, WantId Want, NodeEstimates Estimates)
{
    /// <summary>What its want asked for.</summary>
    public required WantOptions Options { get; init; }
}
