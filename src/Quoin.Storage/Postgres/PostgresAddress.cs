using System.Buffers;
using System.Globalization;
using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Where a store on PostgreSQL is: <c>postgres://user:password@host:port/database?schema=quoin</c>.
/// A folder as <c>host=/run/postgresql</c> in the query is a Unix socket. What is not said comes
/// from the <c>PG…</c> variables, as PostgreSQL's own programs have it.
/// </summary>
/// <param name="Connection">What Npgsql connects with.</param>
/// <param name="Schema">The schema that holds the tables.</param>
/// <param name="Shown">The address without its password.</param>
public sealed record PostgresAddress(
    NpgsqlConnectionStringBuilder Connection, string Schema, string Shown)
{
    static readonly string[] options = ["host", "port", "user", "password", "dbname", "sslmode",
        "sslrootcert", "connect_timeout", "schema"];

    static readonly SearchValues<char> schemaLetters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_");

    /// <summary>True when a <c>--store</c> means PostgreSQL and not a file.</summary>
    public static bool IsAddress(string store) =>
        store.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
        || store.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads an address.</summary>
    /// <param name="address">What <c>--store</c> says.</param>
    /// <param name="variable">Reads the environment.</param>
    /// <exception cref="StoreException"><c>store-address</c>: what is wrong with it.</exception>
    public static PostgresAddress Parse(string address, Func<string, string?> variable)
    {
        var rest = address[(address.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var (beforeQuery, query) = Cut(rest, '?');
        var (authority, database) = Cut(beforeQuery, '/');
        var at = authority.LastIndexOf('@');
        var (user, password) = Cut(at < 0 ? "" : authority[..at], ':');
        var shown = password.Length == 0
            ? address
            : address.Replace($":{password}@", ":***@", StringComparison.Ordinal);
        var place = authority[(at + 1)..];
        var bracket = place.LastIndexOf(']');
        var colon = place.IndexOf(':', Math.Max(0, bracket));
        var said = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["user"] = Uri.UnescapeDataString(user),
            ["password"] = Uri.UnescapeDataString(password),
            ["host"] = (colon < 0 ? place : place[..colon]).Trim('[', ']'),
            ["port"] = colon < 0 ? "" : place[(colon + 1)..],
            ["dbname"] = Uri.UnescapeDataString(database),
        };
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(part, '=');
            if (!options.Contains(name))
                throw Bad(shown, $"it has \"{name}\", which is none of "
                    + string.Join(", ", options));
            said[name] = Uri.UnescapeDataString(value);
        }
        return Make(said, shown, variable);
    }

    static (string Before, string After) Cut(string text, char at) =>
        text.IndexOf(at) is >= 0 and var index ? (text[..index], text[(index + 1)..]) : (text, "");

    static PostgresAddress Make(
        Dictionary<string, string> said, string shown, Func<string, string?> variable)
    {
        string Of(string name, string environment, string otherwise) =>
            said.TryGetValue(name, out var value) && value.Length > 0 ? value
            : variable(environment) is { Length: > 0 } set ? set
            : otherwise;
        var schema = Of("schema", "QUOIN_SCHEMA", "quoin");
        if (schema.AsSpan().ContainsAnyExcept(schemaLetters))
            throw Bad(shown, $"schema \"{schema}\" may have a-z, 0-9 and _ only");
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = Of("host", "PGHOST", "localhost"),
            Port = Number("port", Of("port", "PGPORT", "5432"), 65535),
            Database = Of("dbname", "PGDATABASE", Of("user", "PGUSER", "postgres")),
            Username = Of("user", "PGUSER", "postgres"),
            Password = Of("password", "PGPASSWORD", ""),
            Timeout = Number(
                "connect_timeout", Of("connect_timeout", "PGCONNECT_TIMEOUT", "10"), 600),
            ApplicationName = "quoin",
            SearchPath = schema,
            MaxAutoPrepare = 40,
            AutoPrepareMinUsages = 2,
            Pooling = true,
            MaxPoolSize = 8,
            CommandTimeout = 60,
            KeepAlive = 30,
            NoResetOnClose = true, // Nothing that a session keeps is ever set.
        };
        if (Of("sslmode", "PGSSLMODE", "") is { Length: > 0 } mode)
            builder.SslMode = Mode(mode);
        if (Of("sslrootcert", "PGSSLROOTCERT", "") is { Length: > 0 } root)
            builder.RootCertificate = root;
        return new PostgresAddress(builder, schema, shown);

        int Number(string name, string text, int max) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                && number > 0 && number <= max
                ? number
                : throw Bad(shown, $"{name} \"{text}\" is not a number from 1 to {max}");

        SslMode Mode(string text) => text switch
        {
            "disable" => SslMode.Disable,
            "allow" => SslMode.Allow,
            "prefer" => SslMode.Prefer,
            "require" => SslMode.Require,
            "verify-ca" => SslMode.VerifyCA,
            "verify-full" => SslMode.VerifyFull,
            _ => throw Bad(shown, $"sslmode \"{text}\" is none of disable, allow, prefer, require, "
                + "verify-ca, verify-full"),
        };
    }

    static StoreException Bad(string address, string why) => new(
        "store-address",
        $"--store {address}: {why}; write postgres://user@host:port/database");
}
