using System.Runtime.CompilerServices;

namespace Quoin.Core;

/// <summary>
/// The keys that feeds list, by number: their bytes, when each was given out last and how that
/// ended, and which of them may be given out now, best first. A key costs about 80 bytes and its
/// own; its scramble serves as its hash.
/// </summary>
sealed class FeedKeys(FeedOrder order)
{
    const int BytesPageBits = 16;

    /// <summary>What is known of one key.</summary>
    public struct Key
    {
        /// <summary>The run number of its last giving out; 0: never.</summary>
        public long Sequence;

        /// <summary>The times of its last giving out and of that one's end, Unix seconds.</summary>
        public long Started, Finished;

        /// <summary>The exit code of the last one that ended.</summary>
        public long ExitCode;

        /// <summary>Where its bytes are, and how many.</summary>
        public int Page, Offset, Length;

        /// <summary>See <see cref="Quoin.Core.Scramble"/>.</summary>
        public int Scramble;

        /// <summary>The first of its rows; -1: none.</summary>
        public int FirstRow;

        /// <summary>Its place in an order that is not by sequence; small comes first.</summary>
        public long Rank;

        /// <summary>How urgent it is; high comes first, whatever its place.</summary>
        public int Priority;

        /// <summary>Bits: see <see cref="KeyMarks"/>.</summary>
        public KeyMarks Marks;
    }

    // What decides the order nearly always stands in the heap itself: a key is far away in memory.
    readonly record struct Place(long First, int Scramble, int Key);

    readonly bool isRanked = order != FeedOrder.LeastRecentlyDispatched;
    readonly Paged<Key> keys = new();

    // Of each key its place among those that may be given out; -1: it may not. Not in the key: a
    // giving out moves one key of each level of the heap, and these are near each other in memory.
    readonly Paged<int> heapAt = new();
    readonly List<byte[]> pages = [];
    readonly List<int> dirty = [];
    int[] slots = new int[1024]; // Key number + 1.
    Place[] heap = new Place[1024];
    int pageUsed = 1 << BytesPageBits;

    /// <summary>How many keys there are.</summary>
    public int Count => keys.Length;

    /// <summary>How many keys may be given out.</summary>
    public int EligibleCount { get; private set; }

    /// <summary>What is known of a key; changed in place.</summary>
    public ref Key this[int key]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref keys[key];
    }

    /// <summary>The bytes of a key.</summary>
    public ReadOnlySpan<byte> Bytes(int key)
    {
        ref var it = ref keys[key];
        return pages[it.Page].AsSpan(it.Offset, it.Length);
    }

    /// <summary>The number of a key; -1: no such key.</summary>
    public int Find(ReadOnlySpan<byte> bytes) => Find(bytes, Scramble.Of(bytes), out _);

    /// <summary>The number of a key, which gets one if it has none.</summary>
    public int Intern(ReadOnlySpan<byte> bytes)
    {
        var scramble = Scramble.Of(bytes);
        var found = Find(bytes, scramble, out var slot);
        if (found >= 0) return found;
        if ((keys.Length + 1) * 4 > slots.Length * 3)
        {
            Grow();
            _ = Find(bytes, scramble, out slot);
        }
        var (page, offset) = Store(bytes);
        var number = keys.Add(new Key
        {
            Page = page,
            Offset = offset,
            Length = bytes.Length,
            Scramble = scramble,
            FirstRow = -1,
        });
        heapAt.Add(-1);
        slots[slot] = number + 1;
        return number;
    }

    int Find(ReadOnlySpan<byte> bytes, int scramble, out int slot)
    {
        var mask = slots.Length - 1;
        for (slot = scramble & mask; ; slot = (slot + 1) & mask)
        {
            var number = slots[slot] - 1;
            if (number < 0) return -1;
            if (keys[number].Scramble == scramble && Bytes(number).SequenceEqual(bytes))
                return number;
        }
    }

    void Grow()
    {
        slots = new int[slots.Length * 2];
        var mask = slots.Length - 1;
        for (var number = 0; number < keys.Length; number++)
        {
            var slot = keys[number].Scramble & mask;
            while (slots[slot] != 0) slot = (slot + 1) & mask;
            slots[slot] = number + 1;
        }
    }

    (int Page, int Offset) Store(ReadOnlySpan<byte> bytes)
    {
        const int size = 1 << BytesPageBits;
        if (bytes.Length > size / 4) // A page of its own; the next key begins a new one.
        {
            pages.Add(bytes.ToArray());
            pageUsed = size;
            return (pages.Count - 1, 0);
        }
        if (pageUsed + bytes.Length > size)
        {
            pages.Add(new byte[size]);
            pageUsed = 0;
        }
        bytes.CopyTo(pages[^1].AsSpan(pageUsed));
        pageUsed += bytes.Length;
        return (pages.Count - 1, pageUsed - bytes.Length);
    }

    /// <summary>When a key was given out last, and how that ended.</summary>
    public FeedKeyPast PastOf(int key)
    {
        ref var it = ref keys[key];
        var isKnown = it.Marks.HasFlag(KeyMarks.HasStarted);
        var isOver = it.Marks.HasFlag(KeyMarks.HasFinished);
        return new FeedKeyPast(
            it.Sequence, isKnown ? it.Started : null, isOver ? it.Finished : null,
            isOver ? it.ExitCode : null);
    }

    /// <summary>Says when a key was given out last. It may not be given out for now.</summary>
    public void SetPast(int key, FeedKeyPast past)
    {
        // The order of those that may be given out hangs on the sequence.
        SetEligible(key, false);
        ref var it = ref keys[key];
        it.Sequence = past.Sequence;
        it.Started = past.StartedAt ?? 0;
        it.Finished = past.FinishedAt ?? 0;
        it.ExitCode = past.ExitCode ?? 0;
        it.Marks &= ~(KeyMarks.HasStarted | KeyMarks.HasFinished);
        if (past.StartedAt is not null) it.Marks |= KeyMarks.HasStarted;
        if (past.FinishedAt is not null) it.Marks |= KeyMarks.HasFinished;
    }

    /// <summary>A key's giving out changed.</summary>
    public void MarkDirty(int key)
    {
        if (keys[key].Marks.HasFlag(KeyMarks.IsDirty)) return;
        keys[key].Marks |= KeyMarks.IsDirty;
        dirty.Add(key);
    }

    /// <summary>Keys whose giving out changed since the last call, with what is true now.</summary>
    public List<FeedKeyChange> TakeDirty()
    {
        var changes = new List<FeedKeyChange>(dirty.Count);
        foreach (var key in dirty)
        {
            keys[key].Marks &= ~KeyMarks.IsDirty;
            changes.Add(new FeedKeyChange(key, PastOf(key)));
        }
        dirty.Clear();
        return changes;
    }

    /// <summary>How many keys <see cref="TakeDirty"/> would give.</summary>
    public int DirtyCount => dirty.Count;

    /// <summary>The best key that may be given out; -1: none.</summary>
    public int Best => EligibleCount > 0 ? heap[0].Key : -1;

    /// <summary>Says whether a key may be given out.</summary>
    public void SetEligible(int key, bool isEligible)
    {
        var at = heapAt[key];
        if (isEligible == at >= 0) return;
        if (!isEligible)
        {
            Remove(key, at);
            return;
        }
        if (EligibleCount == heap.Length) Array.Resize(ref heap, heap.Length * 2);
        ref var it = ref keys[key];
        SiftUp(
            EligibleCount++, new Place(FirstOf(it), it.Scramble, key));
    }

    // Places are within 39 bits where there are priorities.
    long FirstOf(in Key it)
    {
        var place = isRanked ? it.Rank : it.Sequence;
        return it.Priority == 0 ? place : place - ((long)it.Priority << 40);
    }

    /// <summary>Says how urgent a key is.</summary>
    public void SetPriority(int key, int priority)
    {
        if (keys[key].Priority == priority) return;
        SetEligible(key, false);
        keys[key].Priority = priority;
    }

    /// <summary>It may be given out, at this place of an order that is not by sequence.</summary>
    public void SetRank(int key, long rank)
    {
        if (heapAt[key] >= 0 && keys[key].Rank == rank) return;
        SetEligible(key, false);
        keys[key].Rank = rank;
        SetEligible(key, true);
    }

    void Remove(int key, int at)
    {
        heapAt[key] = -1;
        var last = heap[--EligibleCount];
        if (last.Key == key) return;
        if (at > 0 && IsBefore(last, heap[(at - 1) / 4])) SiftUp(at, last);
        else SiftDown(at, last);
    }

    void SiftUp(int at, Place place)
    {
        while (at > 0)
        {
            var above = (at - 1) / 4;
            if (!IsBefore(place, heap[above])) break;
            Put(at, heap[above]);
            at = above;
        }
        Put(at, place);
    }

    void SiftDown(int at, Place place)
    {
        while (true)
        {
            var first = (at * 4) + 1;
            if (first >= EligibleCount) break;
            var best = first;
            var end = Math.Min(first + 4, EligibleCount);
            for (var i = first + 1; i < end; i++)
                if (IsBefore(heap[i], heap[best])) best = i;
            if (!IsBefore(heap[best], place)) break;
            Put(at, heap[best]);
            at = best;
        }
        Put(at, place);
    }

    void Put(int at, Place place)
    {
        heap[at] = place;
        heapAt[place.Key] = at;
    }

    bool IsBefore(in Place a, in Place b)
    {
        if (a.First != b.First) return a.First < b.First;
        if (isRanked && keys[a.Key].Sequence != keys[b.Key].Sequence)
            return keys[a.Key].Sequence < keys[b.Key].Sequence;
        if (a.Scramble != b.Scramble) return a.Scramble < b.Scramble;
        return Bytes(a.Key).SequenceCompareTo(Bytes(b.Key)) < 0;
    }
}

/// <summary>Bits of a key.</summary>
[Flags]
enum KeyMarks : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It was given out at least once.</summary>
    HasStarted = 1,

    /// <summary>Its last giving out has ended.</summary>
    HasFinished = 2,

    /// <summary>It changed since its slow tables were written.</summary>
    IsDirty = 4,

    /// <summary>It waits until a newer file of its feed was read.</summary>
    IsParked = 8,
}

/// <summary>A key whose giving out changed.</summary>
public readonly record struct FeedKeyChange(int Key, FeedKeyPast Past)
{
    /// <summary>What is out of it; null: nothing.</summary>
    public FeedFlight? Flight { get; init; }

    /// <summary>The name of the worker that has it; empty: nobody that has one.</summary>
    public string? Holder { get; init; }
}
