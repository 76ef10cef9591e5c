using Quoin.Cli;

namespace Quoin.Tests.Cli;

/// <summary>What somebody reads where the part that serves, or its runtime, is missing.</summary>
public sealed class ServeProgramTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("quoin-serve-").FullName;
    readonly StringWriter errors = new();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    Quoin.Cli.Cli Cli() => new()
    {
        Out = TextWriter.Null,
        Err = errors,
        OutScreen = TerminalScreen.Fixed(200),
        ErrScreen = TerminalScreen.Fixed(200),
        Time = TimeProvider.System,
        Env = name => name == "DOTNET_ROOT" ? folder : null,
        Options = new GlobalOptions { Directory = folder },
    };

    [Fact]
    public void Without_the_runtime_it_says_what_to_install()
    {
        Directory.CreateDirectory(Path.Combine(folder, "serve"));
        File.WriteAllText(ServeProgram.PathIn(folder), "");

        Assert.Equal(5, ServeProgram.TakeOver(Cli(), folder));

        Assert.Equal(
            "error[environment]: quoin serve needs the ASP.NET Core runtime 10 and it was not found"
            + $" in DOTNET_ROOT={folder}. Install it (Debian: apt-get install"
            + " aspnetcore-runtime-10.0; everywhere: https://dotnet.microsoft.com/download), or set"
            + " DOTNET_ROOT to the folder that has it.\n", errors.ToString());
    }

    [Fact]
    public void Another_version_is_none_and_the_right_one_is_found()
    {
        var runtimes = Path.Combine(folder, "shared/Microsoft.AspNetCore.App");
        Directory.CreateDirectory(Path.Combine(runtimes, "9.0.4"));
        Assert.Null(ServeProgram.RuntimeRoot(Cli().Env));

        Directory.CreateDirectory(Path.Combine(runtimes, "10.0.1"));
        Assert.Equal(folder, ServeProgram.RuntimeRoot(Cli().Env));
    }

    [Fact]
    public void Without_the_program_it_says_where_it_belongs()
    {
        Assert.Equal(5, ServeProgram.TakeOver(Cli(), folder));

        Assert.StartsWith(
            $"error[environment]: {folder}/serve/quoin-serve is missing", errors.ToString());
    }
}
