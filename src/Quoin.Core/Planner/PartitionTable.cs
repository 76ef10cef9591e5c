namespace Quoin.Core;

/// <summary>
/// One value a partition, made page by page where it is written. A plan of five partitions in a
/// process that knows a million names takes five pages at most, and a plan of a million is an
/// array.
/// </summary>
sealed class PartitionTable<T>
    where T : struct
{
    const int PageBits = 10;
    const int PageMask = (1 << PageBits) - 1;

    T[]?[] pages = new T[16][];
    int pageCount;

    /// <summary>The bytes that the table takes, given the size of one value.</summary>
    public long Bytes(int valueBytes) =>
        (pages.Length * 8L) + (pageCount * (((long)valueBytes << PageBits) + 24));

    /// <summary>The value's place; a new one is <c>default</c>. It never moves.</summary>
    public ref T this[PartitionId id]
    {
        get
        {
            var index = id.Value >> PageBits;
            var page = index < pages.Length ? pages[index] : null;
            return ref (page ?? AddPage(index))[id.Value & PageMask];
        }
    }

    /// <summary>The value, or <c>default</c> when none was written; makes no page.</summary>
    public T Peek(PartitionId id)
    {
        var index = id.Value >> PageBits;
        return index < pages.Length && pages[index] is { } page
            ? page[id.Value & PageMask]
            : default;
    }

    T[] AddPage(int index)
    {
        if (index >= pages.Length) Array.Resize(ref pages, Math.Max(index + 1, pages.Length * 2));
        pageCount++;
        return pages[index] = new T[1 << PageBits];
    }
}
