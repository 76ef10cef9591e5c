using System.Collections.Concurrent;
using System.Security.Cryptography;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Copies files and tells what it copied. Where the file system can share blocks it clones and then
/// reads the clone; else bytes go through one small buffer that is hashed on its way, so that the
/// content is read from memory once. Never a hard link: who writes into one would change the other.
/// </summary>
static unsafe class FileCopy
{
    // Measured, `./dev bench artifacts`: what fits into a core's own cache is hashed and written
    // from there.
    internal const int ChunkBytes = 1 << 20;

    // From here on asking the file system for all the room at once saves more than it costs.
    const int ReserveFromBytes = 1 << 20;

    // File systems that cannot clone from one to the other are not asked for each of many files.
    const int CloneFailuresMax = 16;
    static readonly ConcurrentDictionary<(long From, long To), int> cloneFailures = [];

    const int PlainMode = 0x1B6, ProgramMode = 0x1FF; // rw-rw-rw- and rwxrwxrwx, less the umask
    const nuint CloneRequest = 0x40049409; // FICLONE

    [ThreadStatic] static Xxh3? hash;
    [ThreadStatic] static byte[]? chunk;

    /// <summary>
    /// Makes a new file of the same bytes, and returns their digest and number.
    /// </summary>
    /// <param name="from">A file.</param>
    /// <param name="to">Must not be there.</param>
    /// <param name="isProgram">Whether the new file may be executed.</param>
    /// <exception cref="IOException">
    /// One cannot be read or the other not written; nothing is left of it.
    /// </exception>
    public static (Digest Digest, long Bytes) Copy(
        string from, string to, bool isProgram, CancellationToken ct = default)
    {
        var source = Libc.Open(from, Libc.ReadOnly | Libc.NonBlock);
        if (source < 0) throw Failure(from, -source);
        try
        {
            var target = Libc.Open(
                to, Libc.ReadWrite | Libc.Create | Libc.Exclusive,
                isProgram ? (uint)ProgramMode : PlainMode);
            if (target < 0) throw Failure(to, -target);
            try
            {
                if (Clone(source, target)) return Through(target, -1, to, to, ct);
                var size = FileStat.OfOpen(source).Stamp.Size;
                var error = size < ReserveFromBytes ? 0 : Libc.fallocate(target, 0, 0, size);
                if (error != 0 && Libc.Error == Libc.ENOSPC) throw Failure(to, Libc.ENOSPC);
                var copied = Through(source, target, from, to, ct);
                // It was cut while it was read: the rest of the room holds nothing.
                if (copied.Bytes < size && Libc.ftruncate(target, copied.Bytes) != 0)
                    throw Failure(to, Libc.Error);
                return copied;
            }
            catch
            {
                _ = Folders.RemoveFile(to);
                throw;
            }
            finally
            {
                _ = Libc.close(target);
            }
        }
        finally
        {
            _ = Libc.close(source);
        }
    }

    /// <summary>Whether files of a folder can share their blocks.</summary>
    internal static bool CanClone(string folder)
    {
        var (from, to) = (Path.Combine(folder, "clone-from"), Path.Combine(folder, "clone-to"));
        File.WriteAllText(from, "one block");
        using var source = File.OpenHandle(from);
        using var target = File.OpenHandle(to, FileMode.Create, FileAccess.ReadWrite);
        var error = Libc.ioctl(
            (int)target.DangerousGetHandle(), CloneRequest, source.DangerousGetHandle());
        File.Delete(from);
        File.Delete(to);
        return error == 0;
    }

    /// <summary>Digest, number and SHA-256 of a file's bytes.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (Digest Digest, long Bytes, string Sha256) Sum(string file)
    {
        using var from = File.OpenRead(file);
        using var sums = new SummingStream(Stream.Null);
        from.CopyTo(sums, ChunkBytes);
        return (sums.Digest(), sums.Bytes, sums.Sha256());
    }

    static bool Clone(int source, int target)
    {
        var devices = (FileStat.DeviceOf(source), FileStat.DeviceOf(target));
        var isFailing = cloneFailures.TryGetValue(devices, out var failures);
        if (failures >= CloneFailuresMax) return false;
        var isCloned = Libc.ioctl(target, CloneRequest, source) == 0;
        if (!isCloned) cloneFailures.AddOrUpdate(devices, 1, static (_, count) => count + 1);
        else if (isFailing) cloneFailures.TryRemove(devices, out _); // It was full, say.
        return isCloned;
    }

    static (Digest Digest, long Bytes) Through(
        int source, int target, string from, string to, CancellationToken ct)
    {
        chunk ??= GC.AllocateUninitializedArray<byte>(ChunkBytes);
        hash ??= new Xxh3();
        hash.Reset();
        long bytes = 0;
        fixed (byte* start = chunk)
        {
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                var count = (int)Libc.read(source, start, ChunkBytes);
                if (count < 0 && Libc.Error == Libc.EINTR) continue;
                if (count < 0) throw Failure(from, Libc.Error);
                if (count == 0) return (hash.Finish(), bytes);
                bytes += count;
                var some = chunk.AsSpan(0, count);
                hash.Append(some);
                if (target >= 0 && Libc.WriteAll(target, some) is not 0 and var error)
                    throw Failure(to, error);
            }
        }
    }

    // The low half of the number is the system's own, as the framework has it.
    static IOException Failure(string path, int error) =>
        new($"{path}: {Libc.Describe(error)}", error);
}

/// <summary>
/// The file to which something is copied cannot be written. Its own kind, so that nobody takes it
/// for a failure of where the bytes come from.
/// </summary>
sealed class NoRoomException(IOException inner) : Exception(inner.Message, inner);

/// <summary>
/// Passes bytes on, and knows what they were. When it cannot: <see cref="NoRoomException"/>.
/// </summary>
sealed class SummingStream(Stream to) : Stream
{
    readonly Xxh3 hash = new();
    readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public long Bytes { get; private set; }

    public Digest Digest() => hash.Finish();

    public string Sha256() => Convert.ToHexStringLower(sha.GetCurrentHash());

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => Bytes;

    public override long Position
    {
        get => Bytes;
        set => throw new NotSupportedException();
    }

    public override void Flush() => to.Flush();

    public override void Write(byte[] buffer, int offset, int count) =>
        Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            to.Write(buffer);
        }
        catch (IOException e)
        {
            throw new NoRoomException(e);
        }
        hash.Append(buffer);
        sha.AppendData(buffer);
        Bytes += buffer.Length;
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) sha.Dispose();
        base.Dispose(disposing);
    }
}
