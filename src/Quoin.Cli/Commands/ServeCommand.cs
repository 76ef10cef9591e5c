using System.CommandLine;
using System.Net;

namespace Quoin.Cli;

/// <summary>What <c>quoin serve</c> was asked for.</summary>
sealed record ServeOptions
{
    /// <summary>Where it listens; port 0: any free one.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Names, beside its addresses, that it is asked by: of a proxy before it.</summary>
    public IReadOnlyCollection<string> Hosts { get; init; } = [];

    /// <summary>
    /// Browsers come through a proxy that does TLS: their cookies are for nothing else.
    /// </summary>
    public bool IsBehindTls { get; init; }

    /// <summary>It decides for the store when nobody else does.</summary>
    public bool Coordinates { get; init; } = true;

    /// <summary>It runs jobs; null: it does not.</summary>
    public required Slots? Slots { get; init; }
}

/// <summary>
/// <c>quoin serve</c>: the API and the dashboard over HTTP. The web server needs a runtime that a
/// native program does not have, so it is a program of its own, <c>serve/quoin-serve</c> beside
/// this one, which takes over this process with the same arguments.
/// </summary>
static class ServeCommand
{
    public const string Summary = "Serve the API and the dashboard over HTTP";

    /// <summary>The port where nobody names one.</summary>
    public const int DefaultPort = 4680;

    /// <summary>
    /// What serves: set by the program that has the web server in it. Null: this one has not.
    /// </summary>
    public static Func<Cli, ServeOptions, Task<int>>? Host { get; set; }

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var listen = new Option<string>("--listen")
        {
            Description = $"Where it listens (127.0.0.1:{DefaultPort}); port 0: any free one",
            HelpName = "HOST:PORT",
            DefaultValueFactory = _ => $"127.0.0.1:{DefaultPort}",
        };
        var noCoordinator = new Option<bool>("--no-coordinator")
        {
            Description = "Leave decisions to another process on the store",
        };
        var noWorker = new Option<bool>("--no-worker")
        {
            Description = "Leave all runs to other processes",
        };
        var host = new Option<string[]>("--host")
        {
            Description = "A name that it is asked by, of a proxy before it; may be repeated",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = false,
        };
        var https = new Option<bool>("--https")
        {
            Description = "Browsers come through a proxy that does TLS: cookies are Secure",
        };
        var slots = new SlotOptions();
        var command = new Command("serve", Summary)
        {
            listen, host, https, noCoordinator, noWorker,
        };
        slots.AddTo(command);
        command.SetAction((parsed, _) =>
        {
            var options = new ServeOptions
            {
                Listen = Address(parsed.GetValue(listen)!),
                Hosts = parsed.GetValue(host) ?? [],
                IsBehindTls = parsed.GetValue(https),
                Coordinates = !parsed.GetValue(noCoordinator),
                Slots = parsed.GetValue(noWorker) ? null : slots.Read(parsed, least: 1),
            };
            var context = cli(parsed);
            return Host is { } serve
                ? serve(context, options)
                : Task.FromResult(ServeProgram.TakeOver(context, AppContext.BaseDirectory));
        });
        return command;
    }

    /// <summary><c>HOST:PORT</c>, <c>:PORT</c> or <c>PORT</c>; the host is an address, or
    /// <c>localhost</c>.</summary>
    public static IPEndPoint Address(string text)
    {
        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "" : text[..colon];
        var port = text[(colon + 1)..];
        if (!ushort.TryParse(port, out var number)) throw Bad(text);
        if (host is "" or "localhost") return new IPEndPoint(IPAddress.Loopback, number);
        return IPAddress.TryParse(host.Trim('[', ']'), out var address)
            ? new IPEndPoint(address, number)
            : throw Bad(text);
    }

    static UsageException Bad(string text) => new(
        "usage",
        $"--listen {text}: write an address and a port, as 127.0.0.1:{DefaultPort}, [::1]:0 or :0");
}
