namespace Quoin.Core;

/// <summary>From when to when a build will probably end, counted from now.</summary>
public readonly record struct TimeLeft(TimeSpan Low, TimeSpan High)
{
    /// <summary>
    /// The range for what is left on <paramref name="slots"/> slots. Low: no schedule is shorter
    /// than the longest chain, or the work divided by the slots. High: no schedule that never idles
    /// while something is ready is longer than work / m + path (1 - 1/m) (Graham 1969). Both are
    /// widened by <paramref name="penalty"/>, the doubt in the estimates: 1 is none, 2 makes half
    /// to double.
    /// </summary>
    public static TimeLeft Of(long workMs, long pathMs, int slots, double penalty)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(penalty, 1);
        var low = Math.Max(pathMs, workMs / (double)slots);
        var high = (workMs / (double)slots) + (pathMs * (1 - (1.0 / slots)));
        return new TimeLeft(
            TimeSpan.FromMilliseconds(low / penalty), TimeSpan.FromMilliseconds(high * penalty));
    }

    /// <summary><c>1m50s-2m20s</c>; one time when both read alike.</summary>
    public override string ToString()
    {
        var (low, high) = (Spans.Short(Low), Spans.Short(High));
        return low == high ? low : $"{low}-{high}";
    }
}
