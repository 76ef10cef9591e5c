using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Quoin.Core;

/// <summary>
/// How long successful attempts took: the last 20 of every partition, the last 100 of every job and
/// of everything. A partition that was built once takes 8 bytes. It knows nothing of graphs:
/// <see cref="DurationEstimates"/> does. Times are those of <see cref="BaseSpeed"/>: what a host of
/// another speed took is scaled to it. One thread.
/// </summary>
public sealed class DurationHistory(PartitionNames names)
{
    /// <summary>How many attempts of a partition count.</summary>
    public const int PartitionMax = 20;

    /// <summary>How many attempts of a job, and of everything, count.</summary>
    public const int JobMax = 100;

    const byte FormatVersion = 3;
    const byte Mixed = byte.MaxValue;

    // Room for more than one value; what is given back is used again.
    static readonly int[] Rooms = [0, 2, 4, 8, PartitionMax];

    readonly PartitionTable<Place> places = new();
    readonly List<int> values = [];
    readonly Stack<int>[] freeRooms = [.. Rooms.Select(_ => new Stack<int>())];
    readonly Dictionary<string, Recent> jobs = new(StringComparer.Ordinal);
    readonly Recent all = new(JobMax);

    // Of runs that take more cores or fewer: by what they are of, and by cores.
    readonly Dictionary<string, SortedList<int, Recent>> jobsByCores = new(StringComparer.Ordinal);
    readonly Dictionary<PartitionId, SortedList<int, Recent>> partitionsByCores = [];

    readonly List<int> speeds = []; // Of hosts that were met; their places stand for them.

    /// <summary>The speed of the first host that was met; 0: none was.</summary>
    public int BaseSpeed => speeds.Count == 0 ? 0 : speeds[0];

    /// <summary>The speed of the host of the newest attempt; 0: not known.</summary>
    public int LastSpeed { get; private set; }

    /// <summary>How many partitions have a history.</summary>
    public int PartitionCount { get; private set; }

    /// <summary>The bytes that the partitions' histories take.</summary>
    public long Bytes => places.Bytes(8) + (values.Capacity * 4L);

    /// <summary>One successful attempt, by the job's first output. Older ones first.</summary>
    /// <param name="job">What it was a run of.</param>
    /// <param name="partition">Its first output.</param>
    /// <param name="elapsedMs">How long it took there.</param>
    /// <param name="cores">
    /// On how many cores, if it could have taken fewer or more; 0: it could not.
    /// </param>
    /// <param name="speed">See <see cref="RunUsage.HostSpeed"/>.</param>
    public void Add(
        string job, PartitionId partition, int elapsedMs, int cores = 0, int speed = 0)
    {
        elapsedMs = Scale(Math.Max(0, elapsedMs), speed, BaseSpeed);
        all.Add(elapsedMs);
        JobOf(job).Add(elapsedMs);
        AddTo(partition, elapsedMs, speed == 0 ? 0 : IndexOf(speed));
        if (speed > 0) LastSpeed = speed;
        if (cores == 0) return;
        AddTo(jobsByCores, job, cores, JobMax, elapsedMs);
        AddTo(partitionsByCores, partition, cores, PartitionMax, elapsedMs);
    }

    /// <summary>
    /// What takes so long on one host, on another; unknown speeds are alike.
    /// </summary>
    internal static int Scale(int ms, int fromSpeed, int toSpeed) =>
        fromSpeed == toSpeed || fromSpeed == 0 || toSpeed == 0
            ? ms
            : (int)Math.Min(int.MaxValue, ((long)ms * fromSpeed + (toSpeed / 2)) / toSpeed);

    int IndexOf(int speed)
    {
        var index = speeds.IndexOf(speed);
        if (index >= 0) return index;
        if (speeds.Count >= Mixed - 1) return Mixed;
        speeds.Add(speed);
        return speeds.Count - 1;
    }

    /// <summary>All attempts of the partition that count were on hosts of this speed.</summary>
    public bool IsOf(PartitionId partition, int speed) =>
        places.Peek(partition) is { Count: > 0, Speed: < Mixed } place
        && (speeds.Count == 0 || speed == 0 || speeds[place.Speed] == speed);

    /// <summary>Medians of the job by cores, ascending; empty without history.</summary>
    public IEnumerable<CoreTime> ByCores(string job) =>
        jobsByCores.TryGetValue(job, out var times) ? Medians(times) : [];

    /// <summary>Medians of the partition by cores, ascending; empty without history.</summary>
    public IEnumerable<CoreTime> ByCores(PartitionId partition) =>
        partitionsByCores.TryGetValue(partition, out var times) ? Medians(times) : [];

    /// <summary>Median of the partition in milliseconds; -1 without history.</summary>
    public int MedianOf(PartitionId partition)
    {
        Span<int> some = stackalloc int[PartitionMax];
        return Median(some[..Read(places.Peek(partition), some)]);
    }

    /// <summary>Median of the job in milliseconds; -1 without history.</summary>
    public int MedianOf(string job) => jobs.TryGetValue(job, out var recent) ? recent.Median() : -1;

    /// <summary>The same as it is on the host that ran last, for people.</summary>
    public int UsualOf(PartitionId partition) =>
        MedianOf(partition) is >= 0 and var ms ? Scale(ms, BaseSpeed, LastSpeed) : -1;

    /// <summary>The same of a job.</summary>
    public int UsualOf(string job) =>
        MedianOf(job) is >= 0 and var ms ? Scale(ms, BaseSpeed, LastSpeed) : -1;

    /// <summary>Median of several jobs together in milliseconds; -1 without history.</summary>
    public int MedianOf(IEnumerable<string> jobNames)
    {
        List<int> some = [];
        foreach (var job in jobNames)
        {
            if (jobs.TryGetValue(job, out var recent)) some.AddRange(recent.Values);
        }
        return Median(CollectionsMarshal.AsSpan(some));
    }

    /// <summary>Median of everything in milliseconds; -1 without history.</summary>
    public int MedianOfAll() => all.Median();

    /// <summary>Writes everything; <see cref="TryRead"/> reads it.</summary>
    public void Write(IBufferWriter<byte> writer)
    {
        writer.Write([FormatVersion]);
        WriteInt(writer, LastSpeed);
        WriteInt(writer, speeds.Count);
        foreach (var speed in speeds) WriteInt(writer, speed);
        Span<int> some = stackalloc int[JobMax];
        WriteValues(writer, all.CopyTo(some), some);
        WriteInt(writer, jobs.Count);
        foreach (var (job, recent) in jobs.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            WriteName(writer, Encoding.UTF8.GetBytes(job));
            WriteValues(writer, recent.CopyTo(some), some);
        }
        WriteInt(writer, PartitionCount);
        for (var id = 0; id < names.Count; id++)
        {
            var place = places.Peek(new PartitionId(id));
            if (place.Count == 0) continue;
            WriteName(writer, names.Utf8(new PartitionId(id)));
            WriteInt(writer, place.Speed);
            WriteValues(writer, Read(place, some), some);
        }
        WriteInt(writer, jobsByCores.Count);
        foreach (var (job, times) in jobsByCores.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            WriteName(writer, Encoding.UTF8.GetBytes(job));
            WriteByCores(writer, times, some);
        }
        WriteInt(writer, partitionsByCores.Count);
        foreach (var (partition, times) in partitionsByCores.OrderBy(pair => pair.Key.Value))
        {
            WriteName(writer, names.Utf8(partition));
            WriteByCores(writer, times, some);
        }
    }

    /// <summary>
    /// Null when the bytes are of another version or broken: then the log is read.
    /// </summary>
    public static DurationHistory? TryRead(ReadOnlySpan<byte> bytes, PartitionNames names)
    {
        var history = new DurationHistory(names);
        try
        {
            if (bytes.IsEmpty || bytes[0] != FormatVersion) return null;
            bytes = bytes[1..];
            history.LastSpeed = ReadInt(ref bytes);
            for (var n = ReadInt(ref bytes); n > 0; n--) history.speeds.Add(ReadInt(ref bytes));
            for (var n = ReadInt(ref bytes); n > 0; n--) history.all.Add(ReadInt(ref bytes));
            for (var n = ReadInt(ref bytes); n > 0; n--)
            {
                var job = history.JobOf(Encoding.UTF8.GetString(ReadName(ref bytes)));
                for (var m = ReadInt(ref bytes); m > 0; m--) job.Add(ReadInt(ref bytes));
            }
            for (var n = ReadInt(ref bytes); n > 0; n--)
            {
                var partition = names.Intern(ReadName(ref bytes));
                var speed = ReadInt(ref bytes);
                if (speed != Mixed && speed > 0 && speed >= history.speeds.Count) return null;
                for (var m = ReadInt(ref bytes); m > 0; m--)
                    history.AddTo(partition, ReadInt(ref bytes), speed);
            }
            for (var n = ReadInt(ref bytes); n > 0; n--)
            {
                var job = Encoding.UTF8.GetString(ReadName(ref bytes));
                ReadByCores(ref bytes, history.jobsByCores, job, JobMax);
            }
            for (var n = ReadInt(ref bytes); n > 0; n--)
            {
                var partition = names.Intern(ReadName(ref bytes));
                ReadByCores(ref bytes, history.partitionsByCores, partition, PartitionMax);
            }
            return bytes.IsEmpty ? history : null;
        }
        catch (ArgumentException)
        {
            return null; // Cut off in the middle, or a name that is none.
        }
    }

    Recent JobOf(string job)
    {
        if (!jobs.TryGetValue(job, out var recent)) jobs.Add(job, recent = new Recent(JobMax));
        return recent;
    }

    // One value stands in the place itself; more have room in the list, as a ring once it is full.
    void AddTo(PartitionId partition, int elapsedMs, int speed)
    {
        ref var place = ref places[partition];
        if (place.Count == 0)
        {
            place = new Place { Start = elapsedMs, Count = 1, Speed = (byte)speed };
            PartitionCount++;
            return;
        }
        if (place.Speed != speed) place.Speed = Mixed;
        if (place.Count == PartitionMax)
        {
            values[place.Start + place.Oldest] = elapsedMs;
            place.Oldest = (byte)((place.Oldest + 1) % PartitionMax);
            return;
        }
        if (place.Count == 1 || place.Count == Rooms[place.Room]) Move(ref place);
        values[place.Start + place.Count++] = elapsedMs;
    }

    void Move(ref Place place)
    {
        var room = place.Room + 1;
        var start = values.Count;
        if (freeRooms[room].TryPop(out var free)) start = free;
        else CollectionsMarshal.SetCount(values, start + Rooms[room]);
        var all = CollectionsMarshal.AsSpan(values);
        if (place.Room == 0) all[start] = place.Start;
        else
        {
            all.Slice(place.Start, place.Count).CopyTo(all[start..]);
            freeRooms[place.Room].Push(place.Start);
        }
        (place.Start, place.Room) = (start, (byte)room);
    }

    int Read(Place place, Span<int> to)
    {
        if (place.Count == 1) to[0] = place.Start;
        if (place.Count <= 1) return place.Count;
        for (var i = 0; i < place.Count; i++)
            to[i] = values[place.Start + ((place.Oldest + i) % PartitionMax)];
        return place.Count;
    }

    static IEnumerable<CoreTime> Medians(SortedList<int, Recent> times) =>
        times.Select(pair => new CoreTime(pair.Key, pair.Value.Median()));

    static void AddTo<T>(
        Dictionary<T, SortedList<int, Recent>> all, T of, int cores, int max, int elapsedMs)
        where T : notnull
    {
        if (!all.TryGetValue(of, out var times)) all.Add(of, times = []);
        if (!times.TryGetValue(cores, out var recent)) times.Add(cores, recent = new Recent(max));
        recent.Add(elapsedMs);
    }

    static void WriteByCores(
        IBufferWriter<byte> writer, SortedList<int, Recent> times, Span<int> some)
    {
        WriteInt(writer, times.Count);
        foreach (var (cores, recent) in times)
        {
            WriteInt(writer, cores);
            WriteValues(writer, recent.CopyTo(some), some);
        }
    }

    static void ReadByCores<T>(
        ref ReadOnlySpan<byte> bytes, Dictionary<T, SortedList<int, Recent>> all, T of, int max)
        where T : notnull
    {
        for (var n = ReadInt(ref bytes); n > 0; n--)
        {
            var cores = ReadInt(ref bytes);
            for (var m = ReadInt(ref bytes); m > 0; m--)
                AddTo(all, of, cores, max, ReadInt(ref bytes));
        }
    }

    static int Median(Span<int> some)
    {
        some.Sort();
        return MiddleOf(some);
    }

    static int MiddleOf(ReadOnlySpan<int> ordered)
    {
        if (ordered.IsEmpty) return -1;
        var middle = ordered.Length / 2;
        return ordered.Length % 2 == 1
            ? ordered[middle]
            : (int)(((long)ordered[middle - 1] + ordered[middle]) / 2);
    }

    static void WriteValues(IBufferWriter<byte> writer, int count, ReadOnlySpan<int> some)
    {
        WriteInt(writer, count);
        foreach (var value in some[..count]) WriteInt(writer, value);
    }

    static void WriteName(IBufferWriter<byte> writer, ReadOnlySpan<byte> name)
    {
        WriteInt(writer, name.Length);
        writer.Write(name);
    }

    static void WriteInt(IBufferWriter<byte> writer, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(writer.GetSpan(4), value);
        writer.Advance(4);
    }

    static ReadOnlySpan<byte> ReadName(ref ReadOnlySpan<byte> bytes)
    {
        var length = ReadInt(ref bytes);
        var name = bytes[..length];
        bytes = bytes[length..];
        return name;
    }

    static int ReadInt(ref ReadOnlySpan<byte> bytes)
    {
        var value = BinaryPrimitives.ReadInt32LittleEndian(bytes[..4]);
        bytes = bytes[4..];
        return value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(bytes));
    }

    struct Place
    {
        public int Start; // The value itself while Count is 1.
        public byte Count;
        public byte Oldest;
        public byte Room;
        public byte Speed; // Place in the list; Mixed: of several.
    }

    /// <summary>
    /// The last values of something, as a ring, and in their order: the median is asked for with
    /// every run that becomes ready.
    /// </summary>
    sealed class Recent(int max)
    {
        readonly List<int> ring = [];
        readonly List<int> ordered = [];
        int oldest;

        public IEnumerable<int> Values => ring;

        public void Add(int value)
        {
            if (ring.Count < max)
            {
                ring.Add(value);
            }
            else
            {
                ordered.RemoveAt(ordered.BinarySearch(ring[oldest]));
                ring[oldest] = value;
                oldest = (oldest + 1) % max;
            }
            var place = ordered.BinarySearch(value);
            ordered.Insert(place >= 0 ? place : ~place, value);
        }

        public int CopyTo(Span<int> to)
        {
            for (var i = 0; i < ring.Count; i++) to[i] = ring[(oldest + i) % ring.Count];
            return ring.Count;
        }

        public int Median() => MiddleOf(CollectionsMarshal.AsSpan(ordered));
    }
}
