using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Storage;

/// <summary>
/// Rings when a database file or its write-ahead log is written to, on Linux: inotify(7). It looks
/// at their folder, because the log comes and goes. Our own writes ring, too. A commit is written,
/// synced if it has to be, and only then visible, without another write to a file: so each ring may
/// come as much too early as a sync takes.
/// </summary>
sealed partial class InotifyBell : SignalBell
{
    const int CloseOnExec = 0x80000, NonBlocking = 0x800;
    const uint Modified = 0x2, MovedTo = 0x80, Created = 0x100, Overflow = 0x4000, Gone = 0x8000;
    const short Readable = 1;
    const int HeaderBytes = 16;

    readonly int notify, end;
    readonly byte[] name, log;
    readonly byte[] buffer = new byte[8192];
    bool isEarly;

    InotifyBell(int notify, int end, string path)
    {
        (this.notify, this.end) = (notify, end);
        name = Encoding.UTF8.GetBytes(Path.GetFileName(path));
        log = [.. name, .. "-wal"u8];
    }

    /// <summary>Null where the system has no such thing, or no more of it.</summary>
    public static InotifyBell? TryMake(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;
        var notify = NotifyMake(CloseOnExec | NonBlocking);
        if (notify < 0) return null;
        var end = EventMake(0, CloseOnExec | NonBlocking);
        if (end >= 0 && NotifyAdd(
            notify, Path.GetDirectoryName(path)!, Modified | MovedTo | Created) >= 0)
            return new InotifyBell(notify, end, path);
        _ = Close(notify);
        if (end >= 0) _ = Close(end);
        return null;
    }

    public override bool IsEarly => isEarly;

    public override bool Wait(TimeSpan atMost)
    {
        isEarly = false;
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var left = atMost - TimeProvider.System.GetElapsedTime(since);
            if (left <= TimeSpan.Zero) return Rest(TimeSpan.Zero);
            Span<Polled> files = [new(notify, Readable), new(end, Readable)];
            var leftMs = (int)Math.Ceiling(left.TotalMilliseconds);
            var ready = Poll(ref MemoryMarshal.GetReference(files), 2, leftMs);
            // Interrupted counts as rung: one look too many costs nothing.
            isEarly = ready < 0 || IsOurs();
            if (isEarly || files[1].Found != 0) return Rest(TimeSpan.Zero);
        }
    }

    public override void End()
    {
        var one = 1L;
        _ = Write(end, ref one, sizeof(long));
        base.End(); // The last thing: who waited may close the files now.
    }

    // Reads all that was said; true when some of it is about our files.
    bool IsOurs()
    {
        var isOurs = false;
        while (Read(notify, ref buffer[0], buffer.Length) is > 0 and var count)
        {
            for (var at = 0; at + HeaderBytes <= count;)
            {
                var mask = BitConverter.ToUInt32(buffer, at + 4);
                var nameBytes = BitConverter.ToInt32(buffer, at + 12);
                var about = buffer.AsSpan(at + HeaderBytes, nameBytes).TrimEnd((byte)0);
                isOurs |= (mask & (Overflow | Gone)) != 0 || about.SequenceEqual(log)
                    || about.SequenceEqual(name);
                at += HeaderBytes + nameBytes;
            }
        }
        return isOurs;
    }

    public override void Dispose()
    {
        _ = Close(notify);
        _ = Close(end);
        base.Dispose();
    }

    [StructLayout(LayoutKind.Sequential)]
    readonly struct Polled(int file, short wanted)
    {
        readonly int file = file;
        readonly short wanted = wanted;
        public readonly short Found;
    }

    [LibraryImport("libc", EntryPoint = "inotify_init1")]
    private static partial int NotifyMake(int flags);

    [LibraryImport(
        "libc", EntryPoint = "inotify_add_watch", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NotifyAdd(int file, string path, uint mask);

    [LibraryImport("libc", EntryPoint = "eventfd")]
    private static partial int EventMake(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref Polled files, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int file, ref byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int file, ref long value, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
