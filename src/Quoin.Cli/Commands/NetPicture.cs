using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>
/// The kernel's net (<see cref="Net"/>) as pictures: places round, transitions boxes. They show the
/// net without its colours: which kinds of tokens go where, not which ones.
/// </summary>
static class NetPicture
{
    static readonly XNamespace Pnml2009 = "http://www.pnml.org/version-2009/grammar/pnml";

    /// <summary>The net's text in a form.</summary>
    public static string Of(GraphForm form) => form switch
    {
        GraphForm.Pnml => Pnml(),
        GraphForm.Mermaid => string.Join("\n\n", Tokens.Select(Mermaid)),
        GraphForm.Dot or GraphForm.Text => Dot(),
    };

    /// <summary>The kinds of tokens that have states.</summary>
    public static readonly string[] Tokens = ["Partition", "Want", "Run"];

    static IEnumerable<string> Places =>
        Net.Transitions.SelectMany(row => row.Consumes.Concat(row.Produces).Concat(row.Reads))
            .Concat(Net.Cascades.SelectMany(rule => rule.Moves).SelectMany(PlacesOf))
            .Distinct().Order(StringComparer.Ordinal);

    static IEnumerable<string> PlacesOf(NetMove move) =>
        from place in (string[])[move.From, move.To]
        where place.Length > 0
        select $"{move.Token}.{place}";

    /// <summary>The states of one kind of token, with the events between them.</summary>
    public static string Mermaid(string token)
    {
        var arrows = from row in Net.Transitions
                     from move in row.Moves
                     where move.Token == token
                     select (move.From, move.To, row.Name);
        var followed = from rule in Net.Cascades
                       from move in rule.Moves
                       where move.Token == token
                       select (move.From, move.To, Name: $"({Short(rule)})");
        var text = new StringBuilder("stateDiagram-v2\n");
        foreach (var group in arrows.Concat(followed).GroupBy(arrow => (arrow.From, arrow.To)))
        {
            var names = string.Join(", ", group.Select(arrow => arrow.Name).Distinct());
            text.Append($"  {State(group.Key.From)} --> {State(group.Key.To)}: {names}\n");
        }
        return text.ToString().TrimEnd('\n');

        string State(string place) => place.Length > 0 ? place
            : token == "Partition" ? "Missing"
            : "[*]";
    }

    // In a diagram there is room for a word: which stratum of the cascade.
    static string Short(CascadeRule rule) => $"cascade {rule.Stratum}";

    static string Dot()
    {
        var text = new StringBuilder("digraph net {\n  rankdir=LR;\n");
        foreach (var place in Places)
            text.Append($"  \"{place}\" [shape=ellipse];\n");
        foreach (var row in Net.Transitions)
        {
            var guard = row.Guard.Length > 0 ? $", tooltip=\"{row.Guard}\"" : "";
            text.Append($"  {row.Name} [shape=box, label=\"{row.Row} {row.Name}\"{guard}];\n");
            foreach (var place in row.Consumes) text.Append($"  \"{place}\" -> {row.Name};\n");
            foreach (var place in row.Produces) text.Append($"  {row.Name} -> \"{place}\";\n");
            foreach (var place in row.Reads)
                text.Append($"  \"{place}\" -> {row.Name} [style=dashed, dir=none];\n");
        }
        foreach (var rule in Net.Cascades)
            foreach (var move in rule.Moves.Where(move => move.To.Length > 0))
                text.Append($"  \"{move.Token}.{move.From}\" -> \"{move.Token}.{move.To}\" "
                    + $"[style=dotted, label=\"{Short(rule)}\"];\n");
        return text.Append('}').ToString();
    }

    // A place/transition net of the standard's kind ptnet. A place that is read is taken and given
    // back, which is what reading means there.
    static string Pnml()
    {
        var page = new XElement(Pnml2009 + "page", new XAttribute("id", "page"));
        foreach (var place in Places)
            page.Add(new XElement(
                Pnml2009 + "place", new XAttribute("id", place), Name(place)));
        foreach (var row in Net.Transitions)
        {
            page.Add(new XElement(
                Pnml2009 + "transition", new XAttribute("id", row.Name),
                Name($"{row.Row} {row.Name}")));
            var arcs = row.Consumes.Concat(row.Reads).Distinct().Select(p => (p, row.Name))
                .Concat(row.Produces.Concat(row.Reads).Distinct().Select(p => (row.Name, p)));
            foreach (var (source, target) in arcs)
                page.Add(new XElement(
                    Pnml2009 + "arc", new XAttribute("id", $"{source}-to-{target}"),
                    new XAttribute("source", source), new XAttribute("target", target)));
        }
        var net = new XElement(
            Pnml2009 + "net", new XAttribute("id", "quoin"),
            new XAttribute("type", "http://www.pnml.org/version-2009/grammar/ptnet"),
            Name("Quoin's kernel, without colours"), page);
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + new XElement(Pnml2009 + "pnml", net);
    }

    static XElement Name(string text) =>
        new(Pnml2009 + "name", new XElement(Pnml2009 + "text", text));

    /// <summary>The table of transitions.</summary>
    public static void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartArray("transitions");
        foreach (var row in Net.Transitions)
        {
            json.WriteStartObject();
            json.WriteString("row", row.Row);
            json.WriteString("event", row.Name);
            JsonParts.Write(json, "consumes", row.Consumes);
            JsonParts.Write(json, "reads", row.Reads);
            JsonParts.Write(json, "produces", row.Produces);
            json.WriteString("guard", row.Guard);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
