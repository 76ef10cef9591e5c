using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// Reads events that somebody asks for: where they are says the fold, and the store is asked for
/// those rows alone. Only what is older than the fold knows is searched in the store.
/// </summary>
static class EventReads
{
    /// <summary>The newest events before a position, the newest first.</summary>
    public static List<RawEvent> Newest(
        StoreViews views, IBuildStore store, EventFilter filter, long before, int limit)
    {
        if (filter.IsAll)
        {
            var all = new EventQuery { Last = limit, Before = before };
            return [.. store.Query(all).Reverse()];
        }
        var found = new List<RawEvent>();
        while (true)
        {
            var missing = limit - found.Count;
            var (at, first) = views.Read(s =>
                (s.Events.Newest(filter, before, missing), s.Events.First));
            found.AddRange(store.Query(new() { Positions = [.. at] }).Where(filter.IsMatch));
            if (found.Count == limit) return found;
            if (at.Count == missing)
            {
                before = at[^1];
                continue;
            }
            if (first > 1)
                found.AddRange(store.Query(Older(filter, Math.Min(first, before)) with
                {
                    Last = limit - found.Count,
                }).Reverse());
            return found;
        }
    }

    /// <summary>The oldest events behind a position, the oldest first.</summary>
    public static List<RawEvent> Oldest(
        StoreViews views, IBuildStore store, EventFilter filter, long after, int limit)
    {
        if (filter.IsAll) return [.. store.Query(new() { After = after }).Take(limit)];
        var found = new List<RawEvent>();
        var older = views.Read(s => s.Events.First);
        if (after + 1 < older)
            found.AddRange(store.Query(Older(filter, older) with { After = after }).Take(limit));
        while (found.Count < limit)
        {
            var missing = limit - found.Count;
            var (at, first) = views.Read(s =>
                (s.Events.Oldest(filter, after, missing), s.Events.First));
            if (first > older)
            {
                // It forgot some of them meanwhile.
                var between = Older(filter, first) with { After = Math.Max(after, older - 1) };
                found.AddRange(store.Query(between).Take(missing));
                (after, older) = (Math.Max(after, first - 1), first);
                continue;
            }
            found.AddRange(store.Query(new() { Positions = [.. at] }).Where(filter.IsMatch));
            if (at.Count < missing) break;
            after = at[^1];
        }
        return found;
    }

    static EventQuery Older(EventFilter filter, long before) => new()
    {
        Before = before,
        Subject = filter.Subject,
        Types = [.. filter.Types],
    };
}
