using Microsoft.Win32.SafeHandles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// Folders by system call: making them, listing them with names as the bytes they are, removing
/// whole trees whatever a job left in them. Errors are error numbers, 0 is success.
/// </summary>
static unsafe class Folders
{
    const uint AllModes = 0x1FF; // rwxrwxrwx, less the umask

    /// <summary>A handle that paths below the folder are looked up from.</summary>
    /// <exception cref="IOException">It is not there, or no folder.</exception>
    public static SafeFileHandle Open(string folder)
    {
        const int onlyPath = 0x200000;
        var fd = Libc.Open(folder, onlyPath | Libc.DirectoryOnly);
        return fd >= 0
            ? new SafeFileHandle(fd, ownsHandle: true)
            : throw new IOException($"{folder}: {Libc.Describe(-fd)}");
    }

    /// <summary>Makes a folder and those above it. It may be there already.</summary>
    public static int Make(string folder)
    {
        // Another process may remove an empty parent in between: hence the bounded repetition.
        for (var attempt = 0; ; attempt++)
        {
            var error = MakeOne(folder);
            if (error == Libc.EEXIST)
                return FileStat.Of(folder).Kind == FileKind.Directory ? 0 : Libc.ENOTDIR;
            if (error != Libc.ENOENT || attempt == 8) return error;
            if (Path.GetDirectoryName(folder) is not { Length: > 0 } parent) return error;
            if (Make(parent) is not 0 and var failed) return failed;
        }
    }

    /// <summary>Makes one folder, which must not be there.</summary>
    [SkipLocalsInit]
    public static int MakeOne(string folder)
    {
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        fixed (byte* utf8 = Libc.Utf8(folder, buffer))
            return Libc.mkdirat(Libc.AtCwd, utf8, AllModes) == 0 ? 0 : Libc.Error;
    }

    /// <summary>Its names are on disk when this returns.</summary>
    public static int Sync(string folder)
    {
        var fd = Libc.Open(folder, Libc.ReadOnly | Libc.DirectoryOnly);
        if (fd < 0) return -fd;
        var error = Libc.fsync(fd) == 0 ? 0 : Libc.Error;
        _ = Libc.close(fd);
        return error;
    }

    /// <summary>Removes an empty folder.</summary>
    [SkipLocalsInit]
    public static int RemoveEmpty(string folder)
    {
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        fixed (byte* utf8 = Libc.Utf8(folder, buffer))
            return Libc.unlinkat(Libc.AtCwd, utf8, Libc.AtRemoveDir) == 0 ? 0 : Libc.Error;
    }

    /// <summary>Removes a file or link.</summary>
    [SkipLocalsInit]
    public static int RemoveFile(string file)
    {
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        fixed (byte* utf8 = Libc.Utf8(file, buffer))
            return Libc.unlinkat(Libc.AtCwd, utf8, 0) == 0 ? 0 : Libc.Error;
    }

    /// <summary>Says who may do what with a file.</summary>
    [SkipLocalsInit]
    public static int SetMode(string file, uint mode)
    {
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        fixed (byte* utf8 = Libc.Utf8(file, buffer))
            return Libc.fchmodat(Libc.AtCwd, utf8, mode, 0) == 0 ? 0 : Libc.Error;
    }

    /// <summary>Renames; both on one file system.</summary>
    [SkipLocalsInit]
    public static int Rename(string from, string to)
    {
        Span<byte> source = stackalloc byte[Libc.PathMax];
        Span<byte> target = stackalloc byte[Libc.PathMax];
        fixed (byte* old = Libc.Utf8(from, source), place = Libc.Utf8(to, target))
            return Libc.rename(old, place) == 0 ? 0 : Libc.Error;
    }

    /// <summary>Renames unless something is there: <c>EEXIST</c>.</summary>
    [SkipLocalsInit]
    public static int RenameNew(string from, string to)
    {
        Span<byte> source = stackalloc byte[Libc.PathMax];
        Span<byte> target = stackalloc byte[Libc.PathMax];
        fixed (byte* old = Libc.Utf8(from, source), place = Libc.Utf8(to, target))
        {
            if (Libc.RenameNew(old, place) == 0) return 0;
            // Some file systems cannot: then there is a moment between the look and the rename.
            if (Libc.Error is not (Libc.EINVAL or Libc.ENOSYS) and var error) return error;
        }
        return FileStat.OfLink(to).Exists ? Libc.EEXIST : Rename(from, to);
    }

    /// <summary>Gives a file or link a second name, which must not be there.</summary>
    [SkipLocalsInit]
    public static int Link(string file, string name)
    {
        Span<byte> source = stackalloc byte[Libc.PathMax];
        Span<byte> target = stackalloc byte[Libc.PathMax];
        fixed (byte* old = Libc.Utf8(file, source), second = Libc.Utf8(name, target))
            return Libc.linkat(Libc.AtCwd, old, Libc.AtCwd, second, 0) == 0 ? 0 : Libc.Error;
    }

    /// <summary>Whatever is there is removed; nothing there is success.</summary>
    public static int RemoveAny(string path)
    {
        var error = RemoveFile(path);
        return error switch
        {
            Libc.ENOENT => 0,
            Libc.EISDIR or Libc.EPERM => RemoveTree(path),
            _ => error,
        };
    }

    /// <summary>
    /// Removes a folder with all that is in it: read-only folders, names that are not UTF-8, any
    /// depth. Deep folders are moved up before they are emptied, so that neither the stack nor the
    /// number of open files grows with the depth.
    /// </summary>
    public static int RemoveTree(string folder)
    {
        var error = RemoveEmpty(folder);
        if (error == Libc.ENOENT) return 0;
        if (error is not (Libc.ENOTEMPTY or Libc.EEXIST)) return error;
        var top = OpenToEmpty(Libc.AtCwd, folder);
        if (top < 0) return -top;
        try
        {
            var moved = 0;
            for (var names = List(top); names.Count > 0; names = List(top))
            {
                var removed = 0;
                foreach (var name in names)
                    if (Empty(top, name, ref moved, out error)) removed++;
                if (removed == 0) return error;
            }
        }
        finally
        {
            _ = Libc.close(top);
        }
        error = RemoveEmpty(folder);
        return error == Libc.ENOENT ? 0 : error;
    }

    /// <summary>
    /// The names in an open folder, without <c>.</c> and <c>..</c>, each ending with a NUL.
    /// </summary>
    [SkipLocalsInit]
    public static List<byte[]> List(int folder)
    {
        const int size = 16 << 10;
        var buffer = stackalloc byte[size];
        var names = new List<byte[]>();
        _ = Libc.lseek(folder, 0, 0);
        for (int count; (count = Libc.GetDents(folder, buffer, size)) > 0;)
        {
            // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name
            for (var at = 0; at < count; at += *(ushort*)(buffer + at + 16))
            {
                var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer + at + 19);
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    names.Add([.. name, 0]);
            }
        }
        return names;
    }

    /// <summary>A name as text; what is not UTF-8 becomes U+FFFD.</summary>
    public static string Text(byte[] name) =>
        Encoding.UTF8.GetString(name.AsSpan(0, name.Length - 1));

    // Removes one entry of top; a folder's own folders are moved to top first.
    static bool Empty(int top, byte[] name, ref int moved, out int error)
    {
        fixed (byte* entry = name)
        {
            if (Libc.unlinkat(top, entry, 0) == 0
                || Libc.unlinkat(top, entry, Libc.AtRemoveDir) == 0)
            {
                error = 0;
                return true;
            }
            error = Libc.Error;
            if (error is not (Libc.ENOTEMPTY or Libc.EEXIST)) return false;
            var inner = OpenToEmpty(top, entry);
            if (inner < 0)
            {
                error = -inner;
                return false;
            }
            foreach (var child in List(inner))
            {
                fixed (byte* childName = child)
                {
                    if (Libc.unlinkat(inner, childName, 0) == 0
                        || Libc.unlinkat(inner, childName, Libc.AtRemoveDir) == 0) continue;
                    _ = Libc.fchmodat(inner, childName, 0x1C0, 0);
                    byte[] target;
                    int result;
                    do
                    {
                        target = [.. Encoding.UTF8.GetBytes($".removing-{moved++}"), 0];
                        fixed (byte* targetName = target)
                            result = Libc.renameat(inner, childName, top, targetName);
                    }
                    while (result != 0
                        && Libc.Error is Libc.ENOTEMPTY or Libc.EEXIST or Libc.ENOTDIR);
                }
            }
            _ = Libc.close(inner);
            if (Libc.unlinkat(top, entry, Libc.AtRemoveDir) == 0) return true;
            error = Libc.Error;
            return false;
        }
    }

    static int OpenToEmpty(int folder, string path)
    {
        Span<byte> buffer = stackalloc byte[Libc.PathMax];
        fixed (byte* utf8 = Libc.Utf8(path, buffer)) return OpenToEmpty(folder, utf8);
    }

    // Opens a folder for listing, and lets us change it if its owner, the job, forbade that.
    static int OpenToEmpty(int folder, byte* path)
    {
        var flags = Libc.DirectoryOnly | Libc.NoFollow | Libc.CloseOnExec;
        var fd = Libc.openat(folder, path, flags, 0);
        if (fd < 0 && Libc.Error == Libc.EACCES)
        {
            _ = Libc.fchmodat(folder, path, 0x1C0, 0);
            fd = Libc.openat(folder, path, flags, 0);
        }
        if (fd < 0) return -Libc.Error;
        _ = Libc.fchmod(fd, 0x1C0); // rwx------
        return fd;
    }
}
