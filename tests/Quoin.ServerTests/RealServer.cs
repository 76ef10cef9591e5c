using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Quoin.ServerTests;

/// <summary>
/// The real program, serving a folder on a free port of loopback: what was published
/// (<c>QUOIN_BINARY</c>), or what was built with the tests.
/// </summary>
sealed class RealServer : IDisposable
{
    readonly Process process;

    RealServer(Process process) => this.process = process;

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Speaks to it.</summary>
    public HttpClient Http { get; private set; } = null!;

    /// <summary>Starts it and waits until it answers.</summary>
    public static async Task<RealServer> StartAsync(string folder, params string[] options)
    {
        var program = Environment.GetEnvironmentVariable("QUOIN_BINARY") ?? Built();
        var process = Process.Start(new ProcessStartInfo(
            program, ["-C", folder, "serve", "--listen", "127.0.0.1:0", .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var server = new RealServer(process);
        using var patience = new CancellationTokenSource(ServedSpace.Patience);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var address = await process.StandardOutput.ReadLineAsync(patience.Token)
            ?? throw new InvalidOperationException(await errors);
        server.Address = new Uri(address);
        server.Http = new HttpClient
        {
            BaseAddress = server.Address,
            Timeout = ServedSpace.Patience,
        };
        while (!(await server.Http.GetAsync("/readyz", patience.Token)).IsSuccessStatusCode) { }
        return server;
    }

    static string Built()
    {
        var here = AppContext.BaseDirectory.TrimEnd('/');
        return Path.GetFullPath(Path.Combine(
            here, "../../Quoin.Server", Path.GetFileName(here), "quoin-serve"));
    }

    /// <summary>A document.</summary>
    public async Task<JsonElement> GetAsync(string path) =>
        JsonDocument.Parse(await Http.GetStringAsync(path)).RootElement;

    /// <summary>The most memory that it ever had, in MiB.</summary>
    public int MemoryMiB => File.ReadLines($"/proc/{process.Id}/status")
        .Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
        .Select(line => int.Parse(line[6..^2].Trim(), CultureInfo.InvariantCulture) / 1024)
        .Single();

    /// <summary>SIGKILL, in the middle of whatever it does.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        Http.Dispose();
        process.Dispose();
    }
}
