using System.CommandLine;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// From argv to an exit code: parsing, the streams, and the one catch of the whole program. It
/// knows the commands only by their list in <see cref="CommandTree"/>.
/// </summary>
static class CommandLine
{
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Runs one command of this process: real streams, clock and environment.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        using var stdout = new OutputStream(OutputStream.Stdout);
        using var stderr = new OutputStream(OutputStream.Stderr);
        await using var output = new StreamWriter(stdout, Utf8, 16 << 10);
        await using var errors = new StreamWriter(stderr, Utf8, 4 << 10);
        Func<string, string?> env = Environment.GetEnvironmentVariable;
        if (args is [LineRequests.Word, .. var words])
            return LineRun.Run(words, env, TimeProvider.System);
        if (env(Tether.Variable) is not null) Tether.Hold();

        Cli CliFor(GlobalOptions options) => new()
        {
            Out = output,
            Err = errors,
            OutIsClosed = () => stdout.IsClosed,
            OutScreen = TerminalScreen.Detect(OutputStream.Stdout, env, options),
            ErrScreen = TerminalScreen.Detect(OutputStream.Stderr, env, options),
            Time = TimeProvider.System,
            Env = env,
            Options = options,
        };

        return await RunAsync(args, CliFor, env);
    }

    /// <summary>Runs one command with streams of the caller's: what tests call.</summary>
    public static async Task<int> RunAsync(
        string[] args, Func<GlobalOptions, Cli> cliFor, Func<string, string?> env)
    {
        var globals = new GlobalOptionSet();
        args = args.Length == 0 ? ["--help"] : BuildModes.Spread(args);
        var root = CommandTree.Create(args, globals, parsed => cliFor(globals.Read(parsed, env)));
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var cli = cliFor(globals.Read(parsed, env));
        try
        {
            if (CommandTree.Misuse(root, parsed) is { } problems)
                return cli.Errors(problems, ExitCode.Usage);
            globals.Check(parsed);
            var configuration = new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // Commands that wait take the signals themselves.
                Output = cli.Out,
                Error = cli.Err,
            };
            return await parsed.InvokeAsync(configuration, CancellationToken.None);
        }
        catch (Exception e)
        {
            return Report(cli, e);
        }
        finally
        {
            cli.Out.Flush();
            cli.Err.Flush();
        }
    }

    static int Report(Cli cli, Exception e) => e switch
    {
        UsageException usage => cli.Error(usage.Code, usage.Message, ExitCode.Usage),
        RefusedException refused => cli.Error(refused.Code, refused.Message, ExitCode.Refused),
        BadSelectionException selection => ReportSelection(cli, selection),
        BadGraphException graph => ReportGraph(cli, graph),
        // Somebody who may not do this: nothing changed, and another try changes nothing either.
        StoreException { Code: "forbidden" } no => cli.Error(no.Code, no.Message, ExitCode.Refused),
        StoreException store => cli.Error(store.Code, store.Message, ExitCode.Store),
        InterruptedException interrupted => interrupted.ExitCode,
        UnauthorizedAccessException or IOException =>
            cli.Error("environment", e.Message, ExitCode.Store),
        _ when NativeLibraryMissing(e) is { } missing => cli.Error(
            "environment", $"{missing} (quoin doctor says what is missing)", ExitCode.Store),
        _ => ReportBug(cli, e),
    };

    static int ReportSelection(Cli cli, BadSelectionException selection) => cli.Errors(
        [.. selection.Problems.Select(problem => new Refusal(
            problem.Code,
            problem.Suggestion is { } near
                ? $"{problem.Message}; did you mean {near}?"
                : problem.Message))],
        ExitCode.Usage);

    static int ReportGraph(Cli cli, BadGraphException graph)
    {
        foreach (var problem in graph.Problems)
            cli.Err.WriteLine(ProblemText.LineOf(problem).Render(cli.ErrScreen.Color));
        var errors = graph.Problems.Count(problem => !problem.IsWarning);
        cli.Err.WriteLine($"{Units.Count(errors, "error")}; nothing was planned");
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(
                json => JsonParts.Write(json, graph.Problems, ExitCode.Usage)));
        }
        return ExitCode.Usage;
    }

    static int ReportBug(Cli cli, Exception e)
    {
        cli.Error(
            "bug",
            $"{e.Message} This is a mistake in Quoin, not in your graph. Please report the lines"
            + " below with the command that you typed. What was recorded is safe."
            + $" ({Program.VersionLine}, {Environment.OSVersion.VersionString},"
            + $" .NET {Environment.Version})",
            ExitCode.Bug);
        cli.Err.WriteLine(e.ToString());
        return ExitCode.Bug;
    }

    static string? NativeLibraryMissing(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            if (e is DllNotFoundException) return e.Message.Split('\n')[0];
        return null;
    }
}
