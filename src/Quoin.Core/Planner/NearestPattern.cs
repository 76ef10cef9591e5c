using System.Text;

namespace Quoin.Core;

/// <summary>What somebody probably meant who named a partition that nothing produces.</summary>
static class NearestPattern
{
    /// <summary>
    /// <c>; nearest: raw/{date:date}; "2026-13-01" is not a date</c>, or the empty text when no
    /// pattern looks like the name.
    /// </summary>
    public static string To(Graph graph, ReadOnlySpan<byte> name)
    {
        foreach (var pattern in PatternsOf(graph))
        {
            if (pattern.ExplainMismatch(name) is { } why) return $"; nearest: {pattern}; {why}";
        }
        var text = Encoding.UTF8.GetString(name);
        // Names and patterns share their literal first segments, if anything.
        var likely = Nearest.To(
            Head(text), PatternsOf(graph).Select(pattern => Head(pattern.Text)).Distinct());
        var nearest = PatternsOf(graph).FirstOrDefault(pattern => Head(pattern.Text) == likely);
        return nearest is null ? "" : $"; nearest: {nearest}";
    }

    static string Head(string text) => text.Split('/', 2)[0];

    static IEnumerable<Pattern> PatternsOf(Graph graph) =>
        graph.Jobs.SelectMany(job => job.Outputs).Concat(
            graph.Datasets.Where(dataset => dataset.IsSource).Select(dataset => dataset.Pattern));
}
