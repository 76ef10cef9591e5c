using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Quoin.Engine;

/// <summary>What kind of thing a path is.</summary>
public enum FileKind : byte
{
    /// <summary>Nothing is there.</summary>
    Missing,

    /// <summary>A regular file.</summary>
    File,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A symbolic link (only when links are not followed).</summary>
    Link,

    /// <summary>A pipe, socket or device.</summary>
    Other,
}

/// <summary>
/// What <c>stat</c> says of one path: kind, permission bits, and the stamp of the cache.
/// </summary>
public readonly record struct FileStat(FileKind Kind, int Mode, FileStamp Stamp)
{
    const uint TypeAndMode = 3, Wanted = TypeAndMode | 0x40 | 0x100 | 0x200; // + mtime, inode, size

    /// <summary>The stat of a path that does not exist.</summary>
    public static readonly FileStat Missing = new(FileKind.Missing, 0, new FileStamp(-1, 0, 0));

    /// <summary>True when there is something.</summary>
    public bool Exists => Kind != FileKind.Missing;

    /// <summary>True when anybody may execute it.</summary>
    public bool Executable => (Mode & 0x49) != 0;

    /// <summary>
    /// The stat of what a path leads to, links followed. A path below a file, below a folder that
    /// we may not enter, or a dangling link is <see cref="FileKind.Missing"/>. One system call.
    /// </summary>
    /// <exception cref="IOException">Any other error (a loop of links, an I/O error).</exception>
    public static FileStat Of(string path) => Of(path, 0);

    /// <summary>
    /// The stat of the path itself: a symbolic link is a <see cref="FileKind.Link"/>.
    /// </summary>
    public static FileStat OfLink(string path) => Of(path, Libc.AtSymlinkNoFollow);

    /// <summary>
    /// <see cref="Of(string)"/> of a path relative to an open folder: shorter to look up than from
    /// the root. An absolute path stays what it is.
    /// </summary>
    internal static FileStat Below(SafeFileHandle folder, string path) =>
        Of(path, 0, (int)folder.DangerousGetHandle());

    internal static unsafe FileStat Below(SafeFileHandle folder, ReadOnlySpan<byte> utf8WithNul)
    {
        fixed (byte* path = utf8WithNul)
            return Of(path, 0, (int)folder.DangerousGetHandle(), utf8WithNul);
    }

    /// <summary>The stamp of many paths, links followed, in their order.</summary>
    public static void Stamps(ReadOnlySpan<string> paths, Span<FileStamp> stamps)
    {
        for (var i = 0; i < paths.Length; i++) stamps[i] = Of(paths[i]).Stamp;
    }

    [SkipLocalsInit]
    static unsafe FileStat Of(string path, int flags, int folder = Libc.AtCwd)
    {
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        var shown = Libc.Utf8(path, buffer);
        fixed (byte* utf8 = shown) return Of(utf8, flags, folder, shown);
    }

    static unsafe FileStat Of(byte* utf8, int flags, int folder, ReadOnlySpan<byte> shown)
    {
        var error = At(folder, utf8, flags, out var stat);
        return error switch
        {
            0 => stat,
            Libc.ENOENT or Libc.ENOTDIR or Libc.EACCES => Missing,
            _ => throw new IOException(
                $"{Encoding.UTF8.GetString(shown[..^1])}: {Libc.Describe(error)}"),
        };
    }

    /// <summary>The stat of a name below an open folder; 0 or the error number.</summary>
    [SkipLocalsInit]
    internal static unsafe int At(int folder, byte* path, int flags, out FileStat stat)
    {
        Libc.Statx raw;
        stat = Missing;
        if (Libc.statx(folder, path, flags, Wanted, &raw) != 0) return Libc.Error;
        stat = From(raw);
        return 0;
    }

    /// <summary>The stat of an open file.</summary>
    [SkipLocalsInit]
    internal static unsafe FileStat OfOpen(int fd)
    {
        const int emptyPath = 0x1000;
        Libc.Statx raw;
        byte nothing = 0;
        if (Libc.statx(fd, &nothing, emptyPath, Wanted, &raw) != 0)
            throw new IOException(Libc.Describe(Libc.Error));
        return From(raw);
    }

    /// <summary>The file system that an open file is on.</summary>
    [SkipLocalsInit]
    internal static unsafe long DeviceOf(int fd)
    {
        const int emptyPath = 0x1000;
        Libc.Statx raw;
        byte nothing = 0;
        return Libc.statx(fd, &nothing, emptyPath, TypeAndMode, &raw) == 0
            ? ((long)raw.DeviceMajor << 32) | raw.DeviceMinor
            : -1;
    }

    [SkipLocalsInit]
    internal static unsafe bool IsExecutableFile(string path)
    {
        const int execute = 1;
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        fixed (byte* utf8 = Libc.Utf8(path, buffer))
            return Libc.faccessat(Libc.AtCwd, utf8, execute, 0) == 0
                && At(Libc.AtCwd, utf8, 0, out var stat) == 0 && stat.Kind == FileKind.File;
    }

    static FileStat From(in Libc.Statx raw)
    {
        var kind = (raw.Mode & 0xF000) switch
        {
            0x8000 => FileKind.File,
            0x4000 => FileKind.Directory,
            0xA000 => FileKind.Link,
            _ => FileKind.Other,
        };
        var modified = raw.ModifiedSeconds * 1_000_000_000 + raw.ModifiedNanos;
        return new FileStat(
            kind, raw.Mode & 0xFFF, new FileStamp((long)raw.Size, modified, (long)raw.Inode));
    }
}
