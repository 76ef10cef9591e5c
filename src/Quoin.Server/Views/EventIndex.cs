using System.Buffers;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>What is asked of the log; null and empty mean: all.</summary>
/// <param name="Subject">Only events about this.</param>
/// <param name="Types">Only events of these types.</param>
sealed record EventFilter(string? Subject, IReadOnlyList<string> Types)
{
    /// <summary>Every event is meant.</summary>
    public bool IsAll => Subject is null && Types.Count == 0;

    /// <summary>One event is meant.</summary>
    public bool IsMatch(RawEvent raw) =>
        (Subject is null || raw.Subject == Subject)
            && (Types.Count == 0 || Types.Contains(raw.Type));
}

/// <summary>
/// Where in the log the events of a subject and of a type are, kept by the fold: the database has
/// no index of them, because appends are the hot path and the one who serves reads every event
/// anyhow. Five bytes an event, for the newest <see cref="EventsMax"/>; older ones are asked of the
/// store. Belongs to whoever holds the lock of <see cref="StoreViews"/>.
/// </summary>
sealed class EventIndex(PartitionNames names, int most = EventIndex.EventsMax)
{
    /// <summary>So many events at most are known here: 80 MiB.</summary>
    public const int EventsMax = 1 << 24;

    const int ChunkBits = 16, ChunkEvents = 1 << ChunkBits, NameBuckets = 1 << 14;

    static readonly Dictionary<string, byte> typeNumbers = EventCodec.Types.Index()
        .ToDictionary(pair => pair.Item, pair => (byte)pair.Index, StringComparer.Ordinal);

    readonly Dictionary<Type, byte> types = [];
    readonly List<Chunk> chunks = [];
    readonly uint[] named = new uint[NameBuckets]; // By hash: names are few, or asked for once.
    uint[] runs = [], wants = [], partitions = []; // The newest event of each; 0: none.
    long last;

    /// <summary>The oldest event that is known here.</summary>
    public long First { get; private set; } = 1;

    sealed class Chunk
    {
        public readonly uint[] Before = new uint[ChunkEvents]; // The event before of the same.
        public readonly byte[] Types = new byte[ChunkEvents];
    }

    /// <summary>The next event of the log.</summary>
    public void Add(LoggedEvent logged)
    {
        if (logged.Position != last + 1)
            throw new InvalidOperationException($"{logged.Position} is not behind {last}");
        last = logged.Position;
        var offset = last - First;
        if (offset == (long)chunks.Count << ChunkBits)
        {
            if (chunks.Count == most >> ChunkBits)
            {
                chunks.RemoveAt(0);
                First += ChunkEvents;
                offset -= ChunkEvents;
            }
            chunks.Add(new Chunk());
        }
        var (chunk, at) = (chunks[(int)(offset >> ChunkBits)], (int)offset & (ChunkEvents - 1));
        chunk.Types[at] = TypeOf(logged.Event);
        var subject = EventSubject.Of(logged.Event);
        switch (subject.Kind)
        {
            case EventSubjectKind.Run: Link(ref Growing.Slot(ref runs, subject.Id)); break;
            case EventSubjectKind.Want: Link(ref Growing.Slot(ref wants, subject.Id)); break;
            case EventSubjectKind.Partition:
                Link(ref Growing.Slot(ref partitions, subject.Id));
                break;
            case EventSubjectKind.Name: Link(ref named[Bucket(subject.Name)]); break;
            case EventSubjectKind.None: break;
        }

        void Link(ref uint head)
        {
            chunk.Before[at] = head;
            head = (uint)last;
        }
    }

    static int Bucket(string name) =>
        (int)(PartitionNames.Hash(System.Text.Encoding.UTF8.GetBytes(name)) & (NameBuckets - 1));

    byte TypeOf(BuildEvent e)
    {
        var type = e.GetType();
        if (types.TryGetValue(type, out var number)) return number;
        return types[type] =
            typeNumbers[JsonNamingPolicy.KebabCaseLower.ConvertName(type.Name)];
    }

    /// <summary>
    /// Positions before one, the newest first; of names that hash alike more than are meant.
    /// </summary>
    public List<long> Newest(EventFilter filter, long before, int limit)
    {
        var found = new List<long>();
        foreach (var at in Backwards(filter, before))
        {
            found.Add(at);
            if (found.Count == limit) break;
        }
        return found;
    }

    /// <summary>Positions behind one, the oldest first, as with <see cref="Newest"/>.</summary>
    public List<long> Oldest(EventFilter filter, long after, int limit)
    {
        if (filter.Subject is null) return [.. Forwards(filter, after).Take(limit)];
        var found = new Queue<long>(); // The last ones met are the oldest.
        foreach (var at in Backwards(filter, last + 1))
        {
            if (at <= after) break;
            if (found.Count == limit) found.Dequeue();
            found.Enqueue(at);
        }
        return [.. found.Reverse()];
    }

    IEnumerable<long> Forwards(EventFilter filter, long after)
    {
        var wanted = Wanted(filter);
        for (var at = Math.Max(after + 1, First); at <= last; at++)
        {
            var offset = at - First;
            var (chunk, from) = ((int)(offset >> ChunkBits), (int)offset & (ChunkEvents - 1));
            var count = (int)Math.Min(ChunkEvents - from, last - at + 1);
            var next = chunks[chunk].Types.AsSpan(from, count).IndexOfAny(wanted);
            if (next < 0) at += count - 1;
            else yield return at += next;
        }
    }

    IEnumerable<long> Backwards(EventFilter filter, long before)
    {
        var wanted = Wanted(filter);
        if (filter.Subject is { } subject)
        {
            foreach (var at in About(subject))
                if (at < before && (filter.Types.Count == 0 || wanted.Contains(TypeAt(at))))
                    yield return at;
            yield break;
        }
        for (var at = Math.Min(before - 1, last); at >= First; at--)
        {
            var offset = at - First;
            var (chunk, to) = ((int)(offset >> ChunkBits), (int)offset & (ChunkEvents - 1));
            var next = chunks[chunk].Types.AsSpan(0, to + 1).LastIndexOfAny(wanted);
            if (next < 0) at -= to;
            else yield return at -= to - next;
        }
    }

    static SearchValues<byte> Wanted(EventFilter filter) => SearchValues.Create(
        [.. filter.Types.Where(typeNumbers.ContainsKey).Select(type => typeNumbers[type])]);

    byte TypeAt(long at) =>
        chunks[(int)((at - First) >> ChunkBits)].Types[(at - First) & (ChunkEvents - 1)];

    // A partition may have a name as a run's: then both are meant.
    IEnumerable<long> About(string subject)
    {
        uint[] heads =
        [
            RunId.TryParse(subject, out var run) ? At(runs, run.Value) : 0,
            WantId.TryParse(subject, out var want) ? At(wants, want.Value) : 0,
            names.TryFind(subject, out var p) ? At(partitions, p.Value) : 0,
            named[Bucket(subject)],
        ];
        while (true)
        {
            var at = heads.Max();
            if (at < First) yield break;
            yield return at;
            var offset = at - First;
            var before = chunks[(int)(offset >> ChunkBits)].Before[offset & (ChunkEvents - 1)];
            heads[Array.IndexOf(heads, at)] = before;
        }

        static uint At(uint[] heads, int id) => id < heads.Length ? heads[id] : 0;
    }
}
