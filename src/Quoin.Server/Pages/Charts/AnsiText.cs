using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Quoin.Server;

/// <summary>A piece of a line that is shown in one way.</summary>
/// <param name="Text">What is shown; not escaped yet.</param>
/// <param name="Classes">Of the style sheet: <c>f1 b</c>; empty: as everything else.</param>
public readonly record struct AnsiSpan(string Text, string Classes);

/// <summary>
/// A line that a program printed, made safe to show: colours become class names of the style sheet,
/// every other sequence is dropped, and so is what would move the cursor, ring, or turn the
/// direction of writing. It knows no HTML: whoever shows the spans escapes their text.
/// </summary>
public static class AnsiText
{
    /// <summary>The most characters of one line that are shown.</summary>
    public const int CharsMax = 4_000;

    /// <summary>The most changes of colour in one line; after that it goes on as it is.</summary>
    public const int SpansMax = 200;

    const char Escape = '\u001b';

    /// <summary>
    /// The spans of a line. Of one that overwrote itself (<c>10%\r20%</c>) the last version.
    /// </summary>
    public static ImmutableArray<AnsiSpan> Parse(string line)
    {
        var from = LastVersion(line);
        var spans = ImmutableArray.CreateBuilder<AnsiSpan>();
        var text = new StringBuilder();
        var style = default(Look);
        var shown = 0;
        for (var i = from; i < line.Length; i++)
        {
            if (shown == CharsMax)
            {
                text.Append(CultureInfo.InvariantCulture, $" … {line.Length - i} more characters");
                break;
            }
            if (line[i] == Escape)
            {
                var end = EndOfSequence(line, i, out var isColour);
                if (isColour && spans.Count < SpansMax)
                {
                    Flush(spans, text, style);
                    style = style.With(line.AsSpan(i + 2, end - i - 2));
                }
                i = end;
                continue;
            }
            if (IsDropped(line[i])) continue;
            text.Append(Shown(line[i]));
            shown++;
        }
        Flush(spans, text, style);
        return spans.ToImmutable();
    }

    /// <summary>The text of a line without any of its colours.</summary>
    public static string Plain(string line) =>
        string.Concat(Parse(line).Select(span => span.Text));

    static void Flush(ImmutableArray<AnsiSpan>.Builder spans, StringBuilder text, Look style)
    {
        if (text.Length == 0) return;
        var classes = style.Classes;
        if (spans is [.., var last] && last.Classes == classes)
            spans[^1] = last with { Text = last.Text + text };
        else spans.Add(new AnsiSpan(text.ToString(), classes));
        text.Clear();
    }

    // A progress bar prints a carriage return and then the same line anew.
    static int LastVersion(string line)
    {
        var end = line.Length;
        while (end > 0 && line[end - 1] == '\r') end--;
        return end == 0 ? 0 : line.LastIndexOf('\r', end - 1) + 1;
    }

    // Index of the last character of the sequence that begins at i.
    static int EndOfSequence(string line, int i, out bool isColour)
    {
        isColour = false;
        if (i + 1 >= line.Length) return i;
        var at = i + 2;
        switch (line[i + 1])
        {
            case '[': // Parameters, then one letter.
                while (at < line.Length && line[at] is >= ' ' and < '@') at++;
                isColour = at < line.Length && line[at] == 'm';
                return Math.Min(at, line.Length - 1);
            case ']' or 'P' or '^' or '_' or 'X': // A string, until BEL or ESC \.
                for (; at < line.Length; at++)
                {
                    if (line[at] == '\a') return at;
                    if (line[at] == Escape && at + 1 < line.Length && line[at + 1] == '\\')
                        return at + 1;
                }
                return line.Length - 1;
            case '(' or ')' or '*' or '+' or '#' or '%' or ' ': // One more character.
                return Math.Min(at, line.Length - 1);
            default:
                return i + 1;
        }
    }

    static bool IsDropped(char c) => char.IsControl(c) && c != '\t';

    // What turns the direction of writing could make a line say something else than it does.
    static char Shown(char c) =>
        c is >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069' or '\u200e' or '\u200f'
            or '\ufeff'
            ? '\ufffd'
            : c;

    // What the sequences so far ask for. Colours are 0 to 15 of the palette, and -1: none.
    readonly record struct Look(byte Fore, byte Back, bool Bold, bool Dim, bool Italic)
    {
        // One more than the colour, so that the default is none.
        const byte None = 0;

        public bool Underline { get; init; }

        public bool Reverse { get; init; }

        public bool Struck { get; init; }

        public string Classes
        {
            get
            {
                if (this == default) return "";
                var names = new List<string>();
                var (fore, back) = Reverse ? (Back, Fore) : (Fore, Back);
                if (Reverse && fore == None && back == None) names.Add("rev");
                if (fore != None) names.Add($"f{fore - 1}");
                if (back != None) names.Add($"k{back - 1}");
                if (Bold) names.Add("b");
                if (Dim) names.Add("d");
                if (Italic) names.Add("i");
                if (Underline) names.Add("u");
                if (Struck) names.Add("s");
                return string.Join(' ', names);
            }
        }

        public Look With(ReadOnlySpan<char> parameters)
        {
            Span<int> codes = stackalloc int[32];
            var count = 0;
            foreach (var range in parameters.SplitAny(';', ':'))
            {
                if (count == codes.Length) break;
                var part = parameters[range];
                if (part.IsEmpty) codes[count++] = 0;
                else if (int.TryParse(part, NumberStyles.None, null, out var code))
                    codes[count++] = code;
                else return this; // Private parameters: not a colour.
            }
            var look = this;
            for (var i = 0; i < count; i++)
                look = codes[i] is 38 or 48
                    ? look.WithLong(codes[..count], ref i)
                    : look.With(codes[i]);
            return look;
        }

        Look With(int code) => code switch
        {
            0 => default,
            1 => this with { Bold = true },
            2 => this with { Dim = true },
            3 => this with { Italic = true },
            4 => this with { Underline = true },
            7 => this with { Reverse = true },
            9 => this with { Struck = true },
            22 => this with { Bold = false, Dim = false },
            23 => this with { Italic = false },
            24 => this with { Underline = false },
            27 => this with { Reverse = false },
            29 => this with { Struck = false },
            >= 30 and <= 37 => this with { Fore = (byte)(code - 29) },
            39 => this with { Fore = None },
            >= 40 and <= 47 => this with { Back = (byte)(code - 39) },
            49 => this with { Back = None },
            >= 90 and <= 97 => this with { Fore = (byte)(code - 81) },
            >= 100 and <= 107 => this with { Back = (byte)(code - 91) },
            _ => this,
        };

        // 38;5;N and 38;2;R;G;B, which the style sheet has no class for: the nearest of 16.
        Look WithLong(ReadOnlySpan<int> codes, ref int i)
        {
            var isFore = codes[i] == 38;
            byte color;
            if (i + 2 < codes.Length && codes[i + 1] == 5)
            {
                color = (byte)(1 + Palette.Nearest(codes[i + 2]));
                i += 2;
            }
            else if (i + 4 < codes.Length && codes[i + 1] == 2)
            {
                color = (byte)(1 + Palette.Nearest(codes[i + 2], codes[i + 3], codes[i + 4]));
                i += 4;
            }
            else
            {
                i = codes.Length;
                return this;
            }
            return isFore ? this with { Fore = color } : this with { Back = color };
        }
    }

    static class Palette
    {
        static readonly (int R, int G, int B)[] colors =
        [
            (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
            (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
            (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
            (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
        ];

        static readonly int[] steps = [0, 95, 135, 175, 215, 255];

        public static int Nearest(int index) => index switch
        {
            < 16 => index,
            < 232 => Nearest(
                steps[(index - 16) / 36], steps[(index - 16) / 6 % 6], steps[(index - 16) % 6]),
            < 256 => NearestGrey(8 + ((index - 232) * 10)),
            _ => 7,
        };

        public static int Nearest(int red, int green, int blue)
        {
            var best = 0;
            var least = long.MaxValue;
            for (var i = 0; i < colors.Length; i++)
            {
                var (r, g, b) = colors[i];
                var far = Square(r - red) + Square(g - green) + Square(b - blue);
                if (far >= least) continue;
                (best, least) = (i, far);
            }
            return best;
        }

        static int NearestGrey(int light) => Nearest(light, light, light);

        static long Square(long n) => n * n;
    }
}
