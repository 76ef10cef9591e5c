namespace Quoin.Server;

/// <summary>
/// All wants that there were, by id and by how they stand. Belongs to <see cref="StoreState"/>.
/// </summary>
sealed class WantTable
{
    static readonly WantStanding[] open =
        [WantStanding.Offered, WantStanding.Open, WantStanding.Ready, WantStanding.Releasing];

    readonly SortedIds[] byStanding = SortedIds.ForEach<WantStanding>();
    WantRow?[] wants = new WantRow?[64];

    /// <summary>The highest id.</summary>
    public int Last { get; private set; }

    /// <summary>A want of any time.</summary>
    public WantRow? Find(int id) => id > 0 && id <= Last ? wants[id] : null;

    /// <summary>How many stand so.</summary>
    public int Count(WantStanding standing) => byStanding[(int)standing].Count;

    /// <summary>A new one.</summary>
    public void Add(WantRow want)
    {
        var id = want.Id.Value;
        Growing.Slot(ref wants, id) = want;
        Last = Math.Max(Last, id);
        byStanding[(int)want.Standing].Add(id);
    }

    /// <summary>From now on it stands so.</summary>
    public void Move(WantRow want, WantStanding standing)
    {
        if (want.Standing == standing) return;
        byStanding[(int)want.Standing].Remove(want.Id.Value);
        byStanding[(int)standing].Add(want.Id.Value);
        want.Standing = standing;
    }

    /// <summary>
    /// Wants, the newest first, with an id below <paramref name="before"/>; of one standing.
    /// <paramref name="next"/> says where to go on; null: that was all.
    /// </summary>
    public List<WantRow> Page(WantStanding? standing, int? before, int limit, out int? next)
    {
        var page = new List<WantRow>();
        next = null;
        var end = before ?? int.MaxValue;
        foreach (var id in standing is { } one
            ? byStanding[(int)one].Before(id => id >= end)
            : SortedIds.Down(Math.Min(end - 1, Last)))
        {
            if (page.Count == limit)
            {
                next = id + 1;
                break;
            }
            if (wants[id] is { } want) page.Add(want);
        }
        return page;
    }

    /// <summary>Wants that are not over, the oldest first.</summary>
    public List<WantRow> OldestOpen(int limit) =>
    [
        .. open.SelectMany(standing => byStanding[(int)standing].From(_ => true).Take(limit))
            .Order().Take(limit).Select(id => wants[id]!),
    ];
}
