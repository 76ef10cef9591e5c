using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>Writes numbers as variable-length bytes, and what is made of them.</summary>
ref struct SnapshotWriter(IBufferWriter<byte> into)
{
    readonly IBufferWriter<byte> into = into;
    Span<byte> span = into.GetSpan(4096);
    int at;

    public void Flush()
    {
        into.Advance(at);
        at = 0;
        span = default;
    }

    public void Byte(byte value)
    {
        Reserve(1);
        span[at++] = value;
    }

    /// <summary>A count or an index: not negative.</summary>
    public void Int(int value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        Varint((ulong)value);
    }

    public void Long(long value) => Varint((ulong)((value << 1) ^ (value >> 63)));

    public void Time(DateTimeOffset? value) => Long(value is { } time ? time.UtcTicks : -1);

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Int(value.Length);
        Reserve(value.Length);
        value.CopyTo(span[at..]);
        at += value.Length;
    }

    public void Text(string value) => Bytes(Encoding.UTF8.GetBytes(value));

    public void Digest(Digest value)
    {
        Reserve(33);
        span[at++] = (byte)value.Algorithm;
        at += value.CopyTo(span[at..]);
    }

    public void Ids(ImmutableArray<PartitionId> ids)
    {
        Int(ids.Length);
        foreach (var id in ids) Int(id.Value);
    }

    public void Ids(IReadOnlyCollection<PartitionId> ids)
    {
        Int(ids.Count);
        foreach (var id in ids) Int(id.Value);
    }

    void Varint(ulong value)
    {
        Reserve(10);
        while (value >= 0x80)
        {
            span[at++] = (byte)(value | 0x80);
            value >>= 7;
        }
        span[at++] = (byte)value;
    }

    void Reserve(int bytes)
    {
        if (span.Length - at >= bytes) return;
        into.Advance(at);
        at = 0;
        span = into.GetSpan(Math.Max(bytes, 4096));
    }
}

/// <summary>
/// Reads what <see cref="SnapshotWriter"/> wrote; throws where the bytes end too soon.
/// </summary>
ref struct SnapshotReader(ReadOnlySpan<byte> bytes)
{
    ReadOnlySpan<byte> rest = bytes;

    public byte Byte()
    {
        if (rest.IsEmpty) throw new FormatException("The snapshot is cut short.");
        var value = rest[0];
        rest = rest[1..];
        return value;
    }

    public int Int()
    {
        var value = Varint();
        if (value > int.MaxValue) throw new FormatException("A count is too large.");
        return (int)value;
    }

    /// <summary>A count of things that take at least one byte each.</summary>
    public int Count()
    {
        var value = Int();
        if (value > rest.Length) throw new FormatException("The snapshot is cut short.");
        return value;
    }

    public long Long()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public DateTimeOffset? Time() =>
        Long() is >= 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    public ReadOnlySpan<byte> Bytes()
    {
        var value = rest[..Count()];
        rest = rest[value.Length..];
        return value;
    }

    public string Text() => Encoding.UTF8.GetString(Bytes());

    public Digest Digest()
    {
        var algorithm = (DigestAlgorithm)Byte();
        var length = algorithm switch
        {
            DigestAlgorithm.None => 0,
            DigestAlgorithm.Xxh3 => 16,
            DigestAlgorithm.Sha256 => 32,
            _ => throw new FormatException("A digest has an unknown algorithm."),
        };
        if (length > rest.Length) throw new FormatException("The snapshot is cut short.");
        var value = new Digest(algorithm, rest[..length]);
        rest = rest[length..];
        return value;
    }

    public PartitionId[] Ids(PartitionId[] map)
    {
        var ids = new PartitionId[Count()];
        for (var i = 0; i < ids.Length; i++) ids[i] = map[Int()];
        return ids;
    }

    ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Byte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new FormatException("A number is too long.");
    }
}
