using System.Text;

namespace Quoin.Storage;

/// <summary>
/// The tables of a feed store, beside those of every store: four that the original supervisor
/// defines (schema version 2; people query them, and it can be started on the file again), and
/// Quoin's own. All of them are made, or brought to the newest version, in one transaction.
/// </summary>
static class FeedSchema
{
    /// <summary>The version of Quoin's own tables here.</summary>
    public const int Version = 1;

    /// <summary>The number that the original keeps in the header of the file.</summary>
    public const int OriginalVersion = 2;

    /// <summary>
    /// The original's tables. Our own connection switches their triggers off and keeps
    /// <c>last_started</c> later.
    /// </summary>
    const string Original = """
        CREATE TABLE fetchers (
          fetcher_id integer PRIMARY KEY AUTOINCREMENT,
          name text NOT NULL UNIQUE
        ) STRICT;
        CREATE TABLE fetcher_runs (
          fetcher_id integer NOT NULL REFERENCES fetchers (fetcher_id),
          run_started integer NOT NULL,
          is_complete integer NOT NULL DEFAULT 0,
          PRIMARY KEY (fetcher_id, run_started)
        ) STRICT;
        CREATE INDEX fetcher_run_started_index ON fetcher_runs (run_started, fetcher_id);
        CREATE TABLE queue (
          fetcher_id integer NOT NULL,
          fetcher_run_started integer NOT NULL,
          attr_path text NOT NULL,
          payload text NOT NULL,
          is_dequeued integer NOT NULL DEFAULT 0,
          last_started integer,
          order_jitter integer,
          PRIMARY KEY (fetcher_run_started, fetcher_id, attr_path),
          FOREIGN KEY (fetcher_id, fetcher_run_started)
            REFERENCES fetcher_runs (fetcher_id, run_started) ON DELETE CASCADE
        ) STRICT;
        CREATE INDEX queue_order_index ON queue
          (last_started ASC, order_jitter, attr_path, fetcher_id, fetcher_run_started DESC);
        CREATE INDEX queue_attr_path_index ON queue (attr_path ASC);
        CREATE TABLE log (
          attr_path text PRIMARY KEY,
          started integer NOT NULL,
          finished integer,
          exit_code integer
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER fetcher_runs_delete AFTER DELETE ON fetcher_runs
        WHEN NOT EXISTS (SELECT 1 FROM fetcher_runs WHERE fetcher_id = OLD.fetcher_id)
        BEGIN DELETE FROM fetchers WHERE fetcher_id = OLD.fetcher_id; END;
        CREATE TRIGGER queue_insert_started AFTER INSERT ON queue
        BEGIN
          UPDATE queue SET last_started = (SELECT started FROM log WHERE attr_path = NEW.attr_path)
          WHERE rowid = NEW.rowid AND attr_path IN (SELECT attr_path FROM log);
        END;
        CREATE TRIGGER log_insert_started AFTER INSERT ON log
        BEGIN
          UPDATE queue SET last_started = NEW.started WHERE attr_path = NEW.attr_path;
        END;
        CREATE TRIGGER log_update_started AFTER UPDATE OF started ON log
        BEGIN
          UPDATE queue SET last_started = NEW.started WHERE attr_path = NEW.attr_path;
        END;
        """;

    /// <summary>The tables of one of the original's versions, for tests.</summary>
    internal static string OriginalTables(int version) => version == 1
        ? Original.Replace(",\n  order_jitter integer", "", StringComparison.Ordinal)
            .Replace(" order_jitter,", "", StringComparison.Ordinal)
        : Original;

    const string FromOriginal1 = """
        DELETE FROM queue;
        DELETE FROM fetcher_runs;
        DELETE FROM fetchers;
        DELETE FROM log;
        ALTER TABLE queue ADD COLUMN order_jitter integer;
        DROP INDEX queue_order_index;
        CREATE INDEX queue_order_index ON queue
          (last_started ASC, order_jitter, attr_path, fetcher_id, fetcher_run_started DESC);
        """;

    const string Own = """
        CREATE TABLE feed_schema (
          version INTEGER PRIMARY KEY,
          quoin TEXT NOT NULL,
          applied_at INTEGER NOT NULL
        ) STRICT;
        -- changed_by_others: somebody else wrote a table of the original (see the triggers below).
        -- written_to: the position of the log that feed_key speaks of. filled_to:
        -- the last piece whose lines are in the table queue.
        CREATE TABLE feed_state (
          one INTEGER PRIMARY KEY CHECK (one = 1),
          changed_by_others INTEGER NOT NULL DEFAULT 0,
          folder_device INTEGER NOT NULL DEFAULT 0,
          written_to INTEGER NOT NULL DEFAULT 0,
          filled_to INTEGER NOT NULL DEFAULT 0,
          last_run INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        INSERT INTO feed_state (one) VALUES (1);
        -- Files that are there, which they are, and how far they were read.
        CREATE TABLE feed_file (
          id INTEGER PRIMARY KEY,
          feed TEXT NOT NULL,
          number INTEGER NOT NULL,
          digits TEXT NOT NULL,
          is_part INTEGER NOT NULL,
          device INTEGER NOT NULL,
          inode INTEGER NOT NULL,
          birth INTEGER NOT NULL,
          read_to INTEGER NOT NULL,
          tail BLOB NOT NULL,
          lines INTEGER NOT NULL,
          skipped INTEGER NOT NULL,
          skips_line INTEGER NOT NULL,
          is_complete INTEGER NOT NULL,
          first_piece INTEGER NOT NULL
        ) STRICT;
        -- Lines of a file: KEY PAYLOAD and LF, some of them in a piece.
        CREATE TABLE feed_piece (
          id INTEGER PRIMARY KEY,
          file INTEGER NOT NULL,
          body BLOB NOT NULL
        ) STRICT;
        -- The run in which a key was given out last, and while it is out, whose line it is.
        CREATE TABLE feed_key (
          key TEXT PRIMARY KEY,
          sequence INTEGER NOT NULL,
          is_out INTEGER NOT NULL,
          feed TEXT NOT NULL,
          number INTEGER NOT NULL,
          started_at INTEGER NOT NULL,
          holder TEXT NOT NULL,
          times INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        -- Lines whose workers were lost, and that are to be given out again.
        CREATE TABLE feed_lost (
          run INTEGER PRIMARY KEY,
          key TEXT NOT NULL,
          feed TEXT NOT NULL,
          number INTEGER NOT NULL,
          started_at INTEGER NOT NULL,
          times INTEGER NOT NULL
        ) STRICT;
        -- Removed files whose lines are still in tables.
        CREATE TABLE feed_forget (
          file INTEGER PRIMARY KEY,
          feed TEXT NOT NULL,
          number INTEGER NOT NULL,
          first_piece INTEGER NOT NULL,
          last_piece INTEGER NOT NULL
        ) STRICT;
        """;

    // Our own connection has triggers switched off, so these fire for everybody else only.
    static IEnumerable<string> Watchers =>
        from table in (string[])["fetchers", "fetcher_runs", "queue", "log"]
        from change in (string[])["INSERT", "UPDATE", "DELETE"]
        select $"""
            CREATE TRIGGER feed_sees_{table}_{change.ToLowerInvariant()} AFTER {change} ON {table}
            BEGIN
              UPDATE feed_state SET changed_by_others = 1 WHERE changed_by_others = 0;
            END;
            """;

    /// <summary>What a file is.</summary>
    public enum Kind
    {
        /// <summary>It has no tables.</summary>
        Empty,

        /// <summary>The original's first schema.</summary>
        Original1,

        /// <summary>The original's second schema.</summary>
        Original2,

        /// <summary>A feed store of Quoin.</summary>
        Own,

        /// <summary>Another store of Quoin.</summary>
        Quoin,

        /// <summary>Something else.</summary>
        Foreign,
    }

    /// <summary>Recognises a file by its columns, never by a number alone.</summary>
    public static Kind KindOf(SqliteConnection connection)
    {
        if (connection.Number("SELECT count(*) FROM sqlite_schema"u8) == 0) return Kind.Empty;
        if (Has(connection, "feed_schema", "version")) return Kind.Own;
        if (Has(connection, "schema_version", "quoin")) return Kind.Quoin;
        var isOriginal = Has(connection, "fetchers", "name")
            && Has(connection, "fetcher_runs", "run_started")
            && Has(connection, "queue", "is_dequeued") && Has(connection, "queue", "last_started")
            && Has(connection, "log", "exit_code");
        if (!isOriginal) return Kind.Foreign;
        var number = connection.Number("PRAGMA user_version"u8) ?? 0;
        if (number > OriginalVersion) return Kind.Foreign;
        return Has(connection, "queue", "order_jitter") ? Kind.Original2 : Kind.Original1;
    }

    static bool Has(SqliteConnection connection, string table, string column)
    {
        using var look = connection.PrepareOnce(
            "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2"u8);
        look.BindText(1, table).BindText(2, column).Step();
        return look.Int64(0) == 1;
    }

    /// <summary>
    /// Makes what is missing, within a transaction of the caller. <paramref name="kind"/> is what
    /// the file was.
    /// </summary>
    public static void Make(SqliteConnection connection, Kind kind, StoreOptions options)
    {
        if (kind is Kind.Empty or Kind.Quoin) connection.Execute(Encoding.UTF8.GetBytes(Original));
        if (kind == Kind.Original1) connection.Execute(Encoding.UTF8.GetBytes(FromOriginal1));
        if (kind != Kind.Quoin) SqliteSchema.MakeAll(connection, options);
        connection.Execute(Encoding.UTF8.GetBytes(Own));
        foreach (var watcher in Watchers) connection.Execute(Encoding.UTF8.GetBytes(watcher));
        connection.Execute("PRAGMA user_version = 2"u8);
        using var note = connection.PrepareOnce(
            "INSERT INTO feed_schema (version, quoin, applied_at) VALUES (?1, ?2, ?3)"u8);
        note.Bind(1, Version).BindText(2, Scripted.ProgramVersion());
        note.Bind(3, options.Time.GetUtcNow().ToUnixTimeMilliseconds()).Run();
    }
}
