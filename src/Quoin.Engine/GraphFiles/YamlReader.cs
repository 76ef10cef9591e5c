using System.Text;
using Quoin.Core;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Quoin.Engine;

/// <summary>
/// Turns the bytes of a graph file into nodes, within bounds that no honest file meets: size,
/// depth, and the nodes that aliases stand for. Knows YAML, not what the keys mean.
/// </summary>
static class YamlReader
{
    /// <summary>The largest graph file in bytes.</summary>
    public const int BytesMax = 8 << 20;

    const int DepthMax = 32;
    const int NodesMax = 2_000_000; // All nodes, those behind an alias counted each time.

    /// <summary>The root node, or null when a problem was added.</summary>
    public static YamlNode? Read(byte[] bytes, string file, List<GraphProblem> problems)
    {
        if (bytes.Length > BytesMax)
        {
            problems.Add(new("file-too-big", new(file, 1, 1),
                $"the file has more than {BytesMax >> 20} MiB; generate configs with a job's "
                + "config command instead of a graph file"));
            return null;
        }
        if (Decode(bytes, file, problems) is not { } text) return null;
        return QuickYaml.Read(text) ?? Parse(text, file, problems);
    }

    /// <summary>The same with the full parser, which also says what is wrong.</summary>
    internal static YamlNode? Parse(string text, string file, List<GraphProblem> problems)
    {
        var composer = new Composer(text, file, problems);
        try
        {
            return composer.Document();
        }
        catch (YamlException e)
        {
            // Of a tab the parser gives no place.
            var isTab = e.Message.Contains("tab", StringComparison.Ordinal);
            problems.Add(Tabs(text, file, isTab ? int.MaxValue : (int)e.Start.Line)
                ?? new("yaml-syntax",
                    new(file, Math.Max(1, (int)e.Start.Line), Math.Max(1, (int)e.Start.Column)),
                    Sentence(e)));
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException
            or IndexOutOfRangeException or KeyNotFoundException)
        {
            // The parser loses its way in some broken files, such as a { that is never closed.
            var line = composer.Line;
            problems.Add(Tabs(text, file, line) ?? new("yaml-syntax", new(file, line, 1),
                "not valid YAML: what begins here is not closed, or not indented as it should be"));
            return null;
        }
    }

    static string? Decode(byte[] bytes, string file, List<GraphProblem> problems)
    {
        ReadOnlySpan<byte> rest = bytes;
        if (rest.StartsWith("\uFEFF"u8)) rest = rest[3..];
        if (rest.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE])
            || rest.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
        {
            problems.Add(new("not-utf8", new(file, 1, 1), "the file is UTF-16; save it as UTF-8"));
            return null;
        }
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(rest);
        }
        catch (DecoderFallbackException)
        {
            var at = 0;
            while (Rune.DecodeFromUtf8(rest[at..], out _, out var used)
                == System.Buffers.OperationStatus.Done)
                at += used;
            var before = rest[..at];
            var line = before.Count((byte)'\n') + 1;
            var column = Encoding.UTF8.GetCharCount(before[(before.LastIndexOf((byte)'\n') + 1)..]);
            problems.Add(new("not-utf8", new(file, line, column + 1),
                $"byte 0x{rest[at]:X2} is not UTF-8"));
            return null;
        }
    }

    // The parser only says that a token cannot start so. The first tab up to there is the cause.
    static GraphProblem? Tabs(string text, string file, int untilLine)
    {
        var line = 0;
        foreach (var content in text.AsSpan().EnumerateLines())
        {
            if (++line > untilLine) return null;
            var indent = content.IndexOfAnyExcept(' ', '\t');
            if (indent < 0) indent = content.Length;
            var tab = content[..indent].IndexOf('\t');
            if (tab >= 0)
                return new("tab-indent", new(file, line, tab + 1),
                    "a tab in the indentation; YAML indents with spaces");
        }
        return null;
    }

    static string Sentence(YamlException e)
    {
        // The parser's text repeats the place; what follows the last colon is the reason.
        var text = e.InnerException?.Message ?? e.Message;
        if (text.StartsWith('(') && text.IndexOf("): ", StringComparison.Ordinal) is > 0 and var at)
            text = text[(at + 3)..];
        return $"not valid YAML: {text.Trim().TrimEnd('.')}";
    }

    sealed class Composer(string text, string file, List<GraphProblem> problems)
    {
        readonly Parser parser = new(new StringReader(text));
        readonly Dictionary<AnchorName, (YamlNode? Node, int Size)> anchors = [];
        int nodes;

        /// <summary>The line of the last thing that was understood.</summary>
        public int Line => Math.Max(1, (int)(parser.Current?.Start.Line ?? 1));

        public YamlNode? Document()
        {
            parser.MoveNext(); // The stream starts.
            parser.MoveNext();
            if (parser.Current is StreamEnd)
            {
                Report("empty-file", 1, 1, "the file is empty; `quoin init` writes a first one");
                return null;
            }
            parser.MoveNext();
            var root = Node(0);
            if (root is null) return null;
            parser.MoveNext(); // The document ends.
            parser.MoveNext();
            if (parser.Current is DocumentStart next)
            {
                Report("several-documents", (int)next.Start.Line, (int)next.Start.Column,
                    "a graph file is one document; what follows this --- would be ignored");
                return null;
            }
            if (!root.IsEmpty) return root;
            Report("empty-file", 1, 1, "the file is empty; `quoin init` writes a first one");
            return null;
        }

        // Leaves the parser on the last event of the node.
        YamlNode? Node(int depth)
        {
            var start = parser.Current!;
            var (line, column) = ((int)start.Start.Line, (int)start.Start.Column);
            if (++nodes > NodesMax || depth > DepthMax)
            {
                Report(depth > DepthMax ? "too-deep" : "too-many-nodes", line, column,
                    depth > DepthMax
                        ? $"more than {DepthMax} levels deep; no graph file is"
                        : $"more than {NodesMax} values, aliases counted each time");
                return null;
            }
            var before = nodes;
            YamlNode? node;
            switch (start)
            {
                case AnchorAlias alias:
                    return Resolve(alias, line, column);
                case Scalar scalar:
                    node = new(YamlKind.Text, line, column)
                    {
                        Text = scalar.Value,
                        IsPlain = scalar.Style == ScalarStyle.Plain,
                        HasColumns = scalar.End.Line == scalar.Start.Line
                            && scalar.Style is not (ScalarStyle.Literal or ScalarStyle.Folded),
                    };
                    break;
                case SequenceStart list:
                    Begin(list.Anchor);
                    node = List(line, column, depth);
                    break;
                case MappingStart map:
                    Begin(map.Anchor);
                    node = Map(line, column, depth);
                    break;
                default:
                    throw new YamlException(start.Start, start.End, $"unexpected {start}");
            }
            if (node is not null && start is NodeEvent { Anchor: { IsEmpty: false } anchor })
                anchors[anchor] = (node, nodes - before + 1);
            return node;
        }

        YamlNode? List(int line, int column, int depth)
        {
            var list = new YamlNode(YamlKind.List, line, column);
            while (parser.MoveNext() && parser.Current is not SequenceEnd)
            {
                if (Node(depth + 1) is not { } item) return null;
                list.Items.Add(item);
            }
            return list;
        }

        YamlNode? Map(int line, int column, int depth)
        {
            var map = new YamlNode(YamlKind.Map, line, column);
            while (parser.MoveNext() && parser.Current is not MappingEnd)
            {
                if (Node(depth + 1) is not { } key) return null;
                if (key.Kind != YamlKind.Text)
                {
                    Report("wrong-type", key.Line, key.Column,
                        $"a key is {key.Description}, not text");
                    return null;
                }
                parser.MoveNext();
                if (Node(depth + 1) is not { } value) return null;
                map.Entries.Add(new(key, value));
            }
            return map;
        }

        // Until a node is complete, an alias to it would contain itself.
        void Begin(AnchorName anchor)
        {
            if (!anchor.IsEmpty) anchors[anchor] = (null, 0);
        }

        YamlNode? Resolve(AnchorAlias alias, int line, int column)
        {
            if (!anchors.TryGetValue(alias.Value, out var target))
                Report("bad-alias", line, column,
                    $"*{alias.Value} has no anchor &{alias.Value} above");
            else if (target.Node is null)
                Report("bad-alias", line, column,
                    $"*{alias.Value} is inside of what it stands for");
            else if ((nodes += target.Size) > NodesMax)
                Report("too-many-nodes", line, column,
                    $"more than {NodesMax} values, aliases counted each time");
            else
                return target.Node;
            return null;
        }

        void Report(string code, int line, int column, string message) =>
            problems.Add(new(code, new(file, line, column), message));
    }
}
