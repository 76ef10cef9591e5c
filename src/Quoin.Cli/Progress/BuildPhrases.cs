using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>The sentences of a build, the same on a screen and in plain lines.</summary>
static class BuildPhrases
{
    /// <summary>
    /// <c>7 wanted: 31 partitions = 12 current, 16 to build (4 maybe current), about 4m10s</c>, in
    /// pieces that a narrow window may put on lines of their own.
    /// </summary>
    public static IReadOnlyList<string> Plan(BuildProgress progress, TimeRange? estimate)
    {
        var counts = progress.Counts;
        var build = Math.Max(0, counts.Build + counts.Maybe - progress.Delegated);
        var parts = new List<string>
        {
            $"{progress.Wanted} wanted: {Units.Count(counts.Total, "partition")}"
                + $" = {counts.Current} current",
        };
        var to = progress.DelegatedTo.Count == 0
            ? ""
            : $" to {Some([.. progress.DelegatedTo.Select(want => want.ToString())])}";
        if (progress.Delegated > 0) parts.Add($"{progress.Delegated} delegated{to}");
        var maybe = counts.Maybe > 0 ? $" ({counts.Maybe} maybe current)" : "";
        parts.Add($"{build} to build{maybe}");
        if (counts.Blocked > 0) parts.Add($"{counts.Blocked} blocked");
        // From the plan's own moment on, whoever tells it later.
        if ((progress.TimeLeft?.Whole ?? estimate) is { } range) parts.Add($"about {range}");
        return parts;
    }

    /// <summary>
    /// <c>5 errors block 12 partitions; the other 41 are built (--strict: nothing)</c>; null when
    /// there are none.
    /// </summary>
    public static string? Blocked(int problems, PlanCounts counts)
    {
        if (problems == 0) return null;
        var block = problems == 1 ? "blocks" : "block";
        return $"{Units.Count(problems, "error")} {block}"
            + $" {Units.Count(counts.Blocked, "partition")};"
            + $" the other {counts.Total - counts.Blocked} are built (--strict: nothing)";
    }

    /// <summary>Why anything has to be built; null when the events give no reason.</summary>
    public static string? Why(BuildProgress progress)
    {
        var stale = progress.StaleCounts.Values.Sum();
        var never = Math.Max(0, progress.Counts.Build - progress.Delegated - stale);
        var reasons = new List<string>();
        if (never > 0) reasons.Add($"{never} never built");
        reasons.AddRange(progress.StaleCounts.OrderByDescending(pair => pair.Value)
            .Select(pair => $"{pair.Value} {Name(pair.Key)}"));
        if (reasons.Count == 0) return null;
        var example = progress.FirstStale is { } first
            ? $"; {progress.NameOf(first.Partition)}: {first.Detail}"
            : "";
        return string.Join(", ", reasons) + example;
    }

    /// <summary>A reason of the current test as people read it: <c>output missing</c>.</summary>
    public static string Name(StaleReason reason) => reason switch
    {
        StaleReason.None => "not stale",
        StaleReason.Fresh => "fresh",
        StaleReason.NeverBuilt => "never built",
        StaleReason.LastFailed => "failed last time",
        StaleReason.Tainted => "tainted",
        StaleReason.Expired => "expired",
        StaleReason.Changed => "changed",
        StaleReason.OutputMissing => "output missing",
        StaleReason.OutputModified => "output modified",
        StaleReason.NotKept => "not kept",
        StaleReason.Maybe => "maybe current",
        StaleReason.Restorable => "to be restored",
    };

    /// <summary><c>(0:05:06 elapsed, 0:33:48 cpu, factor 6.63)</c>.</summary>
    public static string Usage(TimeSpan elapsed, TimeSpan cpu) =>
        elapsed < TimeSpan.FromSeconds(1)
            ? $"{Units.Duration(elapsed)} elapsed, {Units.Duration(cpu)} cpu"
            : $"{Units.Clock(elapsed)} elapsed, {Units.Clock(cpu)} cpu,"
                + $" factor {cpu / elapsed:0.00}";

    /// <summary>
    /// <c>after 58s: bad input (exit 65), attempt 1 of 1, not retried</c>. How many attempts there
    /// could be is said only where it is known.
    /// </summary>
    public static string HowItFailed(BuildFailure failure, BuildBackground background)
    {
        var most = background.AttemptsMax(failure.Task, failure.Failure.Category);
        var of = most is { } known ? $" of {known}" : "";
        var never = most == 1 ? ", not retried" : "";
        return $"after {Units.Duration(failure.Elapsed)}: {Units.Describe(failure.Failure)},"
            + $" attempt {failure.Attempt.Attempt}{of}{never}";
    }

    /// <summary>What bounded the time: the longest path of runs, the slots, or null.</summary>
    public static string? BoundedBy(BuildProgress progress, TimeSpan elapsed)
    {
        if (elapsed <= TimeSpan.Zero || progress.PathEnd is not { } end) return null;
        var path = TimeSpan.FromMilliseconds(end.PathMs);
        if (path >= elapsed * 0.8)
        {
            var names = new List<string>();
            for (var task = end; task is not null; task = task.PathFrom)
                names.Insert(0, progress.NameOf(task.Name));
            if (names.Count > 6)
                names = [.. names[..2], $"{names.Count - 4} more", .. names[^2..]];
            return $"path {string.Join(" > ", names)} ({Units.Duration(path)})";
        }
        if (progress.Slots == 0) return null;
        var busy = progress.Busy / (elapsed * progress.Slots);
        return busy >= 0.6
            ? $"{Units.Count(progress.Slots, "slot")} (busy {Math.Min(1, busy) * 100:0}%)"
            : null;
    }

    /// <summary>
    /// <c>13 built, 12 current, 3 delegated; 1 failed, 0 skipped, 2 cancelled</c>.
    /// </summary>
    public static string Totals(BuildProgress progress)
    {
        var delegated = progress.Delegated > 0 ? $", {progress.DelegatedDone} delegated" : "";
        var restored = progress.Restored > 0 ? $", {progress.Restored} restored" : "";
        var done = $"{progress.Built - progress.Restored} built{restored}, "
            + $"{progress.Current} current{delegated}";
        var blocked = progress.Counts.Blocked > 0 ? $", {progress.Counts.Blocked} blocked" : "";
        return progress.Phase == BuildPhase.Succeeded
            ? done
            : $"{done}; {progress.Failed} failed, 0 skipped,"
                + $" {progress.Cancelled} cancelled{blocked}";
    }

    /// <summary>
    /// What is done as long as there is no plan: of runs that began before something was edited,
    /// nobody knows yet whether what they make will do.
    /// </summary>
    public static string Planning(BuildProgress progress) =>
        progress.Delegated == 0 ? "planning" : "waiting for runs that began before an edit";

    /// <summary><c>succeeded</c>, <c>failed</c>, ….</summary>
    public static string Outcome(BuildPhase phase) => phase switch
    {
        BuildPhase.Planning => "planning",
        BuildPhase.Running => "running",
        BuildPhase.Succeeded => "succeeded",
        BuildPhase.Failed => "failed",
        BuildPhase.Cancelled => "cancelled",
        BuildPhase.AnalysisFailed => "analysis failed",
    };

    /// <summary>
    /// <c>waiting for workers: 12 runs ready (quoin worker --store …)</c>
    /// </summary>
    public static string WaitsForWorkers(int runs, ImmutableArray<string> labels, string store)
    {
        var with = labels.IsEmpty ? "" : $" with {string.Join(' ', labels)}";
        var options = string.Concat(labels.Select(label => $" --label {label}"));
        return $"waiting for workers{with}: {Units.Count(runs, "run")} ready"
            + $" (quoin worker{options}{store})";
    }

    /// <summary>Names in a few words: the first ones, and how many more there are.</summary>
    public static string Some(IReadOnlyList<string> names) => Some(names, names.Count);

    /// <summary>The same where only the first three names are at hand.</summary>
    public static string Some(IReadOnlyList<string> names, int count) => count <= 3
        ? string.Join(", ", names)
        : $"{string.Join(", ", names.Take(2))} and {count - 2} more";
}
