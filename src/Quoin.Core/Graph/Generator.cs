using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>What a generator runs through.</summary>
enum GeneratorKind : byte
{
    /// <summary>Listed words.</summary>
    Words,

    /// <summary>A first to a last number, also of <c>{month.days}</c>.</summary>
    Range,

    /// <summary>All partitions that are known; see <see cref="IKnownPartitions"/>.</summary>
    Known,
}

/// <summary>
/// A capture that only an input has: it takes many values, the input is many inputs.
/// </summary>
sealed class Generator
{
    const string Code = "bad-template";

    readonly long low;
    readonly long high;
    readonly CaptureExpression? lowFrom;
    readonly CaptureExpression? highFrom;

    Generator(
        string name,
        GeneratorKind kind,
        CaptureType type,
        (long Number, CaptureExpression? From) low,
        (long Number, CaptureExpression? From) high)
    {
        (Name, Kind, Type) = (name, kind, type);
        (this.low, lowFrom) = low;
        (this.high, highFrom) = high;
    }

    /// <summary>
    /// Its name; <c>""</c> for the values of an expression such as <c>{month.days}</c>.
    /// </summary>
    public string Name { get; }

    public GeneratorKind Kind { get; }

    /// <summary>The type of its values; words are of an <c>enum</c>.</summary>
    public CaptureType Type { get; }

    /// <summary>The values of an expression that <see cref="CaptureExpression.IsMany"/>.</summary>
    public static Generator OfMany(CaptureExpression many) =>
        new("", GeneratorKind.Range, many.Type, (0, many), default);

    /// <summary>Reads <c>in(a,b)</c>, <c>range(a,b)</c> or <c>known</c>.</summary>
    public static Generator? Parse(
        string name,
        string text,
        int offset,
        ImmutableArray<Capture> captures,
        out TextProblem? problem)
    {
        problem = null;
        if (text == "known")
            return new(name, GeneratorKind.Known, CaptureType.Of(CaptureKind.String), default,
                default);
        if (text.EndsWith(')') && text.StartsWith("in(", StringComparison.Ordinal))
        {
            var type = PatternParser.ReadType($"enum{text[2..]}", offset, out problem);
            return type is null
                ? null
                : new(name, GeneratorKind.Words, type, default, (type.Words.Length - 1, null));
        }
        if (text.EndsWith(')') && text.StartsWith("range(", StringComparison.Ordinal))
            return ParseRange(name, text, offset, captures, out problem);
        problem = new("unknown-capture", offset,
            $"{{{name}}} is not a capture here, and \"{text}\" does not generate values: "
            + "write in(a,b), range(first,last) or known", Suggest(text));
        return null;
    }

    /// <summary>
    /// Its first and last number; false: outside the calendar. First may exceed last.
    /// </summary>
    public bool TryBounds(ReadOnlySpan<Slot> slots, out long first, out long last)
    {
        (first, last) = (low, high);
        if (lowFrom is { IsMany: true }) return lowFrom.TryRange(slots, out first, out last);
        return (lowFrom is null || lowFrom.TryNumber(slots, out first))
            && (highFrom is null || highFrom.TryNumber(slots, out last));
    }

    static string? Suggest(string text)
    {
        var word = text.Split('(')[0];
        return Nearest.To(word, ["in", "range", "known"]) is { } near ? near + text[word.Length..]
            : null;
    }

    static Generator? ParseRange(
        string name,
        string text,
        int offset,
        ImmutableArray<Capture> captures,
        out TextProblem? problem)
    {
        var bounds = text[6..^1].Split(',', StringSplitOptions.TrimEntries);
        if (bounds.Length != 2)
        {
            problem = new(Code, offset, $"\"{text}\" needs a first and a last value: range(1,9)");
            return null;
        }
        var from = new CaptureExpression?[2];
        var kinds = new CaptureKind[2];
        var numbers = new long[2];
        for (var i = 0; i < 2; i++)
        {
            if (TryLiteral(bounds[i], out kinds[i], out numbers[i])) continue;
            from[i] = CaptureExpression.Parse(bounds[i], offset, captures, out problem);
            if (from[i] is not { } expression)
            {
                problem = problem! with
                {
                    Message =
                        $"\"{bounds[i]}\" in \"{text}\" is neither an int, date, month, year or "
                        + "hour nor a value of an output's capture",
                };
                return null;
            }
            kinds[i] = expression.Type.Kind;
            if (expression is { IsMany: false, Type.IsNumber: true }) continue;
            problem =
                new("type-mismatch", offset, $"\"{bounds[i]}\" in \"{text}\" is not one number");
            return null;
        }
        // Four digits alone read as a year; beside an int, or a number that no year is, as an int.
        for (var i = 0; i < 2; i++)
            if (from[i] is null && kinds[i] == CaptureKind.Year && kinds[1 - i] == CaptureKind.Int)
                kinds[i] = CaptureKind.Int;
        problem = kinds[0] != kinds[1]
            ? new("type-mismatch", offset, $"\"{text}\" goes from {Describe(0)} to {Describe(1)}")
            : from[0] is null && from[1] is null && numbers[0] > numbers[1]
                ? new(Code, offset, $"\"{text}\" ends before it begins")
                : null;
        return problem is null
            ? new(name, GeneratorKind.Range, CaptureType.Of(kinds[0]),
                (numbers[0], from[0]), (numbers[1], from[1]))
            : null;

        string Describe(int i) => CaptureText.Describe(CaptureType.Of(kinds[i]));
    }

    static bool TryLiteral(string text, out CaptureKind kind, out long number)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        // Year before int: its text is the same, and it is what a four-digit number usually is.
        foreach (var candidate in (ReadOnlySpan<CaptureKind>)
            [CaptureKind.Year, CaptureKind.Int, CaptureKind.Month, CaptureKind.Date,
                CaptureKind.Hour])
        {
            kind = candidate;
            if (CaptureText.TryParse(candidate, utf8, out number)) return true;
        }
        (kind, number) = (CaptureKind.String, 0);
        return false;
    }
}
