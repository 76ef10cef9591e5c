using System.Collections.Immutable;
using System.Diagnostics;

namespace Quoin.Core;

/// <summary>What a plan says of a job config.</summary>
public enum Verdict : byte
{
    /// <summary>All outputs pass the test, or nobody needs them; nothing runs.</summary>
    Current = 0,

    /// <summary>A run is needed.</summary>
    Build = 1,

    /// <summary>It passes apart from inputs that are rebuilt; decided when they are Live.</summary>
    Maybe = 2,

    /// <summary>It depends on a problem.</summary>
    Blocked = 3,
}

/// <summary>
/// What came of one test: the first failing check, and the fact behind it for people.
/// </summary>
/// <param name="Verdict">Current, build or maybe.</param>
/// <param name="Reason">The first failing check; none when current.</param>
/// <param name="Detail">For people: <c>env REGION eu -> us</c>; may be empty.</param>
/// <param name="Fingerprint">The recorded fingerprint of a config that is current.</param>
public readonly record struct TestResult(
    Verdict Verdict, StaleReason Reason, string Detail, Digest Fingerprint)
{
    /// <summary>Another want's plan or run has all of it that is to be made.</summary>
    public bool IsDelegated => Verdict == Verdict.Build && Reason == StaleReason.None;
}

/// <summary>
/// The test of one job config: is what was published what a run would make now? Six checks in
/// order; the first that fails is the reason (the page on the build process, "The current test").
/// </summary>
public sealed class CurrentTest(JobGraph graph, IPlanFacts facts, PlanOptions options)
{
    // Details are for people: beyond so many nodes the stored texts are read only when they decide.
    const int DetailsMax = 1_000;

    readonly HashSet<PartitionId> targets = [.. graph.Targets];
    PartitionFact[] some = new PartitionFact[8];
    int details;

    /// <summary>The fingerprints that the test compares with.</summary>
    public NodeFingerprints Fingerprints { get; } = new(graph, facts);

    /// <summary>
    /// Tests again a config that was <see cref="Verdict.Maybe"/>, now that all its inputs are Live:
    /// current (early cut-off) or build.
    /// </summary>
    public TestResult Retest(int node)
    {
        var outputs = graph.Outputs(node);
        Span<StaleReason> reasons = outputs.Length <= 64
            ? stackalloc StaleReason[outputs.Length]
            : new StaleReason[outputs.Length];
        reasons.Clear();
        var known = Facts(outputs);
        foreach (ref var fact in known)
        {
            // The plan that asks has it; what it keeps is what is tested.
            if (fact.Standing == Standing.Active && fact.Output.Exists)
                fact = fact with { Standing = Standing.Published };
        }
        var told = details;
        details = DetailsMax; // Nobody asks why: its run, or that it is current, says enough.
        var result = Check(node, known, null, reasons);
        details = told;
        return result;
    }

    /// <summary>
    /// Tests a config whose inputs are decided. Every output gets its own reason, because a run
    /// claims only those that fail. <paramref name="verdicts"/> tells which inputs are rebuilt, by
    /// node; null: none of this node's.
    /// </summary>
    internal TestResult Test(
        int node, Verdict[]? verdicts, Span<StaleReason> reasons, Span<Standing> standings)
    {
        reasons.Clear();
        var outputs = graph.Outputs(node);
        var known = Facts(outputs);
        var (active, count) = (-1, 0);
        for (var i = 0; i < known.Length; i++)
        {
            standings[i] = known[i].Standing;
            if (known[i].Standing != Standing.Active) continue;
            active = i;
            count++;
        }
        if (count == 0) return TestOwn(node, known, verdicts, reasons);
        var by = known[active].Run.Value > 0 ? $"{known[active].Run}" : "another want's plan";
        var delegated = new TestResult(
            Verdict.Build, StaleReason.None, $"delegated to {by}", default);
        if (count == known.Length) return delegated;
        // A config that overlaps somebody's: the rest is planned, and claimed at its turn.
        var result = TestOwn(node, known, verdicts, reasons);
        var first = StaleReason.None;
        for (var i = 0; i < standings.Length; i++)
        {
            if (standings[i] == Standing.Active) reasons[i] = StaleReason.None;
            else if (IsBefore(reasons[i], first)) first = reasons[i];
        }
        if (first == StaleReason.None) return delegated;
        return first == result.Reason ? result : result with { Reason = first, Detail = "" };
    }

    TestResult TestOwn(
        int node, Span<PartitionFact> known, Verdict[]? verdicts, Span<StaleReason> reasons)
    {
        if (graph.JobOf(node).Resource is not null) return TestResource(node, known[0], reasons);
        if (options.Fresh == FreshMode.All
            || (options.Fresh == FreshMode.Selected && IsTarget(node)))
        {
            reasons.Fill(StaleReason.Fresh);
            return new TestResult(Verdict.Build, StaleReason.Fresh, "", default);
        }
        var result = Check(node, known, verdicts, reasons);
        if (result.Verdict != Verdict.Current || !HasFailed(known)) return result;
        // What was published before the failure is what a run would make: it only has to be
        // made Live again, which the test at its turn does.
        reasons.Fill(StaleReason.Maybe);
        return new TestResult(Verdict.Maybe, StaleReason.Maybe, "", default);
    }

    // A thing outside is current while it is there as it is defined now: nobody rebuilds what is in
    // use because a file changed.
    TestResult TestResource(int node, PartitionFact known, Span<StaleReason> reasons)
    {
        var definition = Fingerprints.DefinitionOf(node);
        var isThere = known.Standing == Standing.Published;
        if (isThere && known.Fingerprint == definition)
            return new TestResult(Verdict.Current, StaleReason.None, "", definition);
        var reason = isThere ? StaleReason.Changed
            : known.Standing == Standing.Failed ? StaleReason.LastFailed
            : StaleReason.NeverBuilt;
        reasons.Fill(reason);
        return new TestResult(
            Verdict.Build, reason, isThere ? "its definition" : known.Reason ?? "", default);
    }

    static bool HasFailed(ReadOnlySpan<PartitionFact> known)
    {
        foreach (ref readonly var fact in known)
        {
            if (fact.Standing == Standing.Failed) return true;
        }
        return false;
    }

    internal bool IsTarget(int node)
    {
        foreach (var output in graph.Outputs(node))
        {
            if (targets.Contains(output)) return true;
        }
        return false;
    }

    Span<PartitionFact> Facts(ReadOnlySpan<PartitionId> outputs)
    {
        if (some.Length < outputs.Length) some = new PartitionFact[outputs.Length * 2];
        for (var i = 0; i < outputs.Length; i++) some[i] = facts.Partition(outputs[i]);
        return some.AsSpan(..outputs.Length);
    }

    TestResult Check(
        int node, Span<PartitionFact> known, Verdict[]? verdicts,
        Span<StaleReason> reasons)
    {
        var detail = "";
        var first = CheckRecords(node, known, reasons, ref detail);
        if (reasons.Contains(StaleReason.None))
        {
            var changed = CheckFingerprints(node, known, verdicts, reasons);
            if (first == StaleReason.None && changed is not null)
                (first, detail) = (StaleReason.Changed, changed);
            var place = CheckPlaces(node, known, reasons, out var which);
            if (first == StaleReason.None && place != StaleReason.None)
                (first, detail) = (place, which);
        }
        var maybe = verdicts is not null && !options.Soft;
        if (maybe) reasons.Replace(StaleReason.None, StaleReason.Maybe);
        if (first != StaleReason.None)
        {
            if (graph.JobOf(node).Limits.Supersede) reasons.Replace(StaleReason.None, first);
            return new TestResult(Verdict.Build, first, detail, default);
        }
        return maybe
            ? new TestResult(Verdict.Maybe, StaleReason.Maybe, "", default)
            : new TestResult(Verdict.Current, StaleReason.None, "", known[0].Fingerprint);
    }

    // Checks 2 and 3: manifest, trust, age.
    StaleReason CheckRecords(
        int node, ReadOnlySpan<PartitionFact> known, Span<StaleReason> reasons, ref string detail)
    {
        var maxAge = graph.JobOf(node).Limits.MaxAge;
        var first = StaleReason.None;
        for (var i = 0; i < known.Length; i++)
        {
            reasons[i] = known[i].Standing switch
            {
                Standing.Missing or Standing.Active => StaleReason.NeverBuilt,
                Standing.Failed when !known[i].Output.Exists => StaleReason.LastFailed,
                Standing.Tainted => StaleReason.Tainted,
                Standing.Published or Standing.Failed =>
                    maxAge is { } max && options.Now - known[i].PublishedAt > max
                        ? StaleReason.Expired
                        : StaleReason.None,
                _ => throw new UnreachableException($"standing {known[i].Standing}"),
            };
            if (!IsBefore(reasons[i], first)) continue;
            first = reasons[i];
            detail = first == StaleReason.Expired
                ? $"{Spans.Age(options.Now - known[i].PublishedAt)}, "
                    + $"max_age {Spans.Age(maxAge.GetValueOrDefault())}"
                : known[i].Reason ?? "";
        }
        return first;
    }

    // The reasons are numbered in the order of the checks.
    static bool IsBefore(StaleReason reason, StaleReason first) =>
        reason != StaleReason.None && (first == StaleReason.None || reason < first);

    // Check 4. Null when all fingerprints are equal, else what differs in the first that is not.
    string? CheckFingerprints(
        int node, ReadOnlySpan<PartitionFact> known, Verdict[]? verdicts,
        Span<StaleReason> reasons)
    {
        var now = Fingerprints.Of(node);
        string? changed = null;
        var (seen, seenSame) = (default(Digest), true); // Siblings mostly come from one run.
        for (var i = 0; i < known.Length; i++)
        {
            if (reasons[i] != StaleReason.None || known[i].Fingerprint == now) continue;
            if (known[i].Fingerprint != seen || !seen.Exists)
            {
                seen = known[i].Fingerprint;
                seenSame = Same(node, seen, verdicts, out var detail);
                changed ??= seenSame ? null : detail;
            }
            if (!seenSame) reasons[i] = StaleReason.Changed;
        }
        return changed;
    }

    // The digests differ: are there lines that count?
    bool Same(int node, Digest recorded, Verdict[]? verdicts, out string detail)
    {
        var ignores = options.Soft || verdicts is not null
            || (!options.Thorough
                && graph.JobOf(node).Options.Any(option => option.IsPresentation));
        detail = "";
        if (!ignores && details >= DetailsMax) return false;
        details++;
        if (!TryCompare(node, recorded, verdicts, out var changes, out detail)) return false;
        detail = FingerprintDiff.Summary(changes);
        return changes.IsEmpty;
    }

    /// <summary>
    /// The lines that count and differ between a recorded fingerprint and the one of now. False,
    /// and why, when the recorded one cannot be read.
    /// </summary>
    internal bool TryCompare(
        int node, Digest recorded, Verdict[]? verdicts,
        out ImmutableArray<FingerprintChange> changes, out string whyNot)
    {
        (changes, whyNot) = ([], "");
        var text = facts.FingerprintText(recorded).Span;
        if (text.IsEmpty)
        {
            whyNot = recorded.Exists
                ? "the fingerprint of its last run is not stored here"
                : "a source or an input changed while its last run read it, or its trust was "
                    + "withdrawn";
            return false;
        }
        try
        {
            changes = FingerprintDiff.Compare(text, Fingerprints.TextOf(node));
        }
        catch (FormatException e)
        {
            whyNot = e.Message; // Another version's text: nothing can be said but "changed".
            return false;
        }
        var job = graph.JobOf(node);
        changes = changes.RemoveAll(change => IsIgnored(job, change, verdicts));
        return true;
    }

    bool IsIgnored(Job job, FingerprintChange change, Verdict[]? verdicts) => change.Kind switch
    {
        "input" => options.Soft
            || (verdicts is not null && change is { Old: not null, New: not null }
                && graph.Names.TryFind(change.Name, out var id)
                && graph.ProducerOf(id) is >= 0 and var producer
                && verdicts[producer] is Verdict.Build or Verdict.Maybe),
        "option" => !options.Thorough
            && job.Options.Any(option => option.IsPresentation && option.Name == change.Name),
        _ => false,
    };

    // Checks 5 and 6: the files.
    StaleReason CheckPlaces(
        int node, ReadOnlySpan<PartitionFact> known, Span<StaleReason> reasons, out string which)
    {
        var outputs = graph.Outputs(node);
        var first = StaleReason.None;
        which = "";
        for (var i = 0; i < known.Length; i++)
        {
            if (reasons[i] != StaleReason.None) continue;
            reasons[i] = facts.CheckOutput(outputs[i], known[i]) switch
            {
                OutputCheck.Ok => StaleReason.None,
                OutputCheck.Missing => StaleReason.OutputMissing,
                OutputCheck.Modified => StaleReason.OutputModified,
                OutputCheck.NotKept => StaleReason.NotKept,
                OutputCheck.Restorable => StaleReason.Restorable,
                var check => throw new UnreachableException($"output check {check}"),
            };
            if (!IsBefore(reasons[i], first)) continue;
            first = reasons[i];
            which = outputs.Length > 1 ? graph.Names.Text(outputs[i]) : "";
        }
        return first;
    }
}
