using System.CommandLine;
using System.Globalization;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary><c>quoin build</c>: makes what is wanted, and nothing that is current.</summary>
static class BuildCommand
{
    public const string Summary = "Build partitions and all they need";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var selectors = new Selectors();
        var modes = new BuildModes();
        var use = new UseOptions();
        var slots = new SlotOptions();
        var dryRun = new Option<bool>("--dry-run", "-n")
        {
            Description = "Only say what would be built, and why; nothing is written",
        };
        var noBuild = new Option<bool>("--no-build")
        {
            Description = "Only test, and restore what is current and not in its place; exit code 3"
                + " when something is not current",
        };
        var clean = new Option<bool>("--clean")
        {
            Description = "First remove the outputs of what is selected and of what is made from"
                + " it; with --no-build only that",
        };
        var list = new Option<bool>("--list")
        {
            Description = "Only list what is selected, in build order, with where it stands",
        };
        var onlySources = new Option<bool>("--only-sources")
        {
            Description = "Only list the sources that the build reads, with their digests",
        };
        var saved = new Option<string?>("--plan")
        {
            Description = "Build what `quoin plan --save FILE` wrote; refused when anything moved",
            HelpName = "FILE",
        };
        var keep = new Option<string?>("--keep")
        {
            Description = "all: outputs stay as files, whatever `keep` of their jobs says",
            HelpName = "all",
        };
        var after = AfterWant.Option();
        var reports = new ReportOptions();
        var command = new Command("build", Summary);
        selectors.AddTo(command);
        slots.AddTo(command);
        command.Options.Add(dryRun);
        command.Options.Add(noBuild);
        command.Options.Add(clean);
        command.Options.Add(list);
        command.Options.Add(onlySources);
        command.Options.Add(saved);
        command.Options.Add(keep);
        command.Options.Add(after);
        use.AddTo(command, offers: false);
        modes.AddTo(command);
        reports.AddTo(command);
        command.SetAction(async (parsed, ct) =>
        {
            var context = cli(parsed);
            var asked = selectors.Read(parsed);
            var request = modes.Read(parsed) with { Text = $"build {asked.Text}".Trim() };
            request = request with
            {
                Options = use.Read(parsed, request.Options, context.Time.GetUtcNow()) with
                {
                    KeepAll = KeepsAll(parsed.GetValue(keep)),
                },
            };
            var here = slots.Read(parsed, least: 0);
            var count = Math.Max(1, here.Count);
            if (parsed.GetValue(saved) is { } file)
            {
                var plan = SavedPlan.Read(Path.GetFullPath(file, context.Options.Directory));
                if (!asked.IsEmpty)
                    throw new UsageException(
                        "usage", "--plan FILE says what to build; name nothing beside it");
                asked = new Asked { Selectors = plan.Targets };
                var (now, targets) = await PlanCommand.MakeAsync(context, asked, request, count);
                if (plan.MovedSince(SavedPlan.Of(now.Plan, targets)) is { } moved)
                    return context.Error(
                        "plan-stale",
                        $"{moved}; nothing was started. Look at the plan again: quoin plan --save "
                        + file, ExitCode.Refused);
            }
            if (parsed.GetValue(list)) return await ListCommand.RunAsync(context, asked, request);
            if (parsed.GetValue(onlySources))
                return await ListCommand.SourcesAsync(context, asked, request);
            if (parsed.GetValue(clean))
            {
                var code = await CleanCommand.RunAsync(
                    context, asked, parsed.GetValue(dryRun), orTargets: true, ct);
                if (code != ExitCode.Ok || parsed.GetValue(noBuild)) return code;
            }
            if (parsed.GetValue(dryRun))
                return await PlanCommand.RunAsync(context, asked, request, count, GanttForm.None);
            return parsed.GetValue(noBuild)
                ? await PlanCommand.TestAsync(context, asked, request, count)
                : await RunAsync(
                    context, asked, request, here, reports.Read(parsed, context),
                    AfterWant.Read(parsed.GetValue(after)));
        });
        return command;
    }

    /// <summary>Selects, builds, follows to the end.</summary>
    public static async Task<int> RunAsync(
        Cli cli, Asked asked, WantRequest request, Slots slots, ReportFiles files,
        WantId? after = null)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        var (store, holder) = after is { } want
            ? await AfterWant.OpenAsync(cli, workspace, graph, want)
            : Project.OpenToBuild(cli, workspace);
        await using (store)
        {
            var targets = FedTargets.Find(
                cli, workspace, graph, asked, store, request.Options.Payload,
                CancellationToken.None);
            if (targets.IsEmpty)
            {
                cli.Say("nothing to build");
                return ExitCode.Ok;
            }
            return await BuildRunner.RunAsync(
                cli, workspace, graph, slots, store, holder, request with { Targets = targets },
                files);
        }
    }

    static bool KeepsAll(string? word) => word switch
    {
        null => false,
        "all" => true,
        _ => throw new UsageException("usage", $"--keep {word}: the only word is all"),
    };
}

/// <summary>
/// The options that change what a plan does, for <c>build</c>, <c>plan</c> and <c>want</c>.
/// </summary>
sealed class BuildModes
{
    /// <summary>The name of the option whose value is any text.</summary>
    public const string Payload = "--payload";

    const string FreshAll = "--fresh-all", FailFastKill = "--fail-fast-kill";

    readonly Option<bool> fresh = new("--fresh")
    {
        Description = "Build the selected partitions although they are current; --fresh=all: and"
            + " all that they need",
    };

    readonly Option<bool> failFast = new("--fail-fast")
    {
        Description = "After a failure start nothing more; --fail-fast=kill: and stop what runs",
    };

    // What --fresh=all and --fail-fast=kill become before parsing: an option whose value may be
    // left out would take the partition behind it for its value.
    readonly Option<bool> freshAll = new(FreshAll) { Hidden = true };
    readonly Option<bool> failFastKill = new(FailFastKill) { Hidden = true };

    readonly Option<bool> strict = new("--strict")
    {
        Description = "When analysis finds any error, start nothing",
    };

    readonly Option<bool> soft = new("--soft")
    {
        Description = "Inputs that were rebuilt do not make what reads them stale",
    };

    readonly Option<bool> thorough = new("--thorough")
    {
        Description = "Hash all files instead of trusting size and time;"
            + " presentation options count",
    };

    readonly Option<int> priority = new("--priority")
    {
        Description = "Higher first (default 0)",
        HelpName = "N",
    };

    readonly Option<string?> deadline = new("--deadline")
    {
        Description = "Wanted by then; orders work, drops nothing (2026-01-31T06:00Z)",
        HelpName = "TIME",
    };

    readonly Option<string?> payload = new(Payload)
    {
        Description = "Of one partition that a feed asks for: with this payload, not the newest"
            + " line's",
        HelpName = "TEXT",
    };

    readonly Option<string> restore = new("--restore")
    {
        Description = "Current outputs that are away and have a copy: wanted (default), all, none",
        HelpName = "WHICH",
        DefaultValueFactory = _ => "wanted",
    };

    /// <summary>The argv with values that may be left out as options of their own.</summary>
    public static string[] Spread(string[] args) => Array.ConvertAll(args, arg => arg switch
    {
        "--fresh=all" => FreshAll,
        "--fail-fast=kill" => FailFastKill,
        "--gantt=svg" => GanttOption.Svg,
        "--gantt=json" => "--json",
        _ => arg,
    });

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in
            (Option[])[fresh, freshAll, failFast, failFastKill, strict, soft, thorough, restore,
                priority, deadline, payload])
            command.Options.Add(option);
    }

    /// <summary>
    /// Their values as a request without targets. Throws on values that mean nothing.
    /// </summary>
    public WantRequest Read(ParseResult parsed) => new()
    {
        Targets = [],
        Options = new WantOptions
        {
            Soft = parsed.GetValue(soft),
            Thorough = parsed.GetValue(thorough),
            Restore = parsed.GetValue(restore) switch
            {
                "wanted" => RestoreMode.Wanted,
                "all" => RestoreMode.All,
                "none" => RestoreMode.None,
                var word => throw new UsageException(
                    "usage", $"--restore {word}: write wanted, all or none"),
            },
            Priority = parsed.GetValue(priority),
            Payload = parsed.GetValue(payload) ?? "",
            Deadline = parsed.GetValue(deadline) is { } text ? Time(text) : null,
            Strict = parsed.GetValue(strict),
            OnFailure = parsed.GetValue(failFastKill) ? FailureMode.Kill
                : parsed.GetValue(failFast) ? FailureMode.FailFast
                : FailureMode.KeepGoing,
            Fresh = parsed.GetValue(freshAll) ? FreshMode.All
                : parsed.GetValue(fresh) ? FreshMode.Selected
                : FreshMode.No,
        },
    };

    static DateTimeOffset Time(string text) => DateTimeOffset.TryParse(
        text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var time)
        ? time
        : throw new UsageException("usage", $"--deadline {text}: write 2026-01-31T06:00Z");
}
