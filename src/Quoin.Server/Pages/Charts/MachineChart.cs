using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>A state with the tokens that lie in it now.</summary>
public readonly record struct MachineState(string Name, double X, double Y, int Tokens);

/// <summary>A way from one state to another, with the events that lead there.</summary>
/// <param name="From">Empty: from outside.</param>
/// <param name="To">Empty: to the outside.</param>
/// <param name="Events">Names of events; in brackets: what follows by itself.</param>
public sealed record MachineArrow(string From, string To, ImmutableArray<string> Events)
{
    /// <summary>The curve, as the path of an SVG; empty when one end is outside.</summary>
    public string Path { get; init; } = "";

    /// <summary>It is one of the usual ways, not of a failure, a change of mind or a taint.
    /// </summary>
    public bool IsUsual { get; init; }
}

/// <summary>
/// The states of one kind of token as they are declared in <see cref="Net"/>, with the tokens of
/// now. The places on the picture are chosen by hand so that the usual way leads from left to
/// right; the arrows come from the net alone.
/// </summary>
public sealed class MachineChart
{
    /// <summary>Size of a state's box.</summary>
    public const double BoxWidth = 116, BoxHeight = 40;

    const double ColumnWidth = 172, RowHeight = 92, Margin = 16, MarginAbove = 34;

    static readonly Dictionary<string, (double Column, double Row)> places = new()
    {
        ["Partition.Missing"] = (0, 1),
        ["Partition.Wanted"] = (1, 1),
        ["Partition.Planned"] = (2, 1),
        ["Partition.Building"] = (3, 1),
        ["Partition.Live"] = (4, 1),
        ["Partition.Waiting"] = (2, 0),
        ["Partition.Tainted"] = (4, 0),
        ["Partition.Failed"] = (2, 2),
        ["Partition.Released"] = (1, 3),
        ["Partition.Releasing"] = (3, 3),
        ["Partition.Quarantined"] = (4, 2.4),
        ["Want.Offered"] = (0, 0),
        ["Want.Open"] = (1, 0),
        ["Want.Releasing"] = (2, 0),
        ["Run.Queued"] = (0, 0),
        ["Run.Running"] = (1, 0),
        ["Run.Cancelling"] = (2, 0),
        ["Run.Deferred"] = (0.5, 1),
    };

    static readonly HashSet<(string, string)> usual =
    [
        ("Missing", "Wanted"), ("Wanted", "Planned"), ("Planned", "Building"),
        ("Building", "Live"), ("Live", "Wanted"), ("Offered", "Open"), ("Open", "Releasing"),
        ("Queued", "Running"), ("Running", "Deferred"), ("Deferred", "Queued"),
    ];

    /// <summary><c>Partition</c>, <c>Want</c> or <c>Run</c>.</summary>
    public required string Token { get; init; }

    /// <summary>Its states.</summary>
    public required ImmutableArray<MachineState> States { get; init; }

    /// <summary>All ways between them and in and out, each pair once.</summary>
    public required ImmutableArray<MachineArrow> Arrows { get; init; }

    /// <summary>Size of the picture.</summary>
    public required LayoutBox Size { get; init; }

    /// <summary>The chart of a kind of token; <paramref name="tokens"/> says how many lie where.
    /// </summary>
    public static MachineChart Of(string token, Func<string, int> tokens)
    {
        var moves = Net.Transitions
            .SelectMany(row => row.Moves, (row, move) => (Move: move, row.Name))
            .Concat(Net.Cascades.SelectMany(
                rule => rule.Moves, (rule, move) => (Move: move, Name: $"({rule.When})")))
            .Where(pair => pair.Move.Token == token)
            .GroupBy(pair => (pair.Move.From, pair.Move.To))
            .ToList();
        var names = moves.SelectMany(group => (string[])[group.Key.From, group.Key.To])
            .Where(name => name.Length > 0).Distinct().ToList();
        var unknown = 0;
        var states = names.ConvertAll(name =>
        {
            // A place that is new to the net gets a row of its own below the others.
            var (column, row) = places.TryGetValue($"{token}.{name}", out var place)
                ? place
                : (unknown++, 4);
            return new MachineState(
                name, Margin + (column * ColumnWidth), MarginAbove + (row * RowHeight),
                tokens(name));
        });
        return new MachineChart
        {
            Token = token,
            States = [.. states.OrderBy(state => state.Y).ThenBy(state => state.X)],
            Arrows = [.. moves.Select(group => Arrow(states, group.Key, group.Select(g => g.Name)))
                .OrderByDescending(arrow => arrow.IsUsual)
                .ThenBy(arrow => Place(arrow.From)).ThenBy(arrow => Place(arrow.To))],
            Size = new LayoutBox(
                states.Max(state => state.X) + BoxWidth + Margin,
                states.Max(state => state.Y) + BoxHeight + MarginAbove),
        };

        int Place(string name) => name.Length == 0
            ? -1
            : states.FindIndex(state => state.Name == name);
    }

    /// <summary>True when the picture has a place for the state.</summary>
    public static bool Knows(string token, string state) => places.ContainsKey($"{token}.{state}");

    static MachineArrow Arrow(
        List<MachineState> states, (string From, string To) ends, IEnumerable<string> events)
    {
        var arrow = new MachineArrow(ends.From, ends.To, [.. events.Distinct()])
        {
            IsUsual = usual.Contains(ends),
        };
        if (ends.From.Length == 0 || ends.To.Length == 0) return arrow;
        var from = states.Find(state => state.Name == ends.From);
        var to = states.Find(state => state.Name == ends.To);
        return arrow with { Path = Curve(from, to) };
    }

    // From border to border, bent to the left of its direction, so that there and back are two.
    static string Curve(MachineState from, MachineState to)
    {
        var (ax, ay) = (from.X + (BoxWidth / 2), from.Y + (BoxHeight / 2));
        var (bx, by) = (to.X + (BoxWidth / 2), to.Y + (BoxHeight / 2));
        var (dx, dy) = (bx - ax, by - ay);
        var length = Math.Max(1, Math.Sqrt((dx * dx) + (dy * dy)));
        var bend = 14 + (length > ColumnWidth * 1.2 ? length * 0.13 : 0);
        var (mx, my) = ((ax + bx) / 2 + (dy / length * bend), (ay + by) / 2 - (dx / length * bend));
        var start = Border(ax, ay, mx, my);
        var end = Border(bx, by, mx, my);
        return FormattableString.Invariant(
            $"M{start.X:0.#} {start.Y:0.#}Q{mx:0.#} {my:0.#} {end.X:0.#} {end.Y:0.#}");
    }

    // Where the line from a box's middle to a point leaves the box.
    static LayoutPoint Border(double x, double y, double toX, double toY)
    {
        var (dx, dy) = (toX - x, toY - y);
        var scale = Math.Min(
            Math.Abs(dx) < 0.01 ? double.MaxValue : ((BoxWidth / 2) + 2) / Math.Abs(dx),
            Math.Abs(dy) < 0.01 ? double.MaxValue : ((BoxHeight / 2) + 2) / Math.Abs(dy));
        return new LayoutPoint(x + (dx * scale), y + (dy * scale));
    }
}
