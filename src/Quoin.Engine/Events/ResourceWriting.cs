using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The fields of the events about things outside; the part of <see cref="EventWriting"/> that
/// belongs to resources. Twin of <see cref="ResourceReading"/>.
/// </summary>
static class ResourceWriting
{
    public static void Write(ref ProtoWriter w, RunDeferred e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        w.Time(3, e.Until);
        w.Time(4, e.At);
        w.Int32(5, (int)e.Kind);
        w.Bool(6, e.Reset);
        w.Text(7, e.State);
        w.Text(8, e.Detail);
    }

    public static void Write(ref ProtoWriter w, RunWoken e)
    {
        w.Int32(1, e.Run.Value);
        w.Time(2, e.At);
    }

    public static void Write(ref ProtoWriter w, RunStarted e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        w.Int32(3, e.Hook);
        w.Text(4, e.Connections);
    }

    public static void Write(ref ProtoWriter w, ReleaseScheduled e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Want?.Value ?? 0);
        w.Time(3, e.NotBefore);
        w.Text(4, e.Reason);
    }

    public static void Write(ref ProtoWriter w, ResourceEnded e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        if (e.Failure is { } failure) EventWriting.Write(ref w, 3, failure);
    }

    public static void Write(ref ProtoWriter w, ResourceReleased e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        w.Text(3, e.ExternalId);
    }

    public static void Write(ref ProtoWriter w, ReleaseFailed e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        EventWriting.Write(ref w, 3, e.Failure);
        w.Time(4, e.RetryAt);
    }

    public static void Write(ref ProtoWriter w, ExternalSeen e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        w.Text(3, e.ExternalId);
        w.Texts(4, e.Extra);
    }

    public static void Write(ref ProtoWriter w, InterventionOpened e)
    {
        w.Int32(1, e.Intervention.Value);
        w.Int32(2, e.Run.Value);
        w.Text(3, e.Code);
        w.Text(4, e.Reason);
        w.Text(5, e.Key);
        w.Texts(6, e.ExternalIds);
        w.Bool(7, e.Parks);
    }

    public static void Write(ref ProtoWriter w, InterventionResolved e)
    {
        w.Int32(1, e.Intervention.Value);
        w.Int32(2, e.Run.Value);
        w.Int32(3, (int)e.Answer);
        w.Text(4, e.ExternalId);
        w.Text(5, e.By);
        w.Time(6, e.WatchAt);
    }

    public static void Write(ref ProtoWriter w, WantOffered e, PartitionNames names)
    {
        w.Int32(1, e.Want.Value);
        w.Names(2, e.Targets, names);
        w.Time(3, e.Expires);
        EventWriting.Write(ref w, 4, e.Options);
        w.Text(5, e.Request);
        w.Text(6, e.Command);
    }

    public static void Write(ref ProtoWriter w, WantExpired e) => w.Int32(1, e.Want.Value);

    public static void Write(ref ProtoWriter w, WantReleaseRequested e)
    {
        w.Int32(1, e.Want.Value);
        w.Text(2, e.By);
    }

    public static void Write(ref ProtoWriter w, WantReady e, PartitionNames names)
    {
        w.Int32(1, e.Want.Value);
        foreach (var connections in e.Connections.IsDefault ? [] : e.Connections)
        {
            var mark = w.Begin(2);
            w.Name(1, connections.Partition, names);
            w.Text(2, connections.Text);
            w.End(mark);
        }
        w.Time(3, e.At);
    }
}
