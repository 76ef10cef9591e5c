using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// All commands of <c>quoin</c>. Only the ones whose names were typed are built in full: the
/// options of the others would cost start-up time and are not looked at.
/// </summary>
static class CommandTree
{
    sealed record Entry(string Name, string Summary, Func<Func<ParseResult, Cli>, Command> Create);

    static readonly Entry[] Entries =
    [
        new("init", InitCommand.Summary, InitCommand.Create),
        new("build", BuildCommand.Summary, BuildCommand.Create),
        new("want", WantCommand.Summary, WantCommand.Create),
        new("plan", PlanCommand.Summary, PlanCommand.Create),
        new("explain", ExplainCommand.Summary, ExplainCommand.Create),
        new("status", StatusCommand.Summary, StatusCommand.Create),
        new("runs", RunsCommand.Summary, RunsCommand.Create),
        new("stats", StatsCommand.Summary, StatsCommand.Create),
        new("replay", ReplayCommand.Summary, ReplayCommand.Create),
        new("diff", DiffCommand.Summary, DiffCommand.Create),
        new("taint", TaintCommand.Summary, TaintCommand.Create),
        new("retry", RetryCommand.Summary, RetryCommand.Create),
        new("accept", AcceptCommand.Summary, AcceptCommand.Create),
        new("release", ReleaseCommand.Summary, ReleaseCommand.Create),
        new("wake", WakeCommand.Summary, WakeCommand.Create),
        new("interventions", InterventionsCommand.Summary, InterventionsCommand.Create),
        new("cancel", CancelCommand.Summary, CancelCommand.Create),
        new("worker", WorkerCommand.Summary, WorkerCommand.Create),
        new("serve", ServeCommand.Summary, ServeCommand.Create),
        new("token", TokenCommand.Summary, TokenCommand.Create),
        new("supervisor", SupervisorCommand.Summary, SupervisorCommand.Create),
        new("clean", CleanCommand.Summary, CleanCommand.Create),
        new("graph", GraphCommand.Summary, GraphCommand.Create),
        new("events", EventsCommand.Summary, EventsCommand.Create),
        new("log", LogCommand.Summary, LogCommand.Create),
        new("doctor", DoctorCommand.Summary, DoctorCommand.Create),
        new("completion", CompletionCommand.Summary, CompletionCommand.Create),
    ];

    /// <summary>The root command for this argv.</summary>
    public static RootCommand Create(
        string[] args, GlobalOptionSet globals, Func<ParseResult, Cli> cli)
    {
        var root = new RootCommand("Quoin builds data: say which partitions you want.");
        foreach (var option in root.Options.OfType<VersionOption>())
            option.Action = new PrintVersion();
        globals.AddTo(root);
        foreach (var entry in Entries)
        {
            root.Subcommands.Add(args.Contains(entry.Name)
                ? entry.Create(cli)
                : new Command(entry.Name, entry.Summary));
        }
        return root;
    }

    /// <summary>All commands.</summary>
    public static IEnumerable<string> Names => Entries.Select(entry => entry.Name);

    /// <summary>A command has this name.</summary>
    public static bool IsCommand(string name) => Entries.Any(entry => entry.Name == name);

    /// <summary>The options of a command, those of all included; null: only those.</summary>
    public static IEnumerable<string> OptionsOf(string? name)
    {
        var root = Create(
            name is null ? [] : [name], new GlobalOptionSet(),
            _ => throw new InvalidOperationException("nothing is run here"));
        var own = root.Subcommands.FirstOrDefault(command => command.Name == name)?.Options ?? [];
        return own.Concat(root.Options).Where(option => !option.Hidden)
            .Select(option => option.Name);
    }

    /// <summary>Everything that is wrong with an argv, or null.</summary>
    public static IReadOnlyList<Refusal>? Misuse(RootCommand root, ParseResult parsed)
    {
        if (parsed.Action is HelpAction or PrintVersion) return null;
        var command = parsed.CommandResult.Command;
        if (command is RootCommand && parsed.UnmatchedTokens is [var typed, ..])
            return [UnknownWord(typed, root, command)];
        var problems = parsed.UnmatchedTokens.Concat(MistakenForArguments(parsed))
            .Distinct().Select(token => UnknownWord(token, root, command)).ToList();
        if (problems.Count == 0)
        {
            problems.AddRange(parsed.Errors.Select(
                e => new Refusal("usage", string.Join(' ', e.Message.Split('\n', SplitTrimmed)))));
        }
        return problems.Count > 0 ? problems : null;
    }

    const StringSplitOptions SplitTrimmed =
        StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    // The parser takes an unknown option for an argument where one fits. Behind -- it is one, and
    // a payload is any text.
    static IEnumerable<string> MistakenForArguments(ParseResult parsed)
    {
        var payloads = parsed.CommandResult.Children.OfType<OptionResult>()
            .Where(result => result.Option.Name == BuildModes.Payload)
            .SelectMany(result => result.Tokens).Select(token => token.Value).ToHashSet();
        return parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash)
            .Where(token => token is { Type: TokenType.Argument, Value: ['-', _, ..] })
            .Select(token => token.Value).Where(value => !payloads.Contains(value));
    }

    static Refusal UnknownWord(string typed, RootCommand root, Command command)
    {
        var isOption = typed.StartsWith('-');
        var known = isOption
            ? command.Options.Concat(root.Options).SelectMany(o => o.Aliases.Prepend(o.Name))
            : command.Subcommands.Select(c => c.Name);
        var what = isOption ? "an option" : command is RootCommand ? "a command" : "expected here";
        var of = isOption && command is not RootCommand ? $" of quoin {command.Name}" : "";
        var hint = Nearest.To(typed, known) is { } near ? $"; did you mean {near}?" : "";
        var help = command is RootCommand ? "quoin --help" : $"quoin {command.Name} --help";
        return new Refusal("usage", $"\"{typed}\" is not {what}{of}{hint} ({help} lists all)");
    }

    sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(Program.VersionLine);
            return ExitCode.Ok;
        }
    }
}
