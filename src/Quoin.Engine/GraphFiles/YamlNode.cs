namespace Quoin.Engine;

/// <summary>What a node of a YAML file is.</summary>
enum YamlKind : byte
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>Items in order.</summary>
    List,

    /// <summary>Keys and values in order, the same key perhaps twice.</summary>
    Map,
}

/// <summary>
/// A node of a YAML file with its place, line and column from 1. An alias is the node that it
/// stands for, so a node may have several parents, but never itself below it.
/// </summary>
sealed class YamlNode(YamlKind kind, int line, int column)
{
    public YamlKind Kind { get; } = kind;

    public int Line { get; } = line;

    public int Column { get; } = column;

    /// <summary>The text, escapes undone; <c>""</c> for lists and maps.</summary>
    public string Text { get; init; } = "";

    /// <summary>
    /// True: written without quotes, so <c>3</c> is a number and <c>~</c> nothing.
    /// </summary>
    public bool IsPlain { get; init; }

    /// <summary>True: on one line, so that columns of the text are columns of the file.</summary>
    public bool HasColumns { get; init; }

    public List<YamlNode> Items { get; } = kind == YamlKind.List ? [] : Nothing;

    public List<YamlEntry> Entries { get; } =
        kind == YamlKind.Map ? [] : NoEntries;

    /// <summary>Nothing was written where a value belongs.</summary>
    public bool IsEmpty => Kind == YamlKind.Text && IsPlain && Text is "" or "~" or "null";

    /// <summary>For messages: what it is.</summary>
    public string Description => Kind switch
    {
        YamlKind.List => "a list",
        YamlKind.Map => "a map",
        YamlKind.Text => IsEmpty ? "nothing" : $"\"{Clip(Text)}\"",
    };

    static readonly List<YamlNode> Nothing = [];
    static readonly List<YamlEntry> NoEntries = [];

    /// <summary>The first value of a key, or null.</summary>
    public YamlNode? Find(string key)
    {
        foreach (var (name, value) in Entries)
            if (name.Text == key) return value;
        return null;
    }

    static string Clip(string text) => text.Length <= 60 ? text : text[..57] + "...";
}

/// <summary>A key of a map and its value.</summary>
sealed record YamlEntry(YamlNode Key, YamlNode Value);
