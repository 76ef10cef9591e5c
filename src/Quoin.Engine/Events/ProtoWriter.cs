using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Writes proto3 bytes into an array that grows and can be used again. Knows the wire format and
/// the few shapes that our messages share (names, digests, times), no message. Like the generated
/// classes it leaves out zero, empty and absent values, so its bytes equal theirs.
/// </summary>
ref struct ProtoWriter(byte[] buffer)
{
    byte[] buffer = buffer;

    /// <summary>Where the bytes are; another array than at the start if it had to grow.</summary>
    public readonly byte[] Buffer => buffer;

    /// <summary>How many bytes were written.</summary>
    public int Length { get; private set; }

    public void Int32(int field, int value)
    {
        if (value == 0) return;
        Reserve(16);
        Varint((uint)field << 3);
        Varint((ulong)(long)value);
    }

    public void Int64(int field, long value)
    {
        if (value == 0) return;
        Reserve(16);
        Varint((uint)field << 3);
        Varint((ulong)value);
    }

    /// <summary>A number that is written even when it is 0.</summary>
    public void Varint64(int field, long value)
    {
        Reserve(16);
        Varint((uint)field << 3);
        Varint((ulong)value);
    }

    public void Fixed64(int field, ulong value)
    {
        if (value != 0) EightBytes(field, value);
    }

    /// <summary>Written even when it is 0: it may be one of several kinds of number.</summary>
    public void Double(int field, double value) =>
        EightBytes(field, BitConverter.DoubleToUInt64Bits(value));

    void EightBytes(int field, ulong value)
    {
        Reserve(16);
        Varint(((uint)field << 3) | ProtoWire.Fixed64);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(
            buffer.AsSpan(Length), value);
        Length += 8;
    }

    public void Bool(int field, bool value) => Int32(field, value ? 1 : 0);

    public void Text(int field, string value)
    {
        if (value.Length != 0) Element(field, value);
    }

    public void Texts(int field, ImmutableArray<string> values)
    {
        if (values.IsDefaultOrEmpty) return;
        foreach (var value in values) Element(field, value);
    }

    public void Name(int field, PartitionId id, PartitionNames names)
    {
        var utf8 = names.Utf8(id);
        if (!utf8.IsEmpty) Bytes(field, utf8);
    }

    public void Names(int field, ImmutableArray<PartitionId> ids, PartitionNames names)
    {
        if (ids.IsDefaultOrEmpty) return;
        foreach (var id in ids) Bytes(field, names.Utf8(id));
    }

    public void Digest(int field, Digest digest)
    {
        if (!digest.Exists) return;
        var count = digest.ByteCount;
        Reserve(count + 16);
        Varint(((uint)field << 3) | ProtoWire.Bytes);
        buffer[Length++] = (byte)(count + 2);
        var inner = digest.Algorithm == DigestAlgorithm.Xxh3 ? 1 : 2;
        buffer[Length++] = (byte)((inner << 3) | ProtoWire.Bytes);
        buffer[Length++] = (byte)count;
        Length += digest.CopyTo(buffer.AsSpan(Length));
    }

    /// <summary>
    /// A google.protobuf.Timestamp; the default time, which nobody means, is left out.
    /// </summary>
    public void Time(int field, DateTimeOffset? time)
    {
        if (time is not { } at || at == default) return;
        var mark = Begin(field);
        var ticks = at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        var seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out var rest);
        if (rest < 0) (seconds, rest) = (seconds - 1, rest + TimeSpan.TicksPerSecond);
        Int64(1, seconds);
        Int32(2, (int)rest * 100);
        End(mark);
    }

    /// <summary>Begins a message; what is written until <see cref="End"/> is in it.</summary>
    public int Begin(int field)
    {
        Reserve(16);
        Varint(((uint)field << 3) | ProtoWire.Bytes);
        return Length++; // Room for a length of one byte, which nearly all messages have.
    }

    public void End(int mark)
    {
        var count = Length - mark - 1;
        if (count < 0x80)
        {
            buffer[mark] = (byte)count;
            return;
        }
        var extra = VarintSize((uint)count) - 1;
        Reserve(extra);
        buffer.AsSpan(mark + 1, count).CopyTo(buffer.AsSpan(mark + 1 + extra));
        Length = mark;
        Varint((uint)count);
        Length += count;
    }

    /// <summary>Bytes without a tag: what is not part of the message.</summary>
    public void Raw(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(buffer.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>A letter, a hyphen and a number without a tag: <c>r-19</c>.</summary>
    public void RawId(byte letter, int value)
    {
        Reserve(16);
        buffer[Length++] = letter;
        buffer[Length++] = (byte)'-';
        System.Buffers.Text.Utf8Formatter.TryFormat(value, buffer.AsSpan(Length), out var written);
        Length += written;
    }

    /// <summary>Text without a tag.</summary>
    public void RawText(string text)
    {
        Reserve(Encoding.UTF8.GetMaxByteCount(text.Length));
        Length += Encoding.UTF8.GetBytes(text, buffer.AsSpan(Length));
    }

    void Element(int field, string value)
    {
        var count = Encoding.UTF8.GetByteCount(value);
        Reserve(count + 16);
        Varint(((uint)field << 3) | ProtoWire.Bytes);
        Varint((uint)count);
        Length += Encoding.UTF8.GetBytes(value, buffer.AsSpan(Length));
    }

    /// <summary>Bytes, or a text that is UTF-8 already; written even when empty.</summary>
    public void Bytes(int field, ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length + 16);
        Varint(((uint)field << 3) | ProtoWire.Bytes);
        Varint((uint)bytes.Length);
        bytes.CopyTo(buffer.AsSpan(Length));
        Length += bytes.Length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Varint(ulong value)
    {
        while (value >= 0x80)
        {
            buffer[Length++] = (byte)(value | 0x80);
            value >>= 7;
        }
        buffer[Length++] = (byte)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Reserve(int count)
    {
        if (buffer.Length - Length < count) Grow(count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    void Grow(int count) =>
        Array.Resize(ref buffer, Math.Max(buffer.Length * 2, Length + count));

    static int VarintSize(uint value) => ((31 - BitOperations.LeadingZeroCount(value | 1)) / 7) + 1;
}

/// <summary>The wire types of the format that we meet.</summary>
static class ProtoWire
{
    public const int Varint = 0;
    public const int Fixed64 = 1;
    public const int Bytes = 2;
    public const int Fixed32 = 5;
}
