using System.Runtime.CompilerServices;

namespace Quoin.Core;

/// <summary>
/// A list that grows by pages, so that growing copies nothing and leaves no garbage; items are
/// changed in place. Items that were given back are used again.
/// </summary>
sealed class Paged<T>
    where T : struct
{
    const int PageBits = 12;
    const int PageSize = 1 << PageBits;

    readonly List<T[]> pages = [];
    readonly Stack<int> free = [];

    /// <summary>One more than the highest index that was ever in use.</summary>
    public int Length { get; private set; }

    /// <summary>The item at an index that is in use.</summary>
    public ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref pages[index >> PageBits][index & (PageSize - 1)];
    }

    /// <summary>Adds an item; its index.</summary>
    public int Add(in T item)
    {
        if (free.TryPop(out var index))
        {
            this[index] = item;
            return index;
        }
        if (Length >> PageBits == pages.Count) pages.Add(new T[PageSize]);
        this[Length] = item;
        return Length++;
    }

    /// <summary>Gives an item back.</summary>
    public void Remove(int index)
    {
        this[index] = default;
        free.Push(index);
    }
}
