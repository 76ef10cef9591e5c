using System.Runtime.CompilerServices;

namespace Quoin.Core;

/// <summary>
/// Finds the pattern that a name matches by its literal first segments: one look-up for the whole
/// name and one for each of its beginnings, then the few patterns behind them in order. Built once,
/// then read by many threads.
/// </summary>
sealed class PatternIndex<T>
{
    readonly PartitionNames keys = new();
    readonly List<Bucket> buckets = []; // By id of the key.
    int depthMax; // Segments of the longest prefix of a pattern with captures.
    bool hasRootBucket; // There are patterns whose first segment has a capture.

    /// <summary>Adds what a pattern stands for.</summary>
    public void Add(Pattern pattern, T value)
    {
        var id = keys.Intern(pattern.Prefix).Value;
        while (buckets.Count <= id) buckets.Add(new());
        if (pattern.IsLiteral)
        {
            (buckets[id].Exact, buckets[id].HasExact) = (value, true);
            return;
        }
        buckets[id].Patterns.Add(new(pattern, value));
        hasRootBucket |= pattern.Prefix.IsEmpty;
        if (!pattern.Prefix.IsEmpty)
            depthMax = Math.Max(depthMax, 1 + pattern.Prefix.Count((byte)'/'));
    }

    /// <summary>What the pattern that a name matches stands for, or the default.</summary>
    [SkipLocalsInit]
    public T? Find(ReadOnlySpan<byte> name)
    {
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        return Find(name, slots);
    }

    /// <summary>As above; the slots are those of the pattern that matched.</summary>
    public T? Find(ReadOnlySpan<byte> name, Span<Slot> slots)
    {
        if (keys.TryFind(name, out var exact) && buckets[exact.Value] is { HasExact: true } hit)
            return hit.Exact;
        var length = 0;
        for (var depth = 0; depth < depthMax; depth++)
        {
            var slash = name[length..].IndexOf((byte)'/');
            if (slash < 0) break;
            if (keys.TryFind(name[..(length + slash)], out var id)
                && TryBucket(buckets[id.Value], name, slots, out var value))
                return value;
            length += slash + 1;
        }
        return hasRootBucket && keys.TryFind([], out var root)
            && TryBucket(buckets[root.Value], name, slots, out var last)
                ? last
                : default;
    }

    /// <summary>
    /// Calls <paramref name="found"/> for every pattern with captures that matches.
    /// </summary>
    public void FindAll(ReadOnlySpan<byte> name, Action<T> found)
    {
        Span<Slot> slots = stackalloc Slot[Pattern.CapturesMax];
        var length = 0;
        for (var depth = 0; depth < depthMax; depth++)
        {
            var slash = name[length..].IndexOf((byte)'/');
            if (slash < 0) break;
            if (keys.TryFind(name[..(length + slash)], out var id))
                Call(buckets[id.Value], name, slots, found);
            length += slash + 1;
        }
        if (hasRootBucket && keys.TryFind([], out var root))
            Call(buckets[root.Value], name, slots, found);
    }

    static void Call(Bucket bucket, ReadOnlySpan<byte> name, Span<Slot> slots, Action<T> found)
    {
        foreach (var (pattern, value) in bucket.Patterns)
            if (pattern.TryMatch(name, slots)) found(value);
    }

    static bool TryBucket(Bucket bucket, ReadOnlySpan<byte> name, Span<Slot> slots, out T? value)
    {
        foreach (var (pattern, candidate) in bucket.Patterns)
        {
            if (!pattern.TryMatch(name, slots)) continue;
            value = candidate;
            return true;
        }
        value = default;
        return false;
    }

    sealed class Bucket
    {
        public T? Exact;
        public bool HasExact;
        public readonly List<Entry> Patterns = [];
    }

    sealed record Entry(Pattern Pattern, T Value);
}
