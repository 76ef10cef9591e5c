using System.Globalization;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// Where the plain lines are read: CI services fold blocks that are marked for them.
/// </summary>
enum FoldStyle
{
    /// <summary>No marks.</summary>
    None,

    /// <summary><c>::group::</c>.</summary>
    GitHub,

    /// <summary><c>section_start:</c>.</summary>
    GitLab,
}

/// <summary>
/// A build where nothing can be painted over: the plan, one line for each run that finished, a sign
/// of life after 30 seconds of silence, the end.
/// </summary>
sealed class PlainBuildView(
    Cli cli, BuildProgress progress, BuildBackground background) : IBuildView
{
    static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    readonly FoldStyle fold = cli.Env("GITHUB_ACTIONS") == "true" ? FoldStyle.GitHub
        : cli.Env("GITLAB_CI") == "true" ? FoldStyle.GitLab
        : FoldStyle.None;

    DateTimeOffset? lastLine;

    /// <inheritdoc/>
    public void Show(LoggedEvent logged, IReadOnlyList<ProgressNotice> notices)
    {
        lastLine ??= logged.At;
        foreach (var notice in notices) Show(notice);
    }

    /// <inheritdoc/>
    public void Say(string message) => cli.Say(message);

    /// <inheritdoc/>
    public void Tick(DateTimeOffset now)
    {
        foreach (var notice in progress.TakeDelegated()) Show(notice);
        if (progress.EndedAt is not null || lastLine is null || now - lastLine < Silence) return;
        if (progress.Phase == BuildPhase.Planning)
        {
            Write(now, "..", BuildPhrases.Planning(progress));
            return;
        }
        if (progress.IsReady)
        {
            Write(now, "..", "in use");
            return;
        }
        var left = background.TimeLeft() is { } range ? $", left {range}" : "";
        Write(
            now, "..",
            $"{progress.Done}/{progress.Counts.Total} done, {progress.Running} running{left}");
    }

    /// <inheritdoc/>
    public void End(DateTimeOffset now, int exitCode)
    {
        foreach (var line in BuildEnd.PlainLines(progress, now)) cli.Say(line);
    }

    void Show(ProgressNotice notice)
    {
        var at = notice.At;
        var verbose = cli.Options.Verbose;
        switch (notice)
        {
            case ProgressNotice.Planned when progress.Counts.Build + progress.Counts.Maybe > 0:
                cli.Say(new Line($"{progress.Want}", Style.Bold).Add(
                    "  " + string.Join(", ", BuildPhrases.Plan(progress, background.TimeLeft()))));
                if (BuildPhrases.Why(progress) is { } why) cli.Say($"      why: {why}");
                SayBlocked();
                lastLine = at;
                break;
            case ProgressNotice.Planned:
                SayBlocked();
                break;
            case ProgressNotice.Grew n:
                Write(at, "plan", $"+{n.Added} found by {progress.NameOf(n.By)}");
                break;
            case ProgressNotice.Problem n:
                foreach (var line in ProblemText.Lines(n.What)) cli.Say(line);
                lastLine = at;
                break;
            case ProgressNotice.Started n when verbose:
                Write(
                    at, background.IsKept(n.Task.Job) ? "building" : "running",
                    $"{NameOf(n.Task)} on {n.Task.Worker}");
                break;
            case ProgressNotice.Built { Task: { IsResource: true } task }:
                Write(at, "live", NameOf(task) + LiveAfter(task, at));
                break;
            case ProgressNotice.Resource n:
                ShowResource(n);
                break;
            case ProgressNotice.Ready n:
                Write(at, "ready", $"{n.What.Want}{ConnectionsOf(n.What)}", Style.Green);
                break;
            case ProgressNotice.Built { Task.RestoredFrom: { Length: > 0 } layer } n:
                Write(at, "restored", $"{NameOf(n.Task)} (from {layer}, "
                    + $"{Units.Duration(TimeSpan.FromMilliseconds(n.Usage.ElapsedMs))})");
                break;
            case ProgressNotice.Built n:
                var elapsed = TimeSpan.FromMilliseconds(n.Usage.ElapsedMs);
                var cpu = TimeSpan.FromMilliseconds(n.Usage.CpuMs);
                Write(at, "built", $"{NameOf(n.Task)} ({BuildPhrases.Usage(elapsed, cpu)})");
                break;
            case ProgressNotice.Current n when verbose:
                Write(at, "current", $"{NameOf(n.Task)}: its inputs came out as they were");
                break;
            case ProgressNotice.Delegated n:
                var of = n.To is { } to ? $" of {to}" : "";
                Write(at, "delegated", $"{progress.NameOf(n.Partition)} to {n.Run}{of}");
                break;
            case ProgressNotice.Retried n:
                Write(at, "retry", $"{NameOf(n.Task)} in {Units.Duration(n.Delay)}"
                    + $" ({Attempt(n)}): {Units.Describe(n.Failure)}", Style.Yellow);
                break;
            case ProgressNotice.NeedsMore n when verbose:
                Write(
                    at, "waiting", $"{NameOf(n.Task)} needs {Units.Count(n.Needs, "more input")}");
                break;
            case ProgressNotice.Failed n:
                ShowFailure(n);
                break;
            case ProgressNotice.Cancelled n:
                var because = n.Because is { } input
                    ? $": input {progress.NameOf(input)} failed"
                    : "";
                Write(at, "cancelled", NameOf(n.Task) + because, Style.Yellow);
                break;
        }
    }

    void SayBlocked()
    {
        if (BuildPhrases.Blocked(progress.Problems.Count, progress.Counts) is { } blocked)
            cli.Say(blocked);
    }

    void ShowResource(ProgressNotice.Resource n)
    {
        if (ResourcePhrases.Of(n.Event, n.At) is not { } words) return;
        if (words.IsDetail && !cli.Options.Verbose) return;
        var rest = words.Rest.Length > 0 ? $" {words.Rest}" : "";
        Write(
            n.At, words.Verb, NameOf(n.Task) + rest, words.Style,
            always: n.Event is InterventionOpened);
    }

    static string LiveAfter(BuildTask task, DateTimeOffset at) =>
        task.AskedAt is { } asked ? $" (after {Units.Duration(at - asked)})" : "";

    string ConnectionsOf(WantReady ready) => string.Concat(ready.Connections.Select(
        one => $"  {progress.NameOf(one.Partition)} {one.Text}"));

    void ShowFailure(ProgressNotice.Failed n)
    {
        var name = NameOf(n.Failure.Task);
        var how = BuildPhrases.HowItFailed(n.Failure, background);
        Write(n.At, "FAILED", $"{name} {how}", Style.Red, always: true);
        var log = $"quoin log {n.Failure.Attempt.Run}";
        var again = $"again: quoin retry {n.Failure.Attempt.Run}";
        if (background.LogTailOf(n.Failure.Attempt) is not { Lines.Length: > 0 } tail)
        {
            Raw($"  {n.Failure.Failure.Reason}  (log: {log}; {again})");
            return;
        }
        var section = $"r{n.Failure.Attempt.Run.Value}_{n.Failure.Attempt.Attempt}";
        var title = $"last {tail.Lines.Length} of {Units.Count(tail.LinesInAll, "line")} of {name}";
        var time = n.At.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        if (fold == FoldStyle.GitHub) Raw($"::group::{title}");
        if (fold == FoldStyle.GitLab)
            Raw($"\e[0Ksection_start:{time}:{section}[collapsed=true]\r\e[0K{title}");
        foreach (var line in tail.Lines) Raw("  | " + DisplayWidth.Printable(line));
        if (fold == FoldStyle.GitHub) Raw("::endgroup::");
        if (fold == FoldStyle.GitLab) Raw($"\e[0Ksection_end:{time}:{section}\r\e[0K");
        Raw($"  ({title}; all: {log}; {again})");
    }

    string Attempt(ProgressNotice.Retried n)
    {
        var next = n.Task.Attempt + 1;
        return background.AttemptsMax(n.Task, n.Failure.Category) is { } most
            ? $"{next} of {most}"
            : $"attempt {next}";
    }

    string NameOf(BuildTask task) => task.Outputs.Length == 1
        ? progress.NameOf(task.Name)
        : $"{progress.NameOf(task.Name)} (+{task.Outputs.Length - 1})";

    void Write(
        DateTimeOffset at, string verb, string rest, Style style = Style.Plain, bool always = false)
    {
        lastLine = at;
        var line = new Line(Units.TimeOfDay(at, cli.Time), Style.Dim).Add(" ")
            .Add(verb.PadRight(9), style).Add(" " + rest);
        if (always) Raw(line.Render(cli.ErrScreen.Color));
        else cli.Say(line);
    }

    void Raw(string line)
    {
        cli.Err.WriteLine(line);
        cli.Err.Flush();
    }
}
