using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// The lock file beside a store (<c>quoin.db-lead</c>): the process that holds it decides. The
/// operating system lets go of it when the process ends, however it ends. One host only; the lease
/// of several hosts is a row of the store.
/// </summary>
static partial class LeadLock
{
    /// <summary>Takes it, or throws <c>store-locked</c> naming the process that has it.</summary>
    public static IDisposable Take(string storePath)
    {
        var path = storePath + "-lead";
        FileStream? file = null;
        try
        {
            file = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
            file.SetLength(0);
            file.Write(Encoding.ASCII.GetBytes(
                Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw (e, e.HResult) switch
            {
                (UnauthorizedAccessException, _) or (_, ReadOnlyFileSystem) =>
                    SqliteErrors.IsReadOnly(storePath, ""),
                (_, WouldBlock) => SqliteErrors.IsLed(storePath, HolderOf(path)),
                (_, NoSpace) => SqliteErrors.IsFull(storePath, ""),
                _ => new StoreException(
                    "store-unavailable", $"{path} cannot be made or locked: {e.Message}", e),
            };
        }
    }

    /// <summary>
    /// True: a process that is alive has it, as far as the system's list of locks tells. Takes
    /// nothing itself, not for a moment: somebody might fail because of it.
    /// </summary>
    public static bool IsHeld(string storePath)
    {
        var path = storePath + "-lead";
        var holder = PidOf(path);
        if (holder.Length == 0) return false;
        try
        {
            // A process may lead several stores: the line ends with device and inode of the file.
            var inode = $":{FileStat.Of(path).Stamp.Inode} ";
            return File.ReadLines("/proc/locks").Any(line =>
                line.Contains($"FLOCK  ADVISORY  WRITE {holder} ", StringComparison.Ordinal)
                && line.Contains(inode, StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // The numbers of errors on Linux, which the runtime passes on as they are.
    const int WouldBlock = 11, NoSpace = 28, ReadOnlyFileSystem = 30;

    // FileStream takes a lock for reading too, which the holder's keeps it from, so ask libc.
    static string HolderOf(string path) =>
        PidOf(path) is { Length: > 0 } pid ? $" (pid {pid})" : "";

    static string PidOf(string path)
    {
        Span<byte> digits = stackalloc byte[16];
        var file = Open(path, CloseOnExec);
        if (file < 0) return "";
        var count = Read(file, ref MemoryMarshal.GetReference(digits), digits.Length);
        _ = Close(file);
        return count > 0 ? Encoding.ASCII.GetString(digits[..(int)count]) : "";
    }

    const int CloseOnExec = 0x80000; // Read-only is 0.

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int file, ref byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
