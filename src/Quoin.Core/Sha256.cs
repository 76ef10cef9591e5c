using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Quoin.Core;

/// <summary>
/// SHA-256 (FIPS 180-4) of short texts, written out: the library behind the framework's takes
/// milliseconds to set up at each start, and as long as the hash itself for each call. Long texts
/// are the library's, which uses the processor's instructions where there are some.
/// </summary>
static class Sha256
{
    /// <summary>The length of a digest, bytes.</summary>
    public const int BytesCount = 32;

    const int BlockBytes = 64, LibraryFrom = 1 << 20;

    static ReadOnlySpan<uint> Rounds =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2,
    ];

    /// <summary>Writes the 32 bytes of the digest of some bytes.</summary>
    public static void Hash(ReadOnlySpan<byte> bytes, Span<byte> digest)
    {
        if (bytes.Length >= LibraryFrom)
        {
            SHA256.HashData(bytes, digest);
            return;
        }
        Span<uint> state =
        [
            0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
            0x5be0cd19,
        ];
        Span<uint> words = stackalloc uint[64];
        var rest = bytes;
        for (; rest.Length >= BlockBytes; rest = rest[BlockBytes..]) Block(state, words, rest);
        // The end: a one bit, zeros, and the length in bits; in one block or in two.
        Span<byte> end = stackalloc byte[BlockBytes * 2];
        end.Clear();
        rest.CopyTo(end);
        end[rest.Length] = 0x80;
        end = end[..(rest.Length + 9 > BlockBytes ? BlockBytes * 2 : BlockBytes)];
        BinaryPrimitives.WriteInt64BigEndian(end[^8..], bytes.Length * 8L);
        for (; end.Length > 0; end = end[BlockBytes..]) Block(state, words, end);
        for (var i = 0; i < state.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(digest[(i * 4)..], state[i]);
    }

    static void Block(Span<uint> state, Span<uint> w, ReadOnlySpan<byte> block)
    {
        for (var i = 0; i < 16; i++) w[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(i * 4)..]);
        for (var i = 16; i < w.Length; i++)
        {
            var (x, y) = (w[i - 15], w[i - 2]);
            var before = BitOperations.RotateRight(x, 7) ^ BitOperations.RotateRight(x, 18)
                ^ (x >> 3);
            var after = BitOperations.RotateRight(y, 17) ^ BitOperations.RotateRight(y, 19)
                ^ (y >> 10);
            w[i] = w[i - 16] + before + w[i - 7] + after;
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        var (e, f, g, h) = (state[4], state[5], state[6], state[7]);
        var rounds = Rounds;
        for (var i = 0; i < rounds.Length; i++)
        {
            var one = h + (BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11)
                ^ BitOperations.RotateRight(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i] + w[i];
            var two = (BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13)
                ^ BitOperations.RotateRight(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d + one);
            (d, c, b, a) = (c, b, a, one + two);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }
}
