using System.Runtime.CompilerServices;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The stamps that a store kept, read once and never changed: a build that has nothing to do
/// looks each of them up, so they take no object of their own. Paths lie as UTF-8, each with a NUL
/// behind it, in one array. Many threads may look things up; one may note what it saw.
/// </summary>
sealed class FileStampTable
{
    // Rows come in pages: growing copies none of them.
    const int PageBits = 10, PageSize = 1 << PageBits;

    readonly List<Row[]> pages = [];
    byte[] paths = new byte[4096];
    int used;
    int[] slots = []; // Open addressing, row + 1; 0 is free.

    struct Row
    {
        public int PathAt, PathLength;
        public uint Hash;
        public byte Seen;
        public bool IsNeeded;
        public FileStamp Stamp;
        public Digest Digest;
        public long CheckedAtNs;
    }

    public FileStampTable(IEnumerable<FileStampEntry> entries)
    {
        foreach (var entry in entries) Add(entry);
        var size = 16;
        while (size < Count * 2) size *= 2;
        slots = new int[size];
        for (var row = 0; row < Count; row++)
        {
            var slot = RowAt(row).Hash & (size - 1);
            while (slots[slot] != 0) slot = (slot + 1) & (size - 1);
            slots[slot] = row + 1;
        }
    }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    ref Row RowAt(int row) => ref pages[row >> PageBits][row & (PageSize - 1)];

    void Add(in FileStampEntry entry)
    {
        if (Count >> PageBits == pages.Count) pages.Add(new Row[PageSize]);
        var most = Encoding.UTF8.GetMaxByteCount(entry.Path.Length) + 1;
        if (used + most > paths.Length)
            Array.Resize(ref paths, Math.Max(used + most, paths.Length * 2));
        var length = Encoding.UTF8.GetBytes(entry.Path, paths.AsSpan(used));
        RowAt(Count++) = new Row
        {
            PathAt = used,
            PathLength = length,
            Hash = PartitionNames.Hash(paths.AsSpan(used, length)),
            Stamp = entry.Stamp,
            Digest = entry.Digest,
            CheckedAtNs = entry.CheckedAtNs,
        };
        used += length + 1;
    }

    /// <summary>The row of a path; -1: none.</summary>
    [SkipLocalsInit]
    public int Find(string path)
    {
        Span<byte> room = stackalloc byte[512];
        if (!Encoding.UTF8.TryGetBytes(path, room, out var length))
            return Find(Encoding.UTF8.GetBytes(path));
        return Find(room[..length]);
    }

    int Find(ReadOnlySpan<byte> path)
    {
        var hash = PartitionNames.Hash(path);
        for (var slot = hash & (slots.Length - 1); ; slot = (slot + 1) & (slots.Length - 1))
        {
            var row = slots[slot] - 1;
            if (row < 0) return -1;
            ref var it = ref RowAt(row);
            if (it.Hash == hash && path.SequenceEqual(paths.AsSpan(it.PathAt, it.PathLength)))
                return row;
        }
    }

    /// <summary>The path of a row and the NUL behind it.</summary>
    public ReadOnlySpan<byte> PathWithNul(int row) =>
        paths.AsSpan(RowAt(row).PathAt, RowAt(row).PathLength + 1);

    /// <summary>What was recorded.</summary>
    public FileStampCache.Known this[int row]
    {
        get
        {
            ref var it = ref RowAt(row);
            return new(it.Stamp, it.Digest, it.CheckedAtNs);
        }
    }

    /// <summary>What was noted of a row: <see cref="StatAhead"/> says what it means.</summary>
    public ref byte Seen(int row) => ref RowAt(row).Seen;

    /// <summary>Somebody asked for this row.</summary>
    public ref bool IsNeeded(int row) => ref RowAt(row).IsNeeded;

    /// <summary>
    /// A number that stands for a row: for its path, and for all that was recorded of the file.
    /// </summary>
    [SkipLocalsInit]
    public ulong MarkOf(int row)
    {
        ref var it = ref RowAt(row);
        Span<byte> bytes = stackalloc byte[32];
        var count = it.Digest.CopyTo(bytes);
        var mark = (ulong)it.Hash << 32 | (uint)it.PathLength;
        for (var at = 0; at < count; at += 16)
            mark = Mix(
                mark, BitConverter.ToUInt64(bytes[at..]), BitConverter.ToUInt64(bytes[(at + 8)..]));
        mark = Mix(mark, (ulong)it.Stamp.ModifiedNs, (ulong)it.Stamp.Inode);
        return Mix(mark, (ulong)it.Stamp.Size, (ulong)it.CheckedAtNs);

        static ulong Mix(ulong mark, ulong a, ulong b) => Xxh3Short.Avalanche(
            Xxh3Short.Fold(mark ^ 0x9E3779B97F4A7C15, a ^ 0xC2B2AE3D27D4EB4F)
            ^ Xxh3Short.Fold(mark + 0x165667B19E3779F9, b ^ 0xD6E8FEB86659FD93));
    }
}
