using System.Runtime.InteropServices;

namespace Quoin.Engine;

/// <summary>
/// The system's calls for stream sockets with a path, and for waiting on many of them. Linux's
/// numbers, the same on x64 and arm64. Results as in C; <see cref="Libc.Error"/> after -1.
/// </summary>
static unsafe partial class LineNative
{
    const string Name = "libc.so.6";

    public const int In = 1, Out = 4, Err = 8, Hup = 16, PeerEnded = 0x2000;
    public const int Edge = 1 << 31;
    public const int Add = 1, Delete = 2, Modify = 3;
    public const int ECONNRESET = 104, ECONNREFUSED = 111, EADDRINUSE = 98;

    const int Unix = 1, Stream = 1 | Libc.NonBlock | Libc.CloseOnExec;
    const int SocketLevel = 1, ErrorOption = 4, PeerOption = 17, EndWrite = 1, NoSignal = 0x4000;
    const int UnsentBytes = 0x5411, OpenFiles = 7, PathBytesMax = 107;

    // struct epoll_event is packed on x64 only.
    static readonly int stride =
        RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>The room for <paramref name="count"/> events.</summary>
    public static byte[] Room(int count) => new byte[count * stride];

    /// <summary>Waits; how many events are in the room.</summary>
    public static int Wait(int poller, byte[] room, int timeoutMs)
    {
        fixed (byte* events = room)
            return epoll_wait(poller, events, room.Length / stride, timeoutMs);
    }

    /// <summary>One event: the descriptor it is about, and what happened.</summary>
    public static (int File, int Seen) Event(byte[] room, int index)
    {
        var at = index * stride;
        return (BitConverter.ToInt32(room, at + stride - 8), BitConverter.ToInt32(room, at));
    }

    /// <summary>Says what is waited for on a descriptor.</summary>
    public static int Watch(int poller, int what, int file, int wanted)
    {
        var it = stackalloc byte[16];
        *(int*)it = wanted;
        *(long*)(it + stride - 8) = file;
        return epoll_ctl(poller, what, file, it);
    }

    /// <summary>A new poller.</summary>
    public static int NewPoller() => epoll_create1(Libc.CloseOnExec);

    /// <summary>A socket that listens at a path; minus the error number.</summary>
    public static int Listen(string path, int backlog)
    {
        var file = socket(Unix, Stream, 0);
        if (file < 0) return -Libc.Error;
        Span<byte> address = stackalloc byte[PathBytesMax + 3];
        var length = Address(path, address);
        fixed (byte* it = address)
        {
            if (bind(file, it, length) == 0 && listen(file, backlog) == 0) return file;
        }
        var error = Libc.Error;
        _ = Libc.close(file);
        return -error;
    }

    /// <summary>
    /// The process that listens at a path: its number, 0 when it cannot be told, -1 when nobody
    /// does.
    /// </summary>
    public static int ListenerOf(string path)
    {
        var file = socket(Unix, Stream, 0);
        if (file < 0) return 0;
        Span<byte> address = stackalloc byte[PathBytesMax + 3];
        var length = Address(path, address);
        fixed (byte* it = address)
        {
            var found = 0;
            if (connect(file, it, length) == 0)
            {
                var who = stackalloc int[3];
                var size = 12;
                if (getsockopt(file, SocketLevel, PeerOption, who, &size) == 0) found = who[0];
            }
            else if (Libc.Error is ECONNREFUSED or Libc.ENOENT) found = -1;
            _ = Libc.close(file);
            return found;
        }
    }

    static int Address(string path, Span<byte> address)
    {
        address.Clear();
        address[0] = Unix;
        var room = address.Slice(2, PathBytesMax + 1);
        return 2 + Libc.Utf8(path, room).Length;
    }

    /// <summary>The longest path of a socket, bytes.</summary>
    public static int PathMax => PathBytesMax;

    /// <summary>Takes a connection; minus the error number.</summary>
    public static int Accept(int listener)
    {
        var file = accept4(listener, null, null, Libc.NonBlock | Libc.CloseOnExec);
        return file >= 0 ? file : -Libc.Error;
    }

    /// <summary>Reads; minus the error number.</summary>
    public static int Read(int file, Span<byte> into)
    {
        fixed (byte* buffer = into)
        {
            var count = recv(file, buffer, into.Length, 0);
            return count >= 0 ? (int)count : -Libc.Error;
        }
    }

    /// <summary>
    /// <see cref="Hup"/>: the peer closed all of it; <see cref="PeerEnded"/>: its side; 0: neither.
    /// </summary>
    public static int HasLeft(int file)
    {
        var asked = stackalloc int[2]; // struct pollfd
        (asked[0], asked[1]) = (file, PeerEnded);
        if (poll(asked, 1, 0) <= 0) return 0;
        var seen = asked[1] >> 16;
        return (seen & (Hup | Err)) != 0 ? Hup : seen & PeerEnded;
    }

    /// <summary>Writes, without a signal when nobody reads; minus the error number.</summary>
    public static int Write(int file, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* buffer = bytes)
        {
            var count = send(file, buffer, bytes.Length, NoSignal);
            return count >= 0 ? (int)count : -Libc.Error;
        }
    }

    /// <summary>Ends our side.</summary>
    public static void EndWriting(int file) => _ = shutdown(file, EndWrite);

    /// <summary>The error that waits on a socket, and takes it; 0: none.</summary>
    public static int ErrorOf(int file)
    {
        int error, size = 4;
        return getsockopt(file, SocketLevel, ErrorOption, &error, &size) == 0 ? error : 0;
    }

    /// <summary>What the peer has not read yet, in bytes of the kernel's.</summary>
    public static int Unread(int file)
    {
        int count;
        return ioctl(file, UnsentBytes, &count) == 0 ? count : 0;
    }

    /// <summary>How many descriptors this process may have.</summary>
    public static long DescriptorsMax()
    {
        var limits = stackalloc long[2];
        return getrlimit(OpenFiles, limits) == 0 ? limits[0] : 1024;
    }

    [LibraryImport(Name)]
    private static partial int epoll_create1(int flags);

    [LibraryImport(Name)]
    private static partial int epoll_ctl(int poller, int what, int file, void* wanted);

    [LibraryImport(Name)]
    private static partial int epoll_wait(int poller, void* events, int count, int timeoutMs);

    [LibraryImport(Name)]
    private static partial int poll(void* files, nuint count, int timeoutMs);

    [LibraryImport(Name, SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport(Name, SetLastError = true)]
    private static partial int bind(int file, void* address, int length);

    [LibraryImport(Name, SetLastError = true)]
    private static partial int listen(int file, int backlog);

    [LibraryImport(Name, SetLastError = true)]
    private static partial int connect(int file, void* address, int length);

    [LibraryImport(Name, SetLastError = true)]
    private static partial int accept4(int file, void* address, void* length, int flags);

    [LibraryImport(Name, SetLastError = true)]
    private static partial nint recv(int file, void* buffer, nint length, int flags);

    [LibraryImport(Name, SetLastError = true)]
    private static partial nint send(int file, void* buffer, nint length, int flags);

    [LibraryImport(Name)]
    private static partial int shutdown(int file, int how);

    [LibraryImport(Name)]
    private static partial int getsockopt(int file, int level, int option, void* value, int* size);

    [LibraryImport(Name)]
    private static partial int ioctl(int file, nint what, int* value);

    [LibraryImport(Name)]
    private static partial int getrlimit(int what, long* limits);
}
