using System.Text;

namespace Quoin.Engine;

/// <summary>
/// The one process that decides for a store on this host holds this lock: a file lock that the
/// system releases when the process ends, however it ends.
/// </summary>
public sealed class CoordinatorLock : IDisposable
{
    readonly FileStream file;

    CoordinatorLock(FileStream file) => this.file = file;

    /// <summary>Takes the lock.</summary>
    /// <param name="path">The lock file; its folder exists.</param>
    /// <param name="owner">Who takes it, for the message that another process gets.</param>
    /// <exception cref="StoreException">Code <c>store-locked</c>, naming who has it.</exception>
    public static CoordinatorLock Take(string path, string owner)
    {
        FileStream file;
        try
        {
            file = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StoreException(
                "store-read-only", $"{path} cannot be written; check who owns the folder.", e);
        }
        catch (IOException e)
        {
            var holder = Holder(path);
            throw new StoreException(
                "store-locked",
                $"Another process ({holder}) is building in this workspace. Wait for it, or end "
                + "its want: quoin cancel --all",
                e);
        }
        file.SetLength(0);
        file.Write(Encoding.UTF8.GetBytes(owner));
        file.Flush();
        return new CoordinatorLock(file);
    }

    /// <summary>Who wrote the lock file last; only while somebody holds it does that mean a thing.</summary>
    static string Holder(string path)
    {
        try
        {
            // The lock is advisory: reading goes through another handle that asks for none.
            using var handle = File.OpenHandle(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            Span<byte> bytes = stackalloc byte[256];
            return Encoding.UTF8.GetString(bytes[..RandomAccess.Read(handle, bytes, 0)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => file.Dispose();
}
