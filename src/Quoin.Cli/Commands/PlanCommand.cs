using System.Collections.Immutable;
using System.CommandLine;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin plan</c>, <c>build --dry-run</c> and <c>build --no-build</c>: what a build would do,
/// with a reason for everything. Records nothing.
/// </summary>
static class PlanCommand
{
    public const string Summary = "Say what a build would do, and why";

    const int RowsShown = 20;

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var selectors = new Selectors();
        var modes = new BuildModes();
        var jobs = SlotOptions.Jobs();
        var gantt = new GanttOption();
        var save = new Option<string?>("--save")
        {
            Description = "Also write the plan for `quoin build --plan FILE`, which builds just"
                + " that",
            HelpName = "FILE",
        };
        var command = new Command("plan", Summary);
        selectors.AddTo(command);
        command.Options.Add(jobs);
        gantt.AddTo(command);
        command.Options.Add(save);
        modes.AddTo(command);
        command.SetAction((parsed, _) => RunAsync(
            cli(parsed), selectors.Read(parsed), modes.Read(parsed),
            SlotOptions.Count(parsed, jobs, least: 1), gantt.Read(parsed),
            parsed.GetValue(save)));
        return command;
    }

    /// <summary>
    /// Prints the plan; 2 when analysis found problems with <c>--strict</c>, else 0.
    /// </summary>
    public static async Task<int> RunAsync(
        Cli cli, Asked asked, WantRequest request, int slots, GanttForm gantt,
        string? save = null)
    {
        var (dry, targets) = await MakeAsync(cli, asked, request, slots);
        if (save is not null)
            SavedPlan.Of(dry.Plan, targets).Write(
                Path.GetFullPath(save, cli.Options.Directory));
        var isRefused = request.Options.Strict && !dry.Plan.Problems.IsEmpty;
        var exitCode = isRefused ? ExitCode.Usage : ExitCode.Ok;
        if (cli.Options.Json)
        {
            PrintJson(cli, dry, slots, targets.Length, exitCode);
            return exitCode;
        }
        SayProblems(cli, dry.Plan);
        if (gantt != GanttForm.None)
        {
            var times = TimesOf(dry, slots);
            if (gantt == GanttForm.Svg) cli.Print(Gantt.Svg(dry, times, slots));
            else foreach (var line in Gantt.Text(dry, times, slots, cli.OutScreen.Width))
                cli.Print(line);
            return exitCode;
        }
        cli.Print(CountsLine(dry, targets.Length));
        foreach (var line in Rows(dry.Plan, cli.OutScreen.Width, cli.Options.Verbose))
            cli.Print(line);
        return exitCode;
    }

    /// <summary><c>--no-build</c>: what would be built, and 3 when that is anything.</summary>
    public static async Task<int> TestAsync(
        Cli cli, Asked asked, WantRequest request, int slots)
    {
        // What is current and away is restored here, and is nothing to build.
        var tested = request with
        {
            Options = request.Options with { Restore = RestoreMode.None },
        };
        var (dry, targets) = await MakeAsync(
            cli, asked, tested, slots, request.Options.Restore);
        var counts = dry.Plan.Counts;
        var exitCode = counts.Blocked > 0 ? ExitCode.Failed
            : counts.Build + counts.Maybe > 0 ? ExitCode.NotCurrent
            : ExitCode.Ok;
        if (cli.Options.Json)
        {
            PrintJson(cli, dry, slots, targets.Length, exitCode);
            return exitCode;
        }
        SayProblems(cli, dry.Plan);
        foreach (var row in PlanRow.Of(dry.Plan))
        {
            if (row.Verdict == Verdict.Current)
            {
                if (cli.Options.Verbose) cli.Print($"current {row.Name}");
                continue;
            }
            if (row.Verdict == Verdict.Blocked) continue; // Told as a problem.
            var word = row.Verdict == Verdict.Maybe ? "may build" : "would build";
            cli.Print($"{word} {row.Name}: {row.Why}");
        }
        cli.Say(CountsLine(dry, targets.Length));
        return exitCode;
    }

    /// <summary>Selects and plans on what is recorded now.</summary>
    public static async Task<(DryPlan Dry, ImmutableArray<string> Targets)> MakeAsync(
        Cli cli, Asked asked, WantRequest request, int slots,
        RestoreMode restored = RestoreMode.None)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        await using var store = Project.OpenIfThere(cli, workspace);
        var targets = FedTargets.Find(
            cli, workspace, graph, asked, store, request.Options.Payload,
            CancellationToken.None);
        using var artifacts = ProjectArtifacts.Open(cli, workspace, graph.Artifacts);
        var dry = DryRun.Make(
            workspace, graph, store, request with { Targets = targets },
            slots, cli.Time, CancellationToken.None, artifacts);
        if (artifacts is not null)
        {
            foreach (var row in PlanRow.Of(dry.Plan))
            {
                if (row is { Verdict: Verdict.Current, Reason: StaleReason.Restorable }
                    && (restored == RestoreMode.All
                        || (restored == RestoreMode.Wanted && targets.Contains(row.Name))))
                    WantedOutputs.Bring(
                        cli, workspace, graph, dry.State, artifacts, row.Name);
            }
        }
        return (dry, targets);
    }

    /// <summary>When each run would begin and end on so many slots.</summary>
    public static Timetable TimesOf(DryPlan dry, int slots) =>
        dry.Estimates.Timetable(
            dry.Plan.Graph,
            new TimetableRoom(
                slots, ThisMachine.MemoryBytes, dry.Plan.Graph.Graph.Pools, dry.State.Names));

    static void PrintJson(Cli cli, DryPlan dry, int slots, int wanted, int exitCode) =>
        cli.Print(JsonText.Write(
            json => PlanJson.Write(json, dry, TimesOf(dry, slots), wanted, exitCode)));

    static void SayProblems(Cli cli, Plan plan)
    {
        foreach (var problem in plan.Problems)
            foreach (var line in ProblemText.Lines(problem)) cli.Say(line);
        if (BuildPhrases.Blocked(plan.Problems.Length, plan.Counts) is { } blocked)
            cli.Say(blocked);
    }

    static Line CountsLine(DryPlan dry, int wanted)
    {
        var progress = new BuildProgress(null, dry.State.Names);
        progress.NothingToDo(dry.Plan.Counts, wanted, []);
        TimeRange? estimate = dry.Estimate is { } range
            ? new TimeRange(range.Low, range.High)
            : null;
        return new Line(string.Join(", ", BuildPhrases.Plan(progress, estimate)), Style.Bold);
    }

    static IEnumerable<Line> Rows(Plan plan, int width, bool all)
    {
        var rows = PlanRow.Of(plan).Where(row => row.Verdict is Verdict.Build or Verdict.Maybe)
            .ToList();
        if (rows.Count == 0) yield break;
        var table = new Table(
            new TableColumn("", 9), new TableColumn("partition", 10) { ShrinkTo = 16 },
            new TableColumn("job", 5), new TableColumn("why", 7) { ShrinkTo = 20 });
        var shown = all ? rows.Count : Math.Min(rows.Count, RowsShown);
        foreach (var row in rows.Take(shown))
        {
            table.Add(
                (row.Verdict == Verdict.Maybe ? "maybe" : "build", Style.Dim),
                (row.Name, Style.Plain), (row.Job, Style.Dim), (row.Why, Style.Plain));
        }
        foreach (var line in table.Lines(width, " ")) yield return line;
        if (shown < rows.Count)
        {
            var jobs = rows.Skip(shown).GroupBy(row => row.Job)
                .Select(group => $"{group.Count()} {group.Key}");
            yield return new Line(
                $" … and {rows.Count - shown} more: {string.Join(", ", jobs)} (-v shows all)",
                Style.Dim);
        }
    }
}

/// <summary>One partition of a plan, in the order in which they would be built.</summary>
sealed record PlanRow(string Name, string Job, Verdict Verdict, StaleReason Reason, string Detail)
{
    /// <summary>The reason as a few words: <c>changed: env REGION eu -> us</c>.</summary>
    public string Why => Verdict == Verdict.Maybe && Detail.Length > 0 ? Detail
        : Detail.Length > 0 ? $"{BuildPhrases.Name(Reason)}: {Detail}"
        : BuildPhrases.Name(Reason);

    /// <summary>All partitions of a plan, inputs before what reads them.</summary>
    public static IEnumerable<PlanRow> Of(Plan plan)
    {
        foreach (var node in plan.Graph.Order.ToArray())
        {
            var job = plan.Graph.JobOf(node).Name;
            var verdict = plan.VerdictOf(node);
            foreach (var output in plan.Graph.Outputs(node).ToArray())
            {
                yield return new PlanRow(
                    plan.Graph.Names.Text(output), job, verdict, plan.ReasonOf(node),
                    plan.DetailOf(node));
            }
        }
    }
}
