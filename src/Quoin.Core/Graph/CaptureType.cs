using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>What a capture holds.</summary>
public enum CaptureKind : byte
{
    /// <summary>Any text of one segment, at least one character.</summary>
    String,

    /// <summary>A whole number without leading zeros: <c>-3</c>, <c>0</c>, <c>42</c>.</summary>
    Int,

    /// <summary>A day: <c>2026-01-31</c>.</summary>
    Date,

    /// <summary>A month: <c>2026-01</c>.</summary>
    Month,

    /// <summary>A year of four digits: <c>2026</c>.</summary>
    Year,

    /// <summary>An hour of a day: <c>2026-01-31T05</c>.</summary>
    Hour,

    /// <summary>One of the listed words.</summary>
    Enum,
}

/// <summary>A capture's kind, with the words of an <c>enum</c>.</summary>
public sealed class CaptureType
{
    /// <summary>The types that take no words, by kind.</summary>
    static readonly CaptureType[] Simple =
    [
        new(CaptureKind.String, []), new(CaptureKind.Int, []), new(CaptureKind.Date, []),
        new(CaptureKind.Month, []), new(CaptureKind.Year, []), new(CaptureKind.Hour, []),
    ];

    readonly byte[][] wordsUtf8;
    readonly long first = long.MinValue, last = long.MaxValue;

    CaptureType(CaptureKind kind, long first, long last)
        : this(kind, []) => (this.first, this.last) = (first, last);

    CaptureType(CaptureKind kind, ImmutableArray<string> words)
    {
        Kind = kind;
        Words = words;
        wordsUtf8 = new byte[words.Length][];
        LengthMin = kind switch
        {
            CaptureKind.String or CaptureKind.Int => 1,
            CaptureKind.Year => 4,
            CaptureKind.Month => 7,
            CaptureKind.Date => 10,
            CaptureKind.Hour => 13,
            CaptureKind.Enum => int.MaxValue,
        };
        IsFixedLength = kind is not (CaptureKind.String or CaptureKind.Int);
        for (var i = 0; i < words.Length; i++)
        {
            var word = wordsUtf8[i] = Encoding.UTF8.GetBytes(words[i]);
            if (i > 0 && word.Length != LengthMin) IsFixedLength = false;
            LengthMin = Math.Min(LengthMin, word.Length);
        }
    }

    /// <summary>What it holds.</summary>
    public CaptureKind Kind { get; }

    /// <summary>The words of an <c>enum</c>, as written; else empty.</summary>
    public ImmutableArray<string> Words { get; }

    /// <summary>True for everything that is counted: ints and parts of the calendar.</summary>
    public bool IsNumber => Kind is not (CaptureKind.String or CaptureKind.Enum);

    /// <summary>True: every value takes <see cref="LengthMin"/> bytes.</summary>
    internal bool IsFixedLength { get; }

    /// <summary>Bytes of the shortest value.</summary>
    internal int LengthMin { get; }

    /// <summary>The words as UTF-8.</summary>
    internal ReadOnlySpan<byte[]> WordsUtf8 => wordsUtf8;

    /// <summary>A value at one of its bounds; null: it has none.</summary>
    internal byte[]? Bound =>
        first != long.MinValue ? Encoding.UTF8.GetBytes(CaptureText.ToText(Kind, first))
        : last != long.MaxValue ? Encoding.UTF8.GetBytes(CaptureText.ToText(Kind, last))
        : null;

    /// <summary>
    /// The type of a kind; <see cref="CaptureKind.Enum"/> needs <see cref="OfWords"/>.
    /// </summary>
    public static CaptureType Of(CaptureKind kind) => Simple[(int)kind];

    /// <summary>An <c>enum</c> of these words.</summary>
    public static CaptureType OfWords(ImmutableArray<string> words) => new(CaptureKind.Enum, words);

    /// <summary>Numbers from a first to a last one; null: no such bound.</summary>
    public static CaptureType OfRange(CaptureKind kind, long? first, long? last) =>
        new(kind, first ?? long.MinValue, last ?? long.MaxValue);

    /// <summary>True when the other type has the same kind, words and bounds.</summary>
    public bool Equals(CaptureType? other) =>
        other is not null && Kind == other.Kind && first == other.first && last == other.last
            && Words.AsSpan().SequenceEqual(other.Words.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CaptureType);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, Words.Length);

    /// <summary>As in a pattern: <c>date</c>, <c>int(1,9)</c>, <c>enum(a,b)</c>.</summary>
    public override string ToString()
    {
        if (Kind == CaptureKind.Enum) return $"enum({string.Join(',', Words)})";
        var name = CaptureText.NameOf(Kind);
        return first == long.MinValue && last == long.MaxValue
            ? name
            : $"{name}({(first == long.MinValue ? "" : CaptureText.ToText(Kind, first))},"
                + $"{(last == long.MaxValue ? "" : CaptureText.ToText(Kind, last))})";
    }

    /// <summary>
    /// The number that a text stands for (0 for texts), or false: not of this type.
    /// </summary>
    internal bool TryParse(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        switch (Kind)
        {
            case CaptureKind.String:
                return text.Length > 0 && !text.SequenceEqual("."u8) && !text.SequenceEqual(".."u8);
            case CaptureKind.Enum:
                foreach (var word in wordsUtf8)
                    if (text.SequenceEqual(word)) return true;
                return false;
            default:
                return CaptureText.TryParse(Kind, text, out number)
                    && number >= first && number <= last;
        }
    }
}

/// <summary>A named hole of a pattern.</summary>
public sealed record Capture(string Name, CaptureType Type);

/// <summary>What a capture holds in one name: a number, and where its text stands.</summary>
struct Slot
{
    public long Number;
    public int Offset;
    public int Length;
}
