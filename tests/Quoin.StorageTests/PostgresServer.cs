using System.Diagnostics;
using Quoin.Storage;
using Xunit;

[assembly: AssemblyFixture(typeof(Quoin.StorageTests.PostgresServer))]

namespace Quoin.StorageTests;

/// <summary>
/// A private PostgreSQL cluster in a temporary folder, reached over a Unix socket only, with fsync
/// on; started at its first use and removed in the end. Each test has a schema of its own in it.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    const int Patience = 60_000;
    static int schemas, servers;

    readonly string folder =
        $"/tmp/quoin-pg-{Environment.ProcessId}-{Interlocked.Increment(ref servers)}";

    readonly string? bin = FindPrograms();
    readonly Lock gate = new();
    bool started;

    /// <summary>An IP address to listen on beside the socket; empty: none.</summary>
    public string Listens { get; init; } = "";

    /// <summary>What to start its programs with, as <c>ip netns exec NAME</c>.</summary>
    public string[] Within { get; init; } = [];

    /// <summary>Why there is none; null when there is.</summary>
    public string? Missing => bin is null
        ? "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
        : null;

    /// <summary>A schema that nobody has used.</summary>
    public PostgresAddress NewAddress()
    {
        Start();
        return AddressOf($"s{Interlocked.Increment(ref schemas)}");
    }

    /// <summary>The address of a schema, with other things said in its query.</summary>
    public PostgresAddress AddressOf(string schema, string user = "test", string more = "") =>
        PostgresAddress.Parse(
            $"postgres://{user}@/postgres?host={folder}&schema={schema}{more}", _ => null);

    /// <summary>Skips the test, saying so, where there is no PostgreSQL.</summary>
    public void Start()
    {
        if (bin is null) Assert.Skip(Missing!);
        lock (gate)
        {
            if (started) return;
            Directory.CreateDirectory(folder);
            if (Environment.UserName == "root") Run("chown", "postgres", folder);
            Server("initdb", "-D", $"{folder}/data", "-U", "test", "--auth=trust", "-E", "UTF8",
                "--no-locale", "--no-sync");
            if (Listens.Length > 0)
                File.AppendAllText($"{folder}/data/pg_hba.conf", "host all all samenet trust\n");
            StartServer();
            started = true;
        }
    }

    /// <summary>Stops the server (mode: fast, immediate) and starts it again.</summary>
    public void Restart(string mode)
    {
        Server("pg_ctl", "-D", $"{folder}/data", "-m", mode, "-w", "stop");
        StartServer();
    }

    void StartServer() => Server(
        "pg_ctl", "-D", $"{folder}/data", "-w", "-l", $"{folder}/log", "-o",
        $"-c listen_addresses='{Listens}' -c unix_socket_directories='{folder}' "
        + "-c max_connections=200",
        "start");

    void Server(string program, params string[] args)
    {
        string[] line = [$"{bin}/{program}", .. args];
        if (Environment.UserName == "root")
            line = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", .. line];
        line = [.. Within, .. line];
        Run(line[0], line[1..]);
    }

    void Run(string program, params string[] args)
    {
        // Its output goes nowhere: a server that inherits a pipe would keep it open.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", [
            "-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", program, .. args])
        {
            WorkingDirectory = "/tmp",
        })!;
        Assert.True(process.WaitForExit(Patience), $"{program} did not end");
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)} failed with "
            + $"{process.ExitCode}{Log()}");
    }

    /// <summary>What the server has written so far about itself and its statements.</summary>
    public string Log() =>
        File.Exists($"{folder}/log") ? "\n" + File.ReadAllText($"{folder}/log") : "";

    static string? FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        var found = Directory.Exists(debian)
            ? Directory.GetDirectories(debian).Select(version => $"{version}/bin")
            : [];
        return found.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
            .LastOrDefault(place => File.Exists($"{place}/initdb"));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        if (started)
        {
            Server("pg_ctl", "-D", $"{folder}/data", "-m", "immediate", "-w", "stop");
            Directory.Delete(folder, recursive: true);
        }
        return ValueTask.CompletedTask;
    }
}
