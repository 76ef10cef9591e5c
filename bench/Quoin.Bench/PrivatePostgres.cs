using System.Diagnostics;
using Npgsql;

namespace Quoin.Bench;

/// <summary>
/// A PostgreSQL cluster of its own in a temporary folder, reached over a Unix socket, as it comes
/// (fsync and synchronous commits on); removed in the end.
/// </summary>
sealed class PrivatePostgres : IDisposable
{
    readonly string bin;

    public PrivatePostgres()
    {
        bin = Directory.GetDirectories("/usr/lib/postgresql").Select(v => $"{v}/bin")
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
            .LastOrDefault(place => File.Exists($"{place}/initdb"))
            ?? throw new InvalidOperationException("no initdb; Debian: apt-get install postgresql");
        Folder = Directory.CreateTempSubdirectory("quoin-pg-").FullName;
        if (Environment.UserName == "root") Run("chown", "postgres", Folder);
        Server("initdb", "-D", $"{Folder}/data", "-U", "test", "--auth=trust", "-E", "UTF8",
            "--no-locale", "--no-sync");
        Server("pg_ctl", "-D", $"{Folder}/data", "-w", "-l", $"{Folder}/log", "-o",
            $"-c listen_addresses='' -c unix_socket_directories='{Folder}' "
            + "-c max_connections=300", "start");
    }

    /// <summary>Where its socket is.</summary>
    public string Folder { get; }

    /// <summary>Makes a database.</summary>
    public void CreateDatabase(string name)
    {
        using var connection = new NpgsqlConnection(
            $"Host={Folder};Username=test;Database=postgres;Pooling=false");
        connection.Open();
        using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        command.ExecuteNonQuery();
    }

    void Server(string program, params string[] args)
    {
        string[] line = [$"{bin}/{program}", .. args];
        if (Environment.UserName == "root")
            line = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", .. line];
        Run(line);
    }

    static void Run(params string[] line)
    {
        // Its output goes nowhere: a server that inherits a pipe would keep it open.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", [
            "-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", .. line])
        {
            WorkingDirectory = "/tmp",
        })!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', line)}: {process.ExitCode}");
    }

    public void Dispose()
    {
        Server("pg_ctl", "-D", $"{Folder}/data", "-m", "immediate", "-w", "stop");
        Directory.Delete(Folder, recursive: true);
    }
}
