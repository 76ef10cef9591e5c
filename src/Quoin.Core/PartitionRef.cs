using System.Text;

namespace Quoin.Core;

/// <summary>
/// The grammar of partition references: segments joined by <c>/</c>, none of them empty, <c>.</c>
/// or <c>..</c>; <c>%</c>, control characters and a <c>/</c> inside a segment are written as
/// percent-encoded UTF-8 bytes (<c>%2F</c>, upper case).
/// </summary>
public static class PartitionRef
{
    /// <summary>The longest reference in bytes; it has to fit a file path.</summary>
    public const int BytesMax = 1024;

    /// <summary>
    /// Null when <paramref name="text"/> is a valid reference, else what is wrong.
    /// </summary>
    public static string? Check(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty) return "a partition reference is empty";
        if (Encoding.UTF8.GetByteCount(text) > BytesMax)
            return $"a partition reference is longer than {BytesMax} bytes";
        foreach (var range in text.Split('/'))
        {
            var segment = text[range];
            if (segment.IsEmpty) return $"\"{text}\" has an empty segment";
            if (segment is "." or "..") return $"\"{text}\" has a segment \"{segment}\"";
            for (var i = 0; i < segment.Length; i++)
            {
                if (char.IsControl(segment[i]))
                    return $"\"{text}\" has a control character; write it as %{(int)segment[i]:X2}";
                if (char.IsSurrogate(segment[i])
                    && !(i + 1 < segment.Length && char.IsSurrogatePair(segment[i], segment[i + 1]))
                    && !(i > 0 && char.IsSurrogatePair(segment[i - 1], segment[i])))
                    return $"\"{text}\" is not valid Unicode";
                if (segment[i] == '%' && !IsEscape(segment[i..]))
                    return $"\"{text}\" has a % that is not followed by two digits 0-9A-F";
            }
        }
        return null;
    }

    /// <summary>Writes any text as one segment: the inverse of <see cref="Decode"/>.</summary>
    public static string EncodeSegment(ReadOnlySpan<char> raw)
    {
        if (raw is "." or "..") return string.Concat(Enumerable.Repeat("%2E", raw.Length));
        var plain = true;
        foreach (var c in raw) plain &= c is not ('%' or '/') && !char.IsControl(c);
        if (plain) return raw.ToString();
        var builder = new StringBuilder(raw.Length + 8);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in raw.EnumerateRunes())
        {
            if (rune.Value is not ('%' or '/') && !Rune.IsControl(rune))
            {
                builder.Append(rune.ToString());
                continue;
            }
            foreach (var b in bytes[..rune.EncodeToUtf8(bytes)]) builder.Append($"%{b:X2}");
        }
        return builder.ToString();
    }

    /// <summary>The text that a segment stands for, its percent escapes undone.</summary>
    public static string Decode(ReadOnlySpan<char> segment) =>
        segment.Contains('%') ? Uri.UnescapeDataString(segment) : segment.ToString();

    static bool IsEscape(ReadOnlySpan<char> at) =>
        at.Length >= 3 && IsUpperHex(at[1]) && IsUpperHex(at[2]);

    static bool IsUpperHex(char c) => c is >= '0' and <= '9' or >= 'A' and <= 'F';
}
