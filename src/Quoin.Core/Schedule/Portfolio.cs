namespace Quoin.Core;

/// <summary>How many cores moldable runs get.</summary>
/// <param name="Cores">By node; 0: it is not moldable, or does not run.</param>
/// <param name="Strategy">The way that won; empty: what was decided before stays.</param>
/// <param name="Times">What runs when, then.</param>
public sealed record PortfolioChoice(int[] Cores, string Strategy, Timetable Times);

/// <summary>
/// Decides how many cores runs get that could take fewer or more: lays out the whole plan in
/// several ways, and takes the one whose last run ends first, then the one before it, and so on
/// (portfolio scheduling; the strategies are those that pay in practice: everybody equal, everybody
/// at best, a fair share of each level, and the best for critical runs only).
/// </summary>
public static class Portfolio
{
    // So many runs are laid out in all: under a second. Large plans are tried in fewer ways.
    const int LaidOutMax = 250_000, WaysMin = 4;

    static readonly double[] partsOfPath = [0.5, 0.25, 0.75];
    static readonly int[] minutes = [5, 10, 20];

    /// <summary>Chooses.</summary>
    /// <param name="tasks">All runs; of moldable ones the time on their least cores.</param>
    /// <param name="moldable">By node; null: it takes what it takes.</param>
    /// <param name="room">Where they run.</param>
    /// <param name="before">What was decided earlier: kept unless others are better.</param>
    public static PortfolioChoice Choose(
        TimetableTasks tasks, CoreEstimates?[] moldable, TimetableRoom room, int[]? before = null)
    {
        var running = tasks.EstimatesMs.Count(ms => ms > 0);
        var ways = Math.Max(WaysMin, LaidOutMax / Math.Max(1, running));
        PortfolioChoice? best = null;
        long[] bestEnds = [];
        foreach (var (name, coresOf) in Ways(tasks, moldable, room, before).Take(ways))
        {
            var cores = new int[moldable.Length];
            var milliseconds = tasks.EstimatesMs.ToArray();
            for (var node = 0; node < cores.Length; node++)
            {
                if (moldable[node] is not { } times) continue;
                // More than make it fastest only take them from others.
                cores[node] = Math.Clamp(coresOf(node), times.Range.Least, times.Best);
                milliseconds[node] = times.Of(cores[node]).Milliseconds;
            }
            var laidOut = Timetable.Of(
                tasks with
                {
                    EstimatesMs = milliseconds,
                    NeedOf = node => cores[node] > 0
                        ? tasks.NeedOf(node) with { Cpu = cores[node] }
                        : tasks.NeedOf(node),
                },
                room);
            var ends = new long[laidOut.Runs.Length];
            for (var i = 0; i < ends.Length; i++) ends[i] = laidOut.Runs[i].EndMs;
            Array.Sort(ends);
            Array.Reverse(ends);
            if (best is not null && ends.AsSpan().SequenceCompareTo(bestEnds) >= 0) continue;
            (best, bestEnds) = (new PortfolioChoice(cores, name, laidOut), ends);
        }
        return best!;
    }

    // What was decided first, then those that win most often.
    static IEnumerable<(string Name, Func<int, int> Cores)> Ways(
        TimetableTasks tasks, CoreEstimates?[] moldable, TimetableRoom room, int[]? before)
    {
        if (before is not null) yield return ("", node => before[node]);
        var shares = FairShares(tasks, room.Slots);
        var ranks = UpwardRank.Of(tasks.Order, tasks.EstimatesMs);
        var path = 0L;
        foreach (var rank in ranks) path = Math.Max(path, rank);
        yield return ("1 core each", _ => 1);
        yield return ("best for all", Best);
        yield return ("fair share", node => shares[node]);
        foreach (var part in partsOfPath)
        {
            var least = (long)(part * path);
            yield return ($"best above {part:0.##} of the path, fair share below",
                node => ranks[node] > least ? Best(node) : shares[node]);
            yield return ($"best above {part:0.##} of the path, 1 core below",
                node => ranks[node] > least ? Best(node) : 1);
        }
        yield return ("2 cores each", _ => 2);
        yield return ("4 cores each", _ => 4);
        yield return ("8 cores each", _ => 8);
        foreach (var minute in minutes)
        {
            var least = minute * 60_000L;
            yield return ($"best above {minute} min, fair share below",
                node => ranks[node] > least ? Best(node) : shares[node]);
            yield return ($"best above {minute} min, 1 core below",
                node => ranks[node] > least ? Best(node) : 1);
        }

        int Best(int node) => moldable[node]!.Best;
    }

    // The slots shared among the runs that have as many runs before them.
    static int[] FairShares(TimetableTasks tasks, int slots)
    {
        var order = tasks.Order;
        var depths = new int[order.Count];
        var widths = new List<int>();
        foreach (var node in order.Order)
        {
            var runs = tasks.EstimatesMs[node] > 0;
            if (runs)
            {
                while (widths.Count <= depths[node]) widths.Add(0);
                widths[depths[node]]++;
            }
            foreach (var consumer in order.Consumers(node))
                depths[consumer] = Math.Max(depths[consumer], depths[node] + (runs ? 1 : 0));
        }
        var shares = new int[order.Count];
        for (var node = 0; node < shares.Length; node++)
            if (tasks.EstimatesMs[node] > 0) shares[node] = slots / widths[depths[node]];
        return shares;
    }
}
