using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// What a command has around it: where results go, where words for people go, the clock and the
/// environment. The real one is made in <see cref="CommandLine"/>; tests make their own.
/// </summary>
sealed class Cli
{
    /// <summary>Results, or JSON. Never a progress line, never a warning.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>
    /// Opens what is piped in. Not before it is read: the console would set up the terminal.
    /// </summary>
    public Func<TextReader> OpenIn { get; init; } =
        () => new StreamReader(Console.OpenStandardInput());

    /// <summary>Everything for people.</summary>
    public required TextWriter Err { get; init; }

    /// <summary>What stdout can show.</summary>
    public required TerminalScreen OutScreen { get; init; }

    /// <summary>What stderr can show.</summary>
    public required TerminalScreen ErrScreen { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>The environment variables.</summary>
    public required Func<string, string?> Env { get; init; }

    /// <summary>Who types, for the log; <c>cli</c> where the environment does not say.</summary>
    public string User => Env("USER") is { Length: > 0 } user ? user : "cli";

    /// <summary>The options that every command has.</summary>
    public required GlobalOptions Options { get; init; }

    /// <summary>True when nobody reads stdout any more: <c>quoin events -f | head</c>.</summary>
    public Func<bool> OutIsClosed { get; init; } = () => false;

    /// <summary>The same for a command that is synced unless somebody says otherwise.</summary>
    public Cli WithFullDurability() => Options.FullDurability || Options.NormalDurability
        ? this
        : With(Err, ErrScreen, Options with { FullDurability = true });

    /// <summary>The same for who opens the store, whatever server there is.</summary>
    public Cli WithoutServer() => With(Err, ErrScreen, Options with { Server = null });

    /// <summary>The same, with everything for people going elsewhere.</summary>
    public Cli WithErrorsTo(TextWriter writer, TerminalScreen screen) =>
        With(writer, screen, Options);

    Cli With(TextWriter writer, TerminalScreen screen, GlobalOptions options) => new()
    {
        Out = Out,
        Err = writer,
        OpenIn = OpenIn,
        OutScreen = OutScreen,
        ErrScreen = screen,
        Time = Time,
        Env = Env,
        Options = options,
        OutIsClosed = OutIsClosed,
    };

    /// <summary>Writes one styled line of the result.</summary>
    public void Print(Line line) => Out.WriteLine(line.Render(OutScreen.Color));

    /// <summary>Writes one plain line of the result.</summary>
    public void Print(string line) => Out.WriteLine(line);

    /// <summary>Writes a line for people, unless <c>-q</c>.</summary>
    public void Say(Line line)
    {
        if (Options.Quiet) return;
        Out.Flush(); // In the order of the calls, where both go to one terminal.
        Err.WriteLine(line.Render(ErrScreen.Color));
        Err.Flush();
    }

    /// <summary>Writes a line for people, unless <c>-q</c>.</summary>
    public void Say(string line) => Say(new Line(line));

    /// <summary>Writes <c>warning: …</c>.</summary>
    public void Warn(string message) =>
        Say(new Line().Add("warning", Style.Yellow).Add(": " + message));

    /// <summary>
    /// Writes <c>error[code]: message</c> for people and, with <c>--json</c>, the same as a
    /// document, so that a program that reads stdout always gets one. Returns the exit code it was
    /// given.
    /// </summary>
    public int Error(string code, string message, int exitCode) =>
        Errors([new Refusal(code, message)], exitCode);

    /// <summary>As <see cref="Error"/>, for several problems at once.</summary>
    public int Errors(IReadOnlyList<Refusal> problems, int exitCode)
    {
        foreach (var problem in problems)
        {
            // A line of it is a line here; whatever else could move the cursor is not.
            var lines = problem.Message.Split('\n');
            Err.WriteLine(new Line().Add($"error[{problem.Code}]", Style.Red)
                .Add($": {lines[0]}").Render(ErrScreen.Color));
            foreach (var line in lines.Skip(1)) Err.WriteLine(new Line(line).Render(false));
        }
        Err.Flush();
        if (Options.Json) Print(JsonText.Write(json => WriteErrors(json, problems, exitCode)));
        return exitCode;
    }

    static void WriteErrors(
        System.Text.Json.Utf8JsonWriter json, IReadOnlyList<Refusal> problems, int exitCode)
    {
        json.WriteStartObject();
        json.WriteStartArray("errors");
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("code", problem.Code);
            json.WriteString("message", problem.Message);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("exit_code", exitCode);
        json.WriteEndObject();
    }
}

/// <summary>
/// What is asked for is not allowed as things are, and nothing changed. Exit code 4.
/// </summary>
sealed class RefusedException(string code, string message) : Exception(message)
{
    /// <summary>The stable code.</summary>
    public string Code { get; } = code;
}

/// <summary>
/// A command cannot even begin: bad options, no workspace, a bad selection. Exit code 2 unless it
/// says otherwise; the message names the place and the remedy.
/// </summary>
sealed class UsageException(string code, string message) : Exception(message)
{
    /// <summary>The stable code.</summary>
    public string Code { get; } = code;
}
