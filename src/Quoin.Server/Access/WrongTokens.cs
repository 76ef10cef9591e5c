namespace Quoin.Server;

/// <summary>
/// How often a wrong token of a run makes the server look whether the log has news: so many times a
/// minute, whoever shows them. A right one is known without that.
/// </summary>
sealed class WrongTokens
{
    const int MinuteMax = 60;

    readonly Lock gate = new();
    DateTimeOffset began;
    int count;

    /// <summary>One more wrong token; false: there were too many.</summary>
    public bool MayLookAgain(DateTimeOffset now)
    {
        lock (gate)
        {
            if (now - began >= TimeSpan.FromMinutes(1) || now < began) (began, count) = (now, 0);
            return ++count <= MinuteMax;
        }
    }
}
