using System.Collections.Immutable;
using System.Globalization;

namespace Quoin.Core;

/// <summary>
/// Why a partition is built or not: an answer for one partition, as data and as text.
/// </summary>
public sealed record Explanation
{
    /// <summary>The partition's name.</summary>
    public required string Partition { get; init; }

    /// <summary>The plan's verdict.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The first failing check.</summary>
    public StaleReason Reason { get; init; }

    /// <summary>
    /// What follows the name on the first line: <c>not current: will be built by ...</c>.
    /// </summary>
    public required string Headline { get; init; }

    /// <summary>One line for each fact that decided.</summary>
    public ImmutableArray<ExplanationLine> Lines { get; init; } = [];

    /// <summary>The problem that blocks it; null when none does.</summary>
    public PlanProblem? Problem { get; init; }

    /// <summary>The last run that published it; 0 when there is none.</summary>
    public RunId LastRun { get; init; }

    /// <summary>When that was.</summary>
    public DateTimeOffset? LastBuiltAt { get; init; }

    /// <summary>How long it took; 0 when unknown.</summary>
    public int LastElapsedMs { get; init; }

    /// <summary>The lines that a terminal shows.</summary>
    public ImmutableArray<string> Text()
    {
        var text = ImmutableArray.CreateBuilder<string>();
        text.Add($"{Partition}  {Headline}");
        var kinds = Lines.Select(line => line.Kind.Length).DefaultIfEmpty().Max();
        var names = Lines.Select(line => line.Name.Length).DefaultIfEmpty().Max();
        foreach (var line in Lines)
        {
            var kind = kinds == 0 ? "" : "  " + line.Kind.PadRight(kinds);
            var name = names == 0 ? "" : "  " + line.Name.PadRight(names);
            var value = line.Value.Length == 0 ? "" : "  " + line.Value;
            var note = line.Note.Length == 0 ? "" : "   " + line.Note;
            text.Add($"  {line.What}{kind}{name}{value}{note}".TrimEnd());
        }
        if (Problem is { Chain.Length: > 1 } problem)
            text.Add("  " + string.Join(" <- ", problem.Chain));
        if (LastBuiltAt is { } at) text.Add("  " + LastBuilt(at));
        return text.ToImmutable();
    }

    string LastBuilt(DateTimeOffset at)
    {
        var by = LastRun.Value > 0 ? $" by {LastRun}" : "";
        var took = LastElapsedMs > 0
            ? $" in {Spans.Short(TimeSpan.FromMilliseconds(LastElapsedMs))}"
            : "";
        return $"last built {at.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)}"
            + by + took;
    }
}

/// <summary>One fact: <c>changed  env  REGION  eu -> us   why</c>. Fields may be empty.</summary>
public readonly record struct ExplanationLine(
    string What, string Kind, string Name, string Value, string Note);

/// <summary>
/// Makes explanations from a plan. Pure: what happened before comes in with the facts.
/// </summary>
public static class Explain
{
    /// <summary>
    /// Why the plan says what it says of a partition. <paramref name="whyBuilt"/> tells why a run
    /// was made (<c>source orders/0131.csv changed</c>), when somebody remembers.
    /// </summary>
    public static Explanation Of(
        Plan plan, PartitionId partition, Func<RunId, string?>? whyBuilt = null)
    {
        var graph = plan.Graph;
        var node = graph.ProducerOf(partition);
        if (node < 0) return OfNoNode(plan, partition, node);
        var fact = plan.Facts.Partition(partition);
        var job = graph.JobOf(node);
        var explanation = new Explanation
        {
            Partition = graph.Names.Text(partition),
            Verdict = plan.VerdictOf(node),
            Headline = "",
            LastRun = fact.Output.Exists ? fact.Run : default,
            LastBuiltAt = fact.Output.Exists ? fact.PublishedAt : null,
            LastElapsedMs = fact.ElapsedMs,
        };
        var place = graph.Outputs(node).IndexOf(partition);
        var reason = plan.OutputReasonsOf(node)[place];
        if (plan.ProblemOf(node) is { } problem)
            return explanation with
            {
                Problem = problem,
                Headline = $"blocked: error[{problem.Code}]: {problem.Message}",
            };
        if (plan.IsDelegated(node))
            return explanation with { Headline = $"not current: {plan.DetailOf(node)}" };
        if (reason == StaleReason.None)
            return explanation with { Headline = CurrentHeadline(plan, node, fact) };
        return explanation with
        {
            Reason = reason,
            Headline = StaleHeadline(plan, node, reason, job),
            Lines = Lines(plan, node, reason, fact, whyBuilt),
        };
    }

    /// <summary>The reason in one word: <c>never-built</c>, <c>output-modified</c>.</summary>
    public static string Word(StaleReason reason) => reason switch
    {
        StaleReason.None => "current",
        StaleReason.Fresh => "fresh",
        StaleReason.NeverBuilt => "never-built",
        StaleReason.LastFailed => "last-failed",
        StaleReason.Tainted => "tainted",
        StaleReason.Expired => "expired",
        StaleReason.Changed => "changed",
        StaleReason.OutputMissing => "output-missing",
        StaleReason.OutputModified => "output-modified",
        StaleReason.NotKept => "not-kept",
        StaleReason.Maybe => "maybe",
        StaleReason.Restorable => "restorable",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
    };

    static Explanation OfNoNode(Plan plan, PartitionId partition, int node)
    {
        var problem = plan.ProblemOf(partition);
        var name = plan.Graph.Names.Text(partition);
        return new Explanation
        {
            Partition = name,
            Verdict = node == JobGraph.Source && problem is null
                ? Verdict.Current
                : Verdict.Blocked,
            Problem = problem,
            Headline = problem is not null ? $"blocked: error[{problem.Code}]: {problem.Message}"
                : node != JobGraph.Source ? "is not part of this plan"
                : plan.Facts.Source(partition) is var (path, digest)
                    ? $"source: {path} ({digest.Short})"
                    : "",
        };
    }

    // An input that is younger than what was made from it was rebuilt to the same bytes.
    static string CurrentHeadline(Plan plan, int node, in PartitionFact own)
    {
        if (plan.VerdictOf(node) != Verdict.Current)
            return "current: stays, its siblings are built";
        foreach (var input in plan.Graph.Inputs(node))
        {
            if (plan.Graph.ProducerOf(input) < 0) continue;
            var fact = plan.Facts.Partition(input);
            if (fact.Standing != Standing.Published || fact.PublishedAt <= own.PublishedAt
                || fact.Run == own.Run) continue;
            var by = fact.Run.Value > 0 ? $" by {fact.Run}" : "";
            return $"current (early cut-off): {plan.Graph.Names.Text(input)} was rebuilt{by} "
                + $"to the same bytes ({fact.Output.Short})";
        }
        return "current";
    }

    static string StaleHeadline(Plan plan, int node, StaleReason reason, Job job) =>
        reason == StaleReason.Restorable
            ? "current, and not in its place: " + (plan.VerdictOf(node) == Verdict.Current
                ? "restored when something reads it"
                : "will be restored")
        : plan.VerdictOf(node) == Verdict.Current
            ? "not current, but nothing that runs reads it: left as it is"
        : reason == StaleReason.Maybe && plan.VerdictOf(node) == Verdict.Maybe
            ? $"current until now: decided when its inputs are rebuilt (job {job.Name}, "
                + $"{job.Location.File}:{job.Location.Line})"
        : $"not current: will be built by job {job.Name} "
            + $"({job.Location.File}:{job.Location.Line})";

    static ImmutableArray<ExplanationLine> Lines(
        Plan plan, int node, StaleReason reason, in PartitionFact fact,
        Func<RunId, string?>? whyBuilt)
    {
        var word = Word(reason);
        if (reason == StaleReason.Maybe)
            return [.. plan.RebuiltInputs(node).Select(input => new ExplanationLine(
                word, "input", plan.Graph.Names.Text(input), "is rebuilt",
                WhyRebuilt(plan, input)))];
        if (reason != StaleReason.Changed)
            return [new ExplanationLine(
                word, "", "", reason == plan.ReasonOf(node) ? plan.DetailOf(node) : "", "")];
        if (!plan.TryCompare(node, fact.Fingerprint, out var changes, out var whyNot))
            return [new ExplanationLine(word, "", "", whyNot, "")];
        return [.. changes.Select(change => new ExplanationLine(
            word, change.Kind, change.Name, change.Values, BuiltBy(plan, change, whyBuilt)))];
    }

    static string WhyRebuilt(Plan plan, PartitionId input)
    {
        var producer = plan.Graph.ProducerOf(input);
        var reason = plan.ReasonOf(producer);
        var detail = plan.DetailOf(producer);
        if (reason == StaleReason.None) return detail;
        return detail.Length == 0 ? Word(reason) : $"{Word(reason)}: {detail}";
    }

    static string BuiltBy(Plan plan, FingerprintChange change, Func<RunId, string?>? whyBuilt)
    {
        if (change.Kind != "input" || !plan.Graph.Names.TryFind(change.Name, out var input)
            || plan.Graph.ProducerOf(input) < 0) return "";
        var run = plan.Facts.Partition(input).Run;
        if (run.Value == 0) return "";
        return whyBuilt?.Invoke(run) is { Length: > 0 } why
            ? $"rebuilt by {run}: {why}"
            : $"rebuilt by {run}";
    }
}
