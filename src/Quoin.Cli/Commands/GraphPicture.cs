using System.Text;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>What <c>quoin graph</c> prints.</summary>
enum GraphForm
{
    /// <summary>Tables.</summary>
    Text,

    /// <summary>The language of Graphviz.</summary>
    Dot,

    /// <summary>A diagram for Markdown.</summary>
    Mermaid,

    /// <summary>The exchange format of Petri net tools; of the net only.</summary>
    Pnml,
}

/// <summary>
/// A graph of datasets (round) and jobs (boxes). Datasets are told apart by their fixed beginning,
/// so an input <c>daily/{month.days}</c> comes from the dataset that <c>daily/{date}</c> is in.
/// </summary>
static class GraphPicture
{
    /// <summary>The text of the picture.</summary>
    public static string Of(Graph graph, GraphForm form)
    {
        var names = new Dictionary<string, string>(); // Label -> node name
        var text = new StringBuilder();
        var isDot = form == GraphForm.Dot;
        text.AppendLine(isDot ? "digraph quoin {\n  rankdir=LR;" : "flowchart LR");
        foreach (var dataset in graph.Datasets.Where(dataset => dataset.IsSource))
            NodeOf(Beginning(dataset.Pattern.Text), isSource: true);
        foreach (var (i, job) in graph.Jobs.Index())
        {
            text.AppendLine(isDot
                ? $"  job{i} [shape=box, label=\"{Escape(job.Name)}\"];"
                : $"  job{i}[\"{job.Name}\"]");
            foreach (var input in job.Inputs.Select(input => Beginning(input.Text)).Distinct())
                Edge(NodeOf(input), $"job{i}");
            foreach (var output in job.Outputs.Select(output => Beginning(output.Text)).Distinct())
                Edge($"job{i}", NodeOf(output));
        }
        return text.Append(isDot ? "}" : "").ToString().TrimEnd('\n');

        string NodeOf(string label, bool isSource = false)
        {
            if (names.TryGetValue(label, out var name)) return name;
            names.Add(label, name = $"data{names.Count}");
            var shape = isSource ? "cylinder" : "ellipse";
            text.AppendLine(isDot ? $"  {name} [shape={shape}, label=\"{Escape(label)}\"];"
                : isSource ? $"  {name}[(\"{label}\")]"
                : $"  {name}([\"{label}\"])");
            return name;
        }

        void Edge(string from, string to) =>
            text.AppendLine(isDot ? $"  {from} -> {to};" : $"  {from} --> {to}");
    }

    // Up to the segment that has the first capture.
    static string Beginning(string pattern)
    {
        var brace = pattern.IndexOf('{');
        if (brace < 0) return pattern;
        var slash = pattern.LastIndexOf('/', brace);
        return slash > 0 ? pattern[..slash] : pattern;
    }

    static string Escape(string label) => label.Replace("\\", "\\\\").Replace("\"", "\\\"");
}
