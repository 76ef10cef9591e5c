using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// Reads patterns. A job's outputs are read one after the other with one list of captures.
/// </summary>
static class PatternParser
{
    const string Code = "bad-pattern";

    static readonly string[] TypeNames =
        ["string", "int", "date", "month", "year", "hour", "enum"];

    /// <summary>
    /// Reads a pattern; captures that <paramref name="scope"/> has keep their slot there.
    /// </summary>
    public static Pattern? Parse(
        string text, ImmutableArray<Capture> scope, out TextProblem? problem)
    {
        if (BraceText.Split(text, Code, out problem) is not { } pieces) return null;
        var captures = scope.ToBuilder();
        var seen = new List<string>();
        var segments = new List<PatternSegment>();
        var atoms = new List<PatternAtom>();
        var skeleton = new StringBuilder();
        foreach (var piece in pieces)
        {
            if (!piece.IsLiteral)
            {
                if (ReadCapture(piece, captures, seen, out problem) is not { } atom) return null;
                atoms.Add(atom);
                skeleton.Append('x');
                continue;
            }
            skeleton.Append(piece.Text);
            var literals = piece.Text.Split('/');
            for (var i = 0; i < literals.Length; i++)
            {
                if (i > 0) segments.Add(Close(atoms));
                if (literals[i].Length > 0)
                    atoms.Add(new(Encoding.UTF8.GetBytes(literals[i]), null, 0, false));
            }
        }
        segments.Add(Close(atoms));
        if (PartitionRef.Check(skeleton.ToString()) is { } wrong)
            problem = new(Code, 0, $"\"{text}\" is not a pattern: {wrong}");
        foreach (var segment in segments)
            if (segment.Atoms.Count(atom => !atom.IsFixedLength) > 1)
                problem ??= new(Code, 0, $"\"{text}\" has a segment with two captures of variable "
                    + "length, so a name could be read in several ways; separate them with /");
        return problem is null ? new(text, captures.ToImmutable(), [.. segments]) : null;
    }

    /// <summary>A type as written after the colon, or null and why not.</summary>
    public static CaptureType? ReadType(string text, int offset, out TextProblem? problem)
    {
        problem = null;
        if (text.StartsWith("enum(", StringComparison.Ordinal) && text.EndsWith(')'))
            return ReadEnum(text, offset, out problem);
        for (var kind = CaptureKind.String; kind < CaptureKind.Enum; kind++)
        {
            var name = CaptureText.NameOf(kind);
            if (text == name) return CaptureType.Of(kind);
            if (kind != CaptureKind.String && text.EndsWith(')')
                && text.StartsWith(name + "(", StringComparison.Ordinal))
                return ReadRange(kind, text, text[(name.Length + 1)..^1], offset, out problem);
        }
        problem = text switch
        {
            "enum" => new(Code, offset, "an enum lists its words: enum(a,b)"),
            _ => new(Code, offset, $"\"{text}\" is not a type of captures "
                + "(string, int, date, month, year, hour, enum(a,b))", Nearest.To(text, TypeNames)),
        };
        return null;
    }

    // int(1,9), date(2012-01-01,): a recursive pattern ends where its first value is.
    static CaptureType? ReadRange(
        CaptureKind kind, string text, string bounds, int offset, out TextProblem? problem)
    {
        problem = null;
        var words = bounds.Split(',', StringSplitOptions.TrimEntries);
        var numbers = new long?[2];
        for (var i = 0; i < words.Length && i < 2; i++)
        {
            if (words[i].Length == 0) continue;
            if (CaptureText.TryParse(kind, Encoding.UTF8.GetBytes(words[i]), out var number))
                numbers[i] = number;
            else
                problem = new(Code, offset,
                    $"\"{words[i]}\" in {text} is not "
                    + CaptureText.Describe(CaptureType.Of(kind)));
        }
        if (words.Length != 2)
            problem = new(Code, offset, $"{text} needs a first and a last value, or one of them: "
                + $"{CaptureText.NameOf(kind)}(first,last), {CaptureText.NameOf(kind)}(first,)");
        else if (numbers[0] > numbers[1])
            problem ??= new(Code, offset, $"{text} ends before it begins");
        return problem is null ? CaptureType.OfRange(kind, numbers[0], numbers[1]) : null;
    }

    static CaptureType? ReadEnum(string text, int offset, out TextProblem? problem)
    {
        problem = null;
        var words = text[5..^1].Split(',', StringSplitOptions.TrimEntries);
        foreach (var word in words)
        {
            if (word.Contains('/') || PartitionRef.Check(word) is not null)
                problem = new(Code, offset, $"\"{word}\" in {text} cannot be a segment's text");
            else if (words.Count(other => other == word) > 1)
                problem = new(Code, offset, $"\"{word}\" is twice in {text}");
        }
        return problem is null ? CaptureType.OfWords([.. words]) : null;
    }

    static PatternAtom? ReadCapture(
        BracePiece piece,
        ImmutableArray<Capture>.Builder captures,
        List<string> seen,
        out TextProblem? problem)
    {
        problem = null;
        var colon = piece.Text.IndexOf(':');
        var name = colon < 0 ? piece.Text : piece.Text[..colon];
        if (!BraceText.IsName(name))
        {
            problem = new(Code, piece.Offset,
                $"\"{{{piece.Text}}}\" is not a capture; write {{name}} or {{name:type}}");
            return null;
        }
        if (name is "in" or "out")
        {
            problem = new(Code, piece.Offset,
                $"{{{name}}} stands for a path in exec; a capture needs another name");
            return null;
        }
        var known = captures.FindIndex(name);
        var type = colon >= 0
            ? ReadType(piece.Text[(colon + 1)..], piece.Offset + colon + 1, out problem)
            : known >= 0 ? captures[known].Type : CaptureType.Of(CaptureKind.String);
        if (type is null) return null;
        if (known >= 0 && !captures[known].Type.Equals(type))
        {
            problem = new("capture-mismatch", piece.Offset,
                $"{{{name}}} is {captures[known].Type} elsewhere and {type} here");
            return null;
        }
        var isRepeat = seen.Contains(name);
        if (!isRepeat) seen.Add(name);
        if (known >= 0) return new(null, type, known, isRepeat);
        if (captures.Count == Pattern.CapturesMax)
        {
            problem = new(Code, piece.Offset, $"more than {Pattern.CapturesMax} captures");
            return null;
        }
        captures.Add(new(name, type));
        return new(null, type, captures.Count - 1, false);
    }

    static PatternSegment Close(List<PatternAtom> atoms)
    {
        var segment = new PatternSegment([.. atoms]);
        atoms.Clear();
        return segment;
    }

    static int FindIndex(this ImmutableArray<Capture>.Builder captures, string name)
    {
        for (var i = 0; i < captures.Count; i++)
            if (captures[i].Name == name) return i;
        return -1;
    }
}
