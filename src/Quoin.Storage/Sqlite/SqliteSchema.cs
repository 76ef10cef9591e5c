using System.Text;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The numbered migrations of the SQLite store: forward only, each in one transaction with its row
/// in <c>schema_version</c>. Knows how to tell our file from anybody else's.
/// </summary>
static class SqliteSchema
{
    /// <summary>
    /// The scripts in Migrations/, in order: the n-th makes version n. Named here because looking
    /// resources up by reflection is slow; a test compares this list with the folder.
    /// </summary>
    public static readonly string[] Scripts =
        ["0001_first.sql", "0002_workers.sql", "0003_access.sql"];

    const string Table = """
        CREATE TABLE schema_version (
          version INTEGER PRIMARY KEY,
          quoin TEXT NOT NULL,
          applied_at INTEGER NOT NULL
        ) STRICT
        """;

    /// <summary>
    /// Throws <c>store-corrupt</c> for a file that is too short to be a database: SQLite would take
    /// one of a few bytes for an empty one and write over it. Only looks at the size: opening and
    /// closing the file would drop the locks of other connections of this process.
    /// </summary>
    public static void CheckSize(string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > 0 and < 512 })
            throw SqliteErrors.IsNoDatabase(path);
    }

    /// <summary>
    /// True: all tables are as this program knows them. False: something is to be done.
    /// </summary>
    public static bool IsCurrent(SqliteConnection connection)
    {
        var version = Version(connection);
        if (version > Scripts.Length)
            throw SqliteErrors.IsNewer(
                connection.Path, version, Quoin(connection), Scripts.Length);
        return version == Scripts.Length;
    }

    /// <summary>
    /// Brings the file to the newest version, making the tables when it is empty. Safe when several
    /// processes do it at once: each step looks again inside its transaction.
    /// </summary>
    public static void Migrate(SqliteConnection connection, StoreOptions options) =>
        Migrate(connection, options, Scripts.Length, Script);

    internal static void Migrate(
        SqliteConnection connection, StoreOptions options, int newest, Func<int, string> script)
    {
        UseWal(connection);
        for (var next = Version(connection) + 1; next <= newest; next++)
        {
            connection.Execute("BEGIN IMMEDIATE"u8);
            try
            {
                if (Version(connection) >= next)
                {
                    connection.RollBack(); // Another process was faster.
                    continue;
                }
                if (next == 1) connection.Execute(Encoding.UTF8.GetBytes(Table));
                connection.Execute(Encoding.UTF8.GetBytes(script((int)next)));
                if (next == 1) Identify(connection, options);
                Record(connection, options, next);
                connection.Execute("COMMIT"u8);
            }
            catch
            {
                connection.RollBack();
                throw;
            }
        }
    }

    /// <summary>
    /// Makes all tables in a file that has none of them, within a transaction of the caller.
    /// </summary>
    public static void MakeAll(SqliteConnection connection, StoreOptions options)
    {
        connection.Execute(Encoding.UTF8.GetBytes(Table));
        for (var version = 1; version <= Scripts.Length; version++)
        {
            connection.Execute(Encoding.UTF8.GetBytes(Script(version)));
            if (version == 1) Identify(connection, options);
            Record(connection, options, version);
        }
    }

    /// <summary>0 for an empty file; throws <c>store-foreign</c> for somebody else's.</summary>
    static long Version(SqliteConnection connection)
    {
        const int tables = 0;
        using var look = connection.PrepareOnce("""
            SELECT
              (SELECT count(*) FROM sqlite_schema),
              (SELECT count(*) FROM pragma_table_info('schema_version')
               WHERE name IN ('version', 'quoin', 'applied_at'))
            """u8);
        look.Step();
        if (look.Int64(tables) == 0) return 0;
        if (look.Int64(1) != 3) throw SqliteErrors.IsForeign(connection.Path);
        return connection.Number("SELECT max(version) FROM schema_version"u8) ?? 0;
    }

    static string Quoin(SqliteConnection connection)
    {
        using var statement = connection.PrepareOnce(
            "SELECT quoin FROM schema_version ORDER BY version DESC LIMIT 1"u8);
        return statement.Step() ? statement.Text(0) : "";
    }

    // The journal mode is kept in the file, so this is needed once. It wants the file for itself
    // and does not wait, so wait for that by an exclusive transaction, and try again.
    internal static void UseWal(SqliteConnection connection, bool setsPageSize = true)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (setsPageSize) connection.Execute("PRAGMA page_size = 8192"u8);
                using var statement = connection.PrepareOnce("PRAGMA journal_mode = WAL"u8);
                statement.Step();
                if (statement.Bytes(0).SequenceEqual("wal"u8)) return;
                throw new StoreException(
                    "store-unavailable",
                    $"{connection.Path} lies on a file system without shared memory (a network "
                    + "file system?); choose a local place with --store");
            }
            catch (StoreException e) when (e.Code == "store-locked" && attempt < 10)
            {
                connection.Execute("BEGIN EXCLUSIVE; COMMIT"u8);
            }
        }
    }

    static void Identify(SqliteConnection connection, StoreOptions options)
    {
        if (options.NewId.Length == 0)
            throw new ArgumentException("A store is made, and the options have no id for it.");
        using var statement = connection.PrepareOnce(
            "INSERT INTO store (one, id, created_at) VALUES (1, ?1, ?2)"u8);
        statement.BindText(1, options.NewId);
        statement.Bind(2, options.Time.GetUtcNow().ToUnixTimeMilliseconds()).Run();
    }

    static void Record(SqliteConnection connection, StoreOptions options, long version)
    {
        using var statement = connection.PrepareOnce(
            "INSERT INTO schema_version (version, quoin, applied_at) VALUES (?1, ?2, ?3)"u8);
        statement.Bind(1, version);
        statement.BindText(2, Scripted.ProgramVersion());
        statement.Bind(3, options.Time.GetUtcNow().ToUnixTimeMilliseconds()).Run();
    }

    internal static string Script(int version) => Scripted.Read(Scripts[version - 1]);
}
