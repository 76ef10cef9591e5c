using Quoin.Cli;

namespace Quoin.Server;

/// <summary>
/// The program <c>quoin-serve</c>: the command line of <c>quoin</c> with a web server in it.
/// <c>quoin serve</c> starts it with its own arguments.
/// </summary>
static class Program
{
    static Task<int> Main(string[] args)
    {
        ServeCommand.Host = ServeRunner.RunAsync;
        return CommandLine.RunAsync(args);
    }
}
