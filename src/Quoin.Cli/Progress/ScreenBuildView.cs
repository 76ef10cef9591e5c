using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// A build on a terminal: failures and notable news stay above, the bar and a table of jobs are
/// painted over below. Success is quiet; <c>-v</c> leaves a line for each run.
/// </summary>
sealed class ScreenBuildView(
    Cli cli, BuildProgress progress, BuildBackground background) : IBuildView
{
    readonly LiveRegion region = new(cli.Err, cli.ErrScreen);
    readonly List<Line> staying = [];

    /// <inheritdoc/>
    public void Show(LoggedEvent logged, IReadOnlyList<ProgressNotice> notices)
    {
        foreach (var notice in notices) Keep(notice);
    }

    /// <inheritdoc/>
    public void Say(string message) => staying.Add(new Line(message));

    /// <inheritdoc/>
    public void Tick(DateTimeOffset now)
    {
        if (progress.EndedAt is not null && progress.Running == 0) return;
        var screen = cli.ErrScreen;
        var frame = cli.Options.Quiet
            ? []
            : BuildFrame.Lines(progress, background, now, screen.Width, screen.Height);
        region.PaintBelow(staying, frame);
        staying.Clear();
    }

    /// <inheritdoc/>
    public void End(DateTimeOffset now, int exitCode)
    {
        if (!cli.Options.Quiet)
            staying.AddRange(BuildEnd.ScreenLines(progress, now, cli.ErrScreen.Width, exitCode));
        region.PaintBelow(staying, []);
        staying.Clear();
    }

    void Keep(ProgressNotice notice)
    {
        var verbose = cli.Options.Verbose;
        switch (notice)
        {
            case ProgressNotice.Planned when progress.Counts.Build + progress.Counts.Maybe > 0:
                staying.AddRange(Wrap(
                    new Line($"{progress.Want}", Style.Bold).Add("  "),
                    BuildPhrases.Plan(progress, background.TimeLeft())));
                if (BuildPhrases.Why(progress) is { } why)
                    staying.Add(new Line("      why: ", Style.Dim).Add(why));
                if (BuildPhrases.Blocked(progress.Problems.Count, progress.Counts) is { } blocked)
                    staying.Add(new Line("      ").Add(blocked));
                break;
            case ProgressNotice.Grew n:
                staying.Add(new Line($"      +{n.Added} found by {progress.NameOf(n.By)}"));
                break;
            case ProgressNotice.Problem n:
                staying.AddRange(ProblemText.Lines(n.What));
                break;
            case ProgressNotice.Built n when verbose:
                var took = Units.Duration(TimeSpan.FromMilliseconds(n.Usage.ElapsedMs));
                staying.Add(
                    new Line("✔", Style.Green).Add($" {progress.NameOf(n.Task.Name)}  {took}"));
                break;
            case ProgressNotice.Resource n:
                if (ResourcePhrases.Of(n.Event, n.At) is { } words && (verbose || !words.IsDetail))
                    staying.Add(new Line(words.Verb, words.Style)
                        .Add($" {progress.NameOf(n.Task.Name)}  {words.Rest}".TrimEnd()));
                break;
            case ProgressNotice.Ready n:
                staying.Add(new Line("ready", Style.Green).Add(string.Concat(
                    n.What.Connections.Select(
                        one => $" {progress.NameOf(one.Partition)}  {one.Text}"))));
                break;
            case ProgressNotice.Current n when verbose:
                staying.Add(new Line($"= {progress.NameOf(n.Task.Name)}  current", Style.Dim));
                break;
            case ProgressNotice.Retried n:
                staying.Add(new Line("↻", Style.Yellow).Add(
                    $" {progress.NameOf(n.Task.Name)} {Units.Describe(n.Failure)},"
                        + $" again in {Units.Duration(n.Delay)}"));
                break;
            case ProgressNotice.Failed n:
                staying.AddRange(Failure(n.Failure));
                break;
        }
    }

    IEnumerable<Line> Failure(BuildFailure failure)
    {
        yield return new Line("✘ ", Style.Red).Add(progress.NameOf(failure.Task.Name), Style.Bold)
            .Add(" failed ").Add(BuildPhrases.HowItFailed(failure, background));
        var run = failure.Attempt.Run;
        if (background.LogTailOf(failure.Attempt) is { Lines.Length: > 0 } tail)
        {
            var all = Units.Count(tail.LinesInAll, "line");
            yield return new Line($"    last {tail.Lines.Length} of {all}:", Style.Dim);
            foreach (var line in tail.Lines) yield return new Line("    ").Add(line);
            yield return new Line($"    log   {tail.Path}     again  quoin retry {run}", Style.Dim);
        }
        else
        {
            yield return new Line("    ").Add(failure.Failure.Reason);
            yield return new Line($"    again  quoin retry {run}", Style.Dim);
        }
        if (failure.Blocks.Count == 0) yield break;
        var blocked = failure.Blocks.Select(task => progress.NameOf(task.Name)).ToList();
        yield return new Line($"  blocks: {BuildPhrases.Some(blocked)} (cancelled)", Style.Yellow);
    }

    // Pieces joined by commas; a narrow window gets a new line where a piece would not fit.
    List<Line> Wrap(Line first, IReadOnlyList<string> parts)
    {
        var width = cli.ErrScreen.Width - 1;
        var lines = new List<Line> { first };
        foreach (var (i, part) in parts.Index())
        {
            var text = i < parts.Count - 1 ? part + ", " : part;
            if (i > 0 && lines[^1].Width + DisplayWidth.Of(text.TrimEnd()) > width)
                lines.Add(new Line("      "));
            lines[^1].Add(text);
        }
        return lines;
    }
}
