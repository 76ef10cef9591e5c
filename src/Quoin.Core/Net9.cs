#if !NET10_0_OR_GREATER
using System.Runtime.CompilerServices;

namespace Quoin.Core;

/// <summary>What .NET 10 has and .NET 9 lacks, for the native binary (docs/decisions).</summary>
internal static class Net9
{
    public static bool Contains<T>(this Span<T> span, T value) where T : unmanaged, Enum =>
        IndexOf(span, value) >= 0;
    public static int Count<T>(this Span<T> span, T value) where T : unmanaged, Enum =>
        Count((ReadOnlySpan<T>)span, value);
    public static int Count<T>(this ReadOnlySpan<T> span, T value) where T : unmanaged, Enum
    {
        var count = 0;
        foreach (var item in span)
            if (EqualityComparer<T>.Default.Equals(item, value)) count++;
        return count;
    }

    public static void Replace<T>(this Span<T> span, T old, T value) where T : unmanaged, Enum
    {
        foreach (ref var item in span)
            if (EqualityComparer<T>.Default.Equals(item, old)) item = value;
    }

    static int IndexOf<T>(ReadOnlySpan<T> span, T value) where T : unmanaged, Enum
    {
        for (var i = 0; i < span.Length; i++)
            if (EqualityComparer<T>.Default.Equals(span[i], value)) return i;
        return -1;
    }

    extension(Convert)
    {
        public static bool TryToHexStringLower(
            ReadOnlySpan<byte> source, Span<byte> utf8, out int written)
        {
            written = source.Length * 2;
            if (utf8.Length < written) return false;
            for (var i = 0; i < source.Length; i++)
            {
                utf8[i * 2] = "0123456789abcdef"u8[source[i] >> 4];
                utf8[i * 2 + 1] = "0123456789abcdef"u8[source[i] & 15];
            }
            return true;
        }
    }
}
#endif
