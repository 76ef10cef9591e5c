using System.Buffers;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Which texts of fingerprints were digested before, by their XXH3: a build with nothing to do
/// would spend more on SHA-256 than on anything else. Kept beside the snapshot of the state, for
/// what is published. XXH3 tells texts apart that were not made to deceive it, and these are our
/// own; nobody else can write them. One thread.
/// </summary>
public sealed class FingerprintMemo
{
    const int QuickBytes = 16, EntryBytes = QuickBytes + 32, CountMax = 4_000_000;

    readonly Dictionary<Digest, Digest> known = [];

    /// <summary>How many texts are known.</summary>
    public int Count => known.Count;

    /// <summary>How many texts were digested because they were not known.</summary>
    public long Digested { get; private set; }

    /// <summary>The fingerprint of a text: <see cref="Fingerprint.DigestOf"/>.</summary>
    public Digest Of(ReadOnlySpan<byte> text)
    {
        var quick = Xxh3.Hash(text);
        if (known.TryGetValue(quick, out var digest)) return digest;
        Digested++;
        if (known.Count >= CountMax) known.Clear();
        return known[quick] = Fingerprint.DigestOf(text);
    }

    /// <summary>Writes those that are the fingerprint of something that is published.</summary>
    public void Write(KernelState state, IBufferWriter<byte> to)
    {
        var live = new HashSet<Digest>();
        for (var id = 0; id < state.CellCount; id++)
            if (state.TryGetManifest(new PartitionId(id), out var manifest))
                live.Add(manifest.Fingerprint);
        foreach (var (quick, digest) in known)
        {
            if (!live.Contains(digest)) continue;
            var entry = to.GetSpan(EntryBytes);
            quick.CopyTo(entry);
            digest.CopyTo(entry[QuickBytes..]);
            to.Advance(EntryBytes);
        }
    }

    /// <summary>What <see cref="Write"/> wrote.</summary>
    public static FingerprintMemo Read(ReadOnlySpan<byte> bytes)
    {
        var memo = new FingerprintMemo();
        memo.known.EnsureCapacity(bytes.Length / EntryBytes);
        for (; bytes.Length >= EntryBytes; bytes = bytes[EntryBytes..])
        {
            memo.known[new Digest(DigestAlgorithm.Xxh3, bytes[..QuickBytes])] =
                new Digest(DigestAlgorithm.Sha256, bytes[QuickBytes..EntryBytes]);
        }
        return memo;
    }
}
