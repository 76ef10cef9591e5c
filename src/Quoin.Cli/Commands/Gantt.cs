using System.CommandLine;
using System.Globalization;
using System.Security;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>How a timetable is shown.</summary>
enum GanttForm
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>A row of characters for each slot.</summary>
    Text,

    /// <summary>A picture.</summary>
    Svg,
}

/// <summary><c>--gantt</c> and <c>--gantt=svg</c>; <c>--gantt=json</c> is <c>--json</c>.</summary>
sealed class GanttOption
{
    /// <summary>What <c>--gantt=svg</c> becomes before parsing.</summary>
    public const string Svg = "--gantt-svg";

    readonly Option<bool> text = new("--gantt")
    {
        Description = "When what would run, slot by slot; --gantt=svg: as a picture",
    };

    readonly Option<bool> svg = new(Svg) { Hidden = true };

    /// <summary>Adds it to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(text);
        command.Options.Add(svg);
    }

    /// <summary>Its value.</summary>
    public GanttForm Read(ParseResult parsed) => parsed.GetValue(svg) ? GanttForm.Svg
        : parsed.GetValue(text) ? GanttForm.Text
        : GanttForm.None;
}

/// <summary>A timetable as text and as a picture: a row for each slot, time to the right.</summary>
static class Gantt
{
    const int WidthMin = 24, WidthMax = 150;

    /// <summary>
    /// A line for each slot, its runs in proportion to their time, and what it comes to.
    /// </summary>
    public static IEnumerable<Line> Text(DryPlan dry, Timetable times, int slots, int width)
    {
        var names = dry.Plan.Graph;
        var head = $"slot {slots} |".Length;
        var columns = Math.Clamp(width - head - 1, WidthMin, WidthMax);
        for (var slot = 0; slot < slots && times.Runs.Length > 0; slot++)
        {
            var row = new StringBuilder(new string(' ', columns + 1));
            foreach (var run in times.Runs)
            {
                if (!run.Slots.Contains(slot)) continue;
                var from = ColumnOf(run.StartMs);
                var to = Math.Max(from + 1, ColumnOf(run.EndMs));
                var name = Clip(names.Names.Text(names.Outputs(run.Node)[0]), to - from - 1);
                for (var at = from; at < to; at++)
                    row[at] = at - from < name.Length ? name[at - from] : '=';
                row[to - 1] = '|';
            }
            yield return new Line($"{$"slot {slot + 1}".PadRight(head - 1)}|", Style.Dim)
                .Add(row.ToString().TrimEnd());
        }
        yield return new Line(Summary(dry, times));

        int ColumnOf(long ms) => (int)(ms * columns / Math.Max(1, times.MakespanMs));
    }

    // One column a character: what is wider is left out of a picture made of columns.
    static string Clip(string name, int room)
    {
        if (name.Any(c => !char.IsAscii(c))) return "";
        if (name.Length <= room) return name;
        return room < 4 ? "" : string.Concat("..", name.AsSpan(name.Length - room + 2));
    }

    /// <summary>
    /// When it ends, what bounds it, and how good the estimates are:
    /// <c>end 1m42s (1m35s-1m58s); path a > b (1m42s); 3 of 6 from history, 3 rough</c>.
    /// </summary>
    public static string Summary(DryPlan dry, Timetable times)
    {
        if (times.Runs.Length == 0) return "nothing to run";
        var range = dry.Estimate is { } left ? $" ({left})" : "";
        var path = CriticalPath.Of(dry.Plan.Graph, dry.Estimates.Milliseconds);
        int history = 0, declared = 0, timeout = 0;
        foreach (var run in times.Runs)
        {
            var source = dry.Estimates.Sources[run.Node];
            if (source is EstimateSource.Partition or EstimateSource.Job
                or EstimateSource.OtherCores or EstimateSource.OtherHosts
                or EstimateSource.OtherHostsAndCores) history++;
            else if (source == EstimateSource.Declared) declared++;
            else if (source == EstimateSource.Timeout) timeout++;
        }
        var guessed = times.Runs.Length - history - declared - timeout;
        var quality = new List<string> { $"{history} of {times.Runs.Length} from history" };
        if (declared > 0) quality.Add($"{declared} declared");
        if (timeout > 0) quality.Add($"{timeout} rough (timeout)");
        if (guessed > 0) quality.Add($"{guessed} guessed");
        var end = Units.Duration(TimeSpan.FromMilliseconds(times.MakespanMs));
        var cores = dry.Estimates.Strategy.Length > 0 ? $"; cores: {dry.Estimates.Strategy}" : "";
        return $"end {end}{range}; path {path.Text(dry.Plan.Graph)}; "
            + string.Join(", ", quality) + cores;
    }

    const int RowHeight = 26, Left = 60, Top = 24, Plot = 1_000;

    // Told apart by job, readable with black on it.
    static readonly string[] colors =
        ["#8ecae6", "#ffd166", "#a7c957", "#f4a6b8", "#cdb4db", "#f8c98b", "#95d5b2", "#bfc8d7"];

    /// <summary>The same as a picture that any browser shows; names on hovering.</summary>
    public static string Svg(DryPlan dry, Timetable times, int slots)
    {
        var graph = dry.Plan.Graph;
        var height = Top + (slots * RowHeight) + 30;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Left + Plot + 20} {height}"
              font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>

            """);
        for (var slot = 0; slot < slots; slot++)
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="4" y="{Top + (slot * RowHeight) + 17}">slot {slot + 1}</text>

                """);
        foreach (var run in times.Runs)
        {
            foreach (var slot in run.Slots) Add(svg, dry, times, run, slot);
        }
        for (var tick = 0; tick <= 4; tick++)
        {
            var at = TimeSpan.FromMilliseconds(times.MakespanMs * tick / 4);
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="{Left + (Plot * tick / 4)}" y="15" fill="#555">{Spans.Short(at)}</text>

                """);
        }
        svg.Append(CultureInfo.InvariantCulture, $"""
            <text x="4" y="{height - 8}" fill="#555">{Escape(Summary(dry, times))}</text>
            </svg>
            """);
        return svg.ToString();
    }

    static void Add(
        StringBuilder svg, DryPlan dry, Timetable times, TimetableRun run, int slot)
    {
        var graph = dry.Plan.Graph;
        var name = graph.Names.Text(graph.Outputs(run.Node)[0]);
        var scale = Plot / (double)Math.Max(1, times.MakespanMs);
        var x = Left + (run.StartMs * scale);
        var width = Math.Max(0.5, (run.EndMs - run.StartMs) * scale);
        var y = Top + (slot * RowHeight);
        var took = Spans.Short(TimeSpan.FromMilliseconds(run.EndMs - run.StartMs));
        var color = colors[graph.JobOf(run.Node).Index % colors.Length];
        svg.Append(CultureInfo.InvariantCulture, $"""
            <g><title>{Escape(name)} {took}</title><rect x="{x:0.##}" y="{y}" width="{width:0.##}"
              height="{RowHeight - 4}" fill="{color}" stroke="white" stroke-width="0.5"/>
            """);
        if (width > (name.Length * 7) + 6)
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="{x + 3:0.##}" y="{y + 15}">{Escape(name)}</text>
                """);
        svg.Append("</g>\n");
    }

    static string Escape(string text) => SecurityElement.Escape(text);
}
