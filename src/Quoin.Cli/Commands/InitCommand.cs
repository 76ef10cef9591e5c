using System.CommandLine;
using System.Text.Json;

namespace Quoin.Cli;

/// <summary><c>quoin init</c>: a commented graph that builds at once. Overwrites nothing.</summary>
static class InitCommand
{
    public const string Summary = "Write a commented starter graph that builds at once";

    const UnixFileMode Executable =
        UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var folder = new Argument<string?>("DIR")
        {
            Description = "Where (default: here)",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("init", Summary) { folder };
        command.SetAction(parsed => Run(cli(parsed), parsed.GetValue(folder)));
        return command;
    }

    /// <summary>Writes the files and says what to type next.</summary>
    public static int Run(Cli cli, string? folder)
    {
        var directory = Path.GetFullPath(folder ?? ".", cli.Options.Directory);
        bool Exists(StarterFiles.StarterFile file) =>
            Path.Exists(Path.Combine(directory, file.Path));

        var taken = StarterFiles.All.Where(file => file.IsNeeded && Exists(file))
            .Select(file => file.Path).ToList();
        if (taken.Count > 0)
        {
            return cli.Error(
                "exists",
                $"{directory} has {taken[0]} already; nothing was written."
                    + " Choose another folder: quoin init DIR",
                ExitCode.Usage);
        }
        var written = StarterFiles.All.Where(file => !Exists(file)).ToList();
        foreach (var file in written)
        {
            var path = Path.Combine(directory, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, file.Text);
            if (file.IsExecutable && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, File.GetUnixFileMode(path) | Executable);
        }
        if (cli.Options.Json)
            cli.Print(JsonText.Write(json => WriteJson(json, directory, written)));
        else foreach (var file in written) cli.Print($"wrote {file.Path}");
        var go = directory == cli.Options.Directory ? "" : $" -C {folder}";
        cli.Say($"Next: quoin{go} build    (twice: the second time there is nothing to do)");
        return ExitCode.Ok;
    }

    static void WriteJson(
        Utf8JsonWriter json, string directory, IEnumerable<StarterFiles.StarterFile> written)
    {
        json.WriteStartObject();
        json.WriteString("directory", directory);
        json.WriteStartArray("written");
        foreach (var file in written) json.WriteStringValue(file.Path);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
