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
        var slots = new SlotOptions();
        var dryRun = new Option<bool>("--dry-run", "-n")
        {
            Description = "Only say what would be built, and why; nothing is written",
        };
        var noBuild = new Option<bool>("--no-build")
        {
            Description = "Only test; exit code 3 when something is not current",
        };
        var command = new Command("build", Summary);
        selectors.AddTo(command);
        slots.AddTo(command);
        command.Options.Add(dryRun);
        command.Options.Add(noBuild);
        modes.AddTo(command);
        command.SetAction((parsed, _) =>
        {
            var context = cli(parsed);
            var asked = selectors.Read(parsed);
            var request = modes.Read(parsed) with { Text = $"build {asked.Text}".Trim() };
            if (parsed.GetValue(dryRun))
                return PlanCommand.RunAsync(context, asked, request);
            return parsed.GetValue(noBuild)
                ? PlanCommand.TestAsync(context, asked, request)
                : RunAsync(context, asked, request, slots.Read(parsed, least: 0));
        });
        return command;
    }

    /// <summary>Selects, builds, follows to the end.</summary>
    public static async Task<int> RunAsync(
        Cli cli, Selectors.Asked asked, WantRequest request, Slots slots)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        var (store, holder) = Project.OpenToBuild(cli, workspace);
        await using (store)
        {
            var targets = Selectors.Find(workspace, graph, asked, Selectors.Recorded(store));
            if (targets.IsEmpty)
            {
                cli.Say("nothing to build");
                return ExitCode.Ok;
            }
            return await BuildRunner.RunAsync(
                cli, workspace, graph, slots, store, holder, request with { Targets = targets });
        }
    }
}

/// <summary>
/// The options that change what a plan does, for <c>build</c>, <c>plan</c> and <c>want</c>.
/// </summary>
sealed class BuildModes
{
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

    /// <summary>The argv with values that may be left out as options of their own.</summary>
    public static string[] Spread(string[] args) => Array.ConvertAll(args, arg => arg switch
    {
        "--fresh=all" => FreshAll,
        "--fail-fast=kill" => FailFastKill,
        _ => arg,
    });

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in
            (Option[])[fresh, freshAll, failFast, failFastKill, strict, soft, thorough, priority,
                deadline])
            command.Options.Add(option);
    }

    /// <summary>
    /// Their values as a request without targets. Throws on values that mean nothing.
    /// </summary>
    public WantRequest Read(ParseResult parsed) => new()
    {
        Targets = [],
        Soft = parsed.GetValue(soft),
        Thorough = parsed.GetValue(thorough),
        Options = new WantOptions
        {
            Priority = parsed.GetValue(priority),
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
