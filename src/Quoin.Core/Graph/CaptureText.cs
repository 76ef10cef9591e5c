using System.Buffers.Text;

namespace Quoin.Core;

/// <summary>
/// Numbers of captures and their text. A date is a day number from 0001-01-01 = 0, an hour is that
/// times 24 plus the hour, a month is year * 12 + month - 1, a year and an int are themselves.
/// Every number has exactly one text, so that a name never has two spellings.
/// </summary>
static class CaptureText
{
    /// <summary>The longest text of a number, in bytes.</summary>
    public const int LengthMax = 24;

    const long DayMax = 3_652_058; // 9999-12-31
    const int IntDigitsMax = 18; // Sums of two stay far inside a long.

    public static string NameOf(CaptureKind kind) => kind switch
    {
        CaptureKind.String => "string",
        CaptureKind.Int => "int",
        CaptureKind.Date => "date",
        CaptureKind.Month => "month",
        CaptureKind.Year => "year",
        CaptureKind.Hour => "hour",
        CaptureKind.Enum => "enum",
    };

    /// <summary>With article and example, for messages: <c>a date (2026-01-31)</c>.</summary>
    public static string Describe(CaptureType type) => type.Kind switch
    {
        CaptureKind.String => "text of one segment",
        CaptureKind.Int => "an int (whole number without leading zeros)",
        CaptureKind.Date => "a date (2026-01-31)",
        CaptureKind.Month => "a month (2026-01)",
        CaptureKind.Year => "a year (2026)",
        CaptureKind.Hour => "an hour (2026-01-31T05)",
        CaptureKind.Enum => $"one of {string.Join(", ", type.Words)}",
    };

    /// <summary>True when a number is one that <see cref="Format"/> can write.</summary>
    public static bool IsInRange(CaptureKind kind, long number) => kind switch
    {
        CaptureKind.Int => number is > -1_000_000_000_000_000_000 and < 1_000_000_000_000_000_000,
        CaptureKind.Date => number is >= 0 and <= DayMax,
        CaptureKind.Month => number is >= 12 and < 10_000 * 12,
        CaptureKind.Year => number is >= 1 and <= 9999,
        CaptureKind.Hour => number is >= 0 and < (DayMax + 1) * 24,
        CaptureKind.String or CaptureKind.Enum => false,
    };

    public static bool TryParse(CaptureKind kind, ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        switch (kind)
        {
            case CaptureKind.Int:
                return TryParseInt(text, out number);
            case CaptureKind.Year:
                return text.Length == 4 && TryDigits(text, out number) && number > 0;
            case CaptureKind.Month:
                if (text.Length != 7 || !TryYearMonth(text, out var y, out var m)) return false;
                number = (y * 12) + m - 1;
                return true;
            case CaptureKind.Date:
                return text.Length == 10 && TryDay(text, out number);
            case CaptureKind.Hour:
                if (text.Length != 13 || text[10] != 'T' || !TryDay(text[..10], out var day)
                    || !TryDigits(text[11..], out var hour) || hour > 23)
                    return false;
                number = (day * 24) + hour;
                return true;
            case CaptureKind.String or CaptureKind.Enum:
            default:
                return false;
        }
    }

    /// <summary>
    /// Writes a number that <see cref="IsInRange"/>; the bytes written, or 0: no room.
    /// </summary>
    public static int Format(CaptureKind kind, long number, Span<byte> target)
    {
        if (target.Length < LengthMax) return 0;
        switch (kind)
        {
            case CaptureKind.Year:
                Digits(target, (int)number, 4);
                return 4;
            case CaptureKind.Month:
                Digits(target, (int)(number / 12), 4);
                target[4] = (byte)'-';
                Digits(target[5..], (int)(number % 12) + 1, 2);
                return 7;
            case CaptureKind.Date:
                WriteDay(target, (int)number);
                return 10;
            case CaptureKind.Hour:
                WriteDay(target, (int)(number / 24));
                target[10] = (byte)'T';
                Digits(target[11..], (int)(number % 24), 2);
                return 13;
            case CaptureKind.Int or CaptureKind.String or CaptureKind.Enum:
            default:
                return Utf8Formatter.TryFormat(number, target, out var written) ? written : 0;
        }
    }

    /// <summary>A number's text.</summary>
    public static string ToText(CaptureKind kind, long number)
    {
        Span<byte> buffer = stackalloc byte[LengthMax];
        return System.Text.Encoding.ASCII.GetString(buffer[..Format(kind, number, buffer)]);
    }

    static bool TryParseInt(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        var digits = text is [(byte)'-', ..] ? text[1..] : text;
        if (digits.Length is 0 or > IntDigitsMax || !TryDigits(digits, out number)) return false;
        if (digits[0] == '0' && (digits.Length > 1 || text.Length > 1)) return false;
        if (text[0] == '-') number = -number;
        return true;
    }

    static bool TryDigits(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        foreach (var b in text)
        {
            var digit = b - '0';
            if ((uint)digit > 9) return false;
            number = (number * 10) + digit;
        }
        return true;
    }

    static bool TryYearMonth(ReadOnlySpan<byte> text, out long year, out long month)
    {
        month = 0;
        return TryDigits(text[..4], out year) & text[4] == '-' & TryDigits(text[5..7], out month)
            && year > 0 && month is >= 1 and <= 12;
    }

    static bool TryDay(ReadOnlySpan<byte> text, out long day)
    {
        day = 0;
        if (!TryYearMonth(text, out var y, out var m) || text[7] != '-'
            || !TryDigits(text[8..10], out var d)
            || d < 1 || d > DateTime.DaysInMonth((int)y, (int)m))
            return false;
        day = new DateOnly((int)y, (int)m, (int)d).DayNumber;
        return true;
    }

    static void WriteDay(Span<byte> target, int dayNumber)
    {
        var (year, month, day) = DateOnly.FromDayNumber(dayNumber);
        Digits(target, year, 4);
        target[4] = (byte)'-';
        Digits(target[5..], month, 2);
        target[7] = (byte)'-';
        Digits(target[8..], day, 2);
    }

    static void Digits(Span<byte> target, int value, int count)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            target[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}
