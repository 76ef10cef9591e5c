using System.IO.Compression;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>A text as the database keeps it: deflated when that pays.</summary>
static class StoredBytes
{
    // A short text saves less than a page has to spare, and deflating it takes longer than writing.
    const int DeflateFrom = 1024;

    /// <summary>
    /// As it is, or deflated if that saves a fifth; <paramref name="form"/> says which.
    /// </summary>
    public static ReadOnlySpan<byte> Pack(ReadOnlySpan<byte> text, out int form)
    {
        form = 0;
        if (text.Length < DeflateFrom) return text;
        using var packed = new MemoryStream(text.Length / 2);
        using (var deflate = new DeflateStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            deflate.Write(text);
        if (packed.Length > text.Length * 4L / 5) return text;
        form = 1;
        return packed.GetBuffer().AsSpan(0, (int)packed.Length);
    }

    /// <summary>The inverse; <paramref name="what"/> names it in the error.</summary>
    public static byte[] Unpack(ReadOnlySpan<byte> stored, long form, string what)
    {
        if (form == 0) return stored.ToArray();
        try
        {
            if (form != 1) throw new InvalidDataException($"form {form} is not known");
            using var source = new MemoryStream(stored.ToArray());
            using var inflate = new DeflateStream(source, CompressionMode.Decompress);
            using var text = new MemoryStream(stored.Length * 4);
            inflate.CopyTo(text);
            return text.ToArray();
        }
        catch (InvalidDataException e)
        {
            throw new StoreException("store-corrupt", $"{what} cannot be read: {e.Message}", e);
        }
    }
}

/// <summary>A digest as a key: one byte for the algorithm, then its bytes.</summary>
static class DigestKey
{
    public const int BytesMax = 33;

    public static ReadOnlySpan<byte> Write(Digest digest, Span<byte> key)
    {
        key[0] = (byte)digest.Algorithm;
        return key[..(1 + digest.CopyTo(key[1..]))];
    }

    public static Digest Read(ReadOnlySpan<byte> key, string what)
    {
        var count = key.IsEmpty ? -1 : key[0] switch { 0 => 0, 1 => 16, 2 => 32, _ => -1 };
        return count == key.Length - 1
            ? new Digest((DigestAlgorithm)key[0], key[1..])
            : throw new StoreException("store-corrupt", $"{what} has no valid digest");
    }
}
