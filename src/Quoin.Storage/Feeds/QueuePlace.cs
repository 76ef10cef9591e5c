using Quoin.Core;

namespace Quoin.Storage;

/// <summary>
/// A row of the table <c>queue</c>, and where it lies: keys that are given out one after the other
/// are neighbours, so that the marks of a commit are in few pages. New keys go out in scrambled
/// order, and come again in the order in which they went. A row may lie elsewhere: one that another
/// program wrote, one after a <c>VACUUM</c>, and one of two with the same place.
/// </summary>
readonly ref struct QueuePlace(long run, long fetcher, ReadOnlySpan<byte> key, int scramble)
{
    const int HashBits = 30;

    /// <summary>The place of a key whose scramble is not known.</summary>
    public QueuePlace(long run, long fetcher, ReadOnlySpan<byte> key)
        : this(run, fetcher, key, Quoin.Core.Scramble.Of(key))
    {
    }

    /// <summary>The number of the feed run.</summary>
    public long Run { get; } = run;

    /// <summary>The number of its feed in the table <c>fetchers</c>.</summary>
    public long Fetcher { get; } = fetcher;

    /// <summary>The key, UTF-8.</summary>
    public ReadOnlySpan<byte> Key { get; } = key;

    /// <summary>See <see cref="Quoin.Core.Scramble"/>.</summary>
    public int Scramble { get; } = scramble;

    /// <summary>From 0 to 2^62 - 1.</summary>
    public long RowId
    {
        get
        {
            // FNV-1a (Fowler, Noll, Vo; 64 bit) of all that tells rows of a scramble apart.
            const ulong basis = 0xcbf29ce484222325, prime = 0x100000001b3;
            var hash = ((basis ^ (ulong)Run) * prime ^ (ulong)Fetcher) * prime;
            foreach (var letter in Key) hash = (hash ^ letter) * prime;
            return ((long)Scramble - int.MinValue) << HashBits | (long)(hash >> (64 - HashBits));
        }
    }
}
