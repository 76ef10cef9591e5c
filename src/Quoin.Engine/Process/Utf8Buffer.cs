using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Unicode;

namespace Quoin.Engine;

/// <summary>
/// A growing buffer of UTF-8 that knows JSON's strings; made for many short writes.
/// </summary>
sealed class Utf8Buffer(int capacity)
{
    static readonly SearchValues<byte> escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(i => (byte)i), (byte)'"', (byte)'\\', 0x7F]);

    byte[] bytes = new byte[capacity];

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Gives a buffer that one huge entry has grown back to the collector.</summary>
    public void ClearAndShrink()
    {
        Length = 0;
        if (bytes.Length > capacity * 4) bytes = new byte[capacity];
    }

    public void Raw(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        Length += text.Length;
    }

    public void Raw(byte one)
    {
        Room(1)[0] = one;
        Length++;
    }

    public void Number(long value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out var count);
        Length += count;
    }

    /// <summary>A JSON string. Half a surrogate pair becomes U+FFFD.</summary>
    public void Quoted(ReadOnlySpan<char> text)
    {
        var rented = ArrayPool<byte>.Shared.Rent(Math.Max(text.Length * 3, 1));
        Quoted(rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented)));
        ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>A JSON string of text that should be UTF-8; what is not becomes U+FFFD.</summary>
    public void Quoted(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text))
        {
            Quoted(Encoding.UTF8.GetString(text));
            return;
        }
        Raw((byte)'"');
        for (var at = text.IndexOfAny(escaped); at >= 0; at = text.IndexOfAny(escaped))
        {
            Raw(text[..at]);
            Escape(text[at]);
            text = text[(at + 1)..];
        }
        Raw(text);
        Raw((byte)'"');
    }

    /// <summary><c>2026-01-31T12:00:05.123Z</c>, quoted.</summary>
    public void Time(DateTimeOffset at)
    {
        var room = Room(26);
        room[0] = (byte)'"';
        at.UtcDateTime.TryFormat(room[1..], out _, "yyyy-MM-ddTHH:mm:ss.fff");
        "Z\""u8.CopyTo(room[24..]);
        Length += 26;
    }

    void Escape(byte b)
    {
        Raw((byte)'\\');
        switch (b)
        {
            case (byte)'"' or (byte)'\\': Raw(b); break;
            case (byte)'\n': Raw((byte)'n'); break;
            case (byte)'\t': Raw((byte)'t'); break;
            case (byte)'\r': Raw((byte)'r'); break;
            default:
                Raw("u00"u8);
                Raw("0123456789abcdef"u8[b >> 4]);
                Raw("0123456789abcdef"u8[b & 15]);
                break;
        }
    }

    Span<byte> Room(int count)
    {
        if (Length + count > bytes.Length)
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, Length + count));
        return bytes.AsSpan(Length);
    }
}
