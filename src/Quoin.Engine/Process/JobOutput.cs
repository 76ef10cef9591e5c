using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Quoin.Engine;

/// <summary>Which of its outputs a job wrote a line to.</summary>
enum JobStream : byte
{
    Stdout,
    Stderr,
}

/// <summary>
/// Cuts a stream into lines. A line longer than the limit is kept up to the limit (never cutting a
/// character in two), with the number of bytes that it lost; a report may be 4 MiB long.
/// </summary>
sealed class LineSplitter(JobStream stream)
{
    const int ReportBytesMax = 4 << 20;

    byte[] carry = new byte[256];
    int carried, limit;
    long cut;

    /// <summary>What is done with a line, its line end taken off.</summary>
    public delegate void LineAction(JobStream stream, ReadOnlySpan<byte> line, long cut);

    public void Start(int lineBytes) => (carried, cut, limit) = (0, 0, lineBytes);

    /// <summary>Takes a piece of the stream.</summary>
    public void Feed(ReadOnlySpan<byte> piece, LineAction action)
    {
        while (true)
        {
            var end = piece.IndexOf((byte)'\n');
            if (end < 0)
            {
                Carry(piece);
                return;
            }
            if (carried == 0 && cut == 0 && end <= limit)
            {
                action(stream, WithoutReturn(piece[..end]), 0);
            }
            else
            {
                Carry(piece[..end]);
                Emit(action);
            }
            piece = piece[(end + 1)..];
        }
    }

    /// <summary>The stream is over: a last line without its end counts too.</summary>
    public void End(LineAction action)
    {
        if (carried > 0 || cut > 0) Emit(action);
    }

    void Emit(LineAction action)
    {
        var kept = carried;
        if (cut > 0)
        {
            while (kept > carried - 4 && kept > 0 && (carry[kept - 1] & 0xC0) == 0x80) kept--;
            if (kept > 0 && carry[kept - 1] >= 0xC0) kept--;
            else kept = carried;
        }
        var lost = cut + carried - kept;
        var line = carry.AsSpan(0, kept);
        action(stream, cut > 0 ? line : WithoutReturn(line), lost);
        (carried, cut) = (0, 0);
        if (carry.Length > 256 << 10) carry = new byte[256];
    }

    void Carry(ReadOnlySpan<byte> piece)
    {
        var max = limit;
        if (carried + piece.Length > limit && StartsReport(piece)) max = ReportBytesMax;
        var take = Math.Min(piece.Length, Math.Max(0, max - carried));
        if (carried + take > carry.Length)
            Array.Resize(ref carry, Math.Min(max, Math.Max(carry.Length * 2, carried + take)));
        piece[..take].CopyTo(carry.AsSpan(carried));
        carried += take;
        cut += piece.Length - take;
    }

    bool StartsReport(ReadOnlySpan<byte> piece) =>
        carried >= ReportReader.Prefix.Length
            ? carry.AsSpan().StartsWith(ReportReader.Prefix)
            : carried == 0 && piece.StartsWith(ReportReader.Prefix);

    static ReadOnlySpan<byte> WithoutReturn(ReadOnlySpan<byte> line) =>
        line is [.. var text, (byte)'\r'] ? text : line;
}

/// <summary>
/// What a job printed: the first bytes go to the log at once, of the rest only the last ones, at
/// the end, behind an entry <c>dropped</c> that says what is missing. Also keeps the last lines
/// for a failure's report.
/// </summary>
sealed class JobOutput(JobLog log, LogLimits limits)
{
    const int LinesShown = 20, ShownBytesMax = 2000;

    readonly byte[]?[] last = new byte[LinesShown][];
    readonly int[] lastLengths = new int[LinesShown];
    OutputTail? tail;
    long headBytes;

    /// <summary>All lines.</summary>
    public long Lines { get; private set; }

    /// <summary>Adds a line.</summary>
    public void Add(JobStream stream, ReadOnlySpan<byte> line, long cut, DateTimeOffset at)
    {
        Remember(line);
        Lines++;
        if (tail is null && headBytes + line.Length + 1 <= limits.HeadBytes)
        {
            headBytes += line.Length + 1;
            Write(stream, line, cut, at);
            return;
        }
        if (tail is null)
        {
            log.Begin("log-full"u8, at).With("head_bytes"u8, headBytes)
                .With("tail_bytes"u8, limits.TailBytes).End();
            log.Flush();
            tail = new OutputTail(limits.TailBytes);
        }
        tail.Add(stream, line, cut, at);
    }

    /// <summary>Writes the kept end of a long output.</summary>
    public void Finish()
    {
        if (tail is null) return;
        if (tail.LostLines > 0)
            log.Begin("dropped"u8).With("lines"u8, tail.LostLines)
                .With("bytes"u8, tail.LostBytes).End();
        tail.Drain(Write);
        tail.Return();
        tail = null;
    }

    /// <summary>The last lines, at most 20, for people: what is not UTF-8 becomes U+FFFD.</summary>
    public ImmutableArray<string> LastLines()
    {
        var count = (int)Math.Min(Lines, LinesShown);
        var lines = ImmutableArray.CreateBuilder<string>(count);
        for (var i = Lines - count; i < Lines; i++)
        {
            var slot = (int)(i % LinesShown);
            lines.Add(Encoding.UTF8.GetString(last[slot].AsSpan(0, lastLengths[slot])));
        }
        return lines.MoveToImmutable();
    }

    void Remember(ReadOnlySpan<byte> line)
    {
        if (line.Length > ShownBytesMax) line = line[..ShownBytesMax];
        var slot = (int)(Lines % LinesShown);
        if (last[slot] is not { } kept || kept.Length < line.Length)
            last[slot] = kept = new byte[Math.Max(line.Length, 128)];
        line.CopyTo(kept);
        lastLengths[slot] = line.Length;
    }

    void Write(JobStream stream, ReadOnlySpan<byte> line, long cut, DateTimeOffset at)
    {
        log.Begin(stream == JobStream.Stdout ? "stdout"u8 : "stderr"u8, at).With("line"u8, line);
        if (cut > 0) log.With("cut"u8, cut);
        log.End();
    }
}

/// <summary>
/// The last bytes of a long output, with stream and time of each line, in a ring.
/// </summary>
sealed class OutputTail(int capacity)
{
    const int HeaderBytes = 21; // length 4, stream 1, time 8, cut 8

    readonly byte[] ring = ArrayPool<byte>.Shared.Rent(Math.Max(capacity, 1));
    readonly byte[] header = new byte[HeaderBytes];
    int first, used;

    public long LostLines { get; private set; }

    public long LostBytes { get; private set; }

    public void Add(JobStream stream, ReadOnlySpan<byte> line, long cut, DateTimeOffset at)
    {
        var need = HeaderBytes + line.Length;
        while (used > 0 && used + need > capacity) Drop();
        if (need > capacity)
        {
            (LostLines, LostBytes) = (LostLines + 1, LostBytes + line.Length + 1 + cut);
            return;
        }
        BinaryPrimitives.WriteInt32LittleEndian(header, line.Length);
        header[4] = (byte)stream;
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(5), at.UtcTicks);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(13), cut);
        Put(header);
        Put(line);
    }

    /// <summary>Hands over all lines, oldest first.</summary>
    public void Drain(Action write)
    {
        while (used > 0)
        {
            var length = TakeHeader();
            var line = new byte[length];
            Take(line);
            var ticks = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(5));
            var cut = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(13));
            write((JobStream)header[4], line, cut, new DateTimeOffset(ticks, TimeSpan.Zero));
        }
    }

    /// <summary>Gives its memory back; it is not used after that.</summary>
    public void Return() => ArrayPool<byte>.Shared.Return(ring);

    /// <summary>What is done with a line.</summary>
    public delegate void Action(
        JobStream stream, ReadOnlySpan<byte> line, long cut, DateTimeOffset at);

    void Drop()
    {
        var length = TakeHeader();
        LostLines++;
        LostBytes += length + 1 + BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(13));
        first = (first + length) % capacity;
        used -= length;
    }

    int TakeHeader()
    {
        Take(header);
        return BinaryPrimitives.ReadInt32LittleEndian(header);
    }

    void Put(ReadOnlySpan<byte> bytes)
    {
        var at = (first + used) % capacity;
        var whole = Math.Min(bytes.Length, capacity - at);
        bytes[..whole].CopyTo(ring.AsSpan(at));
        bytes[whole..].CopyTo(ring);
        used += bytes.Length;
    }

    void Take(Span<byte> bytes)
    {
        var whole = Math.Min(bytes.Length, capacity - first);
        ring.AsSpan(first, whole).CopyTo(bytes);
        ring.AsSpan(0, bytes.Length - whole).CopyTo(bytes[whole..]);
        first = (first + bytes.Length) % capacity;
        used -= bytes.Length;
    }
}
