using System.Globalization;

namespace Quoin.Core;

/// <summary>Reads durations and sizes as people write them.</summary>
public static class Quantities
{
    /// <summary>The longest duration: no limit of a job means more than ten years.</summary>
    public static readonly TimeSpan DurationMax = TimeSpan.FromDays(3653);

    static readonly (string Unit, long Ticks)[] DurationUnits =
    [
        ("d", TimeSpan.TicksPerDay),
        ("h", TimeSpan.TicksPerHour),
        ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond),
        ("ms", TimeSpan.TicksPerMillisecond),
    ];

    static readonly (string Unit, long Bytes)[] SizeUnits =
    [
        ("", 1), ("B", 1), ("kB", 1000), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000), ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30),
        ("TiB", 1L << 40), ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30), ("T", 1L << 40),
    ];

    /// <summary>
    /// <c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>1d</c>, <c>500ms</c>, or ISO 8601 (<c>PT1H30M</c>).
    /// Larger units come first; the number may have a fraction.
    /// </summary>
    public static bool TryParseDuration(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = default;
        var isIso = text is ['P', _, ..];
        var inTime = !isIso; // In ISO, M before the T would be months.
        var rest = isIso ? text[1..] : text;
        var total = 0m;
        var last = -1;
        while (!rest.IsEmpty)
        {
            if (isIso && !inTime && rest[0] == 'T')
            {
                inTime = true;
                rest = rest[1..];
                if (rest.IsEmpty) return false;
            }
            if (!TryNumber(ref rest, out var number)) return false;
            var length = rest.IndexOfAnyInRange('0', '9');
            if (isIso) length = Math.Min(1, rest.Length);
            var unit = (length < 0 ? rest : rest[..length]).ToString();
            if (isIso) unit = unit.ToLowerInvariant();
            var index = 0;
            while (index < DurationUnits.Length && DurationUnits[index].Unit != unit) index++;
            if (index == DurationUnits.Length) return false;
            if (index <= last || (isIso && inTime == (index == 0))) return false;
            total += number * DurationUnits[index].Ticks;
            if (total > DurationMax.Ticks) return false;
            last = index;
            rest = length < 0 ? [] : rest[length..];
        }
        duration = TimeSpan.FromTicks((long)total);
        return last >= 0;
    }

    /// <summary><c>200MB</c> (10^6), <c>1GiB</c> (2^30), <c>512</c> bytes; at most 2^53.</summary>
    public static bool TryParseSize(ReadOnlySpan<char> text, out long bytes)
    {
        bytes = 0;
        var rest = text;
        if (!TryNumber(ref rest, out var number)) return false;
        var unit = rest.TrimStart(' ').ToString();
        var index = 0;
        while (index < SizeUnits.Length && SizeUnits[index].Unit != unit) index++;
        if (index == SizeUnits.Length || number * SizeUnits[index].Bytes is var size
            && size > 1L << 53) return false;
        bytes = (long)(number * SizeUnits[index].Bytes);
        return true;
    }

    static bool TryNumber(ref ReadOnlySpan<char> rest, out decimal number)
    {
        var length = 0;
        while (length < rest.Length && (char.IsAsciiDigit(rest[length]) || rest[length] == '.'))
            length++;
        var digits = rest[..length];
        rest = rest[length..];
        number = 0;
        return length is > 0 and <= 15 && digits[0] != '.' && digits[^1] != '.'
            && decimal.TryParse(
                digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
    }
}
