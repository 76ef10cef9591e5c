using System.Net;
using System.Text.Json;
using Quoin.Cli;
using Quoin.Server;

namespace Quoin.ServerTests;

/// <summary>
/// A temporary project that is served by this process on a free port of loopback, as <c>quoin
/// serve</c> serves it. Disposing drains it and removes the folder.
/// </summary>
sealed class ServedSpace : IAsyncDisposable
{
    /// <summary>How long a test waits for what has to come.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>A job a letter, another one from all of them, and one that fails.</summary>
    public const string Graph = """
        quoin: 1
        name: letters
        targets: [word]
        jobs:
          letter:
            outputs: ["letter/{name}"]
            exec: [sh, -c, "echo $0 > $1", "{name}", "{out}"]
          word:
            outputs: [word]
            inputs: ["letter/{name:in(a,b,c)}"]
            exec: [sh, -c, 'cat "$@"', sh, "{in...}"]
            stdout: "{out}"
          broken:
            outputs: ["broken/{name}"]
            exec: [sh, -c, "echo it is broken; exit 65"]
        """;

    readonly StringWriter output = new(), errors = new();

    ServedSpace() => Root = Directory.CreateTempSubdirectory("quoin-serve-").FullName;

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>What is served.</summary>
    public RunningServer Server { get; private set; } = null!;

    /// <summary>The environment of the server and of commands.</summary>
    public Dictionary<string, string> Env { get; } = [];

    /// <summary>Speaks to it.</summary>
    public HttpClient Http { get; private set; } = null!;

    /// <summary>What it told people.</summary>
    public string Said => errors.ToString();

    /// <summary>Writes the graph and serves it, once everything is read.</summary>
    public static async Task<ServedSpace> StartAsync(
        string graph = Graph, Func<ServeOptions, ServeOptions>? change = null,
        Action<string>? prepare = null, IReadOnlyDictionary<string, string>? env = null)
    {
        var space = new ServedSpace();
        foreach (var (name, value) in env ?? new Dictionary<string, string>())
            space.Env[name] = value;
        prepare?.Invoke(space.Root);
        await File.WriteAllTextAsync(Path.Combine(space.Root, "quoin.yaml"), graph);
        await space.ServeAsync(change);
        return space;
    }

    /// <summary>Serves the folder (again).</summary>
    public async Task ServeAsync(Func<ServeOptions, ServeOptions>? change = null)
    {
        var options = new ServeOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
            Slots = new Slots(2, ThisMachine.Labels([])),
        };
        Server = await RunningServer.StartAsync(Cli(), change?.Invoke(options) ?? options);
        Http = new HttpClient { BaseAddress = new Uri(Server.Address), Timeout = Patience };
        using var patience = new CancellationTokenSource(Patience);
        await Server.Views.ReadyAsync(patience.Token);
    }

    /// <summary>Drains it, and keeps the folder.</summary>
    public async Task StopAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }

    /// <summary>Runs a command of <c>quoin</c> in this process.</summary>
    public async Task<(int ExitCode, string Out, string Err)> QuoinAsync(params string[] args)
    {
        var (own, ownErrors) = (new StringWriter(), new StringWriter());
        var code = await CommandLine.RunAsync(
            ["-C", Root, .. args],
            options => Cli(own, ownErrors, options),
            Env.GetValueOrDefault);
        return (code, own.ToString(), ownErrors.ToString());
    }

    /// <summary>A document.</summary>
    public async Task<JsonElement> GetAsync(string path)
    {
        var (status, text) = await AskAsync(path);
        return Document(path, status, text);
    }

    /// <summary>
    /// Asks again after each event until the answer is right. What is not there yet is waited for:
    /// a command has returned when its events are written, and the server reads them then.
    /// </summary>
    public async Task<JsonElement> UntilAsync(string path, Func<JsonElement, bool> isRight)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var position = Server.Views.Position;
            var (status, text) = await AskAsync(path);
            if (status != HttpStatusCode.NotFound)
            {
                var answer = Document(path, status, text);
                if (isRight(answer)) return answer;
            }
            await Server.Views.NextAsync(position, patience.Token);
        }
    }

    async Task<(HttpStatusCode Status, string Text)> AskAsync(string path)
    {
        using var answer = await Http.GetAsync(path);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    static JsonElement Document(string path, HttpStatusCode status, string text)
    {
        Assert.True(status < HttpStatusCode.MultipleChoices, $"{path}: {(int)status}\n{text}");
        return JsonDocument.Parse(text).RootElement;
    }

    Cli.Cli Cli() => Cli(output, errors, new GlobalOptions
    {
        Directory = Root,
        NormalDurability = true,
    });

    Cli.Cli Cli(TextWriter output, TextWriter errors, GlobalOptions options) => new()
    {
        Out = TextWriter.Synchronized(output),
        Err = TextWriter.Synchronized(errors),
        OutScreen = TerminalScreen.Fixed(200),
        ErrScreen = TerminalScreen.Fixed(200),
        Time = TimeProvider.System,
        Env = Env.GetValueOrDefault,
        Options = options,
    };

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(Root, recursive: true);
    }
}
