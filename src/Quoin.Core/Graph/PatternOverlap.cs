using System.Text;

namespace Quoin.Core;

/// <summary>
/// Answers whether two patterns can match one name, with such a name. Segments are compared one by
/// one: for each length that both can have, the literals of both fix some bytes, and the typed
/// captures are tried digit by digit on the rest. The search is bounded; patterns of people are far
/// below the bound.
/// </summary>
sealed class PatternOverlap
{
    const int StepsMax = 200_000;
    const byte Free = 0; // Not decided yet.

    // What a free position is tried with first; separators can have no other value.
    static readonly byte[] Calendar = "2026-01-31T05"u8.ToArray();

    readonly List<Place> typed = [];
    byte[] bytes = [];
    int steps;

    sealed record Place(PatternAtom Atom, int At, int Length);

    /// <summary>A name that both match, or null: there is none.</summary>
    public static string? Example(Pattern a, Pattern b)
    {
        if (a.IsLiteral)
            return b.IsMatch(a.Prefix) ? a.Dataset : null;
        if (b.IsLiteral)
            return a.IsMatch(b.Prefix) ? b.Dataset : null;
        var name = Example(a.Segments, b.Segments);
        // A capture that a pattern has twice may have got two values: then there is no example.
        return name is not null && a.IsMatch(Encoding.UTF8.GetBytes(name))
            && b.IsMatch(Encoding.UTF8.GetBytes(name)) ? name : null;
    }

    /// <summary>The same for segments, where each capture may have its own value.</summary>
    public static string? Example(
        ReadOnlySpan<PatternSegment> a, ReadOnlySpan<PatternSegment> b)
    {
        if (a.Length != b.Length) return null;
        // Literals first: they settle nearly all pairs without a search.
        for (var i = 0; i < a.Length; i++)
            if (a[i].Atoms is [{ Literal: { } left }] && b[i].Atoms is [{ Literal: { } right }]
                && !left.AsSpan().SequenceEqual(right))
                return null;
        var name = new StringBuilder();
        for (var i = 0; i < a.Length; i++)
        {
            if (new PatternOverlap().Find(a[i], b[i]) is not { } segment) return null;
            name.Append(i > 0 ? "/" : "").Append(segment);
        }
        return name.ToString();
    }

    string? Find(PatternSegment a, PatternSegment b)
    {
        var longest = (a.IsFixedLength, b.IsFixedLength) switch
        {
            (true, true) => a.LengthMin == b.LengthMin ? a.LengthMin : 0,
            (true, false) => a.LengthMin,
            (false, true) => b.LengthMin,
            // Then one's end need not touch the other's beginning any more.
            (false, false) => a.LengthMin + b.LengthMin + CaptureText.LengthMax,
        };
        for (var length = Math.Max(a.LengthMin, b.LengthMin); length <= longest; length++)
        {
            bytes = new byte[length];
            typed.Clear();
            if (!TryPlace(a, length) || !TryPlace(b, length)) continue;
            // Strict kinds first; what is left free then suits ints and texts.
            typed.Sort((x, y) => Looseness(x.Atom).CompareTo(Looseness(y.Atom)));
            if (!Try(0, 0)) continue;
            bytes.AsSpan().Replace(Free, (byte)'a');
            return Encoding.UTF8.GetString(bytes);
        }
        return null;
    }

    static int Looseness(PatternAtom atom) => atom.Type!.Kind switch
    {
        CaptureKind.String => 2,
        CaptureKind.Int => 1,
        _ => 0,
    };

    // Writes the literals; false: they contradict what is there.
    bool TryPlace(PatternSegment segment, int length)
    {
        var at = 0;
        foreach (var atom in segment.Atoms)
        {
            var size = atom.IsFixedLength
                ? atom.LengthMin
                : length - segment.LengthMin + atom.LengthMin;
            if (atom.Literal is null)
            {
                typed.Add(new(atom, at, size));
            }
            else
            {
                for (var i = 0; i < size; i++)
                {
                    if (bytes[at + i] != Free && bytes[at + i] != atom.Literal[i]) return false;
                    bytes[at + i] = atom.Literal[i];
                }
            }
            at += size;
        }
        return true;
    }

    // Decides byte after byte, capture after capture, and goes back where it does not fit.
    bool Try(int index, int offset)
    {
        if (++steps > StepsMax) return false;
        if (index == typed.Count) return true;
        var (atom, at, length) = typed[index];
        var text = bytes.AsSpan(at, length);
        var type = atom.Type!;
        switch (type.Kind)
        {
            case CaptureKind.String:
                return !text.SequenceEqual("."u8) && !text.SequenceEqual(".."u8)
                    && Try(index + 1, 0);
            case CaptureKind.Enum:
                return TryWords(type, index, at, length);
            default:
                break;
        }
        if (offset == length) return type.TryParse(text, out _) && Try(index + 1, 0);
        var first = type.Bound is { } bound && bound.Length == length && bound[offset] != '-'
            ? bound[offset]
            : type.Kind == CaptureKind.Int ? (byte)'1' : Calendar[offset];
        if (text[offset] != Free)
        {
            var isRight = char.IsAsciiDigit((char)first)
                ? char.IsAsciiDigit((char)text[offset])
                    || (type.Kind == CaptureKind.Int && offset == 0 && text[0] == '-')
                : text[offset] == first;
            return isRight && Try(index, offset + 1);
        }
        for (var digit = 0; digit < 10; digit++)
        {
            text[offset] = digit == 0 ? first : (byte)('0' + ((first - '0' + digit) % 10));
            if (Try(index, offset + 1)) return true;
            if (!char.IsAsciiDigit((char)first)) break;
        }
        text[offset] = Free;
        return false;
    }

    bool TryWords(CaptureType type, int index, int at, int length)
    {
        var text = bytes.AsSpan(at, length);
        var before = text.ToArray();
        foreach (var word in type.WordsUtf8)
        {
            if (word.Length != length) continue;
            var fits = true;
            for (var i = 0; i < length; i++) fits &= before[i] == Free || before[i] == word[i];
            if (!fits) continue;
            word.CopyTo(text);
            if (Try(index + 1, 0)) return true;
            before.CopyTo(text);
        }
        return false;
    }
}
