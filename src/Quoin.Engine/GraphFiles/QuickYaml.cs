using System.Globalization;
using System.Text;

namespace Quoin.Engine;

/// <summary>
/// Reads the YAML that graph files are written in: block and flow maps and lists, scalars on one
/// line, comments. For anything else, and for every mistake, it answers null, and the full parser
/// decides. It is there because starting that one takes longer than a whole build with nothing to
/// do. A test compares both on many thousand files, right and broken.
/// </summary>
sealed class QuickYaml
{
    const int DepthMax = 32;

    // What a plain scalar does not begin with; - is looked at more closely.
    const string Indicators = "?:,[]{}#&*!|>'\"%@`";

    readonly string text;
    int at;
    int line = 1;
    int lineStart;

    QuickYaml(string text) => this.text = text;

    /// <summary>The root, which is a map; null: not understood.</summary>
    public static YamlNode? Read(string text)
    {
        foreach (var c in text)
            if (c is < ' ' or > '~' && IsForeign(c)) return null;
        var reader = new QuickYaml(text);
        if (!reader.SkipToContent() || !reader.LooksLikeKey()) return null;
        var root = reader.Map(0);
        return root is not null && !reader.SkipToContent() ? root : null;
    }

    // Tabs, other line ends, control characters, what takes two chars: rare, so not for this one.
    static bool IsForeign(char c) =>
        (char.IsControl(c) && c != '\n') || char.IsSurrogate(c)
        || c is '\u2028' or '\u2029' or '\uFEFF' or '\uFFFE' or '\uFFFF';

    int Column => at - lineStart;

    char Current => at < text.Length ? text[at] : '\n';

    bool IsEnd(int index) => index >= text.Length || text[index] == '\n';

    bool IsBlank(int index) => index >= text.Length || text[index] is ' ' or '\n';

    /// <summary>
    /// Goes to the next line's first character that is no comment; false: there is none.
    /// </summary>
    bool SkipToContent()
    {
        while (at < text.Length)
        {
            if (text[at] == ' ')
            {
                at++;
            }
            else if (text[at] == '\n')
            {
                NextLine();
            }
            else if (text[at] == '#' && (Column == 0 || text[at - 1] == ' '))
            {
                SkipComment();
            }
            else
            {
                return true;
            }
        }
        return false;
    }

    void NextLine()
    {
        at++;
        line++;
        lineStart = at;
    }

    void SkipComment()
    {
        var length = text.AsSpan(at).IndexOf('\n');
        at = length < 0 ? text.Length : at + length;
    }

    // After a value: only spaces and a comment may follow in its line.
    bool EndLine()
    {
        var from = at;
        while (at < text.Length && text[at] == ' ') at++;
        if (at < text.Length && text[at] == '#' && at > from) SkipComment();
        return IsEnd(at);
    }

    YamlNode? Block(int parent, int depth)
    {
        if (depth > DepthMax) return null;
        if (Current == '-' && IsBlank(at + 1)) return List(depth);
        return LooksLikeKey() ? Map(depth) : Inline(parent, depth);
    }

    YamlNode? Map(int depth)
    {
        var column = Column;
        var map = new YamlNode(YamlKind.Map, line, column + 1);
        while (true)
        {
            // --- and ... at the left end a document.
            var rest = text.AsSpan(at);
            if (column == 0 && (rest.StartsWith("---") || rest.StartsWith("..."))) return null;
            if (!LooksLikeKey() || Key() is not { } key) return null;
            at++; // The colon.
            if (Value(column, depth + 1, allowsListHere: true) is not { } value) return null;
            map.Entries.Add(new(key, value));
            if (!SkipToContent() || Column < column) return map;
            if (Column > column) return null;
        }
    }

    YamlNode? List(int depth)
    {
        var column = Column;
        var list = new YamlNode(YamlKind.List, line, column + 1);
        while (true)
        {
            at++; // The dash.
            if (Value(column, depth + 1, allowsListHere: false) is not { } value) return null;
            list.Items.Add(value);
            if (!SkipToContent() || Column < column) return list;
            if (Column > column) return null;
            // In a map, a list may stand at the column of its key: then the next key ends it.
            if (Current != '-' || !IsBlank(at + 1)) return list;
        }
    }

    // What follows a colon or a dash: in the same line, or indented below.
    YamlNode? Value(int column, int depth, bool allowsListHere)
    {
        if (depth > DepthMax || !IsBlank(at)) return null;
        var start = line;
        if (!SkipToContent()) return null;
        if (line != start)
        {
            var isListHere =
                allowsListHere && Column == column && Current == '-' && IsBlank(at + 1);
            return Column > column || isListHere ? Block(column, depth) : null;
        }
        if (!allowsListHere) return Block(column, depth); // - a: 1 and - - a are compact forms.
        return Current == '-' && IsBlank(at + 1) ? null : Inline(column, depth);
    }

    // A scalar or a flow collection. More lines that are indented would belong to it.
    YamlNode? Inline(int parent, int depth)
    {
        var node = Current switch
        {
            '[' or '{' => Flow(parent, depth),
            '"' or '\'' => Quoted(),
            _ => Plain(),
        };
        if (node is null || !EndLine()) return null;
        var (here, hereLine, hereStart) = (at, line, lineStart);
        var isContinued = SkipToContent() && Column > parent;
        (at, line, lineStart) = (here, hereLine, hereStart);
        return isContinued ? null : node;
    }

    bool LooksLikeKey()
    {
        var index = at;
        if (Current is '"' or '\'')
        {
            var (here, node) = (at, Quoted());
            index = at;
            at = here;
            if (node is null) return false;
            while (index < text.Length && text[index] == ' ') index++;
            return index < text.Length && text[index] == ':' && IsBlank(index + 1);
        }
        if (!CanBeginPlain(at)) return false;
        for (; !IsEnd(index); index++)
        {
            if (text[index] == ':' && IsBlank(index + 1)) return true;
            if (text[index] == '#' && text[index - 1] == ' ') return false;
        }
        return false;
    }

    // Called where something looks like a key; leaves the reader at the colon.
    YamlNode? Key()
    {
        if (Current is '"' or '\'')
        {
            var quoted = Quoted();
            while (at < text.Length && text[at] == ' ') at++;
            return quoted;
        }
        var (start, column) = (at, Column + 1);
        while (text[at] != ':' || !IsBlank(at + 1)) at++;
        return at - start > 1000
            ? null
            : Scalar(text[start..at].TrimEnd(' '), column, isPlain: true);
    }

    bool CanBeginPlain(int index) =>
        !IsBlank(index) && !Indicators.Contains(text[index])
            && (text[index] != '-' || (index + 1 < text.Length
                && (char.IsAsciiLetterOrDigit(text[index + 1]) || text[index + 1] == '-')));

    YamlNode? Plain()
    {
        if (!CanBeginPlain(at)) return null;
        var (start, column) = (at, Column + 1);
        for (; !IsEnd(at); at++)
        {
            if (text[at] == ':' && IsBlank(at + 1)) return null;
            if (text[at] == '#' && text[at - 1] == ' ') break;
        }
        var end = at;
        while (text[end - 1] == ' ') end--;
        at = end;
        return Scalar(text[start..end], column, isPlain: true);
    }

    YamlNode? Quoted()
    {
        var quote = Current;
        var column = Column + 1;
        var builder = new StringBuilder();
        for (at++; !IsEnd(at); at++)
        {
            var c = text[at];
            if (c == quote)
            {
                if (quote == '"' || at + 1 >= text.Length || text[at + 1] != quote)
                {
                    at++;
                    return Scalar(builder.ToString(), column, isPlain: false);
                }
                at++; // '' is one '.
            }
            else if (c == '\\' && quote == '"' && !TryEscape(ref c))
            {
                return null;
            }
            builder.Append(c);
        }
        return null;
    }

    bool TryEscape(ref char c)
    {
        if (IsEnd(++at)) return false;
        switch (text[at])
        {
            case '"' or '\\' or '/':
                c = text[at];
                return true;
            case 'n':
                c = '\n';
                return true;
            case 't':
                c = '\t';
                return true;
            case 'u' when at + 4 < text.Length && ushort.TryParse(
                text.AsSpan(at + 1, 4), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out var code) && !char.IsSurrogate((char)code):
                c = (char)code;
                at += 4;
                return true;
            default:
                return false;
        }
    }

    YamlNode? Flow(int parent, int depth)
    {
        if (depth > DepthMax) return null;
        var isMap = Current == '{';
        var close = isMap ? '}' : ']';
        var node = new YamlNode(isMap ? YamlKind.Map : YamlKind.List, line, Column + 1);
        at++;
        while (true)
        {
            if (!SkipInFlow(parent)) return null;
            if (Current == close)
            {
                at++;
                return node;
            }
            if (FlowItem(parent, depth) is not { } item || !SkipInFlow(parent)) return null;
            if (isMap)
            {
                if (item.Kind != YamlKind.Text || Current != ':' || !IsBlank(at + 1)) return null;
                at++;
                if (!SkipInFlow(parent) || FlowItem(parent, depth) is not { } value) return null;
                node.Entries.Add(new(item, value));
            }
            else
            {
                node.Items.Add(item);
            }
            if (!SkipInFlow(parent)) return null;
            if (Current == ',') at++;
            else if (Current != close) return null;
        }
    }

    YamlNode? FlowItem(int parent, int depth) => Current switch
    {
        '[' or '{' => Flow(parent, depth + 1),
        '"' or '\'' => Quoted(),
        _ => FlowPlain(),
    };

    YamlNode? FlowPlain()
    {
        if (!CanBeginPlain(at)) return null;
        var (start, column) = (at, Column + 1);
        while (true)
        {
            while (at < text.Length && !IsFlowEnd(text[at])) at++;
            if (at == text.Length) return null;
            var isInside = text[at] == ':'
                ? !IsBlank(at + 1)
                : text[at] == '#' && text[at - 1] != ' ';
            if (!isInside) break;
            // a:, and a:} have an empty value in some readings.
            if (text[at] == ':' && IsFlowEnd(text[at + 1])) return null;
            at++;
        }
        var end = at;
        while (text[end - 1] == ' ') end--;
        at = end;
        return Scalar(text[start..end], column, isPlain: true);
    }

    static bool IsFlowEnd(char c) => c is ',' or '[' or ']' or '{' or '}' or ':' or '#' or '\n';

    // In brackets a line end is a space; lines below have to be indented like the rest.
    bool SkipInFlow(int parent)
    {
        var start = line;
        return SkipToContent() && (line == start || Column > parent);
    }

    YamlNode Scalar(string value, int column, bool isPlain) =>
        new(YamlKind.Text, line, column) { Text = value, IsPlain = isPlain, HasColumns = true };
}
