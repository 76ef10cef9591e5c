namespace Quoin.Server;

/// <summary>
/// Ids in an order of their own, in blocks: adding, removing and finding a place cost a search and
/// the move of one block, whatever the number of ids. Belongs to one thread at a time.
/// </summary>
sealed class SortedIds(Comparison<int> order)
{
    const int BlockMax = 1024;

    readonly List<List<int>> blocks = [];

    /// <summary>One for each value of an enum, whose values count from 0; ids by number.</summary>
    public static SortedIds[] ForEach<T>() where T : struct, Enum =>
        [.. Enum.GetValues<T>().Select(_ => new SortedIds((a, b) => a.CompareTo(b)))];

    /// <summary>All ids from one down to 1.</summary>
    public static IEnumerable<int> Down(int from)
    {
        for (var id = from; id > 0; id--) yield return id;
    }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Replaces everything by ids that are in order already.</summary>
    public void Fill(ReadOnlySpan<int> sorted)
    {
        blocks.Clear();
        Count = sorted.Length;
        for (var i = 0; i < sorted.Length; i += BlockMax / 2)
        {
            var block = new List<int>(BlockMax);
            block.AddRange(sorted.Slice(i, Math.Min(BlockMax / 2, sorted.Length - i)));
            blocks.Add(block);
        }
    }

    /// <summary>Adds an id that is not there.</summary>
    public void Add(int id)
    {
        Count++;
        if (blocks.Count == 0)
        {
            blocks.Add([id]);
            return;
        }
        var (b, i) = Find(other => order(other, id) >= 0);
        if (b == blocks.Count) (b, i) = (blocks.Count - 1, blocks[^1].Count);
        var block = blocks[b];
        block.Insert(i, id);
        if (block.Count < BlockMax) return;
        var upper = new List<int>(BlockMax);
        upper.AddRange(block.Skip(BlockMax / 2));
        block.RemoveRange(BlockMax / 2, block.Count - (BlockMax / 2));
        blocks.Insert(b + 1, upper);
    }

    /// <summary>Removes an id that is there.</summary>
    public void Remove(int id)
    {
        var (b, i) = Find(other => order(other, id) >= 0);
        if (b == blocks.Count || blocks[b][i] != id)
            throw new InvalidOperationException($"{id} is not in this order");
        Count--;
        blocks[b].RemoveAt(i);
        if (blocks[b].Count == 0) blocks.RemoveAt(b);
    }

    /// <summary>
    /// The ids from the first one on that <paramref name="isIn"/> says true of; it says false of
    /// all before it and true of all behind it.
    /// </summary>
    public IEnumerable<int> From(Func<int, bool> isIn)
    {
        var (b, i) = Find(isIn);
        for (; b < blocks.Count; b++, i = 0)
            for (; i < blocks[b].Count; i++) yield return blocks[b][i];
    }

    /// <summary>The ids before that one, the last one first.</summary>
    public IEnumerable<int> Before(Func<int, bool> isIn)
    {
        var (b, i) = Find(isIn);
        while (true)
        {
            for (i--; i >= 0; i--) yield return blocks[b][i];
            if (--b < 0) yield break;
            i = blocks[b].Count;
        }
    }

    /// <summary>So many ids, behind the first <paramref name="skipped"/>.</summary>
    public List<int> Range(int skipped, int count)
    {
        var range = new List<int>();
        foreach (var block in blocks)
        {
            if (range.Count == count) break;
            if (skipped < block.Count)
                range.AddRange(block.Skip(skipped).Take(count - range.Count));
            skipped = Math.Max(0, skipped - block.Count);
        }
        return range;
    }

    /// <summary>How many ids there are before the first one of <paramref name="isIn"/>.</summary>
    public int CountBefore(Func<int, bool> isIn)
    {
        var (b, i) = Find(isIn);
        for (var before = 0; before < b; before++) i += blocks[before].Count;
        return i;
    }

    // The first place that is in: block and index; behind the last block when there is none.
    (int Block, int Index) Find(Func<int, bool> isIn)
    {
        var (low, high) = (0, blocks.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (isIn(blocks[middle][^1])) high = middle;
            else low = middle + 1;
        }
        if (low == blocks.Count) return (low, 0);
        var block = blocks[low];
        var (from, to) = (0, block.Count - 1);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (isIn(block[middle])) to = middle;
            else from = middle + 1;
        }
        return (low, from);
    }
}
