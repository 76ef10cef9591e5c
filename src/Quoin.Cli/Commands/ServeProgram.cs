using System.Runtime.InteropServices;

namespace Quoin.Cli;

/// <summary>
/// Finds the program with the web server and becomes it: the same process id, so that signals and
/// service managers see one process.
/// </summary>
static partial class ServeProgram
{
    const string Framework = "Microsoft.AspNetCore.App";
    const string RootVariable = "DOTNET_ROOT";
    const int MajorVersion = 10;

    /// <summary>Where it lies, beside a program at <paramref name="folder"/>.</summary>
    public static string PathIn(string folder) => Path.Combine(folder, "serve", "quoin-serve");

    /// <summary>Does not return, unless the program or its runtime is missing.</summary>
    public static int TakeOver(Cli cli, string folder)
    {
        var program = PathIn(folder);
        if (!File.Exists(program))
            return cli.Error(
                "environment",
                $"{program} is missing: it is the part of Quoin that serves. Publish it with"
                    + " ./dev publish, or install Quoin with its folder serve.",
                ExitCode.Store);
        if (RuntimeRoot(cli.Env) is not { } found)
            return cli.Error(
                "environment",
                $"quoin serve needs the ASP.NET Core runtime {MajorVersion} and it was not found"
                    + (cli.Env(RootVariable) is { Length: > 0 } root
                        ? $" in {RootVariable}={root}."
                        : ".")
                    + " Install it (Debian: apt-get install aspnetcore-runtime-10.0; everywhere:"
                    + $" https://dotnet.microsoft.com/download), or set {RootVariable} to the"
                    + " folder that has it.",
                ExitCode.Store);
        cli.Out.Flush();
        cli.Err.Flush();
        Environment.SetEnvironmentVariable(RootVariable, found);
        var error = Execute(program, Environment.GetCommandLineArgs()[1..], found);
        return cli.Error(
            "environment", $"{program} cannot be started: {Marshal.GetPInvokeErrorMessage(error)}",
            ExitCode.Store);
    }

    /// <summary>
    /// The folder of a runtime that can serve; null: none was found. Where <c>DOTNET_ROOT</c> names
    /// one, it is looked for nowhere else, as .NET's own programs do.
    /// </summary>
    public static string? RuntimeRoot(Func<string, string?> env)
    {
        if (env(RootVariable) is { Length: > 0 } named) return Serves(named) ? named : null;
        IEnumerable<string?> places =
        [
            FirstLine("/etc/dotnet/install_location"),
            OfPath(env("PATH")),
            "/usr/share/dotnet", "/usr/lib/dotnet", "/usr/local/share/dotnet",
        ];
        return places.FirstOrDefault(place => place is { Length: > 0 } && Serves(place));
    }

    static bool Serves(string root)
    {
        var folder = Path.Combine(root, "shared", Framework);
        return Directory.Exists(folder)
            && Directory.EnumerateDirectories(folder, $"{MajorVersion}.*").Any();
    }

    static string? FirstLine(string file) =>
        File.Exists(file) ? File.ReadLines(file).FirstOrDefault()?.Trim() : null;

    // The folder of the dotnet that a shell would start.
    static string? OfPath(string? path)
    {
        foreach (var folder in (path ?? "").Split(':'))
        {
            var file = new FileInfo(Path.Combine(folder, "dotnet"));
            if (folder.Length == 0 || !file.Exists) continue;
            var real = file.ResolveLinkTarget(returnFinalTarget: true) ?? file;
            return Path.GetDirectoryName(real.FullName);
        }
        return null;
    }

    static int Execute(string program, string[] args, string root)
    {
        _ = SetVariable(RootVariable, root, 1); // What execv passes on is libc's environment.
        var words = new nint[args.Length + 2];
        words[0] = Marshal.StringToCoTaskMemUTF8(program);
        for (var i = 0; i < args.Length; i++) words[i + 1] = Marshal.StringToCoTaskMemUTF8(args[i]);
        _ = ReplaceProcess(program, words);
        return Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ReplaceProcess(string path, nint[] words);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
