using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The facts of a feed book as events of the log, straight from their bytes to bytes: a book knows
/// a million keys and dispatches tens of thousands of them a second, so none is made a partition in
/// memory. The bytes are those of the messages in proto/quoin/v1/event.proto; a test compares them
/// with what <see cref="EventCodec"/> makes of the same facts.
/// </summary>
public sealed class FeedEvents(string dataset)
{
    readonly byte[] dataset = Encoding.UTF8.GetBytes(dataset + "/");
    byte[] buffer = new byte[1024];
    byte[] reference = new byte[256];

    /// <summary>F2: T2 of a run that takes one feed want.</summary>
    public EncodedEvent Scheduled(FeedFlight flight, ReadOnlySpan<byte> key, string feed)
    {
        var writer = new ProtoWriter(buffer);
        var subject = Subject(ref writer, flight.Run);
        writer.Int32(1, (int)flight.Run);
        var length = Reference(key);
        writer.Bytes(2, reference.AsSpan(0, length));
        writer.Text(7, feed);
        writer.Int64(8, flight.Number);
        if (IsLong(key)) writer.Bytes(9, key);
        return End(ref writer, "run-scheduled"u8, subject);
    }

    /// <summary>T3: who has it; the attempt is how often the line was given out.</summary>
    public EncodedEvent Leased(FeedFlight flight)
    {
        var writer = new ProtoWriter(buffer);
        var subject = Subject(ref writer, flight.Run);
        writer.Int32(1, (int)flight.Run);
        writer.Text(2, flight.HolderName);
        writer.Int32(3, 1);
        writer.Int32(4, flight.Times);
        return End(ref writer, "run-leased"u8, subject);
    }

    /// <summary>T4 or T5: it ended with an exit code.</summary>
    public EncodedEvent Ended(FeedFact fact, ReadOnlySpan<byte> key, long atMs)
    {
        var (flight, code, failure) = (fact.Flight, fact.Code, fact.Failure);
        var writer = new ProtoWriter(buffer);
        var subject = Subject(ref writer, flight.Run);
        writer.Int32(1, (int)flight.Run);
        writer.Int32(2, 1);
        var mark = writer.Begin(3);
        if (failure is not { } category)
        {
            writer.Bytes(1, reference.AsSpan(0, Reference(key)));
        }
        else
        {
            writer.Int32(1, (int)category);
            var isSmall = code is >= int.MinValue and <= int.MaxValue;
            if (category == FailureCategory.Contract) writer.Text(2, "its output is not there");
            else if (!isSmall) writer.Text(2, $"exit code {code}");
            writer.Int32(3, isSmall ? (int)code : 0);
        }
        writer.End(mark);
        var usage = new RunUsage(
            DateTimeOffset.FromUnixTimeSeconds(flight.StartedAt),
            (int)Math.Clamp(atMs - (flight.StartedAt * 1000), 0, int.MaxValue), 0, 0);
        EventWriting.Write(ref writer, failure is null ? 7 : 5, usage);
        return End(ref writer, failure is null ? "run-completed"u8 : "run-failed"u8, subject);
    }

    /// <summary>F3, F4 and T10: what else may become of a run.</summary>
    public EncodedEvent Other(FeedFact fact)
    {
        var writer = new ProtoWriter(buffer);
        var subject = Subject(ref writer, fact.Flight.Run);
        writer.Int32(1, (int)fact.Flight.Run);
        if (fact.Kind != FeedFactKind.Unowned) writer.Int32(2, 1);
        return End(ref writer, TypeOf(fact.Kind), subject);
    }

    static ReadOnlySpan<byte> TypeOf(FeedFactKind kind) => kind switch
    {
        FeedFactKind.Undelivered => "run-undelivered"u8,
        FeedFactKind.Unowned => "run-unowned"u8,
        FeedFactKind.Expired => "lease-expired"u8,
        FeedFactKind.GivenOut or FeedFactKind.Ended =>
            throw new InvalidOperationException("It has a form of its own."),
    };

    /// <summary>F1: what a batch was.</summary>
    public EncodedEvent LinesAccepted(FeedBatch batch)
    {
        var name = batch.Source.Name;
        var writer = new ProtoWriter(buffer);
        writer.RawText(name.Feed);
        var subject = writer.Length;
        writer.Text(1, name.Feed);
        writer.Int64(2, name.Number);
        writer.Text(3, name.ToString());
        writer.Int64(4, batch.From);
        writer.Int64(5, batch.To);
        writer.Int32(6, batch.Count);
        writer.Int32(7, batch.Skipped);
        writer.Bool(8, batch.IsComplete);
        return End(ref writer, "feed-lines-accepted"u8, subject);
    }

    /// <summary>F5: a file is gone.</summary>
    public EncodedEvent FileRemoved(FeedSource source)
    {
        var writer = new ProtoWriter(buffer);
        writer.RawText(source.Name.Feed);
        var subject = writer.Length;
        writer.Text(1, source.Name.Feed);
        writer.Int64(2, source.Name.Number);
        writer.Text(3, source.Name.ToString());
        return End(ref writer, "feed-file-removed"u8, subject);
    }

    static int Subject(ref ProtoWriter writer, long run)
    {
        writer.RawId((byte)'r', (int)run);
        return writer.Length;
    }

    EncodedEvent End(scoped ref ProtoWriter writer, ReadOnlySpan<byte> type, int subject)
    {
        buffer = writer.Buffer;
        return new EncodedEvent(
            type, buffer.AsSpan(0, subject), buffer.AsSpan(subject, writer.Length - subject));
    }

    bool IsLong(ReadOnlySpan<byte> key) => dataset.Length + key.Length > PartitionRef.BytesMax;

    // A reference is one segment for the key; one that would be too long is cut.
    int Reference(ReadOnlySpan<byte> key)
    {
        if (reference.Length < dataset.Length + (key.Length * 3) + 8)
            reference = new byte[dataset.Length + (key.Length * 3) + 64];
        dataset.CopyTo(reference, 0);
        var at = dataset.Length;
        if (key.SequenceEqual("."u8) || key.SequenceEqual(".."u8))
        {
            foreach (var _ in key) at = Escape(at, (byte)'.');
            return at;
        }
        for (var i = 0; i < key.Length; i++)
        {
            var b = key[i];
            var isControl = b is < 0x20 or 0x7f
                || (b == 0xc2 && i + 1 < key.Length && key[i + 1] < 0xa0);
            if (!isControl && b is not ((byte)'/' or (byte)'%'))
            {
                reference[at++] = b;
                continue;
            }
            at = Escape(at, b);
            if (b == 0xc2) at = Escape(at, key[++i]);
        }
        if (at <= PartitionRef.BytesMax) return at;
        at = PartitionRef.BytesMax - 8;
        while ((reference[at] & 0xc0) == 0x80 || reference[at - 1] == '%'
            || reference[at - 2] == '%') at--; // Not within a character or an escape.
        return at;
    }

    int Escape(int at, byte b)
    {
        reference[at] = (byte)'%';
        reference[at + 1] = (byte)"0123456789ABCDEF"[b >> 4];
        reference[at + 2] = (byte)"0123456789ABCDEF"[b & 15];
        return at + 3;
    }

    /// <summary>
    /// Follows the log behind what was written of the flights: who has what.
    /// </summary>
    public static void Follow(
        FeedTail tail, ReadOnlySpan<byte> type, ReadOnlySpan<byte> body, long at)
    {
        if (!type.StartsWith("run-"u8) && !type.SequenceEqual("lease-expired"u8)) return;
        var reader = new ProtoReader(body);
        var (run, text, feed, number, times) = (0L, "", "", 0L, 1);
        var key = default(ReadOnlySpan<byte>);
        while (reader.Next())
        {
            switch (reader.Tag)
            {
                case (1 << 3) | ProtoReader.Number: run = reader.Int32(); break;
                case (2 << 3) | ProtoReader.Block: text = reader.Text(); break;
                case (4 << 3) | ProtoReader.Number: times = reader.Int32(); break;
                case (7 << 3) | ProtoReader.Block when type.SequenceEqual("run-scheduled"u8):
                    feed = reader.Text();
                    break;
                case (8 << 3) | ProtoReader.Number: number = reader.Int64(); break;
                case (9 << 3) | ProtoReader.Block: key = reader.Bytes(); break;
                default: reader.Skip(); break;
            }
        }
        if (type.SequenceEqual("run-scheduled"u8))
        {
            var name = key.IsEmpty
                ? PartitionRef.Decode(text.AsSpan(text.IndexOf('/') + 1))
                : Encoding.UTF8.GetString(key);
            tail.Scheduled(run, name, feed, number, at);
        }
        else if (type.SequenceEqual("run-leased"u8)) tail.Leased(run, text, times);
        else if (type.SequenceEqual("run-unowned"u8)) tail.Leased(run, "", null);
        else tail.Over(run, type.SequenceEqual("run-undelivered"u8));
    }
}

/// <summary>
/// What is in flight, and the order of the keys that were given out, as the end of a log says.
/// </summary>
public sealed class FeedTail
{
    /// <summary>One line in flight, or lost.</summary>
    public sealed record Flight(
        long Run, string Key, string Feed, long Number, long StartedAtMs, string Holder, int Times);

    readonly Dictionary<long, (string Key, long Before)> given = [];
    readonly Dictionary<string, long> byKey = new(StringComparer.Ordinal);

    /// <summary>What is in flight, by run.</summary>
    public Dictionary<long, Flight> Flights { get; } = [];

    /// <summary>What was in flight where the end of the log begins.</summary>
    public void Begin(Flight flight)
    {
        Flights[flight.Run] = flight;
        byKey[flight.Key] = flight.Run;
    }

    /// <summary>The runs in which keys were given out last.</summary>
    public Dictionary<string, long> Sequences { get; } = [];

    /// <summary>
    /// The keys of which the end of the log says anything: what was written of them is old.
    /// </summary>
    public HashSet<string> Touched { get; } = new(StringComparer.Ordinal);

    /// <summary>The highest number of a run.</summary>
    public long LastRun { get; set; }

    /// <summary>The run in which a key was given out last, before the end of the log.</summary>
    public Func<string, long> Earlier { get; set; } = _ => 0;

    internal void Scheduled(long run, string key, string feed, long number, long atMs)
    {
        LastRun = Math.Max(LastRun, run);
        Touched.Add(key);
        if (byKey.TryGetValue(key, out var old)) Flights.Remove(old);
        byKey[key] = run;
        Flights[run] = new Flight(run, key, feed, number, atMs, "", 1);
        given[run] = (key, Sequences.TryGetValue(key, out var before) ? before : Earlier(key));
        Sequences[key] = run;
    }

    internal void Leased(long run, string holder, int? times)
    {
        if (!Flights.TryGetValue(run, out var flight)) return;
        Touched.Add(flight.Key);
        Flights[run] = flight with { Holder = holder, Times = times ?? flight.Times };
    }

    internal void Over(long run, bool isUndelivered)
    {
        if (Flights.Remove(run, out var flight)) Touched.Add(flight.Key);
        if (isUndelivered && given.TryGetValue(run, out var it)) Sequences[it.Key] = it.Before;
    }
}
