using System.Text;

namespace Quoin.Core;

/// <summary>
/// One reference, or a range of them: <c>daily/seattle/2026-01-01..2026-01-31</c>. The capture that
/// varies, and with it what lies between, follow from the pattern that both ends match.
/// </summary>
static class SelectionRange
{
    const long CountMax = 10_000_000;

    public static List<string> Find(Graph graph, string selector, out SelectionProblem? problem)
    {
        problem = null;
        if (PartitionRef.Check(selector) is { } wrong)
        {
            problem = new("bad-selector", wrong);
            return [];
        }
        if (graph.FindProducer(Encoding.UTF8.GetBytes(selector)).Exists) return [selector];
        var dots = selector.IndexOf("..", selector.LastIndexOf('/') + 1, StringComparison.Ordinal);
        if (dots > 0 && dots + 2 < selector.Length)
            return FindRange(graph, selector, dots, out problem);
        problem = Unknown(graph, selector);
        return [];
    }

    static List<string> FindRange(
        Graph graph, string selector, int dots, out SelectionProblem? problem)
    {
        var first = selector[..dots];
        var last = selector[(dots + 2)..];
        var folder = first[..(first.LastIndexOf('/') + 1)];
        var utf8 = Encoding.UTF8.GetBytes(first);
        if (PatternOf(graph, utf8) is not { } pattern)
        {
            problem = PartitionRef.Check(first) is { } wrong
                ? new("bad-selector", wrong)
                : Unknown(graph, first);
            return [];
        }
        // The end is either a whole last segment or only the value, as short as people write it.
        Span<Slot> from = stackalloc Slot[Pattern.CapturesMax];
        Span<Slot> to = stackalloc Slot[Pattern.CapturesMax];
        pattern.TryMatch(utf8, from);
        var slot = LastNumber(pattern);
        if (slot >= 0 && !pattern.TryMatch(Encoding.UTF8.GetBytes(folder + last), to))
        {
            var (head, tail) = Around(utf8, from[slot]);
            var replaced = head + last + tail;
            if (!pattern.TryMatch(Encoding.UTF8.GetBytes(replaced), to)) slot = -2;
        }
        var type = slot >= 0 ? pattern.Captures[slot].Type : null;
        problem = slot switch
        {
            -1 => new("bad-selector",
                $"\"{selector}\": a range needs a last segment with an int, date, month, year "
                    + "or hour, "
                + $"unlike {pattern}"),
            -2 => new("bad-selector",
                $"\"{selector}\": \"{last}\" is not the end of a range in {pattern}"),
            _ when to[slot].Number < from[slot].Number => new("bad-selector",
                $"\"{selector}\" ends before it begins"),
            _ when to[slot].Number - from[slot].Number >= CountMax => new("bad-selector",
                $"\"{selector}\" has more than {CountMax} partitions"),
            _ => null,
        };
        if (problem is not null) return [];
        var found = new List<string>();
        var (before, after) = Around(utf8, from[slot]);
        for (var number = from[slot].Number; number <= to[slot].Number; number++)
            found.Add(before + CaptureText.ToText(type!.Kind, number) + after);
        return found;
    }

    static (string Before, string After) Around(ReadOnlySpan<byte> name, Slot slot) =>
        (Encoding.UTF8.GetString(name[..slot.Offset]),
            Encoding.UTF8.GetString(name[(slot.Offset + slot.Length)..]));

    static Pattern? PatternOf(Graph graph, ReadOnlySpan<byte> name)
    {
        var producer = graph.FindProducer(name);
        if (producer.Source is { } source) return source.Pattern;
        if (producer.Job is not { } job) return null;
        foreach (var pattern in job.Outputs)
            if (pattern.IsMatch(name)) return pattern;
        return null;
    }

    // The slot of the last counted capture in the last segment, or -1.
    static int LastNumber(Pattern pattern)
    {
        var atoms = pattern.Segments[^1].Atoms;
        var index = Array.FindLastIndex(atoms, atom => atom.Type is { IsNumber: true });
        return index < 0 || atoms[index].IsRepeat ? -1 : atoms[index].Slot;
    }

    static SelectionProblem Unknown(Graph graph, string name)
    {
        var utf8 = Encoding.UTF8.GetBytes(name);
        var patterns = graph.Jobs.SelectMany(job => job.Outputs)
            .Concat(graph.Datasets.Where(dataset => dataset.IsSource).Select(d => d.Pattern))
            .ToList();
        foreach (var pattern in patterns)
            if (pattern.ExplainMismatch(utf8) is { } reason)
                return new("unknown-name", $"nothing makes {name}; in {pattern}, {reason}");
        if (patterns.Exists(pattern =>
            pattern.Text.StartsWith(name + "/", StringComparison.Ordinal)))
            return new("unknown-name", $"{name} is no partition, but has some below it",
                $"{name}/**");
        if (graph.FindJob(name) is not null)
            return new("unknown-name", $"{name} is a job, not a partition", $"job:{name}");
        var first = name.Split('/')[0];
        var near = Nearest.To(name, patterns.Select(pattern => pattern.Text))
            ?? patterns.Find(pattern => Nearest.Distance(first, pattern.Text.Split('/')[0])
                <= Math.Max(1, first.Length / 3))?.Text;
        return new("unknown-name", $"nothing makes {name}", near);
    }
}
