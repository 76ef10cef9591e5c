using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Quoin.Storage;

/// <summary>
/// The functions of SQLite that we call, as sqlite.org/c3ref names them. Called directly because
/// the managed providers cost more to load than all our reading at start-up takes (measured: 7 ms
/// with this, 20 ms with SQLitePCLRaw, 100 ms with Microsoft.Data.Sqlite, on a busy machine). The
/// calls without a GC transition only look at memory: they cannot block.
/// </summary>
static unsafe partial class SqliteNative
{
    const string Library = "e_sqlite3";

    public const int Ok = 0;
    public const int Row = 100;
    public const int Done = 101;

    public const int OpenReadOnly = 0x01;
    public const int OpenReadWrite = 0x02;
    public const int OpenCreate = 0x04;
    public const int OpenUri = 0x40;
    public const int OpenNoMutex = 0x8000;
    public const int OpenExtendedCodes = 0x02000000;

    /// <summary>For bind: SQLite copies the bytes at once.</summary>
    public const nint Transient = -1;

    /// <summary>For bind: the bytes stay where they are until the statement was stepped.</summary>
    public const nint Static = 0;

    [LibraryImport(Library, EntryPoint = "sqlite3_open_v2")]
    public static partial int Open(byte* path, out nint db, int flags, byte* vfs);

    [LibraryImport(Library, EntryPoint = "sqlite3_close_v2")]
    public static partial int Close(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_errmsg")]
    public static partial byte* ErrorMessage(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_system_errno")]
    public static partial int SystemError(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_busy_timeout")]
    public static partial int BusyTimeout(nint db, int milliseconds);

    [LibraryImport(Library, EntryPoint = "sqlite3_db_readonly")]
    public static partial int IsReadOnly(nint db, byte* name);

    [LibraryImport(Library, EntryPoint = "sqlite3_get_autocommit")]
    public static partial int IsAutoCommit(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_changes")]
    public static partial int Changes(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_prepare_v3")]
    public static partial int Prepare(
        nint db, byte* sql, int bytes, uint flags, out nint statement, out byte* tail);

    [LibraryImport(Library, EntryPoint = "sqlite3_step")]
    public static partial int Step(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_reset")]
    public static partial int Reset(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_finalize")]
    public static partial int Finish(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_int64"), SuppressGCTransition]
    public static partial int Bind(nint statement, int index, long value);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_text")]
    public static partial int BindText(
        nint statement, int index, byte* utf8, int bytes, nint lifetime);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_blob")]
    public static partial int BindBlob(
        nint statement, int index, byte* value, int bytes, nint lifetime);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_null")]
    public static partial int BindNull(nint statement, int index);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_int64"), SuppressGCTransition]
    public static partial long ColumnInt64(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_blob"), SuppressGCTransition]
    public static partial byte* ColumnBlob(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_bytes"), SuppressGCTransition]
    public static partial int ColumnBytes(nint statement, int column);

    /// <summary>For <see cref="Configure"/>: whether triggers fire.</summary>
    public const int EnableTrigger = 1003;

    // The function takes variable arguments; on Linux these four go like fixed ones.
    [LibraryImport(Library, EntryPoint = "sqlite3_db_config")]
    public static partial int Configure(nint db, int option, int value, int* result);

    /// <summary>For <see cref="ConfigureAll"/>: whether memory in use is counted.</summary>
    public const int CountMemory = 9;

    // As with Configure. To be called before all else; later it changes nothing.
    [LibraryImport(Library, EntryPoint = "sqlite3_config")]
    public static partial int ConfigureAll(int option, int value);

    /// <summary>For <see cref="Status"/>: how many pages were written.</summary>
    public const int PagesWritten = 9;

    [LibraryImport(Library, EntryPoint = "sqlite3_db_status")]
    public static partial int Status(nint db, int what, int* now, int* highest, int resets);

    [LibraryImport(Library, EntryPoint = "sqlite3_file_control")]
    public static partial int FileControl(nint db, byte* name, int operation, void* value);

    [LibraryImport(Library, EntryPoint = "sqlite3_vfs_find")]
    public static partial nint FindFileSystem(byte* name);

    [LibraryImport(Library, EntryPoint = "sqlite3_vfs_register")]
    public static partial int RegisterFileSystem(nint table, int isDefault);

    /// <summary>
    /// A pointer that is not null even for nothing, which SQLite would take for NULL.
    /// </summary>
    public static byte* NotNull(byte* pointer) => pointer is not null
        ? pointer
        : (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference("\0"u8));
}
