using Quoin.Core;

namespace Quoin.Engine;

/// <summary>Which failures another attempt can help, and when it comes.</summary>
public static class RetryRules
{
    /// <summary>How many failed attempts may be followed by another.</summary>
    public static int RetriesOf(FailureCategory category, int declared) =>
        declared == JobLimits.NoRetries ? 0 : Of(category, declared);

    static int Of(FailureCategory category, int declared) => category switch
    {
        FailureCategory.BadInput or FailureCategory.Permission
            or FailureCategory.Configuration or FailureCategory.Contract => 0,
        FailureCategory.Temporary => Math.Max(declared, 3),
        FailureCategory.Failed or FailureCategory.Timeout or FailureCategory.OutOfMemory
            or FailureCategory.Signal or FailureCategory.Lost => declared,
    };

    /// <summary>
    /// The wait after the n-th failure: 2 s doubled each time, at most 5 min, spread by ±20 % so
    /// that what failed together does not come back together.
    /// </summary>
    /// <param name="failures">From 1.</param>
    /// <param name="spread">0 to 1: from the shortest to the longest.</param>
    public static TimeSpan Delay(int failures, double spread)
    {
        var seconds = Math.Min(300, 2 * Math.Pow(2, Math.Clamp(failures - 1, 0, 20)));
        return TimeSpan.FromSeconds(seconds * (0.8 + (0.4 * spread)));
    }
}
