using System.Collections.Immutable;
using System.Text;

namespace Quoin.Core;

/// <summary>Reads templates.</summary>
static class TemplateParser
{
    const string Code = "bad-template";

    static readonly string[] Placeholders = ["in", "out", "in...", "out...", "payload"];

    // A job may have a capture of that name, which is what it then means.
    static bool IsPlaceholder(string text, ImmutableArray<Capture> captures) =>
        Placeholders.Contains(text) && !captures.Any(capture => capture.Name == text);

    /// <summary>
    /// Reads a template over a job's captures; null and the problem when it is wrong.
    /// </summary>
    public static Template? Parse(
        string text, TemplateUse use, ImmutableArray<Capture> captures, out TextProblem? problem)
    {
        if (BraceText.Split(text, Code, out problem) is not { } pieces) return null;
        var parts = new List<TemplatePart>(pieces.Count);
        var generators = new List<Generator>();
        foreach (var piece in pieces)
        {
            if (piece.IsLiteral)
            {
                var literal =
                    use == TemplateUse.Argument ? BraceText.Escape(piece.Text) : piece.Text;
                parts.Add(new(Encoding.UTF8.GetBytes(literal), null, -1));
                continue;
            }
            if (use == TemplateUse.Argument && IsPlaceholder(piece.Text, captures))
            {
                problem = CheckPlaceholder(piece, text);
                parts.Add(new(Encoding.UTF8.GetBytes($"{{{piece.Text}}}"), null, -1));
            }
            else if (ReadPart(piece, use, captures, generators, out problem) is { } part)
            {
                parts.Add(part);
            }
            if (problem is not null) return null;
        }
        if (use == TemplateUse.Input) problem = CheckReference(text, pieces);
        if (captures.Length + generators.Count > Pattern.CapturesMax)
            problem = new(Code, 0, $"\"{text}\": more than {Pattern.CapturesMax} captures");
        return problem is null
            ? new(text, use, captures, [.. parts], [.. generators])
            : null;
    }

    static TemplatePart? ReadPart(
        BracePiece piece,
        TemplateUse use,
        ImmutableArray<Capture> captures,
        List<Generator> generators,
        out TextProblem? problem)
    {
        problem = null;
        var colon = piece.Text.IndexOf(':');
        if (colon >= 0)
            return ReadTyped(piece, colon, use, captures, generators, out problem);
        var index = generators.FindIndex(generator => generator.Name == piece.Text);
        if (index >= 0) return new(null, null, index);
        if (IsPlaceholder(piece.Text, captures))
        {
            problem = new(Code, piece.Offset, piece.Text == "payload"
                ? "{payload} stands only in exec; elsewhere QUOIN_PAYLOAD has it"
                : $"{{{piece.Text}}} stands for paths, only in exec");
            return null;
        }
        var value = CaptureExpression.Parse(piece.Text, piece.Offset, captures, out problem);
        if (value is null)
        {
            if (use == TemplateUse.Input && problem is { Code: "unknown-capture" })
                problem = problem with
                {
                    Message = problem.Message + "; to take many values write "
                        + $"{{{piece.Text}:in(a,b)}}, :range(first,last) or :known",
                };
            return null;
        }
        if (!value.IsMany) return new(null, value, -1);
        if (use != TemplateUse.Input)
        {
            problem = new(Code, piece.Offset, $"{{{piece.Text}}} is many values, only for inputs");
            return null;
        }
        generators.Add(Generator.OfMany(value));
        return new(null, null, generators.Count - 1);
    }

    static TemplatePart? ReadTyped(
        BracePiece piece,
        int colon,
        TemplateUse use,
        ImmutableArray<Capture> captures,
        List<Generator> generators,
        out TextProblem? problem)
    {
        problem = null;
        var (name, type) = (piece.Text[..colon], piece.Text[(colon + 1)..]);
        if (use != TemplateUse.Input)
            problem = new(Code, piece.Offset, $"write {{{name}}}; types belong into outputs");
        else if (!BraceText.IsName(name))
            problem = new(Code, piece.Offset, $"\"{{{piece.Text}}}\" is not a capture");
        else if (generators.Exists(generator => generator.Name == name))
            problem = new(Code, piece.Offset, $"{{{name}}} generates twice; say how only once");
        else if (captures.Any(capture => capture.Name == name))
            problem = CheckKnownType(name, type, piece.Offset, captures);
        if (problem is not null) return null;
        if (captures.Any(capture => capture.Name == name))
        {
            var value = CaptureExpression.Parse(name, piece.Offset, captures, out problem);
            return new(null, value, -1);
        }
        var generator =
            Generator.Parse(name, type, piece.Offset + colon + 1, captures, out problem);
        if (generator is null) return null;
        generators.Add(generator);
        return new(null, null, generators.Count - 1);
    }

    // A type may be said again in an input, if it is the same: people copy patterns.
    static TextProblem? CheckKnownType(
        string name, string type, int offset, ImmutableArray<Capture> captures)
    {
        var capture = captures.First(capture => capture.Name == name);
        if (PatternParser.ReadType(type, offset, out _) is not { } written)
            return new(Code, offset,
                $"{{{name}}} has its value from the output; another name can generate");
        return written.Equals(capture.Type)
            ? null
            : new("type-mismatch", offset, $"{{{name}}} is {capture.Type} in outputs, not {type}");
    }

    static TextProblem? CheckPlaceholder(BracePiece piece, string text) =>
        piece.Text.EndsWith('.') && text.Length != piece.Text.Length + 2
            ? new(Code, piece.Offset,
                $"{{{piece.Text}}} must be an argument of its own, not a part "
                + $"of \"{text}\"")
            : null;

    static TextProblem? CheckReference(string text, List<BracePiece> pieces)
    {
        var skeleton = string.Concat(pieces.Select(piece => piece.IsLiteral ? piece.Text : "x"));
        if (PartitionRef.Check(skeleton) is { } wrong)
            return new(Code, 0, $"\"{text}\" is not a reference: {wrong}");
        var segments = 0;
        foreach (var piece in pieces)
        {
            if (piece.IsLiteral)
            {
                segments += piece.Text.Count(c => c == '/');
                continue;
            }
            if (!piece.Text.EndsWith(":known", StringComparison.Ordinal)) continue;
            if (skeleton.Split('/')[segments] != "x")
                return new(Code, piece.Offset, $"{{{piece.Text}}} must be a whole segment");
        }
        return null;
    }
}
