using System.CommandLine;
using System.Text.Json;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>How a check of the machine came out.</summary>
enum CheckLevel
{
    /// <summary>Good.</summary>
    Ok,

    /// <summary>Works, with something to know.</summary>
    Warn,

    /// <summary>Quoin cannot work like this.</summary>
    Fail,
}

/// <summary>One thing that a machine must have.</summary>
sealed record MachineCheck(string Name, CheckLevel Level, string Found)
{
    /// <summary>What to do about it; empty when it is good.</summary>
    public string Remedy { get; init; } = "";
}

/// <summary><c>quoin doctor</c>: what this machine lacks, and what to do about it.</summary>
static class DoctorCommand
{
    public const string Summary = "Say what this machine lacks";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var command = new Command("doctor", Summary);
        command.SetAction(parsed =>
        {
            var context = cli(parsed);
            var workspace = Workspace.Find(context.Options.Directory);
            return Run(context, Machine.Check(context, workspace));
        });
        return command;
    }

    /// <summary>Prints the checks; 5 when one of them failed.</summary>
    public static int Run(Cli cli, IReadOnlyList<MachineCheck> checks)
    {
        var failed = checks.Count(check => check.Level == CheckLevel.Fail);
        var exitCode = failed > 0 ? ExitCode.Store : ExitCode.Ok;
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json => Write(json, checks, exitCode)));
            return exitCode;
        }
        var width = checks.Max(check => check.Name.Length);
        foreach (var check in checks)
        {
            cli.Print(new Line(Word(check.Level), StyleOf(check.Level))
                .Add($"  {check.Name.PadRight(width)}  {check.Found}"));
            if (check.Remedy.Length > 0)
                cli.Print(new Line().PadTo(width + 8).Add(check.Remedy, Style.Bold));
        }
        var warned = checks.Count(check => check.Level == CheckLevel.Warn);
        cli.Say(failed + warned == 0
            ? "This machine has what Quoin needs."
            : $"{failed} failed, {Units.Count(warned, "warning")}.");
        return exitCode;
    }

    static string Word(CheckLevel level) => level switch
    {
        CheckLevel.Ok => "ok  ",
        CheckLevel.Warn => "warn",
        CheckLevel.Fail => "fail",
    };

    static Style StyleOf(CheckLevel level) => level switch
    {
        CheckLevel.Ok => Style.Green,
        CheckLevel.Warn => Style.Yellow,
        CheckLevel.Fail => Style.Red,
    };

    static void Write(Utf8JsonWriter json, IReadOnlyList<MachineCheck> checks, int exitCode)
    {
        json.WriteStartObject();
        json.WriteStartArray("checks");
        foreach (var check in checks)
        {
            json.WriteStartObject();
            json.WriteString("name", check.Name);
            json.WriteString("level", Word(check.Level).Trim());
            json.WriteString("found", check.Found);
            if (check.Remedy.Length > 0) json.WriteString("remedy", check.Remedy);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("exit_code", exitCode);
        json.WriteEndObject();
    }
}
