using Quoin.Core;

namespace Quoin.Cli;

/// <summary>The last words of a build.</summary>
static class BuildEnd
{
    /// <summary>
    /// For logs: what became of the partitions, what it took, what bounded the time.
    /// </summary>
    public static IEnumerable<Line> PlainLines(BuildProgress progress, DateTimeOffset now)
    {
        var elapsed = (progress.EndedAt ?? now) - progress.StartedAt;
        if (NoOp(progress, elapsed) is { } noOp)
        {
            yield return noOp;
            yield break;
        }
        if (progress.Phase == BuildPhase.AnalysisFailed)
        {
            yield return NothingStarted(progress);
            yield break;
        }
        yield return new Line($"{progress.Want}", Style.Bold).Add(" ")
            .Add(BuildPhrases.Outcome(progress.Phase), StyleOf(progress.Phase))
            .Add($": {progress.Done} of {progress.Counts.Total}: {BuildPhrases.Totals(progress)}");
        var bound = BuildPhrases.BoundedBy(progress, elapsed) is { } by ? $"; bounded by {by}" : "";
        yield return new Line(BuildPhrases.Usage(elapsed, progress.Cpu) + bound);
    }

    /// <summary>For a screen: the same, shorter, the numbers first.</summary>
    public static IEnumerable<Line> ScreenLines(
        BuildProgress progress, DateTimeOffset now, int width, int exitCode)
    {
        var elapsed = (progress.EndedAt ?? now) - progress.StartedAt;
        if (NoOp(progress, elapsed) is { } noOp)
        {
            yield return noOp;
            yield break;
        }
        if (progress.Phase == BuildPhase.AnalysisFailed)
        {
            yield return NothingStarted(progress);
            yield break;
        }
        var good = progress.Wanted - progress.WantedFailed;
        var first = progress.Phase switch
        {
            BuildPhase.Succeeded => $" {progress.Wanted} of {progress.Wanted} built",
            BuildPhase.Failed => $" {good} of {progress.Wanted} built",
            _ => " " + BuildPhrases.Outcome(progress.Phase),
        };
        var line = Mark(progress.Phase).Add($"{first} in {Units.Duration(elapsed)}");
        var rest = string.Join("  ", Numbers(progress));
        if (line.Width + rest.Length + 20 > width)
        {
            yield return line;
            line = new Line(" ");
        }
        line.Add("  " + rest).Add($"  {progress.Want}", Style.Dim);
        if (exitCode != 0) line.Add($"  exit {exitCode}", Style.Dim);
        yield return line;
        if (BuildPhrases.BoundedBy(progress, elapsed) is { } by)
            yield return new Line($"  bounded by {by}", Style.Dim);
    }

    /// <summary>
    /// <c>✔ 7 of 7 current (31 checked in 12ms)</c>; null when anything was to be done.
    /// </summary>
    static Line? NoOp(BuildProgress progress, TimeSpan elapsed)
    {
        if (progress.Phase != BuildPhase.Succeeded || progress.Built + progress.DelegatedDone > 0)
            return null;
        return Mark(progress.Phase).Add(
            $" {progress.Wanted} of {progress.Wanted} current"
                + $" ({progress.Counts.Total} checked in {Units.Duration(elapsed)})");
    }

    static Line NothingStarted(BuildProgress progress) => Mark(progress.Phase).Add(
        $" {Units.Count(progress.Problems.Count, "error")}; nothing was started  {progress.Want}");

    static IEnumerable<string> Numbers(BuildProgress progress)
    {
        yield return $"{progress.Built - progress.Restored} built";
        if (progress.Restored > 0) yield return $"{progress.Restored} restored";
        yield return $"{progress.Current} reused";
        if (progress.Delegated > 0) yield return $"{progress.DelegatedDone} delegated";
        if (progress.Failed > 0) yield return $"{progress.Failed} failed";
        if (progress.Cancelled > 0) yield return $"{progress.Cancelled} cancelled";
        if (progress.Counts.Blocked > 0) yield return $"{progress.Counts.Blocked} blocked";
    }

    static Line Mark(BuildPhase phase) =>
        new(phase == BuildPhase.Succeeded ? "✔" : "✘", StyleOf(phase));

    static Style StyleOf(BuildPhase phase) =>
        phase == BuildPhase.Succeeded ? Style.Green : Style.Red;
}
