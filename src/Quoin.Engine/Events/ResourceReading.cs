using Quoin.Core;
using static Quoin.Engine.ProtoReader;

namespace Quoin.Engine;

/// <summary>
/// The fields of the events about things outside; the part of <see cref="EventReading"/> that
/// belongs to resources. Twin of <see cref="ResourceWriting"/>.
/// </summary>
static class ResourceReading
{
    public static ResourcePolicy Policy(ProtoReader r)
    {
        var keepMs = 0L;
        while (r.Next())
        {
            if (r.Tag == ((1 << 3) | Number)) keepMs = r.Int64();
            else r.Skip();
        }
        return new() { Keep = EventValues.Span(keepMs) };
    }

    public static RunDeferred RunDeferred(ProtoReader r)
    {
        int run = 0, epoch = 0;
        DateTimeOffset until = default, at = default;
        var kind = DeferKind.Busy;
        var reset = false;
        string state = "", detail = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: until = r.Time(); break;
                case (4 << 3) | Block: at = r.Time(); break;
                case (5 << 3) | Number: kind = (DeferKind)r.Enum((int)DeferKind.Unknown); break;
                case (6 << 3) | Number: reset = r.Bool(); break;
                case (7 << 3) | Block: state = r.Text(); break;
                case (8 << 3) | Block: detail = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch, until)
        {
            At = at,
            Kind = kind,
            Reset = reset,
            State = state,
            Detail = detail,
        };
    }

    public static RunWoken RunWoken(ProtoReader r)
    {
        var run = 0;
        DateTimeOffset at = default;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Block: at = r.Time(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), at);
    }

    public static RunStarted RunStarted(ProtoReader r)
    {
        int run = 0, epoch = 0, hook = 0;
        var connections = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Number: hook = r.Int32(); break;
                case (4 << 3) | Block: connections = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch, hook) { Connections = connections };
    }

    public static ReleaseScheduled ReleaseScheduled(ProtoReader r)
    {
        int run = 0, want = 0;
        DateTimeOffset? notBefore = null;
        var reason = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: want = r.Int32(); break;
                case (3 << 3) | Block: notBefore = r.Time(); break;
                case (4 << 3) | Block: reason = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), want == 0 ? null : EventValues.Want(want))
        {
            NotBefore = notBefore,
            Reason = reason,
        };
    }

    public static ResourceEnded ResourceEnded(ProtoReader r)
    {
        var (run, epoch, failure, _) = RunFields(r);
        return new(EventValues.Run(run), epoch) { Failure = failure };
    }

    public static ReleaseFailed ReleaseFailed(ProtoReader r)
    {
        var (run, epoch, failure, retryAt) = RunFields(r);
        return new(
            EventValues.Run(run), epoch, failure ?? new RunFailure(FailureCategory.Failed, ""))
        {
            RetryAt = retryAt,
        };
    }

    // What two messages have in common.
    static (int Run, int Epoch, RunFailure? Failure, DateTimeOffset? At) RunFields(ProtoReader r)
    {
        int run = 0, epoch = 0;
        RunFailure? failure = null;
        DateTimeOffset? at = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: failure = EventValues.Failure(new(r.Bytes())); break;
                case (4 << 3) | Block: at = r.Time(); break;
                default: r.Skip(); break;
            }
        }
        return (run, epoch, failure, at);
    }

    public static ResourceReleased ResourceReleased(ProtoReader r)
    {
        var (run, epoch, id, _) = ExternalFields(r);
        return new(EventValues.Run(run), epoch) { ExternalId = id };
    }

    public static ExternalSeen ExternalSeen(ProtoReader r)
    {
        var (run, epoch, id, extra) = ExternalFields(r);
        return new(EventValues.Run(run), epoch, id) { Extra = extra.ToImmutable() };
    }

    static (int Run, int Epoch, string Id, ProtoList<string> Extra) ExternalFields(ProtoReader r)
    {
        int run = 0, epoch = 0;
        var id = "";
        var extra = new ProtoList<string>();
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: id = r.Text(); break;
                case (4 << 3) | Block: extra.Add(r.Text()); break;
                default: r.Skip(); break;
            }
        }
        return (run, epoch, id, extra);
    }

    public static InterventionOpened InterventionOpened(ProtoReader r)
    {
        int intervention = 0, run = 0;
        string code = "", reason = "", key = "";
        var ids = new ProtoList<string>();
        var parks = false;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: intervention = r.Int32(); break;
                case (2 << 3) | Number: run = r.Int32(); break;
                case (3 << 3) | Block: code = r.Text(); break;
                case (4 << 3) | Block: reason = r.Text(); break;
                case (5 << 3) | Block: key = r.Text(); break;
                case (6 << 3) | Block: ids.Add(r.Text()); break;
                case (7 << 3) | Number: parks = r.Bool(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Intervention(intervention), EventValues.Run(run), code)
        {
            Reason = reason,
            Key = key,
            ExternalIds = ids.ToImmutable(),
            Parks = parks,
        };
    }

    public static InterventionResolved InterventionResolved(ProtoReader r)
    {
        int intervention = 0, run = 0;
        var answer = InterventionAnswer.Retry;
        string id = "", by = "";
        DateTimeOffset? watchAt = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: intervention = r.Int32(); break;
                case (2 << 3) | Number: run = r.Int32(); break;
                case (3 << 3) | Number:
                    answer = (InterventionAnswer)r.Enum((int)InterventionAnswer.Closed);
                    break;
                case (4 << 3) | Block: id = r.Text(); break;
                case (5 << 3) | Block: by = r.Text(); break;
                case (6 << 3) | Block: watchAt = r.Time(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Intervention(intervention), EventValues.Run(run), answer)
        {
            ExternalId = id,
            By = by,
            WatchAt = watchAt,
        };
    }

    public static WantOffered WantOffered(ProtoReader r, PartitionNames names)
    {
        var want = 0;
        var targets = new ProtoList<PartitionId>();
        DateTimeOffset expires = default;
        var options = WantOptions.Default;
        var (request, command) = ("", "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: targets.Add(r.Name(names)); break;
                case (3 << 3) | Block: expires = r.Time(); break;
                case (4 << 3) | Block: options = EventValues.Options(new(r.Bytes())); break;
                case (5 << 3) | Block: request = r.Text(); break;
                case (6 << 3) | Block: command = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), targets.ToImmutable(), expires)
        {
            Options = options,
            Request = request,
            Command = command,
        };
    }

    public static WantExpired WantExpired(ProtoReader r) =>
        new(EventReading.WantSucceeded(r).Want); // The same one field.

    public static WantReleaseRequested WantReleaseRequested(ProtoReader r)
    {
        var (want, by) = EventValues.IdAndText(r, new TextPool());
        return new(EventValues.Want(want), by);
    }

    public static WantReady WantReady(ProtoReader r, PartitionNames names)
    {
        var want = 0;
        var all = new ProtoList<ResourceConnections>();
        DateTimeOffset at = default;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: all.Add(Connections(new(r.Bytes()), names)); break;
                case (3 << 3) | Block: at = r.Time(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want)) { At = at, Connections = all.ToImmutable() };
    }

    static ResourceConnections Connections(ProtoReader r, PartitionNames names)
    {
        PartitionId? partition = null;
        var text = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: partition = r.Name(names); break;
                case (2 << 3) | Block: text = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Required(partition), text);
    }
}
