using System.Buffers.Binary;
using System.Numerics;

namespace Quoin.Core;

/// <summary>
/// An order of keys that has nothing to do with their alphabet, and is the same on every host: the
/// first four bytes of the MD5 of the key, as a little-endian number with a sign. MD5 (RFC 1321) is
/// written out because nothing here needs it to be safe, and loading a library of ciphers at every
/// start costs more than hashing all keys does.
/// </summary>
public static class Scramble
{
    static ReadOnlySpan<byte> Shifts =>
    [
        7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21,
    ];

    static ReadOnlySpan<uint> Sines =>
    [
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
        0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
        0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
        0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
        0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
        0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
        0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
        0xeb86d391,
    ];

    /// <summary>
    /// The place of a key, UTF-8, among keys that were given out equally long ago.
    /// </summary>
    public static int Of(ReadOnlySpan<byte> key)
    {
        Span<uint> state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
        var rest = key;
        for (; rest.Length >= 64; rest = rest[64..]) Block(state, rest);
        Span<byte> end = stackalloc byte[128];
        end.Clear();
        rest.CopyTo(end);
        end[rest.Length] = 0x80;
        var length = rest.Length < 56 ? 64 : 128;
        BinaryPrimitives.WriteInt64LittleEndian(end[(length - 8)..], (long)key.Length * 8);
        for (var at = 0; at < length; at += 64) Block(state, end.Slice(at, 64));
        return (int)state[0];
    }

    static void Block(Span<uint> state, ReadOnlySpan<byte> bytes)
    {
        Span<uint> words = stackalloc uint[16];
        for (var i = 0; i < 16; i++)
            words[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * 4)..]);
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        for (var i = 0; i < 16; i++)
            (a, d, c, b) = (d, c, b, b + Turned(a + ((b & c) | (~b & d)) + words[i], i));
        for (var i = 16; i < 32; i++)
        {
            var word = words[((i * 5) + 1) & 15];
            (a, d, c, b) = (d, c, b, b + Turned(a + ((d & b) | (~d & c)) + word, i));
        }
        for (var i = 32; i < 48; i++)
        {
            var word = words[((i * 3) + 5) & 15];
            (a, d, c, b) = (d, c, b, b + Turned(a + (b ^ c ^ d) + word, i));
        }
        for (var i = 48; i < 64; i++)
        {
            var word = words[(i * 7) & 15];
            (a, d, c, b) = (d, c, b, b + Turned(a + (c ^ (b | ~d)) + word, i));
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }

    static uint Turned(uint sum, int i) =>
        BitOperations.RotateLeft(sum + Sines[i], Shifts[((i >> 4) * 4) + (i & 3)]);
}
