namespace Quoin.Core;

/// <summary>How long runs took on so many cores.</summary>
/// <param name="Cores">At least 1.</param>
/// <param name="Ms">Median in milliseconds.</param>
public readonly record struct CoreTime(int Cores, int Ms);

/// <summary>
/// How long a run takes on n cores, from what was measured on other numbers of them: a part that
/// stays and a part that is shared, <c>t(n) = a + b/n</c> (Amdahl 1967), fitted by least squares up
/// to the number of cores that was the fastest. Beyond it, where more cores made it slower, the
/// measurements are joined by straight lines.
/// </summary>
public sealed class SpeedupModel
{
    // Of a run that was measured on one number of cores only: so much of it can be shared.
    const double SharedPart = 0.9;

    readonly double fixedMs, sharedMs;
    readonly CoreTime[] beyond; // The fastest, and what was measured with more cores than that.

    /// <summary>Fits at least one measurement; each number of cores comes once.</summary>
    public SpeedupModel(IEnumerable<CoreTime> measured)
    {
        CoreTime[] times = [.. measured.OrderBy(time => time.Cores)];
        if (times.Length == 0) throw new ArgumentException("Nothing was measured.");
        var best = 0;
        for (var i = 1; i < times.Length; i++)
            if (times[i].Ms < times[best].Ms) best = i;
        (fixedMs, sharedMs) = Fit(times.AsSpan(..(best + 1)));
        beyond = times[best..];
    }

    /// <summary>The time on this many cores in milliseconds; at least 1.</summary>
    public int Ms(int cores)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cores, 1);
        var ms = beyond.Length > 1 && cores > beyond[0].Cores
            ? Beyond(cores)
            : fixedMs + (sharedMs / cores);
        return (int)Math.Clamp(Math.Round(ms), 1, int.MaxValue);
    }

    double Beyond(int cores)
    {
        var i = 1;
        while (i < beyond.Length - 1 && beyond[i].Cores < cores) i++;
        var (from, to) = (beyond[i - 1], beyond[i]);
        return from.Ms
            + ((double)(to.Ms - from.Ms) / (to.Cores - from.Cores) * (cores - from.Cores));
    }

    static (double Fixed, double Shared) Fit(ReadOnlySpan<CoreTime> falling)
    {
        var (x, y) = (0.0, 0.0);
        foreach (var (cores, ms) in falling) (x, y) = (x + (1.0 / cores), y + ms);
        (x, y) = (x / falling.Length, y / falling.Length);
        if (falling.Length == 1)
        {
            var alone = y / (1 - SharedPart + (SharedPart * x));
            return (alone * (1 - SharedPart), alone * SharedPart);
        }
        var (xx, xy) = (0.0, 0.0);
        foreach (var (cores, ms) in falling)
        {
            var off = (1.0 / cores) - x;
            (xx, xy) = (xx + (off * off), xy + (off * (ms - y)));
        }
        // It falls, so b is not negative; a negative a would be work that makes itself.
        var shared = Math.Max(0, xy / xx);
        var stays = y - (shared * x);
        return stays >= 0 ? (stays, shared) : (0, y / x);
    }
}
