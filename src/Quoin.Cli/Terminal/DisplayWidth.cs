using System.Globalization;
using System.Text;

namespace Quoin.Cli;

/// <summary>
/// How many columns text takes on a terminal: 0 for combining marks and what follows a zero-width
/// joiner, 2 for East Asian wide characters and emoji, 1 for the rest. Control characters never
/// reach a terminal (see <see cref="Printable"/>), so that a job's output cannot move the cursor.
/// </summary>
static class DisplayWidth
{
    const int Joiner = 0x200D;

    // First and last of each range that Unicode's EastAsianWidth lists as wide or full width,
    // narrow gaps closed where nothing is assigned.
    static readonly (int First, int Last)[] Wide =
    [
        (0x1100, 0x115F), (0x231A, 0x231B), (0x2329, 0x232A), (0x23E9, 0x23EC), (0x23F0, 0x23F0),
        (0x23F3, 0x23F3), (0x25FD, 0x25FE), (0x2614, 0x2615), (0x2648, 0x2653), (0x267F, 0x267F),
        (0x2693, 0x2693), (0x26A1, 0x26A1), (0x26AA, 0x26AB), (0x26BD, 0x26BE), (0x26C4, 0x26C5),
        (0x26CE, 0x26CE), (0x26D4, 0x26D4), (0x26EA, 0x26EA), (0x26F2, 0x26F3), (0x26F5, 0x26F5),
        (0x26FA, 0x26FA), (0x26FD, 0x26FD), (0x2705, 0x2705), (0x270A, 0x270B), (0x2728, 0x2728),
        (0x274C, 0x274C), (0x274E, 0x274E), (0x2753, 0x2755), (0x2757, 0x2757), (0x2795, 0x2797),
        (0x27B0, 0x27B0), (0x27BF, 0x27BF), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55),
        (0x2E80, 0x303E), (0x3041, 0x33FF), (0x3400, 0x4DBF), (0x4E00, 0xA4CF), (0xA960, 0xA97F),
        (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE10, 0xFE19), (0xFE30, 0xFE6F), (0xFF00, 0xFF60),
        (0xFFE0, 0xFFE6), (0x16FE0, 0x18CFF), (0x1AFF0, 0x1B2FF), (0x1F004, 0x1F004),
        (0x1F0CF, 0x1F0CF), (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F200, 0x1F320),
        (0x1F32D, 0x1F335), (0x1F337, 0x1F37C), (0x1F37E, 0x1F393), (0x1F3A0, 0x1F3CA),
        (0x1F3CF, 0x1F3D3), (0x1F3E0, 0x1F3F0), (0x1F3F4, 0x1F3F4), (0x1F3F8, 0x1F43E),
        (0x1F440, 0x1F440), (0x1F442, 0x1F4FC), (0x1F4FF, 0x1F53D), (0x1F54B, 0x1F54E),
        (0x1F550, 0x1F567), (0x1F57A, 0x1F57A), (0x1F595, 0x1F596), (0x1F5A4, 0x1F5A4),
        (0x1F5FB, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F6CC, 0x1F6CC), (0x1F6D0, 0x1F6D2),
        (0x1F6D5, 0x1F6DF), (0x1F6EB, 0x1F6EC), (0x1F6F4, 0x1F6FC), (0x1F7E0, 0x1F7F0),
        (0x1F90C, 0x1F93A), (0x1F93C, 0x1F945), (0x1F947, 0x1F9FF), (0x1FA70, 0x1FAFF),
        (0x20000, 0x2FFFD), (0x30000, 0x3FFFD),
    ];

    /// <summary>The columns that a text takes.</summary>
    public static int Of(ReadOnlySpan<char> text)
    {
        if (Ascii.IsValid(text)) return text.Length;
        var width = 0;
        var joined = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (!joined) width += Of(rune);
            joined = rune.Value == Joiner;
        }
        return width;
    }

    /// <summary>The longest beginning of a text that takes at most so many columns.</summary>
    public static ReadOnlySpan<char> Head(ReadOnlySpan<char> text, int columns)
    {
        var (end, width, joined) = (0, 0, false);
        foreach (var rune in text.EnumerateRunes())
        {
            width += joined ? 0 : Of(rune);
            if (width > columns) break;
            end += rune.Utf16SequenceLength;
            joined = rune.Value == Joiner;
        }
        return text[..Math.Min(end, text.Length)];
    }

    /// <summary>
    /// A name in at most so many columns. The end is kept whole where it can be, because partitions
    /// of a dataset differ there: <c>…/2026-11-04</c>.
    /// </summary>
    public static string Shorten(string text, int columns)
    {
        if (Of(text) <= columns) return text;
        if (columns <= 0) return "";
        var start = text.Length;
        var width = 1; // The ellipsis.
        while (start > 0)
        {
            var size = start > 1 && char.IsLowSurrogate(text[start - 1]) ? 2 : 1;
            var next = Of(text.AsSpan(start - size, size));
            if (width + next > columns) break;
            width += next;
            start -= size;
        }
        return "…" + text[start..];
    }

    /// <summary>
    /// The text with control characters (also escape sequences' ESC) made visible.
    /// </summary>
    public static string Printable(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\x1F')
            && !text.AsSpan().ContainsAnyInRange('\x7F', '\x9F'))
            return text;
        var builder = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (c == '\t') builder.Append("    ");
            else if (c < ' ') builder.Append((char)(0x2400 + c)); // ␀ … ␟
            else if (c is >= '\x7F' and <= '\x9F') builder.Append('�');
            else builder.Append(c);
        }
        return builder.ToString();
    }

    static int Of(Rune rune)
    {
        if (rune.Value is >= ' ' and < 0x7F) return 1;
        if (IsWide(rune.Value)) return 2;
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark
                or UnicodeCategory.Format or UnicodeCategory.Control => 0,
            _ => 1,
        };
    }

    static bool IsWide(int value)
    {
        if (value < Wide[0].First) return false;
        var (low, high) = (0, Wide.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (value < Wide[middle].First) high = middle - 1;
            else if (value > Wide[middle].Last) low = middle + 1;
            else return true;
        }
        return false;
    }
}
