using System.Diagnostics;
using System.Text;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The only place where a fact meets its bytes: one switch each way. The bytes are those of the
/// concrete message in proto/quoin/v1/event.proto, without the <c>Event</c> around it, because the
/// kind has a column of its own. To add an event: a record in Core, a message in event.proto, one
/// line in each switch here, its fields in <see cref="EventWriting"/> and <see
/// cref="EventReading"/>; the tests name what is missing.
/// </summary>
public static class EventCodec
{
    /// <summary>
    /// Writes a fact into <paramref name="buffer"/>, which is made or grown as needed and can be
    /// used again as soon as the result is no longer read. About 100 ns, no allocation.
    /// </summary>
    public static EncodedEvent Encode(BuildEvent e, PartitionNames names, ref byte[] buffer)
    {
        if (buffer.Length == 0) buffer = new byte[1024];
        var writer = new ProtoWriter(buffer);
        WriteSubject(ref writer, e, names);
        var subject = writer.Length;
        var type = WriteBody(ref writer, e, names);
        buffer = writer.Buffer;
        return new EncodedEvent(
            type, buffer.AsSpan(0, subject), buffer.AsSpan(subject, writer.Length - subject));
    }

    /// <summary>
    /// Reads a fact, interning its partitions. <paramref name="position"/> is only for the message
    /// of the <see cref="StoreException"/> that bytes cause which are no such fact
    /// (<c>store-corrupt</c>) or are from a newer quoin (<c>store-newer</c>).
    /// </summary>
    public static BuildEvent Decode(
        long position, ReadOnlySpan<byte> type, ReadOnlySpan<byte> body, PartitionNames names) =>
        Decode(position, type, body, names, new TextPool());

    internal static BuildEvent Decode(
        long position, ReadOnlySpan<byte> type, ReadOnlySpan<byte> body, PartitionNames names,
        TextPool pool)
    {
        try
        {
            return ReadBody(type, new ProtoReader(body), names, pool)
                ?? throw new ProtoException("this kind of event is not known here", true);
        }
        catch (ProtoException e)
        {
            var kind = Encoding.UTF8.GetString(type);
            throw e.IsNewer
                ? new StoreException(
                    "store-newer",
                    $"event {position} ({kind}) was written by a newer quoin: {e.Message}; "
                    + "use that version or a later one",
                    e)
                : new StoreException(
                    "store-corrupt",
                    $"event {position} ({kind}) cannot be read: {e.Message}; restore the store "
                    + "from a backup, or move .quoin away and build again",
                    e);
        }
    }

    /// <summary>The names of all kinds, in the order of the fields of the Event message.</summary>
    public static IReadOnlyList<string> Types => EventJson.Types;

    static ReadOnlySpan<byte> WriteBody(
        scoped ref ProtoWriter writer, BuildEvent e, PartitionNames names)
    {
        // Frequent ones first: the compiler tests the cases in this order.
        switch (e)
        {
            case RunScheduled x: EventWriting.Write(ref writer, x, names); return "run-scheduled"u8;
            case RunLeased x: EventWriting.Write(ref writer, x); return "run-leased"u8;
            case RunCompleted x: EventWriting.Write(ref writer, x, names); return "run-completed"u8;
            case PartitionPlanned x:
                EventWriting.Write(ref writer, x, names);
                return "partition-planned"u8;
            case PartitionStale x:
                EventWriting.Write(ref writer, x, names);
                return "partition-stale"u8;
            case PartitionCurrent x:
                EventWriting.Write(ref writer, x, names);
                return "partition-current"u8;
            case RunFailed x: EventWriting.Write(ref writer, x); return "run-failed"u8;
            case WantAccepted x: EventWriting.Write(ref writer, x, names); return "want-accepted"u8;
            case WantPlanned x: EventWriting.Write(ref writer, x); return "want-planned"u8;
            case WantDelegated x:
                EventWriting.Write(ref writer, x, names);
                return "want-delegated"u8;
            case WantSucceeded x: EventWriting.Write(ref writer, x); return "want-succeeded"u8;
            case WantFailed x: EventWriting.Write(ref writer, x, names); return "want-failed"u8;
            case WantCancelled x: EventWriting.Write(ref writer, x); return "want-cancelled"u8;
            case PlanExtended x: EventWriting.Write(ref writer, x, names); return "plan-extended"u8;
            case AnalysisFailed x: EventWriting.Write(ref writer, x); return "analysis-failed"u8;
            case ConfigFailed x: EventWriting.Write(ref writer, x, names); return "config-failed"u8;
            case PartitionTainted x:
                EventWriting.Write(ref writer, x, names);
                return "partition-tainted"u8;
            case OutputsRemoved x:
                EventWriting.Write(ref writer, x, names);
                return "outputs-removed"u8;
            case CommandAnswered x: EventWriting.Write(ref writer, x); return "command-answered"u8;
            case FeedLinesAccepted x:
                FeedEventFields.Write(ref writer, x);
                return "feed-lines-accepted"u8;
            case FeedFileRemoved x:
                FeedEventFields.Write(ref writer, x);
                return "feed-file-removed"u8;
            case RunUndelivered x:
                FeedEventFields.Write(ref writer, x);
                return "run-undelivered"u8;
            case RunUnowned x: FeedEventFields.Write(ref writer, x); return "run-unowned"u8;
            case RunDepMissed x:
                EventWriting.Write(ref writer, x, names);
                return "run-dep-missed"u8;
            case RunCancelRequested x:
                EventWriting.Write(ref writer, x);
                return "run-cancel-requested"u8;
            case RunCancelAcked x: EventWriting.Write(ref writer, x); return "run-cancel-acked"u8;
            case LeaseExpired x: EventWriting.Write(ref writer, x); return "lease-expired"u8;
            case StaleReportRejected x:
                EventWriting.Write(ref writer, x);
                return "stale-report-rejected"u8;
            case WorkerAdded x: EventWriting.Write(ref writer, x); return "worker-added"u8;
            case WorkerRemoved x: EventWriting.Write(ref writer, x); return "worker-removed"u8;
            default: return WriteResource(ref writer, e, names);
        }
    }

    static ReadOnlySpan<byte> WriteResource(
        scoped ref ProtoWriter writer, BuildEvent e, PartitionNames names)
    {
        switch (e)
        {
            case RunDeferred x:
                ResourceWriting.Write(ref writer, x);
                return "run-deferred"u8;
            case RunWoken x:
                ResourceWriting.Write(ref writer, x);
                return "run-woken"u8;
            case RunStarted x:
                ResourceWriting.Write(ref writer, x);
                return "run-started"u8;
            case ReleaseScheduled x:
                ResourceWriting.Write(ref writer, x);
                return "release-scheduled"u8;
            case ResourceEnded x:
                ResourceWriting.Write(ref writer, x);
                return "resource-ended"u8;
            case ResourceReleased x:
                ResourceWriting.Write(ref writer, x);
                return "resource-released"u8;
            case ReleaseFailed x:
                ResourceWriting.Write(ref writer, x);
                return "release-failed"u8;
            case ExternalSeen x:
                ResourceWriting.Write(ref writer, x);
                return "external-seen"u8;
            case InterventionOpened x:
                ResourceWriting.Write(ref writer, x);
                return "intervention-opened"u8;
            case InterventionResolved x:
                ResourceWriting.Write(ref writer, x);
                return "intervention-resolved"u8;
            case WantOffered x:
                ResourceWriting.Write(ref writer, x, names);
                return "want-offered"u8;
            case WantExpired x:
                ResourceWriting.Write(ref writer, x);
                return "want-expired"u8;
            case WantReleaseRequested x:
                ResourceWriting.Write(ref writer, x);
                return "want-release-requested"u8;
            case WantReady x:
                ResourceWriting.Write(ref writer, x, names);
                return "want-ready"u8;
            default: throw new UnreachableException($"{e.GetType().Name} has no bytes.");
        }
    }

    static BuildEvent? ReadBody(
        ReadOnlySpan<byte> type, ProtoReader body, PartitionNames names, TextPool pool)
    {
        // Frequent ones first. A comparison looks at the length before the bytes.
        if (type.SequenceEqual("run-scheduled"u8)) return EventReading.RunScheduled(body, names);
        if (type.SequenceEqual("run-leased"u8)) return EventReading.RunLeased(body, pool);
        if (type.SequenceEqual("run-completed"u8)) return EventReading.RunCompleted(body, names);
        if (type.SequenceEqual("partition-planned"u8))
            return EventReading.PartitionPlanned(body, names, pool);
        if (type.SequenceEqual("partition-stale"u8))
            return EventReading.PartitionStale(body, names, pool);
        if (type.SequenceEqual("partition-current"u8))
            return EventReading.PartitionCurrent(body, names);
        if (type.SequenceEqual("run-failed"u8)) return EventReading.RunFailed(body);
        if (type.SequenceEqual("want-accepted"u8)) return EventReading.WantAccepted(body, names);
        if (type.SequenceEqual("want-planned"u8)) return PlanReading.WantPlanned(body);
        if (type.SequenceEqual("want-delegated"u8)) return PlanReading.WantDelegated(body, names);
        if (type.SequenceEqual("want-succeeded"u8)) return EventReading.WantSucceeded(body);
        if (type.SequenceEqual("want-failed"u8)) return EventReading.WantFailed(body, names);
        if (type.SequenceEqual("want-cancelled"u8)) return EventReading.WantCancelled(body, pool);
        if (type.SequenceEqual("plan-extended"u8)) return PlanReading.PlanExtended(body, names);
        if (type.SequenceEqual("analysis-failed"u8)) return EventReading.AnalysisFailed(body);
        if (type.SequenceEqual("config-failed"u8))
            return EventReading.ConfigFailed(body, names, pool);
        if (type.SequenceEqual("partition-tainted"u8))
            return EventReading.PartitionTainted(body, names, pool);
        if (type.SequenceEqual("outputs-removed"u8))
            return EventReading.OutputsRemoved(body, names, pool);
        if (FeedEventFields.Read(type, body) is { } ofFeed) return ofFeed;
        if (type.SequenceEqual("command-answered"u8))
            return PlanReading.CommandAnswered(body, pool);
        if (type.SequenceEqual("run-dep-missed"u8)) return EventReading.RunDepMissed(body, names);
        if (type.SequenceEqual("run-cancel-requested"u8))
            return EventReading.RunCancelRequested(body, pool);
        if (type.SequenceEqual("run-cancel-acked"u8)) return EventReading.RunCancelAcked(body);
        if (type.SequenceEqual("lease-expired"u8)) return EventReading.LeaseExpired(body);
        if (type.SequenceEqual("stale-report-rejected"u8))
            return EventReading.StaleReportRejected(body);
        if (type.SequenceEqual("worker-added"u8)) return EventReading.WorkerAdded(body, pool);
        if (type.SequenceEqual("worker-removed"u8)) return EventReading.WorkerRemoved(body, pool);
        return ReadResource(type, body, names);
    }

    static BuildEvent? ReadResource(
        ReadOnlySpan<byte> type, ProtoReader body, PartitionNames names)
    {
        if (type.SequenceEqual("run-deferred"u8))
            return ResourceReading.RunDeferred(body);
        if (type.SequenceEqual("run-woken"u8))
            return ResourceReading.RunWoken(body);
        if (type.SequenceEqual("run-started"u8))
            return ResourceReading.RunStarted(body);
        if (type.SequenceEqual("release-scheduled"u8))
            return ResourceReading.ReleaseScheduled(body);
        if (type.SequenceEqual("resource-ended"u8))
            return ResourceReading.ResourceEnded(body);
        if (type.SequenceEqual("resource-released"u8))
            return ResourceReading.ResourceReleased(body);
        if (type.SequenceEqual("release-failed"u8))
            return ResourceReading.ReleaseFailed(body);
        if (type.SequenceEqual("external-seen"u8))
            return ResourceReading.ExternalSeen(body);
        if (type.SequenceEqual("intervention-opened"u8))
            return ResourceReading.InterventionOpened(body);
        if (type.SequenceEqual("intervention-resolved"u8))
            return ResourceReading.InterventionResolved(body);
        if (type.SequenceEqual("want-offered"u8))
            return ResourceReading.WantOffered(body, names);
        if (type.SequenceEqual("want-expired"u8))
            return ResourceReading.WantExpired(body);
        if (type.SequenceEqual("want-release-requested"u8))
            return ResourceReading.WantReleaseRequested(body);
        if (type.SequenceEqual("want-ready"u8))
            return ResourceReading.WantReady(body, names);
        return null;
    }

    static void WriteSubject(ref ProtoWriter writer, BuildEvent e, PartitionNames names)
    {
        var subject = EventSubject.Of(e);
        switch (subject.Kind)
        {
            case EventSubjectKind.Run: writer.RawId((byte)'r', subject.Id); break;
            case EventSubjectKind.Want: writer.RawId((byte)'w', subject.Id); break;
            case EventSubjectKind.Partition:
                writer.Raw(names.Utf8(new PartitionId(subject.Id)));
                break;
            case EventSubjectKind.Name: writer.RawText(subject.Name); break;
            case EventSubjectKind.None: break;
        }
    }
}

/// <summary>
/// A fact as the columns of its row; the spans lie in the buffer it was encoded into.
/// </summary>
public readonly ref struct EncodedEvent(
    ReadOnlySpan<byte> type, ReadOnlySpan<byte> subject, ReadOnlySpan<byte> body)
{
    /// <summary>The kind in kebab-case, UTF-8.</summary>
    public ReadOnlySpan<byte> Type { get; } = type;

    /// <summary>What it is about, UTF-8: <c>r-19</c>, <c>w-17</c>, a partition, a worker.</summary>
    public ReadOnlySpan<byte> Subject { get; } = subject;

    /// <summary>The bytes of the concrete message.</summary>
    public ReadOnlySpan<byte> Body { get; } = body;
}
