using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// XXH3 with 128 bits and seed 0, after Yann Collet's specification (xxHash, doc/xxhash_spec.md):
/// fast, good at telling files apart, and no protection against somebody who forges them. The
/// bytes are in canonical order, so that the digits are those that <c>xxh128sum</c> prints. An
/// instance takes its input in pieces and is not thread safe.
/// </summary>
public sealed unsafe class Xxh3
{
    internal const ulong Prime1 = 0x9E3779B185EBCA87, Prime2 = 0xC2B2AE3D27D4EB4F;
    internal const ulong Prime3 = 0x165667B19E3779F9, Prime4 = 0x85EBCA77C2B2AE63;
    const ulong Prime5 = 0x27D4EB2F165667C5;
    internal const uint Prime32A = 0x9E3779B1, Prime32B = 0x85EBCA77, Prime32C = 0xC2B2AE3D;

    const int Stripe = 64, StripesPerBlock = 16, Buffer = 256, ShortMax = 240;

    readonly byte[] buffer = new byte[Buffer];
    readonly ulong[] sums = new ulong[8];
    int buffered, stripesInBlock;
    ulong total;

    /// <summary>A hash of nothing so far.</summary>
    public Xxh3() => Reset();

    internal static ReadOnlySpan<byte> Secret =>
    [
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c,
        0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb,
        0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e,
        0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
        0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6,
        0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
        0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97,
        0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
        0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7,
        0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
        0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83,
        0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
        0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26,
        0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc,
        0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f,
        0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
    ];

    /// <summary>The digest of bytes that are all there.</summary>
    public static Digest Hash(ReadOnlySpan<byte> input)
    {
        if (input.Length <= ShortMax) return Xxh3Short.Hash(input);
        var hash = new Xxh3();
        hash.Append(input);
        return hash.Finish();
    }

    /// <summary>Forgets all input.</summary>
    public void Reset()
    {
        (buffered, stripesInBlock, total) = (0, 0, 0);
        ReadOnlySpan<ulong> start =
            [Prime32C, Prime1, Prime2, Prime3, Prime4, Prime32B, Prime5, Prime32A];
        start.CopyTo(sums);
    }

    /// <summary>Takes more input.</summary>
    public void Append(ReadOnlySpan<byte> input)
    {
        total += (ulong)input.Length;
        if (buffered + input.Length <= Buffer)
        {
            input.CopyTo(buffer.AsSpan(buffered));
            buffered += input.Length;
            return;
        }
        // The last stripe is treated differently: something always stays in the buffer.
        if (buffered > 0)
        {
            var fill = Buffer - buffered;
            input[..fill].CopyTo(buffer.AsSpan(buffered));
            Consume(buffer);
            input = input[fill..];
            buffered = 0;
        }
        if (input.Length > Buffer)
        {
            var whole = (input.Length - 1) / Stripe * Stripe;
            Consume(input[..whole]);
            input.Slice(whole - Stripe, Stripe).CopyTo(buffer.AsSpan(Buffer - Stripe));
            input = input[whole..];
        }
        input.CopyTo(buffer);
        buffered = input.Length;
    }

    /// <summary>The digest of all input so far; after it the hash starts anew.</summary>
    public Digest Finish()
    {
        var digest = total <= ShortMax
            ? Xxh3Short.Hash(buffer.AsSpan(0, (int)total)) : FinishLong();
        Reset();
        return digest;
    }

    Digest FinishLong()
    {
        Span<byte> last = stackalloc byte[Stripe];
        if (buffered >= Stripe)
        {
            Consume(buffer.AsSpan(0, (buffered - 1) / Stripe * Stripe));
            buffer.AsSpan(buffered - Stripe, Stripe).CopyTo(last);
        }
        else
        {
            // The end of what was consumed lies at the end of the buffer.
            var missing = Stripe - buffered;
            buffer.AsSpan(Buffer - missing).CopyTo(last);
            buffer.AsSpan(0, buffered).CopyTo(last[missing..]);
        }
        fixed (byte* data = last, secret = Secret)
        fixed (ulong* at = sums)
        {
            Accumulate(at, data, secret + 121, 1);
            var low = Merge(at, secret + 11, total * Prime1);
            var high = Merge(at, secret + 117, ~(total * Prime2));
            return Make(low, high);
        }
    }

    void Consume(ReadOnlySpan<byte> stripes)
    {
        fixed (byte* start = stripes, secret = Secret)
        fixed (ulong* at = sums)
        {
            var data = start;
            for (var left = stripes.Length / Stripe; left > 0;)
            {
                var now = Math.Min(left, StripesPerBlock - stripesInBlock);
                Accumulate(at, data, secret + stripesInBlock * 8, now);
                data += now * Stripe;
                left -= now;
                stripesInBlock += now;
                if (stripesInBlock < StripesPerBlock) continue;
                stripesInBlock = 0;
                Scramble(at, secret + 128);
            }
        }
    }

    internal static void Accumulate(ulong* sums, byte* data, byte* secret, int stripes)
    {
        if (Avx2.IsSupported) AccumulateAvx2(sums, data, secret, stripes);
        else if (AdvSimd.IsSupported) AccumulateArm(sums, data, secret, stripes);
        else AccumulateScalar(sums, data, secret, stripes);
    }

    static void AccumulateAvx2(ulong* sums, byte* data, byte* secret, int stripes)
    {
        var first = Vector256.Load(sums);
        var second = Vector256.Load(sums + 4);
        for (var i = 0; i < stripes; i++, data += Stripe, secret += 8)
        {
            first = AddAvx2(first, (ulong*)data, (ulong*)secret);
            second = AddAvx2(second, (ulong*)data + 4, (ulong*)secret + 4);
        }
        first.Store(sums);
        second.Store(sums + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<ulong> AddAvx2(Vector256<ulong> sum, ulong* data, ulong* secret)
    {
        var value = Vector256.Load(data);
        var keyed = value ^ Vector256.Load(secret);
        var product = Avx2.Multiply(keyed.AsUInt32(), (keyed >> 32).AsUInt32());
        return sum + product + Avx2.Shuffle(value.AsUInt32(), 0x4E).AsUInt64();
    }

    static void AccumulateArm(ulong* sums, byte* data, byte* secret, int stripes)
    {
        for (var lane = 0; lane < 8; lane += 2)
        {
            var sum = Vector128.Load(sums + lane);
            for (var i = 0; i < stripes; i++)
            {
                var value = Vector128.Load((ulong*)(data + i * Stripe) + lane);
                var keyed = value ^ Vector128.Load((ulong*)(secret + i * 8) + lane);
                var low = AdvSimd.ExtractNarrowingLower(keyed);
                var high = AdvSimd.ShiftRightLogicalNarrowingLower(keyed, 32);
                sum += AdvSimd.MultiplyWideningLower(low, high);
                sum += AdvSimd.ExtractVector128(value, value, 1);
            }
            sum.Store(sums + lane);
        }
    }

    internal static void AccumulateScalar(ulong* sums, byte* data, byte* secret, int stripes)
    {
        for (var i = 0; i < stripes; i++, data += Stripe, secret += 8)
        {
            for (var lane = 0; lane < 8; lane++)
            {
                var value = ((ulong*)data)[lane];
                var keyed = value ^ ((ulong*)secret)[lane];
                sums[lane ^ 1] += value;
                sums[lane] += (keyed & 0xFFFFFFFF) * (keyed >> 32);
            }
        }
    }

    static void Scramble(ulong* sums, byte* secret)
    {
        for (var lane = 0; lane < 8; lane++)
        {
            var sum = sums[lane];
            sums[lane] = (sum ^ (sum >> 47) ^ ((ulong*)secret)[lane]) * Prime32A;
        }
    }

    static ulong Merge(ulong* sums, byte* secret, ulong start)
    {
        for (var i = 0; i < 8; i += 2)
        {
            var key = (ulong*)(secret + i * 8);
            start += Xxh3Short.Fold(sums[i] ^ key[0], sums[i + 1] ^ key[1]);
        }
        return Xxh3Short.Avalanche(start);
    }

    internal static Digest Make(ulong low, ulong high)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, high);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], low);
        return new Digest(DigestAlgorithm.Xxh3, bytes);
    }
}

/// <summary>XXH3-128 of at most 240 bytes: four cases by length.</summary>
static unsafe class Xxh3Short
{
    public static Digest Hash(ReadOnlySpan<byte> input)
    {
        fixed (byte* data = input, secret = Xxh3.Secret)
        {
            return input.Length switch
            {
                0 => Xxh3.Make(
                    Avalanche64(U64(secret + 64) ^ U64(secret + 72)),
                    Avalanche64(U64(secret + 80) ^ U64(secret + 88))),
                <= 3 => UpTo3(data, (uint)input.Length, secret),
                <= 8 => UpTo8(data, (uint)input.Length, secret),
                <= 16 => UpTo16(data, (uint)input.Length, secret),
                _ => UpTo240(data, input.Length, secret),
            };
        }
    }

    public static ulong Fold(ulong a, ulong b)
    {
        var high = Math.BigMul(a, b, out var low);
        return low ^ high;
    }

    public static ulong Avalanche(ulong hash)
    {
        hash = (hash ^ (hash >> 37)) * 0x165667919E3779F9;
        return hash ^ (hash >> 32);
    }

    static Digest UpTo3(byte* data, uint length, byte* secret)
    {
        var low = ((uint)data[0] << 16) | ((uint)data[length >> 1] << 24) | data[length - 1]
            | (length << 8);
        var high = BitOperations.RotateLeft(BinaryPrimitives.ReverseEndianness(low), 13);
        return Xxh3.Make(
            Avalanche64(low ^ (ulong)(U32(secret) ^ U32(secret + 4))),
            Avalanche64(high ^ (ulong)(U32(secret + 8) ^ U32(secret + 12))));
    }

    static Digest UpTo8(byte* data, uint length, byte* secret)
    {
        var both = U32(data) + ((ulong)U32(data + length - 4) << 32);
        var keyed = both ^ U64(secret + 16) ^ U64(secret + 24);
        var high = Math.BigMul(keyed, Xxh3.Prime1 + (length << 2), out var low);
        high += low << 1;
        low ^= high >> 3;
        low = (low ^ (low >> 35)) * 0x9FB21C651E98DF25;
        return Xxh3.Make(low ^ (low >> 28), Avalanche(high));
    }

    static Digest UpTo16(byte* data, uint length, byte* secret)
    {
        var inputHigh = U64(data + length - 8);
        var keyed = U64(data) ^ inputHigh ^ U64(secret + 32) ^ U64(secret + 40);
        var high = Math.BigMul(keyed, Xxh3.Prime1, out var low);
        low += (ulong)(length - 1) << 54;
        inputHigh ^= U64(secret + 48) ^ U64(secret + 56);
        high += inputHigh + (ulong)(uint)inputHigh * (Xxh3.Prime32B - 1);
        low ^= BinaryPrimitives.ReverseEndianness(high);
        var highest = Math.BigMul(low, Xxh3.Prime2, out var result);
        return Xxh3.Make(Avalanche(result), Avalanche(highest + high * Xxh3.Prime2));
    }

    static Digest UpTo240(byte* data, int length, byte* secret)
    {
        var low = (ulong)length * Xxh3.Prime1;
        var high = 0UL;
        if (length <= 128)
        {
            var end = data + length - 16;
            for (var i = (length - 1) / 32; i >= 0; i--)
                Mix(ref low, ref high, data + 16 * i, end - 16 * i, secret + 32 * i);
        }
        else
        {
            for (var i = 0; i < 128; i += 32)
                Mix(ref low, ref high, data + i, data + i + 16, secret + i);
            low = Avalanche(low);
            high = Avalanche(high);
            for (var i = 128; i + 32 <= length; i += 32)
                Mix(ref low, ref high, data + i, data + i + 16, secret + 3 + i - 128);
            Mix(ref low, ref high, data + length - 16, data + length - 32, secret + 103);
        }
        var sum = low * Xxh3.Prime1 + high * Xxh3.Prime4 + (ulong)length * Xxh3.Prime2;
        return Xxh3.Make(Avalanche(low + high), 0 - Avalanche(sum));
    }

    static void Mix(ref ulong low, ref ulong high, byte* first, byte* second, byte* secret)
    {
        low += Fold(U64(first) ^ U64(secret), U64(first + 8) ^ U64(secret + 8));
        low ^= U64(second) + U64(second + 8);
        high += Fold(U64(second) ^ U64(secret + 16), U64(second + 8) ^ U64(secret + 24));
        high ^= U64(first) + U64(first + 8);
    }

    static ulong Avalanche64(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * Xxh3.Prime2;
        hash = (hash ^ (hash >> 29)) * Xxh3.Prime3;
        return hash ^ (hash >> 32);
    }

    static ulong U64(byte* at) => *(ulong*)at;

    static uint U32(byte* at) => *(uint*)at;
}
