using System.Diagnostics.CodeAnalysis;

namespace Quoin.Core;

/// <summary>What made a digest. A digest always carries this name: <c>sha256:22ab…</c>.</summary>
public enum DigestAlgorithm : byte
{
    /// <summary>No digest.</summary>
    None = 0,

    /// <summary>XXH3, 128 bits: contents of files that stay on this machine.</summary>
    Xxh3 = 1,

    /// <summary>SHA-256: fingerprints, and whatever leaves the machine.</summary>
    Sha256 = 2,
}

/// <summary>
/// A digest of 16 (XXH3-128) or 32 (SHA-256) bytes, kept without an object of its own.
/// </summary>
public readonly record struct Digest
{
    readonly ulong a, b, c, d;

    /// <summary>Takes 16 bytes for XXH3 and 32 for SHA-256.</summary>
    public Digest(DigestAlgorithm algorithm, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length(algorithm))
            throw new ArgumentException(
                $"{algorithm} has {Length(algorithm)} bytes, not {bytes.Length}.");
        Algorithm = algorithm;
        if (bytes.IsEmpty) return;
        a = BitConverter.ToUInt64(bytes);
        b = BitConverter.ToUInt64(bytes[8..]);
        if (bytes.Length == 16) return;
        c = BitConverter.ToUInt64(bytes[16..]);
        d = BitConverter.ToUInt64(bytes[24..]);
    }

    /// <summary>What made it.</summary>
    public DigestAlgorithm Algorithm { get; }

    /// <summary>False for <c>default</c>, which stands for "no digest".</summary>
    public bool Exists => Algorithm != DigestAlgorithm.None;

    /// <summary>How many bytes <see cref="CopyTo"/> writes: 0, 16 or 32.</summary>
    public int ByteCount => Length(Algorithm);

    /// <summary>Writes the bytes and returns how many.</summary>
    public int CopyTo(Span<byte> bytes)
    {
        var count = ByteCount;
        if (count == 0) return 0;
        BitConverter.TryWriteBytes(bytes, a);
        BitConverter.TryWriteBytes(bytes[8..], b);
        if (count == 16) return 16;
        BitConverter.TryWriteBytes(bytes[16..], c);
        BitConverter.TryWriteBytes(bytes[24..], d);
        return count;
    }

    /// <summary>The first 8 hexadecimal digits: what a terminal shows.</summary>
    public string Short => Exists ? Hex()[..8] : "-";

    /// <summary>Lower-case hexadecimal digits, without the algorithm.</summary>
    public string Hex()
    {
        Span<byte> bytes = stackalloc byte[32];
        return Convert.ToHexStringLower(bytes[..CopyTo(bytes)]);
    }

    /// <summary><c>xxh3:…</c> or <c>sha256:…</c>; empty for no digest.</summary>
    public override string ToString() => Algorithm switch
    {
        DigestAlgorithm.None => "",
        DigestAlgorithm.Xxh3 => "xxh3:" + Hex(),
        DigestAlgorithm.Sha256 => "sha256:" + Hex(),
        _ => throw new InvalidOperationException($"unknown algorithm {Algorithm}"),
    };

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        if (text is null || text.IndexOf(':') is not (> 0 and var colon)) return false;
        var algorithm = text[..colon] switch
        {
            "xxh3" => DigestAlgorithm.Xxh3,
            "sha256" => DigestAlgorithm.Sha256,
            _ => DigestAlgorithm.None,
        };
        if (text.Length - colon - 1 != Length(algorithm) * 2 || algorithm == DigestAlgorithm.None)
            return false;
        Span<byte> bytes = stackalloc byte[Length(algorithm)];
        if (Convert.FromHexString(text.AsSpan(colon + 1), bytes, out _, out _)
            != System.Buffers.OperationStatus.Done) return false;
        digest = new Digest(algorithm, bytes);
        return true;
    }

    static int Length(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Xxh3 => 16,
        DigestAlgorithm.Sha256 => 32,
        _ => 0,
    };
}
