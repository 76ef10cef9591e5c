using System.Text;

namespace Quoin.Core;

/// <summary>
/// What is wrong with a text of the graph: a stable code, where in the text (in characters from 0),
/// a sentence, and the nearest name that would be right.
/// </summary>
public sealed record TextProblem(string Code, int Offset, string Message, string? Suggestion = null)
{
    /// <summary>The sentence with the suggestion.</summary>
    public override string ToString() =>
        Suggestion is null ? Message : $"{Message}; did you mean \"{Suggestion}\"?";
}

/// <summary>
/// A piece of a text with braces: literal text, its escapes undone, or what a pair holds.
/// </summary>
sealed record BracePiece(bool IsLiteral, string Text, int Offset);

/// <summary>
/// Splits <c>a/{b:date}</c> at its braces; <c>{{</c> and <c>}}</c> stand for one brace.
/// </summary>
static class BraceText
{
    public static List<BracePiece>? Split(string text, string code, out TextProblem? problem)
    {
        var pieces = new List<BracePiece>(4);
        var literal = new StringBuilder();
        var literalStart = 0;
        problem = null;
        for (var i = 0; i < text.Length;)
        {
            var rest = text.AsSpan(i);
            if (rest is ['{', '{', ..] or ['}', '}', ..])
            {
                literal.Append(text[i]);
                i += 2;
                continue;
            }
            if (text[i] == '}')
            {
                problem =
                    new(code, i, $"\"{text}\" has a }} without its {{; a literal one is }}}}");
                return null;
            }
            if (text[i] != '{')
            {
                var plain = rest.IndexOfAny('{', '}');
                if (plain < 0) plain = rest.Length;
                literal.Append(rest[..plain]);
                i += plain;
                continue;
            }
            var close = rest.IndexOf('}');
            if (close < 0)
            {
                problem =
                    new(code, i, $"\"{text}\" has a {{ without its }}; a literal one is {{{{");
                return null;
            }
            if (literal.Length > 0) pieces.Add(new(true, literal.ToString(), literalStart));
            literal.Clear();
            pieces.Add(new(false, text[(i + 1)..(i + close)], i + 1));
            i += close + 1;
            literalStart = i;
        }
        if (literal.Length > 0) pieces.Add(new(true, literal.ToString(), literalStart));
        return pieces;
    }

    /// <summary>Text whose braces mean themselves in a template.</summary>
    public static string Escape(string text) =>
        text.AsSpan().IndexOfAny('{', '}') < 0 ? text : text.Replace("{", "{{").Replace("}", "}}");

    public static bool IsName(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || char.IsAsciiDigit(text[0])) return false;
        foreach (var c in text)
            if (!char.IsAsciiLetterOrDigit(c) && c != '_') return false;
        return true;
    }
}
