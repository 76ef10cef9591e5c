using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Quoin.Storage.SqliteNative;

namespace Quoin.Storage;

/// <summary>
/// The write-ahead log of a connection, so that a commit writes it with one call: SQLite makes two
/// calls for each page, which is more than half of a small commit's time in memory. A shim of
/// SQLite's file system (sqlite.org/vfs.html): its own functions open the file, and ours stand
/// before a few of them.
/// <para>
/// Between <see cref="Begin"/> and <see cref="End"/> pages are gathered. SQLite syncs the log
/// after a commit's last page and before it tells anybody of them (with synchronous = FULL):
/// there they are written, and synced if that is wanted. So nobody ever finds a page that is not in
/// the file, and what goes wrong is told to the commit that it belongs to.
/// </para>
/// </summary>
unsafe struct SqliteWal
{
    /// <summary>The name of the file system, for sqlite3_open_v2.</summary>
    public static ReadOnlySpan<byte> FileSystem => "quoin-wal\0"u8;

    // SQLite's own functions write at most so many bytes with one call: 63 pages.
    const int Capacity = (1 << 17) - 1;
    const int OpenWal = 0x80000, JournalPointer = 28, NoMemory = 7;

    static readonly Lock making = new();
    static FileSystemTable* real, ours;
    static FileMethods* realMethods, ourMethods;

    byte* gathered;
    long start;
    int count;
    int syncs, writes;
    bool isGathering, isSynced, hasHeader;

    /// <summary>How often the file was synced since it was opened, for tests.</summary>
    public readonly int Syncs => syncs;

    /// <summary>How often what was gathered was written, for tests.</summary>
    public readonly int Writes => writes;

    /// <summary>Makes the file system known to SQLite, once.</summary>
    public static void Register()
    {
        lock (making)
        {
            if (ours is not null) return;
            real = (FileSystemTable*)FindFileSystem(null);
            var table = (FileSystemTable*)NativeMemory.Alloc((nuint)sizeof(FileSystemTable));
            *table = *real;
            table->FileBytes += sizeof(SqliteWal);
            table->Name = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(FileSystem));
            table->Open = &Open;
            _ = RegisterFileSystem((nint)table, 0);
            ours = table;
        }
    }

    /// <summary>The log of a connection; null when it has none, or not through us.</summary>
    public static SqliteWal* Of(nint db)
    {
        File* file = null;
        fixed (byte* main = "main"u8) _ = FileControl(db, main, JournalPointer, &file);
        return file is not null && file->Methods is not null && file->Methods == ourMethods
            ? Of(file)
            : null;
    }

    /// <summary>A commit begins, whose pages are to be synced or only written.</summary>
    public void Begin(bool isSynced) =>
        (isGathering, this.isSynced, hasHeader, count) = (true, isSynced, false, 0);

    /// <summary>
    /// The commit is over. Pages that are left are those of a commit that failed: no page of it
    /// is ever looked for.
    /// </summary>
    public void End() => (isGathering, count) = (false, 0);

    static SqliteWal* Of(File* file) => (SqliteWal*)((byte*)file + real->FileBytes);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Open(FileSystemTable* table, byte* name, File* file, int flags, int* outFlags)
    {
        var code = real->Open(real, name, file, flags, outFlags);
        if (code != Ok || (flags & OpenWal) == 0 || !IsReal(file->Methods)) return code;
        var wal = Of(file);
        *wal = default;
        try
        {
            wal->gathered = (byte*)NativeMemory.Alloc(Capacity);
        }
        catch (OutOfMemoryException)
        {
            _ = file->Methods->Close(file);
            file->Methods = null;
            return NoMemory;
        }
        file->Methods = ourMethods;
        return Ok;
    }

    // All logs have the same functions: a file with others is left to them.
    static bool IsReal(FileMethods* methods)
    {
        lock (making)
        {
            if (ourMethods is not null) return methods == realMethods;
            realMethods = methods;
            var table = (FileMethods*)NativeMemory.Alloc((nuint)sizeof(FileMethods));
            *table = *methods;
            table->Close = &Close;
            table->Read = &Read;
            table->Write = &Write;
            table->Truncate = &Truncate;
            table->Sync = &Sync;
            table->Size = &Size;
            ourMethods = table;
            return true;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Write(File* file, byte* bytes, int length, long at)
    {
        var wal = Of(file);
        if (!wal->isGathering) return realMethods->Write(file, bytes, length, at);
        if (at != wal->start + wal->count || wal->count + length > Capacity)
        {
            var code = wal->Flush(file);
            if (code != Ok) return code;
            if (length > Capacity) return realMethods->Write(file, bytes, length, at);
        }
        if (wal->count == 0) wal->start = at;
        wal->hasHeader |= at == 0;
        Buffer.MemoryCopy(bytes, wal->gathered + wal->count, length, length);
        wal->count += length;
        return Ok;
    }

    // Only the pages of a commit may go unsynced. The header of a log that begins anew is always
    // synced, as SQLite does: otherwise pages from before could be taken for pages of it after a
    // loss of power. So is the log before a checkpoint, which SQLite may make at the end of a
    // COMMIT: then nothing is gathered.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Sync(File* file, int flags)
    {
        var wal = Of(file);
        var isUnsyncedCommit = wal->count > 0 && !wal->isSynced && !wal->hasHeader;
        var code = wal->Flush(file);
        if (code != Ok || isUnsyncedCommit) return code;
        wal->hasHeader = false;
        wal->syncs++;
        return realMethods->Sync(file, flags);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Read(File* file, byte* bytes, int length, long at)
    {
        var code = Of(file)->Flush(file);
        return code != Ok ? code : realMethods->Read(file, bytes, length, at);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Truncate(File* file, long size)
    {
        var code = Of(file)->Flush(file);
        return code != Ok ? code : realMethods->Truncate(file, size);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Size(File* file, long* size)
    {
        var code = Of(file)->Flush(file);
        return code != Ok ? code : realMethods->Size(file, size);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int Close(File* file)
    {
        var wal = Of(file);
        NativeMemory.Free(wal->gathered);
        *wal = default;
        return realMethods->Close(file);
    }

    int Flush(File* file)
    {
        if (count == 0) return Ok;
        var length = count;
        count = 0;
        writes++;
        return realMethods->Write(file, gathered, length, start);
    }

    // sqlite3_file, sqlite3_io_methods (version 3) and sqlite3_vfs of sqlite.org/c3ref.
    struct File
    {
        public FileMethods* Methods;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct FileMethods
    {
        public int Version;
        public delegate* unmanaged[Cdecl]<File*, int> Close;
        public delegate* unmanaged[Cdecl]<File*, byte*, int, long, int> Read;
        public delegate* unmanaged[Cdecl]<File*, byte*, int, long, int> Write;
        public delegate* unmanaged[Cdecl]<File*, long, int> Truncate;
        public delegate* unmanaged[Cdecl]<File*, int, int> Sync;
        public delegate* unmanaged[Cdecl]<File*, long*, int> Size;
        public fixed ulong Others[12];
    }

    [StructLayout(LayoutKind.Sequential)]
    struct FileSystemTable
    {
        public int Version;
        public int FileBytes;
        public int PathMax;
        public nint Next;
        public byte* Name;
        public nint Data;
        public delegate* unmanaged[Cdecl]<
            FileSystemTable*, byte*, File*, int, int*, int> Open;
        public fixed ulong Others[15];
    }
}
