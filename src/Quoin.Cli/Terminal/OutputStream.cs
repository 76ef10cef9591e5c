using System.Runtime.InteropServices;

namespace Quoin.Cli;

/// <summary>
/// stdout or stderr by file descriptor. Console's own stream takes terminal settings and encodings
/// with it (some milliseconds), a FileStream writes at its own idea of the position (two of them on
/// one file overwrite each other). When the reader is gone, what follows is dropped and
/// <see cref="IsClosed"/> says so: a build must not die because somebody closed its pipe.
/// </summary>
sealed partial class OutputStream(int descriptor) : Stream
{
    /// <summary>File descriptor 1.</summary>
    public const int Stdout = 1;

    /// <summary>File descriptor 2.</summary>
    public const int Stderr = 2;

    const int Interrupted = 4; // EINTR
    const short CanWriteNow = 4; // POLLOUT
    const int TryAgain = 11; // EAGAIN: the other side made the pipe non-blocking.

    /// <summary>Nobody reads this any more.</summary>
    public bool IsClosed { get; private set; }

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !IsClosed)
        {
            nint written;
            fixed (byte* at = bytes) written = WriteTo(descriptor, at, bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }
            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    break;
                case TryAgain:
                    var wait = new PollRequest { Descriptor = descriptor, Events = CanWriteNow };
                    Poll(ref wait, 1, -1);
                    break;
                default: // EPIPE, EIO, EBADF, ENOSPC: there is no better place to say it.
                    IsClosed = true;
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) =>
        Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush() { }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint WriteTo(int descriptor, byte* bytes, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollRequest requests, ulong count, int timeoutMs);

    struct PollRequest
    {
        public int Descriptor;
        public short Events;
        public short Answer;
    }
}
