using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Reads proto3 bytes where they lie. Knows the wire format and the few shapes that our messages
/// share (names, digests, times), no message. Fields that nobody asks for are skipped, so that an
/// old program reads what a newer one wrote. Throws <see cref="ProtoException"/> on anything else.
/// </summary>
ref struct ProtoReader(ReadOnlySpan<byte> bytes)
{
    readonly ReadOnlySpan<byte> bytes = bytes;
    int at;

    /// <summary>The tag that <see cref="Next"/> read: field number and wire type.</summary>
    public int Tag { get; private set; }

    /// <summary>The tag of a number, for <c>case</c> labels.</summary>
    public const int Number = ProtoWire.Varint;

    /// <summary>The tag of a text, a name or a message, for <c>case</c> labels.</summary>
    public const int Block = ProtoWire.Bytes;

    /// <summary>Moves to the next field; false at the end.</summary>
    public bool Next()
    {
        if (at == bytes.Length) return false;
        var tag = Varint();
        if (tag >> 3 is 0 or > int.MaxValue >> 3) throw new ProtoException($"bad tag {tag}");
        Tag = (int)tag;
        return true;
    }

    /// <summary>Passes over a field that this program does not know.</summary>
    public void Skip()
    {
        switch (Tag & 7)
        {
            case ProtoWire.Varint: Varint(); break;
            case ProtoWire.Fixed64: Take(8); break;
            case ProtoWire.Bytes: Bytes(); break;
            case ProtoWire.Fixed32: Take(4); break;
            default: throw new ProtoException($"bad wire type in tag {Tag}");
        }
    }

    public int Int32() => (int)Varint();

    public long Int64() => (long)Varint();

    public bool Bool() => Varint() != 0;

    /// <summary>
    /// The number of an enum; one that is above <paramref name="max"/> is from the future.
    /// </summary>
    public byte Enum(int max)
    {
        var value = Varint();
        return value <= (ulong)max
            ? (byte)value
            : throw new ProtoException($"value {value} is not known here (at most {max})", true);
    }

    public ReadOnlySpan<byte> Bytes()
    {
        var count = Varint();
        return count <= (ulong)(bytes.Length - at)
            ? Take((int)count)
            : throw new ProtoException(
                $"{count} bytes are announced, {bytes.Length - at} are left");
    }

    public string Text() => Encoding.UTF8.GetString(Utf8());

    /// <summary>A text that comes again and again.</summary>
    public string Text(TextPool pool) => pool.Get(Utf8());

    public PartitionId Name(PartitionNames names)
    {
        var utf8 = Utf8();
        return utf8.Length <= PartitionRef.BytesMax
            ? names.Intern(utf8)
            : throw new ProtoException($"a name has {utf8.Length} bytes");
    }

    public Digest Digest()
    {
        var digest = default(Digest);
        var inner = new ProtoReader(Bytes());
        while (inner.Next())
        {
            switch (inner.Tag)
            {
                case (1 << 3) | Block: digest = Of(DigestAlgorithm.Xxh3, inner.Bytes()); break;
                case (2 << 3) | Block: digest = Of(DigestAlgorithm.Sha256, inner.Bytes()); break;
                default: inner.Skip(); break;
            }
        }
        return digest;

        static Digest Of(DigestAlgorithm algorithm, ReadOnlySpan<byte> value)
        {
            var count = algorithm == DigestAlgorithm.Xxh3 ? 16 : 32;
            return value.Length == count
                ? new Digest(algorithm, value)
                : throw new ProtoException($"a digest has {value.Length} bytes, not {count}");
        }
    }

    public DateTimeOffset Time()
    {
        long seconds = 0;
        var nanos = 0;
        var inner = new ProtoReader(Bytes());
        while (inner.Next())
        {
            switch (inner.Tag)
            {
                case (1 << 3) | Number: seconds = inner.Int64(); break;
                case (2 << 3) | Number: nanos = inner.Int32(); break;
                default: inner.Skip(); break;
            }
        }
        return seconds is >= -62135596800 and <= 253402300799 && nanos is >= 0 and < 1_000_000_000
            ? DateTimeOffset.UnixEpoch.AddTicks((seconds * TimeSpan.TicksPerSecond) + (nanos / 100))
            : throw new ProtoException($"{seconds} s {nanos} ns is not a time");
    }

    ReadOnlySpan<byte> Utf8()
    {
        var value = Bytes();
        return System.Text.Unicode.Utf8.IsValid(value)
            ? value
            : throw new ProtoException("a text is not valid UTF-8");
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (count > bytes.Length - at)
            throw new ProtoException($"{count} bytes are expected, {bytes.Length - at} are left");
        var taken = bytes.Slice(at, count);
        at += count;
        return taken;
    }

    ulong Varint()
    {
        if (at < bytes.Length && bytes[at] < 0x80) return bytes[at++];
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (at == bytes.Length) throw new ProtoException("a number is cut off");
            var b = bytes[at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new ProtoException("a number is too long");
    }
}

/// <summary>
/// The bytes are no message; or, with <see cref="IsNewer"/>, they say what we do not know.
/// </summary>
sealed class ProtoException(string message, bool isNewer = false) : Exception(message)
{
    public bool IsNewer { get; } = isNewer;
}

/// <summary>
/// Collects the elements of a repeated field; one element, the usual case, is exact.
/// </summary>
struct ProtoList<T>
{
    T[]? items;
    int count;

    public void Add(T item)
    {
        if (items is null) items = new T[1];
        else if (count == items.Length) Array.Resize(ref items, Math.Max(4, count * 2));
        items[count++] = item;
    }

    public readonly ImmutableArray<T> ToImmutable() => items is null
        ? []
        : ImmutableCollectionsMarshal.AsImmutableArray(
            count == items.Length ? items : items[..count]);
}

/// <summary>
/// Texts that a log repeats (job names, worker owners), each as one string. Bounded: a text that
/// finds its place taken replaces what was there.
/// </summary>
sealed class TextPool
{
    readonly string?[] texts = new string?[256];
    readonly byte[]?[] bytes = new byte[256][];

    public string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty) return "";
        var place = (utf8.Length + (utf8[0] * 7) + (utf8[^1] * 31)) & 255;
        if (TryGet(utf8, place, out var text)) return text;
        bytes[place] = utf8.ToArray();
        return texts[place] = Encoding.UTF8.GetString(utf8);
    }

    bool TryGet(ReadOnlySpan<byte> utf8, int place, [NotNullWhen(true)] out string? text)
    {
        text = texts[place];
        return text is not null && utf8.SequenceEqual(bytes[place]);
    }
}
