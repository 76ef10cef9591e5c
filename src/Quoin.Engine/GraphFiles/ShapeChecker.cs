using System.Globalization;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Compares a file with the table of keys and reports every difference: unknown, missing and
/// doubled keys, wrong types, values out of bounds. Knows nothing of what the values mean together.
/// </summary>
sealed class ShapeChecker(string file, List<GraphProblem> problems)
{
    /// <summary>
    /// Reports what is wrong with a value; <paramref name="what"/> names it for people.
    /// </summary>
    public void Check(YamlNode node, Shape shape, string what)
    {
        switch (shape)
        {
            case ObjectShape map:
                if (Expect(node, YamlKind.Map, shape, what)) CheckObject(node, map, what);
                break;
            case MapShape map:
                if (Expect(node, YamlKind.Map, shape, what)) CheckMap(node, map, what);
                break;
            case ListShape list:
                if (Expect(node, YamlKind.List, shape, what)) CheckList(node, list, what);
                break;
            case EitherShape either:
                Check(node, node.Kind == YamlKind.Map ? either.Map : either.Text, what);
                break;
            default:
                if (Expect(node, YamlKind.Text, shape, what)) CheckText(node, shape, what);
                break;
        }
    }

    bool Expect(YamlNode node, YamlKind kind, Shape shape, string what)
    {
        if (node.Kind == kind && !(kind == YamlKind.Text && node.IsEmpty)) return true;
        var hint = kind == YamlKind.List && node.Kind == YamlKind.Text && !node.IsEmpty
            ? $"; write [{node.Text}]"
            : "";
        Report("wrong-type", node,
            $"{what} must be {shape.Description}, not {node.Description}{hint}");
        return false;
    }

    void CheckObject(YamlNode node, ObjectShape shape, string what)
    {
        CheckDoubles(node, what);
        foreach (var (key, value) in node.Entries)
        {
            var known = Array.Find(shape.Keys, candidate => candidate.Key == key.Text);
            if (known is null)
            {
                Report("unknown-key", key, $"\"{key.Text}\" is not a key of {shape.Name}",
                    Nearest.To(key.Text, shape.Keys.Select(candidate => candidate.Key)));
            }
            else if (known.Support == KeySupport.None)
            {
                Report("not-supported", key,
                    $"{key.Text} is not supported by this version of Quoin");
            }
            else
            {
                if (known.Support == KeySupport.NoEffect)
                    problems.Add(new("no-effect", At(key),
                        $"{key.Text} has no effect in this version of Quoin")
                    { IsWarning = true });
                Check(value, known.Value, key.Text);
            }
        }
        foreach (var key in shape.Keys)
            if (node.Find(key.Key) is null && (key.IsRequired
                || (key.UnlessKey is { } other && node.Find(other) is null)))
                Report("missing-key", node, $"{what} lacks {key.Key}: {key.Doc}");
    }

    void CheckMap(YamlNode node, MapShape shape, string what)
    {
        // Doubled jobs and datasets can also lie in two files; they are found when all were read.
        if (shape.Value is not ObjectShape) CheckDoubles(node, what);
        foreach (var (key, value) in node.Entries)
        {
            if (key.IsEmpty)
                Report("wrong-type", key, $"a key of {what} is empty");
            else if (shape.Key is not null)
                CheckText(key, shape.Key, $"a key of {what}");
            Check(value, shape.Value, NameOf(shape, key.Text, what));
        }
    }

    static string NameOf(MapShape shape, string key, string what) => shape.Value switch
    {
        ObjectShape { Name: "a job" } => $"job {key}",
        ObjectShape { Name: "a dataset" } => $"dataset {key}",
        ObjectShape { Name: "a feed" } => $"feed {key}",
        _ => $"{what}.{key}",
    };

    void CheckDoubles(YamlNode node, string what)
    {
        var seen = new Dictionary<string, int>(node.Entries.Count);
        foreach (var (key, _) in node.Entries)
            if (!seen.TryAdd(key.Text, key.Line))
                Report("duplicate-key", key,
                    $"{what} has {key.Text} already, in line {seen[key.Text]}");
    }

    void CheckList(YamlNode node, ListShape shape, string what)
    {
        if (node.Items.Count < shape.CountMin) Report("bad-value", node, $"{what} is empty");
        foreach (var item in node.Items) Check(item, shape.Item, $"an item of {what}");
    }

    void CheckText(YamlNode node, Shape shape, string what)
    {
        var text = node.Text;
        var (isRight, isSameType) = shape switch
        {
            IntShape whole => CheckInt(node, whole),
            BoolShape => (text is "true" or "false", node.IsPlain),
            DurationShape duration =>
                (Quantities.TryParseDuration(text, out _)
                    || (duration.AllowsNone && text == "none"),
                    true),
            SizeShape => (Quantities.TryParseSize(text, out _), true),
            CoresShape => (CoreRange.TryParse(text, out _), true),
            ChoiceShape choice => (choice.Words.Contains(text), true),
            _ => (true, true),
        };
        if (isRight && isSameType) return;
        Report(isSameType ? "bad-value" : "wrong-type", node,
            $"{what} must be {shape.Description}, not \"{text}\""
                + (isRight ? "; write it without quotes" : ""),
            shape is ChoiceShape words ? Nearest.To(text, words.Words) : null);
    }

    static (bool IsRight, bool IsSameType) CheckInt(YamlNode node, IntShape shape)
    {
        var isInt = long.TryParse(
            node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
        return (isInt && number >= shape.Min && number <= shape.Max, isInt && node.IsPlain);
    }

    void Report(string code, YamlNode node, string message, string? suggestion = null) =>
        problems.Add(new(code, At(node), message, suggestion));

    SourceLocation At(YamlNode node) => new(file, node.Line, node.Column);
}
