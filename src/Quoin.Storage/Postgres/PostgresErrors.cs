using System.Net.Sockets;
using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>What PostgreSQL and the network say, in our codes, with the remedy.</summary>
static class PostgresErrors
{
    /// <summary>The oldest server that has what the tables need.</summary>
    public const int OldestServer = 13;

    const string LeaseOver = "QN001", Moved = "QN002", Refused = "QN003";

    /// <summary>True when trying again on a new connection may help.</summary>
    public static bool IsConnectionLost(Exception e) => e switch
    {
        PostgresException p => p.SqlState.StartsWith("57P", StringComparison.Ordinal)
            || p.SqlState.StartsWith("08", StringComparison.Ordinal) || p.SqlState == "53300",
        NpgsqlException n => n.IsTransient || n.InnerException is SocketException or IOException,
        SocketException or IOException => true,
        _ => false,
    };

    /// <summary>
    /// True when the same again may go well: also when others held what this one wanted and the
    /// server chose it to give way; nothing of it is there then.
    /// </summary>
    public static bool IsWorthAnotherTry(Exception e) =>
        e is PostgresException { SqlState: "40P01" or "40001" } || IsConnectionLost(e);

    public static StoreException Of(Exception e, PostgresAddress at) => e switch
    {
        StoreException known => known,
        PostgresException p => OfServer(p, at),
        NpgsqlException { InnerException: TimeoutException } => new(
            "store-unavailable", $"{at.Shown} does not answer in time", e),
        NpgsqlException n when Tls(n) => new(
            "store-unavailable",
            $"{at.Shown}: no TLS connection: {n.InnerException?.Message ?? n.Message} "
            + "(sslmode and sslrootcert in the address say what to expect)", e),
        NpgsqlException n when n.Message.Contains("password", StringComparison.Ordinal) => new(
            "store-unavailable",
            $"{at.Shown}: the server asks {at.Connection.Username} for a password; set "
            + "PGPASSWORD, or put user:password into the address", e),
        NpgsqlException or SocketException or IOException => new(
            "store-unavailable",
            $"{at.Shown} cannot be reached: {(e.InnerException ?? e).Message}. Is the server "
            + "running, and are host and port right?", e),
        _ => new("store-unavailable", $"{at.Shown}: {e.Message}", e),
    };

    static bool Tls(NpgsqlException e) =>
        e.InnerException is System.Security.Authentication.AuthenticationException
        || e.Message.Contains("SSL", StringComparison.Ordinal);

    static StoreException OfServer(PostgresException p, PostgresAddress at)
    {
        var user = at.Connection.Username;
        var (code, says) = p.SqlState switch
        {
            LeaseOver => ("lease-lost", "this process was not heard of for longer than its lease, "
                + "and another one decides now; nothing of it was recorded. Run the command again"),
            Moved => ("store-locked", "another process appended to the log; events end at "
                + $"{p.MessageText}. Run the command again"),
            Refused => ("store-corrupt", p.MessageText),
            "28P01" => ("store-unavailable", $"wrong password for {user}; set PGPASSWORD, or put "
                + "user:password into the address"),
            "28000" => ("store-unavailable", $"the server does not let {user} in this way "
                + $"({p.MessageText}); see its pg_hba.conf, and sslmode=require"),
            "3D000" => ("store-unavailable", $"there is no database {at.Connection.Database}; "
                + $"make it: createdb {at.Connection.Database}"),
            "42501" => ("store-unavailable", $"{user} may not do that ({p.MessageText}); grant it: "
                + $"GRANT CREATE ON DATABASE {at.Connection.Database} TO {user}"),
            "25006" => ("store-read-only", "the server only reads now (a standby?); give the "
                + "address of the primary"),
            "53100" => ("disk-full", "the server's disk is full; make room, then run the command "
                + "again: everything recorded is there"),
            "53300" => ("store-unavailable", "the server has no connection left (max_connections)"),
            "57014" => ("store-unavailable", "the server cancelled a statement "
                + "(statement_timeout?); run the command again"),
            _ => ("store-unavailable", $"{p.MessageText} ({p.SqlState})"),
        };
        return new StoreException(code, $"{at.Shown}: {says}", p);
    }
}
