using System.Runtime.InteropServices;
using System.Text;
using Quoin.Engine;
using static Quoin.Storage.SqliteNative;

namespace Quoin.Storage;

/// <summary>
/// One connection to one file, used by one thread at a time. Knows SQLite and its errors, none of
/// our tables. Statements that it prepared end with it.
/// </summary>
sealed unsafe class SqliteConnection : IDisposable
{
    // Nobody asks how much memory SQLite has; to count it takes a lock at each allocation.
    static readonly Lazy<int> uncounted = new(() => ConfigureAll(CountMemory, 0));

    readonly List<SqliteStatement> statements = [];
    nint db;

    SqliteConnection(string path, nint db)
    {
        Path = path;
        this.db = db;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The native handle.</summary>
    public nint Handle => db != 0 ? db : throw new ObjectDisposedException(nameof(SqliteStore));

    /// <summary>SQLite found that it may only read.</summary>
    public bool IsReadOnly
    {
        get
        {
            fixed (byte* main = "main"u8) return SqliteNative.IsReadOnly(Handle, main) == 1;
        }
    }

    /// <summary>True between BEGIN and COMMIT or ROLLBACK.</summary>
    public bool InTransaction => IsAutoCommit(Handle) == 0;

    /// <summary>
    /// Opens; <paramref name="flags"/> are SQLite's. SQLite reads the file only later. Of one
    /// that <paramref name="gathers"/>, <see cref="Commit"/> writes with one call.
    /// </summary>
    public static SqliteConnection Open(
        string path, int flags, int busyTimeoutMs, bool gathers = false)
    {
        var name = (flags & OpenUri) == 0 ? path : $"file:{Uri.EscapeDataString(path)}?immutable=1";
        _ = uncounted.Value;
        nint db;
        int code;
        if (gathers) SqliteWal.Register();
        fixed (byte* utf8 = Encoding.UTF8.GetBytes(name + '\0'))
        fixed (byte* system = gathers ? SqliteWal.FileSystem : default)
            code = SqliteNative.Open(
                utf8, out db, flags | OpenExtendedCodes | OpenNoMutex, system);
        var connection = new SqliteConnection(path, db);
        if (code != Ok)
        {
            var error = SqliteErrors.ToException(connection, code);
            connection.Dispose();
            throw error;
        }
        _ = BusyTimeout(db, busyTimeoutMs);
        return connection;
    }

    /// <summary>
    /// Prepares a statement that is used again and again; it ends with the connection.
    /// </summary>
    public SqliteStatement Prepare(ReadOnlySpan<byte> sql)
    {
        var statement = PrepareOnce(sql);
        statements.Add(statement);
        return statement;
    }

    /// <summary>Prepares a statement that the caller disposes of.</summary>
    public SqliteStatement PrepareOnce(ReadOnlySpan<byte> sql) =>
        Compile(sql, out _) ?? throw new ArgumentException("There is no statement in the text.");

    /// <summary>Runs statements one after the other, whatever rows they give.</summary>
    public void Execute(ReadOnlySpan<byte> sql)
    {
        while (!sql.IsEmpty)
        {
            using var statement = Compile(sql, out var used);
            sql = sql[used..];
            if (statement is null) continue;
            while (statement.Step()) { }
        }
    }

    /// <summary>The first column of the first row as a number; null when there is no row.</summary>
    public long? Number(ReadOnlySpan<byte> sql)
    {
        using var statement = PrepareOnce(sql);
        return statement.Step() ? statement.Int64(0) : null;
    }

    /// <summary>
    /// Runs a COMMIT, which is on disk when this returns or, if it is not to be synced, safe from
    /// all but a loss of power.
    /// </summary>
    public void Commit(SqliteStatement commit, bool isSynced)
    {
        var wal = SqliteWal.Of(Handle);
        if (wal is not null) wal->Begin(isSynced);
        try
        {
            commit.Run();
        }
        finally
        {
            if (wal is not null) wal->End();
        }
    }

    /// <summary>
    /// How often the write-ahead log was synced, and what was gathered written, for tests.
    /// </summary>
    public (int Syncs, int Writes) WalCounts
    {
        get
        {
            var wal = SqliteWal.Of(Handle);
            return wal is null ? default : (wal->Syncs, wal->Writes);
        }
    }

    /// <summary>Undoes what is open, if anything is.</summary>
    public void RollBack()
    {
        if (InTransaction) Execute("ROLLBACK"u8);
    }

    /// <summary>
    /// Throws what an error code means to a person; <paramref name="code"/> 0 passes.
    /// </summary>
    public void Check(int code)
    {
        if (code != Ok) throw SqliteErrors.ToException(this, code);
    }

    /// <summary>SQLite's own words for the last error.</summary>
    public string ErrorText =>
        db == 0 ? "" : Marshal.PtrToStringUTF8((nint)ErrorMessage(db)) ?? "";

    /// <summary>The operating system's number of the last error.</summary>
    public int SystemErrorNumber => db == 0 ? 0 : SystemError(db);

    /// <summary>From here on what this connection writes fires no trigger.</summary>
    public void SwitchTriggersOff() =>
        Check(SqliteNative.Configure(Handle, EnableTrigger, 0, null));

    /// <summary>Rows that the last statement changed.</summary>
    public int Changes => SqliteNative.Changes(Handle);

    /// <summary>Pages that were written since the last time this was asked.</summary>
    public int TakePagesWritten()
    {
        int now = 0, highest;
        _ = Status(Handle, PagesWritten, &now, &highest, 1);
        return now;
    }

    public void Dispose()
    {
        foreach (var statement in statements) statement.Dispose();
        statements.Clear();
        if (db != 0) _ = Close(db);
        db = 0;
    }

    SqliteStatement? Compile(ReadOnlySpan<byte> sql, out int used)
    {
        fixed (byte* text = sql)
        {
            Check(SqliteNative.Prepare(Handle, text, sql.Length, 0, out var handle, out var tail));
            used = (int)(tail - text);
            return handle == 0 ? null : new SqliteStatement(this, handle);
        }
    }
}
