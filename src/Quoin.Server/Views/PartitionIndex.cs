using System.Text;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>
/// All partitions that were ever touched, by name: everything, by place, and counted by dataset.
/// Every question costs what it answers, not what there is.
/// </summary>
sealed class PartitionIndex
{
    const byte Unknown = byte.MaxValue;
    static readonly int PlaceCount = Enum.GetValues<PartitionPlace>().Length;

    readonly KernelState state;
    readonly SortedIds all;
    readonly SortedIds[] byPlace;
    readonly Dictionary<string, int[]> datasets = new(StringComparer.Ordinal);
    readonly SortedSet<string> datasetNames = new(StringComparer.Ordinal);
    readonly HashSet<string> prefixes = new(StringComparer.Ordinal);
    byte[] places = [];
    int[]?[] datasetOf = []; // Its counts.
    bool isBuilt;

    public PartitionIndex(KernelState state)
    {
        this.state = state;
        all = new SortedIds(Compare);
        byPlace = new SortedIds[PlaceCount];
        for (var i = 0; i < PlaceCount; i++) byPlace[i] = new SortedIds(Compare);
    }

    PartitionNames Names => state.Names;

    int Compare(int left, int right) =>
        Names.Utf8(new PartitionId(left)).SequenceCompareTo(Names.Utf8(new PartitionId(right)));

    /// <summary>How many partitions there are.</summary>
    public int Count => all.Count;

    /// <summary>
    /// How the partitions of a dataset divide by <see cref="PartitionPlace"/>; null: it has none.
    /// </summary>
    public int[]? CountsOf(string dataset) => datasets.GetValueOrDefault(dataset);

    /// <summary>Names of datasets that have partitions, in order, behind a name or all.</summary>
    public IEnumerable<string> DatasetsBehind(string? after) =>
        after is null || datasetNames.Max is not { } last
            ? datasetNames
            : string.CompareOrdinal(after, last) >= 0 ? []
            : datasetNames.GetViewBetween(after, last).Where(name => name != after);

    /// <summary>Sorts everything once; from then on <see cref="Update"/> keeps it.</summary>
    public void Build()
    {
        isBuilt = true;
        var ids = new List<int>(state.CellCount);
        for (var id = 0; id < state.CellCount; id++)
            if (state.PlaceOf(new PartitionId(id)) != PartitionPlace.Missing) ids.Add(id);
        ids.Sort(Compare);
        var sorted = ids.ToArray();
        all.Fill(sorted);
        Grow(state.CellCount);
        Array.Fill(places, Unknown);
        foreach (var id in sorted) places[id] = (byte)state.PlaceOf(new PartitionId(id));
        for (var place = 0; place < PlaceCount; place++)
            byPlace[place].Fill(Array.FindAll(sorted, id => places[id] == place));
        CountDatasets(sorted);
    }

    /// <summary>
    /// The datasets of a graph: prefixes of names. What lies below none of them belongs to the
    /// dataset of its first segment.
    /// </summary>
    public void SetDatasets(IEnumerable<string> names)
    {
        prefixes.Clear();
        prefixes.UnionWith(names);
        if (!isBuilt) return;
        CountDatasets([.. all.From(_ => true)]);
    }

    void CountDatasets(int[] sorted)
    {
        datasets.Clear();
        datasetNames.Clear();
        Array.Clear(datasetOf);
        foreach (var id in sorted) CountsOfId(id)[places[id]]++;
    }

    /// <summary>A partition's token moved.</summary>
    public void Update(PartitionId p)
    {
        if (!isBuilt) return;
        Grow(p.Value + 1);
        var (from, to) = (places[p.Value], (byte)state.PlaceOf(p));
        if (from == to) return;
        places[p.Value] = to;
        var counts = CountsOfId(p.Value);
        if (from == Unknown) all.Add(p.Value);
        else
        {
            byPlace[from].Remove(p.Value);
            counts[from]--;
        }
        byPlace[to].Add(p.Value);
        counts[to]++;
    }

    /// <summary>The dataset that a name belongs to.</summary>
    public string DatasetOf(string name)
    {
        for (var end = name.Length; end > 0; end = name.LastIndexOf('/', end - 1))
            if (prefixes.Contains(name[..end])) return name[..end];
        return name.IndexOf('/') is > 0 and var slash ? name[..slash] : name;
    }

    /// <summary>
    /// Partitions in the order of their names, at most <paramref name="limit"/>: those below a
    /// prefix (a whole name or whole segments; empty: all), in one place or in all, behind a name.
    /// </summary>
    public List<PartitionId> Page(
        string prefix, PartitionPlace? place, string? after, int limit)
    {
        var ids = place is { } one ? byPlace[(int)one] : all;
        var page = new List<PartitionId>();
        var own = prefix.TrimEnd('/');
        if (own.Length > 0 && string.CompareOrdinal(after ?? "", own) < 0
            && Names.TryFind(own, out var alone) && IsIn(alone, place)) page.Add(alone);
        var start = own.Length == 0 ? [] : Encoding.UTF8.GetBytes(own + "/");
        var behind = after is null ? null : Encoding.UTF8.GetBytes(after);
        foreach (var id in ids.From(id => IsFrom(id, start, behind)))
        {
            if (page.Count == limit || !Names.Utf8(new PartitionId(id)).StartsWith(start)) break;
            page.Add(new PartitionId(id));
        }
        return page;
    }

    bool IsIn(PartitionId p, PartitionPlace? place) =>
        p.Value < places.Length && places[p.Value] != Unknown
            && (place is null || places[p.Value] == (byte)place);

    /// <summary>How many partitions lie below a prefix, in one place or in all.</summary>
    public int CountBelow(string prefix, PartitionPlace? place)
    {
        var ids = place is { } one ? byPlace[(int)one] : all;
        if (prefix.Length == 0) return ids.Count;
        var from = Encoding.UTF8.GetBytes(prefix + "/");
        var to = Encoding.UTF8.GetBytes(prefix + "0"); // The character behind the slash.
        var count = ids.CountBefore(id => IsFrom(id, to, null))
            - ids.CountBefore(id => IsFrom(id, from, null));
        return Names.TryFind(prefix, out var own) && IsIn(own, place) ? count + 1 : count;
    }

    bool IsFrom(int id, byte[] start, byte[]? behind)
    {
        var name = Names.Utf8(new PartitionId(id));
        return behind is not null && behind.AsSpan().SequenceCompareTo(start) >= 0
            ? name.SequenceCompareTo(behind) > 0
            : name.SequenceCompareTo(start) >= 0;
    }

    int[] CountsOfId(int id)
    {
        if (datasetOf[id] is { } known) return known;
        var dataset = DatasetOf(Names.Text(new PartitionId(id)));
        if (!datasets.TryGetValue(dataset, out var counts))
        {
            datasets[dataset] = counts = new int[PlaceCount];
            datasetNames.Add(dataset);
        }
        return datasetOf[id] = counts;
    }

    void Grow(int length)
    {
        if (length <= places.Length) return;
        var (old, size) = (places.Length, Math.Max(length, places.Length * 2));
        Array.Resize(ref places, size);
        Array.Fill(places, Unknown, old, size - old);
        Array.Resize(ref datasetOf, size);
    }
}
