using System.Numerics;

namespace Quoin.Tests.Explorer;

/// <summary>
/// States as byte strings, each once, numbered from 0 in order of arrival. Two states are the same
/// when all their bytes are; a hash only says where to look.
/// </summary>
sealed class StateTable
{
    byte[] arena = new byte[1 << 16];
    int[] ends = new int[1 << 10]; // Where each state ends; the next one begins there.
    uint[] hashes = new uint[1 << 10];
    int[] slots = new int[1 << 12]; // Open addressing, index + 1; 0 is free.

    public int Count { get; private set; }

    /// <summary>The bytes of a state; valid until the next <see cref="Add"/>.</summary>
    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            var start = index == 0 ? 0 : ends[index - 1];
            return arena.AsSpan(start, ends[index] - start);
        }
    }

    /// <summary>The number of a state, adding it when it is new.</summary>
    public int Add(ReadOnlySpan<byte> state, out bool isNew)
    {
        var hash = Hash(state);
        var mask = slots.Length - 1;
        var slot = (int)hash & mask;
        while (slots[slot] is var entry and not 0)
        {
            isNew = false;
            if (hashes[entry - 1] == hash && this[entry - 1].SequenceEqual(state)) return entry - 1;
            slot = (slot + 1) & mask;
        }
        isNew = true;
        slots[slot] = Count + 1;
        Append(state, hash);
        if (Count * 2 > slots.Length) Rehash();
        return Count - 1;
    }

    void Append(ReadOnlySpan<byte> state, uint hash)
    {
        var start = Count == 0 ? 0 : ends[Count - 1];
        if (start + (long)state.Length > arena.Length)
        {
            var length = Math.Min(Array.MaxLength, Math.Max(arena.Length * 2L, state.Length * 2L));
            Array.Resize(ref arena, (int)length);
        }
        if (Count == ends.Length)
        {
            Array.Resize(ref ends, ends.Length * 2);
            Array.Resize(ref hashes, hashes.Length * 2);
        }
        state.CopyTo(arena.AsSpan(start));
        ends[Count] = start + state.Length;
        hashes[Count] = hash;
        Count++;
    }

    void Rehash()
    {
        slots = new int[slots.Length * 2];
        var mask = slots.Length - 1;
        for (var i = 0; i < Count; i++)
        {
            var slot = (int)hashes[i] & mask;
            while (slots[slot] != 0) slot = (slot + 1) & mask;
            slots[slot] = i + 1;
        }
    }

    static uint Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = 0x9E3779B97F4A7C15UL + (ulong)bytes.Length;
        for (; bytes.Length >= 8; bytes = bytes[8..])
            hash = Mix(hash, BitConverter.ToUInt64(bytes));
        foreach (var b in bytes) hash = Mix(hash, b);
        return (uint)(hash ^ (hash >> 32));
    }

    static ulong Mix(ulong hash, ulong value) =>
        BitOperations.RotateLeft((hash ^ value) * 0xD6E8FEB86659FD93UL, 29) * 0xA0761D6478BD642FUL;
}
