using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// All partition names that this process has met, each once, as UTF-8 in one arena, numbered from
/// 0 in order of arrival. A name costs its bytes and 16 more. One thread adds; other threads may
/// find names and read those of ids meanwhile: what was written is never moved, and a table that
/// grows is published when it is whole.
/// </summary>
public sealed class PartitionNames
{
    const int ChunkBits = 16;
    const int ChunkBytes = 1 << ChunkBits;

    byte[][] chunks = [new byte[ChunkBytes]];
    long used; // Bytes handed out, chunk by chunk.
    long[] places = new long[1024]; // id -> offset << 16 | length
    uint[] hashes = new uint[1024]; // id -> hash, so that growing does not read the names again
    int[] slots = new int[2048]; // Open addressing, id + 1; 0 is free.

    int count;

    /// <summary>How many names there are; ids run from 0 to Count - 1.</summary>
    public int Count => Volatile.Read(ref count);

    /// <summary>The bytes that the table takes.</summary>
    public long Bytes =>
        ((long)chunks.Length * ChunkBytes) + (places.Length * 12L) + (slots.Length * 4L);

    /// <summary>The id of a name, adding it when it is new.</summary>
    public PartitionId Intern(ReadOnlySpan<byte> utf8)
    {
        var hash = Hash(utf8);
        var found = Find(utf8, hash, out var slot);
        return found != 0 ? new PartitionId(found - 1) : Add(utf8, hash, slot);
    }

    /// <summary>The id of a name, adding it when it is new.</summary>
    public PartitionId Intern(ReadOnlySpan<char> name)
    {
        Span<byte> buffer = stackalloc byte[512];
        var bytes = Encoding.UTF8.GetByteCount(name) is var count && count <= buffer.Length
            ? buffer[..count]
            : new byte[count];
        Encoding.UTF8.GetBytes(name, bytes);
        return Intern(bytes);
    }

    /// <summary>The id of a name that was met before.</summary>
    public bool TryFind(ReadOnlySpan<byte> utf8, out PartitionId id)
    {
        var found = Find(utf8, Hash(utf8), out _);
        id = new PartitionId(found - 1);
        return found != 0;
    }

    /// <summary>The id of a name that was met before.</summary>
    public bool TryFind(string name, out PartitionId id) =>
        TryFind(Encoding.UTF8.GetBytes(name), out id);

    /// <summary>The name's bytes; valid for ever, because nothing moves.</summary>
    public ReadOnlySpan<byte> Utf8(PartitionId id)
    {
        var place = Volatile.Read(ref places)[id.Value];
        var offset = place >> 16;
        var chunk = Volatile.Read(ref chunks)[offset >> ChunkBits];
        return chunk.AsSpan((int)(offset & (ChunkBytes - 1)), (int)(place & 0xFFFF));
    }

    /// <summary>The name as text, made anew at each call.</summary>
    public string Text(PartitionId id) => Encoding.UTF8.GetString(Utf8(id));

    PartitionId Add(ReadOnlySpan<byte> utf8, uint hash, int slot)
    {
        if (utf8.Length > PartitionRef.BytesMax)
            throw new ArgumentException($"A name is longer than {PartitionRef.BytesMax} bytes.");
        if (count == places.Length) Grow(ref places, ref hashes);
        var free = ChunkBytes - (int)(used & (ChunkBytes - 1));
        if (free < utf8.Length) used += free; // A name never spans two chunks.
        var index = (int)(used >> ChunkBits);
        if (index == chunks.Length)
        {
            var more = new byte[index + 1][];
            chunks.CopyTo(more, 0);
            more[index] = new byte[ChunkBytes];
            Volatile.Write(ref chunks, more);
        }
        utf8.CopyTo(chunks[index].AsSpan((int)(used & (ChunkBytes - 1))));
        var id = count;
        places[id] = (used << 16) | (uint)utf8.Length;
        hashes[id] = hash;
        used += utf8.Length;
        Volatile.Write(ref slots[slot], id + 1);
        Volatile.Write(ref count, id + 1);
        if (count * 2 > slots.Length) Rehash();
        return new PartitionId(id);
    }

    // The id + 1 and its slot; 0 and the slot where it would be.
    int Find(ReadOnlySpan<byte> utf8, uint hash, out int slot)
    {
        var table = Volatile.Read(ref slots);
        var mask = table.Length - 1;
        slot = (int)hash & mask;
        while (true)
        {
            var entry = Volatile.Read(ref table[slot]);
            if (entry == 0 || (Volatile.Read(ref hashes)[entry - 1] == hash
                && Utf8(new PartitionId(entry - 1)).SequenceEqual(utf8))) return entry;
            slot = (slot + 1) & mask;
        }
    }

    void Rehash()
    {
        var more = new int[slots.Length * 2];
        var mask = more.Length - 1;
        for (var id = 0; id < count; id++)
        {
            var slot = (int)hashes[id] & mask;
            while (more[slot] != 0) slot = (slot + 1) & mask;
            more[slot] = id + 1;
        }
        Volatile.Write(ref slots, more);
    }

    static void Grow(ref long[] places, ref uint[] hashes)
    {
        var more = new long[places.Length * 2];
        places.CopyTo(more, 0);
        Volatile.Write(ref places, more);
        var moreHashes = new uint[hashes.Length * 2];
        hashes.CopyTo(moreHashes, 0);
        Volatile.Write(ref hashes, moreHashes);
    }

    /// <summary>
    /// A hash for tables in memory. Names share long prefixes and differ in a few digits at the
    /// end, so every byte counts: eight at a time, multiplied and folded (the mixing step of
    /// wyhash).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Hash(ReadOnlySpan<byte> utf8)
    {
        var hash = 0x9E3779B97F4A7C15UL ^ (ulong)utf8.Length;
        while (utf8.Length >= 8)
        {
            hash = Mix(hash ^ BitConverter.ToUInt64(utf8));
            utf8 = utf8[8..];
        }
        ulong tail = 0;
        for (var i = 0; i < utf8.Length; i++) tail |= (ulong)utf8[i] << (8 * i);
        return (uint)Mix(hash ^ tail);
    }

    static ulong Mix(ulong value)
    {
        var high = Math.BigMul(value, 0xA0761D6478BD642FUL, out var low);
        return high ^ BitOperations.RotateLeft(low, 32);
    }
}
