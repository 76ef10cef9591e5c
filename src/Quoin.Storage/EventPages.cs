using Quoin.Engine;

namespace Quoin.Storage;

/// <summary>
/// Reads what a query finds, a page at a time, so that nothing stays open meanwhile.
/// </summary>
static class EventPages
{
    const int Rows = 1000;

    /// <summary>The error of a position that a query names and no event has.</summary>
    public static StoreException Missing(string store, long position) =>
        new("store-corrupt", $"{store}: event {position} is missing");

    /// <summary>
    /// All of it, oldest first. <paramref name="select"/> answers at most so many rows, from one
    /// end of the log or from the other.
    /// </summary>
    public static IEnumerable<RawEvent> Of(
        EventQuery query, Func<EventQuery, bool, int, List<RawEvent>> select)
    {
        if (query.Last is not { } last) return Pages(query, select);
        var newest = select(query, true, last);
        newest.Reverse();
        return newest;
    }

    static IEnumerable<RawEvent> Pages(
        EventQuery query, Func<EventQuery, bool, int, List<RawEvent>> select)
    {
        while (true)
        {
            var page = select(query, false, Rows);
            foreach (var e in page) yield return e;
            if (page.Count < Rows) yield break;
            query = query with { After = page[^1].Position };
        }
    }
}
