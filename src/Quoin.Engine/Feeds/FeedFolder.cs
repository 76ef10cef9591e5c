using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Which file it is, and how big. Times are nanoseconds.</summary>
readonly record struct FileFacts(
    bool IsRegular, bool IsFolder, bool IsSocket, long Device, long Inode, long Birth, long Size,
    long Modified);

/// <summary>
/// A feed's folder through the system's own calls: names, facts about files, reading without ever
/// blocking (a FIFO), and a bell that rings when something may have changed. Knows no feed.
/// </summary>
sealed unsafe partial class FeedFolder : IDisposable
{
    const uint Changes = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800;
    const uint ContentOnly = 0x2 | 0x8;
    const int HeaderBytes = 16, EmptyPath = 0x1000, WantedFacts = 0x7ff | 0x800;
    const int KindMask = 0xf000, Regular = 0x8000, FolderKind = 0x4000,
        SocketKind = 0xc000;

    readonly string path;
    readonly byte[] events = new byte[64 * 1024];
    int watch = -1;

    public FeedFolder(string path)
    {
        this.path = path;
        Bell = inotify_init1(Libc.NonBlock | Libc.CloseOnExec);
    }

    /// <summary>
    /// A descriptor that is readable when something happened; negative: there is none.
    /// </summary>
    public int Bell { get; }

    /// <summary>
    /// Watches the folder that has the path now, whatever was watched before; false: it cannot.
    /// </summary>
    public bool Watch()
    {
        if (Bell < 0) return false;
        if (watch >= 0) _ = inotify_rm_watch(Bell, watch);
        watch = inotify_add_watch(Bell, path, Changes);
        return watch >= 0;
    }

    /// <summary>
    /// Takes all that was rung. True: look at the whole folder; else <paramref name="touched"/> is
    /// called with the names of files whose content changed.
    /// </summary>
    public bool Rang(Action<string> touched)
    {
        var isLook = false;
        fixed (byte* buffer = events)
        {
            while (Bell >= 0 && Libc.read(Bell, buffer, events.Length) is > 0 and var count)
            {
                for (var at = 0; at + HeaderBytes <= count;)
                {
                    var mask = BitConverter.ToUInt32(events, at + 4);
                    var length = BitConverter.ToInt32(events, at + 12);
                    var name = events.AsSpan(at + HeaderBytes, length).TrimEnd((byte)0);
                    if ((mask & ~ContentOnly) != 0) isLook = true;
                    else touched(System.Text.Encoding.UTF8.GetString(name));
                    at += HeaderBytes + length;
                }
            }
        }
        return isLook;
    }

    /// <summary>The facts of the folder itself; null: it cannot be looked at.</summary>
    public FileFacts? Facts() => FactsOf(Libc.AtCwd, path, 0);

    /// <summary>The facts of a file of the folder, through links; null: there is none.</summary>
    public FileFacts? Facts(string name) => FactsOf(Libc.AtCwd, $"{path}/{name}", 0);

    /// <summary>The facts of whatever has a path; null: there is none.</summary>
    public static FileFacts? Facts(string path, bool isPath) =>
        isPath ? FactsOf(Libc.AtCwd, path, Libc.AtSymlinkNoFollow) : null;

    /// <summary>The facts of an open file.</summary>
    public static FileFacts? Facts(int file) => FactsOf(file, "", EmptyPath);

    [SkipLocalsInit]
    static FileFacts? FactsOf(int folder, string path, int flags)
    {
        Span<byte> room = stackalloc byte[Libc.PathMax];
        var utf8 = Libc.Utf8(path, room);
        Libc.Statx it;
        fixed (byte* name = utf8)
            if (Libc.statx(folder, name, flags, WantedFacts, &it) != 0) return null;
        return new FileFacts(
            (it.Mode & KindMask) == Regular, (it.Mode & KindMask) == FolderKind,
            (it.Mode & KindMask) == SocketKind,
            ((long)it.DeviceMajor << 32) | it.DeviceMinor, (long)it.Inode,
            (it.BirthSeconds * 1_000_000_000) + it.BirthNanos, (long)it.Size,
            (it.ModifiedSeconds * 1_000_000_000) + it.ModifiedNanos);
    }

    /// <summary>Its names; null: it cannot be read.</summary>
    public List<string>? Names()
    {
        try
        {
            return
            [
                .. Directory.EnumerateFileSystemEntries(path).Select(it => Path.GetFileName(it)),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Opens a file of the folder; minus the error number when it cannot.</summary>
    public int Open(string name) =>
        Libc.Open($"{path}/{name}", Libc.ReadOnly | Libc.NonBlock | Libc.CloseOnExec);

    /// <summary>Reads at a place; how many bytes, 0 at the end, minus the error number.</summary>
    public static int Read(int file, Span<byte> into, long at)
    {
        fixed (byte* buffer = into)
        {
            while (true)
            {
                var count = pread(file, buffer, into.Length, at);
                if (count >= 0) return (int)count;
                if (Libc.Error != Libc.EINTR) return -Libc.Error;
            }
        }
    }

    public void Dispose()
    {
        if (Bell >= 0) _ = Libc.close(Bell);
    }

    [LibraryImport("libc.so.6", SetLastError = true)]
    private static partial nint pread(int file, byte* buffer, nint count, long at);

    [LibraryImport("libc.so.6")]
    private static partial int inotify_init1(int flags);

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int inotify_add_watch(int bell, string path, uint mask);

    [LibraryImport("libc.so.6")]
    private static partial int inotify_rm_watch(int bell, int watch);
}
