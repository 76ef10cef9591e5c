namespace Quoin.Cli;

/// <summary>
/// The binary's first method. It answers <c>quoin --version</c> by itself, because the runtime
/// loads an assembly when the first method that uses it is compiled: parsing, YAML and SQLite stay
/// on disk.
/// </summary>
static class Program
{
    /// <summary>The version as <c>--version</c> prints it: <c>quoin 0.1.0</c>.</summary>
    public static string VersionLine =>
        $"quoin {typeof(Program).Assembly.GetName().Version?.ToString(3)}";

    static Task<int> Main(string[] args)
    {
        if (args is not ["--version"]) return CommandLine.RunAsync(args);
        using var output = new OutputStream(OutputStream.Stdout);
        output.Write(System.Text.Encoding.UTF8.GetBytes(VersionLine + "\n"));
        return Task.FromResult(ExitCode.Ok);
    }
}
