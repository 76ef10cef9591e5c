using System.Globalization;
using System.Text;

namespace Quoin.Storage;

/// <summary>
/// The lock file beside a store (<c>quoin.db-lead</c>): the process that holds it decides. The
/// operating system lets go of it when the process ends, however it ends. One host only; the lease
/// of several hosts is a row of the store.
/// </summary>
static class LeadLock
{
    /// <summary>Takes it, or throws <c>store-locked</c> naming the process that has it.</summary>
    public static IDisposable Take(string storePath)
    {
        var path = storePath + "-lead";
        try
        {
            var file = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
            file.SetLength(0);
            file.Write(Encoding.ASCII.GetBytes(
                Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            file.Flush();
            return file;
        }
        catch (UnauthorizedAccessException)
        {
            throw SqliteErrors.IsReadOnly(storePath, "");
        }
        catch (IOException e) when (IsReadOnlyFileSystem(e))
        {
            throw SqliteErrors.IsReadOnly(storePath, "");
        }
        catch (IOException) when (File.Exists(path))
        {
            throw SqliteErrors.IsLed(storePath, HolderOf(path));
        }
    }

    const int ReadOnlyFileSystem = 30;

    static bool IsReadOnlyFileSystem(IOException e) => e.HResult == ReadOnlyFileSystem;

    // The holder's lock keeps the runtime from opening the file, so its number is only had where
    // the kernel lists locks; without it the message is still right.
    static string HolderOf(string path)
    {
        try
        {
            using var file = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file);
            return reader.ReadToEnd() is { Length: > 0 } pid ? $" (pid {pid})" : "";
        }
        catch (IOException)
        {
            return "";
        }
    }
}
