using Npgsql;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The numbered migrations of a store on PostgreSQL: forward only, each in one transaction with its
/// row in <c>schema_version</c>, one process at a time.
/// </summary>
static class PostgresSchema
{
    /// <summary>The scripts in Migrations/Postgres, in order: the n-th makes version n.</summary>
    public static readonly string[] Scripts =
    [
        "postgres/0001_first.sql", "postgres/0002_workers.sql", "postgres/0003_artifacts.sql",
        "postgres/0004_access.sql",
    ];

    /// <summary>
    /// True: the tables are as this program knows them. False: they are to be made or brought up to
    /// date. Throws for a server that is too old, somebody else's tables, a newer program's.
    /// </summary>
    public static bool IsCurrent(NpgsqlConnection connection, PostgresAddress at)
    {
        if (connection.PostgreSqlVersion.Major < PostgresErrors.OldestServer)
            throw new StoreException(
                "store-unavailable",
                $"{at.Shown}: the server is PostgreSQL {connection.PostgreSqlVersion}; quoin needs "
                + $"{PostgresErrors.OldestServer} or newer");
        // Nearly always all is there; to look through the catalogue takes longer than the rest.
        var version = Newest(connection) ?? Version(connection, at);
        if (version > Scripts.Length)
            throw new StoreException(
                "store-newer",
                $"{at.Shown}: schema {at.Schema} has version {version}, written by quoin "
                + $"{Writer(connection)}; this one knows up to {Scripts.Length}. Use that version "
                + "or a newer one");
        return version == Scripts.Length;
    }

    /// <summary>Makes or updates the tables.</summary>
    public static void Migrate(
        NpgsqlConnection connection, PostgresAddress at, StoreOptions options) =>
        Migrate(connection, at, options, Scripts.Length, Script);

    internal static string Script(int version) => Scripted.Read(Scripts[version - 1]);

    internal static void Migrate(
        NpgsqlConnection connection, PostgresAddress at, StoreOptions options, int newest,
        Func<int, string> script)
    {
        using var transaction = connection.BeginTransaction();
        // Whoever comes second waits here, and then finds everything done.
        Run(connection, $"SELECT pg_advisory_xact_lock(hashtext('quoin {at.Schema}'))");
        var version = Version(connection, at);
        if (version == 0)
        {
            if (options.NewId.Length == 0)
                throw new ArgumentException("A store is made, and the options have no id for it.");
            Run(connection, $"CREATE SCHEMA IF NOT EXISTS {at.Schema}");
            Run(connection, """
                CREATE TABLE schema_version (
                  version integer PRIMARY KEY,
                  quoin text NOT NULL,
                  applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
                """);
        }
        for (var next = version + 1; next <= newest; next++)
        {
            Run(connection, script(next));
            if (next == 1)
                Run(connection,
                    "INSERT INTO store (one, id, created_at) VALUES (1, $1, date_trunc("
                    + "'milliseconds', clock_timestamp()))", options.NewId);
            Run(connection, "INSERT INTO schema_version (version, quoin) VALUES ($1, $2)",
                next, Scripted.ProgramVersion());
        }
        transaction.Commit();
    }

    // 0: nothing of ours is there; the schema may be.
    static int Version(NpgsqlConnection connection, PostgresAddress at)
    {
        using var look = new NpgsqlCommand("""
            SELECT count(*) FILTER (WHERE relname = 'schema_version')::int, count(*)::int
            FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
            WHERE nspname = $1 AND relkind IN ('r', 'p', 'v', 'f')
            """, connection) { Parameters = { new() { Value = at.Schema } } };
        using (var row = look.ExecuteReader())
        {
            row.Read();
            if (row.GetInt32(1) == 0) return 0;
            if (row.GetInt32(0) == 0) throw Foreign(at);
        }
        return Newest(connection) ?? throw Foreign(at);
    }

    // Null: there is no such table, or it is somebody else's.
    static int? Newest(NpgsqlConnection connection)
    {
        try
        {
            using var newest = new NpgsqlCommand(
                "SELECT coalesce(max(version), 0) FROM schema_version WHERE quoin <> ''",
                connection);
            return (int)newest.ExecuteScalar()!;
        }
        catch (PostgresException e) when (e.SqlState is "42703" or "42P01" or "42883" or "42804")
        {
            return null;
        }
    }

    static StoreException Foreign(PostgresAddress at) => new(
        "store-foreign",
        $"{at.Shown}: schema {at.Schema} has tables that are not Quoin's; nothing was changed. "
        + "Choose another one: ?schema=NAME in the address");

    static string Writer(NpgsqlConnection connection)
    {
        using var command = new NpgsqlCommand(
            "SELECT quoin FROM schema_version ORDER BY version DESC LIMIT 1", connection);
        return (string)command.ExecuteScalar()!;
    }

    static void Run(NpgsqlConnection connection, string sql, params object[] values)
    {
        using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        command.ExecuteNonQuery();
    }
}
