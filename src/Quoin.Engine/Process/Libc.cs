using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

// Lets the ahead-of-time compiler make the calls below direct: everything here is blittable.
[assembly: DisableRuntimeMarshalling]

namespace Quoin.Engine;

/// <summary>
/// The functions of glibc that Quoin calls itself, with Linux's numbers (x64 and arm64 agree on all
/// of these). Paths are NUL-terminated UTF-8; see <see cref="Utf8"/>.
/// </summary>
static unsafe partial class Libc
{
    const string Name = "libc.so.6";

    /// <summary>The longest path, its NUL included.</summary>
    public const int PathMax = 4096;

    public const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2, Create = 0x40, Exclusive = 0x80;
    public const int Truncate = 0x200, Append = 0x400, NonBlock = 0x800, CloseOnExec = 0x80000;

    // These two differ between the processors.
    public static readonly int NoFollow = IsArm ? 0x8000 : 0x20000;
    public static readonly int DirectoryOnly = IsArm ? 0x4000 : 0x10000;

    public const int AtCwd = -100, AtSymlinkNoFollow = 0x100, AtRemoveDir = 0x200;
    public const short PollIn = 1, PollOut = 4, PollErr = 8, PollHup = 16;
    public const int SigHup = 1, SigInt = 2, SigKill = 9, SigTerm = 15, SigCont = 18;
    public const int WaitNoHang = 1;

    public const int ENOENT = 2, EINTR = 4, E2BIG = 7, ENOEXEC = 8, EAGAIN = 11, ENOMEM = 12;
    public const int EACCES = 13, EEXIST = 17, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, ENFILE = 23;
    public const int EMFILE = 24, ENOSPC = 28, EROFS = 30, EPERM = 1, ENAMETOOLONG = 36;
    public const int EINVAL = 22, ENOSYS = 38;
    public const int ENOTEMPTY = 39, ELOOP = 40, EDQUOT = 122, ETXTBSY = 26, EPIPE = 32;

    static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events, Seen;
    }

    /// <summary><c>struct rusage</c>: only the first members have a meaning on Linux.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    public struct Usage
    {
        [FieldOffset(0)] public long UserSeconds;
        [FieldOffset(8)] public long UserMicros;
        [FieldOffset(16)] public long SystemSeconds;
        [FieldOffset(24)] public long SystemMicros;
        [FieldOffset(32)] public long PeakKb;
    }

    /// <summary><c>struct statx</c>, the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct Statx
    {
        [FieldOffset(0)] public uint Mask;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(80)] public long BirthSeconds;
        [FieldOffset(88)] public uint BirthNanos;
        [FieldOffset(112)] public long ModifiedSeconds;
        [FieldOffset(120)] public uint ModifiedNanos;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;
    }

    [LibraryImport(Name)]
    public static partial int posix_spawn(
        int* pid, byte* path, void* actions, void* attributes, byte** argv, byte** envp);

    // Those without a result cannot fail on glibc when their arguments are valid.
    [LibraryImport(Name)] public static partial void posix_spawnattr_init(void* attributes);
    [LibraryImport(Name)] public static partial void posix_spawnattr_setflags(void* a, short flags);
    [LibraryImport(Name)] public static partial void posix_spawnattr_setpgroup(void* a, int group);
    [LibraryImport(Name)] public static partial void posix_spawnattr_setsigmask(void* a, void* set);
    [LibraryImport(Name)]
    public static partial void posix_spawnattr_setsigdefault(void* a, void* s);
    [LibraryImport(Name)] public static partial void sigemptyset(void* set);
    [LibraryImport(Name)] public static partial void sigfillset(void* set);
    [LibraryImport(Name)] public static partial int posix_spawn_file_actions_init(void* actions);
    [LibraryImport(Name)]
    public static partial void posix_spawn_file_actions_destroy(void* actions);

    [LibraryImport(Name)]
    public static partial int posix_spawn_file_actions_adddup2(void* actions, int fd, int wanted);

    [LibraryImport(Name)]
    public static partial int posix_spawn_file_actions_addchdir_np(void* actions, byte* path);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int sched_getaffinity(int pid, nuint size, byte* mask);
    [LibraryImport(Name, SetLastError = true)]
    public static partial int sched_setaffinity(int pid, nuint size, byte* mask);
    [LibraryImport(Name, SetLastError = true)] public static partial int pipe2(int* fds, int flags);
    [LibraryImport(Name, SetLastError = true)] public static partial int close(int fd);
    [LibraryImport(Name, SetLastError = true)]
    public static partial int eventfd(uint value, int flags);
    [LibraryImport(Name, SetLastError = true)] public static partial int kill(int pid, int signal);

    [LibraryImport(Name, SetLastError = true)]
    public static partial nint read(int fd, byte* buffer, nint count);

    [LibraryImport(Name, SetLastError = true)]
    public static partial nint write(int fd, byte* buffer, nint count);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int poll(PollFd* fds, nuint count, int timeoutMs);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int wait4(int pid, int* status, int options, Usage* usage);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int openat(int folder, byte* path, int flags, uint mode);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int mkdirat(int folder, byte* path, uint mode);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int fsync(int fd);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int ioctl(int fd, nuint request, nint argument);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int fallocate(int fd, int mode, long from, long length);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int flock(int fd, int operation);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int unlinkat(int folder, byte* path, int flags);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int rename(byte* from, byte* to);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int linkat(
        int folder, byte* path, int target, byte* name, int flags);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int ftruncate(int fd, long length);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int renameat(int folder, byte* from, int target, byte* to);

    [LibraryImport(Name, SetLastError = true)]
    public static partial long lseek(int fd, long offset, int whence);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int getrusage(int who, Usage* u);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int fchmodat(int folder, byte* path, uint mode, int flags);

    [LibraryImport(Name, SetLastError = true)] public static partial int fchmod(int fd, uint mode);

    [LibraryImport(Name, SetLastError = true)]
    public static partial nint readlinkat(int folder, byte* path, byte* buffer, nint size);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int symlinkat(byte* target, int folder, byte* path);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int statx(int folder, byte* path, int flags, uint mask, Statx* result);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int faccessat(int folder, byte* path, int mode, int flags);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int memfd_create(byte* name, uint flags);

    [LibraryImport(Name, SetLastError = true)]
    public static partial void* mmap(
        void* at, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport(Name, SetLastError = true)]
    public static partial int munmap(void* at, nuint length);

    [LibraryImport(Name, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint a, nint b, nint c);

    [LibraryImport(Name, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint a, nint b, nint c, nint d, nint e);

    /// <summary>
    /// Renames unless something is there: <c>EEXIST</c>. Older than the C library's own of it.
    /// </summary>
    public static int RenameNew(byte* from, byte* to)
    {
        const int noReplace = 1;
        return (int)Syscall(
            IsArm ? 276 : 316, AtCwd, (nint)from, AtCwd, (nint)to, noReplace);
    }

    /// <summary>
    /// A descriptor that becomes readable when the process ends; always close-on-exec.
    /// </summary>
    public static int PidfdOpen(int pid) => (int)Syscall(434, pid, 0, 0);

    /// <summary>Directory entries as the kernel lays them out; 0 at the end.</summary>
    public static int GetDents(int fd, byte* buffer, int size) =>
        (int)Syscall(IsArm ? 61 : 217, fd, (nint)buffer, size);

    /// <summary>Writes a path as NUL-terminated UTF-8 into <paramref name="buffer"/>.</summary>
    public static Span<byte> Utf8(string path, Span<byte> buffer)
    {
        if (path.Contains('\0')) throw new IOException($"a path holds a NUL character: {path}");
        if (path.Length >= buffer.Length
            || !Encoding.UTF8.TryGetBytes(path, buffer[..^1], out var length))
            throw new PathTooLongException(
                $"a path is longer than {buffer.Length - 1} bytes: {path}");
        buffer[length] = 0;
        return buffer[..(length + 1)];
    }

    /// <summary>What the last failed call said, as a number.</summary>
    public static int Error => Marshal.GetLastPInvokeError();

    /// <summary>An error number in words: <c>No space left on device</c>.</summary>
    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);

    /// <summary>Writes all bytes, or returns the error number.</summary>
    public static int WriteAll(int fd, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (nint done = 0; done < bytes.Length;)
            {
                var n = write(fd, start + done, bytes.Length - done);
                if (n > 0) done += n;
                else if (Error != EINTR) return Error;
            }
        }
        return 0;
    }

    /// <summary>Opens a path; the descriptor, or minus the error number.</summary>
    [SkipLocalsInit]
    public static int Open(string path, int flags, uint mode = 0)
    {
        Span<byte> buffer = stackalloc byte[PathMax];
        fixed (byte* utf8 = Utf8(path, buffer))
        {
            int fd;
            do fd = openat(AtCwd, utf8, flags | CloseOnExec, mode);
            while (fd < 0 && Error == EINTR);
            return fd < 0 ? -Error : fd;
        }
    }
}
