using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Quoin.Core;

/// <summary>Why a line of a feed is no job.</summary>
public enum FeedLineFault : byte
{
    /// <summary>It is one.</summary>
    None = 0,

    /// <summary>It has fewer than two fields.</summary>
    Fields = 1,

    /// <summary>It is not UTF-8.</summary>
    Encoding = 2,
}

/// <summary>
/// The grammar of a feed's lines, over bytes: nothing is decoded before the end of a line is there,
/// so a character that comes in two pieces is one character. A line ends with LF, CR LF or a lone
/// CR; white space at both ends is trimmed; the first space ends the key.
/// </summary>
public static class FeedLine
{
    static readonly SearchValues<byte> ends = SearchValues.Create("\n\r"u8);

    /// <summary>
    /// Where the first line ends: the index of its LF or CR; -1 when no end has come yet.
    /// </summary>
    public static int EndOf(ReadOnlySpan<byte> bytes) => bytes.IndexOfAny(ends);

    /// <summary>
    /// Splits a line, without its end, into key and payload; both lie in <paramref name="line"/>.
    /// </summary>
    public static FeedLineFault Split(ReadOnlySpan<byte> line, out Range key, out Range payload)
    {
        key = payload = default;
        if (!Utf8.IsValid(line)) return FeedLineFault.Encoding;
        var start = SpaceAtStart(line);
        var end = start + EndWithoutSpace(line[start..]);
        var space = line[start..end].IndexOf((byte)' ');
        if (space < 0) return FeedLineFault.Fields;
        key = start..(start + space);
        payload = (start + space + 1)..end;
        return FeedLineFault.None;
    }

    static int SpaceAtStart(ReadOnlySpan<byte> line)
    {
        var at = 0;
        while (at < line.Length)
        {
            var first = line[at];
            if (first is > (byte)' ' and < 0x7f) break;
            _ = Rune.DecodeFromUtf8(line[at..], out var rune, out var length);
            if (!IsSpace(rune)) break;
            at += length;
        }
        return at;
    }

    static int EndWithoutSpace(ReadOnlySpan<byte> line)
    {
        var end = line.Length;
        while (end > 0)
        {
            var last = line[end - 1];
            if (last is > (byte)' ' and < 0x7f) break;
            _ = Rune.DecodeLastFromUtf8(line[..end], out var rune, out var length);
            if (!IsSpace(rune)) break;
            end -= length;
        }
        return end;
    }

    // The four separators below U+0020 are not white space to .NET, but to those who trim lines.
    static bool IsSpace(Rune rune) => Rune.IsWhiteSpace(rune) || rune.Value is >= 0x1c and <= 0x1f;
}
