using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The answer of one call of a resource's run. As bytes it is the message RunAnswered of
/// proto/quoin/v1/worker.proto: what is kept beside a store that cannot take it.
/// </summary>
sealed record RunAnswer(AttemptId Id, int Epoch, ResourceDirection Direction)
{
    /// <summary>The name that the call was given; empty: none.</summary>
    public string CalledId { get; init; } = "";

    /// <summary>What it says.</summary>
    public required ResourceAnswer Answer { get; init; }

    /// <summary>What the call took.</summary>
    public RunUsage Usage { get; init; }

    /// <summary>The answer of a call that ended.</summary>
    public static RunAnswer Of(Activation activation, JobResult result) =>
        Of(activation.Id, activation.Epoch, activation.Call, result);

    /// <inheritdoc cref="Of(Activation, JobResult)"/>
    public static RunAnswer Of(AttemptId id, int epoch, ResourceCall call, JobResult result) =>
        new(id, epoch, call.Direction)
        {
            CalledId = call.ExternalId,
            Answer = result.Answer ?? new ResourceAnswer(ResourceAnswerKind.Failed)
            {
                Failure = result.Failure ?? new(FailureCategory.Lost, "it did not start"),
            },
            Usage = result.Usage,
        };

    /// <summary>As a row of the inbox.</summary>
    public InboxCommand ToInbox()
    {
        var w = new ProtoWriter(new byte[512]);
        Write(ref w);
        return new InboxCommand(
            $"answer/{Id.Run.Value}/{Epoch}", "run-answered", w.Buffer.AsMemory(0, w.Length));
    }

    /// <summary>Writes the message.</summary>
    public void Write(ref ProtoWriter w)
    {
        w.Int32(1, Id.Run.Value);
        w.Int32(2, Id.Attempt);
        w.Int32(3, Epoch);
        w.Int32(4, (int)Direction);
        w.Text(5, CalledId);
        w.Int32(6, (int)Answer.Kind);
        w.Text(7, Answer.Reason);
        if (Answer.Failure is { } failure) EventWriting.Write(ref w, 8, failure);
        if (Answer.Defer is { } defer)
        {
            var mark = w.Begin(9);
            // One more, so that "now" is not "it did not say".
            w.Int64(1, defer.After is { } after ? (long)after.TotalMilliseconds + 1 : 0);
            w.Bool(2, defer.Reset);
            w.Text(3, defer.StateJson ?? "");
            w.End(mark);
        }
        if (Answer.Ended is { } ended)
        {
            var mark = w.Begin(10);
            w.Bool(1, ended.Exit is not null);
            w.Int32(2, ended.Exit ?? 0);
            w.End(mark);
        }
        w.Text(11, Answer.ExternalId ?? "");
        w.Texts(12, Answer.ExtraIds);
        w.Text(13, Answer.ConnectionsJson ?? "");
        EventWriting.Write(ref w, 14, Usage);
    }

    /// <summary>Reads the message; throws <see cref="ProtoException"/>.</summary>
    public static RunAnswer Read(ProtoReader r)
    {
        const int block = ProtoReader.Block, number = ProtoReader.Number;
        var (run, attempt, epoch, direction) = (0, 0, 0, ResourceDirection.Acquire);
        var kind = ResourceAnswerKind.Done; // What is 0 is not written.
        var (called, reason, external, connections) = ("", "", "", "");
        RunFailure? failure = null;
        DeferReport? defer = null;
        EndedReport? ended = null;
        var extra = new ProtoList<string>();
        var usage = default(RunUsage);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | number: run = r.Int32(); break;
                case (2 << 3) | number: attempt = r.Int32(); break;
                case (3 << 3) | number: epoch = r.Int32(); break;
                case (4 << 3) | number:
                    direction = (ResourceDirection)r.Enum((int)ResourceDirection.Hook);
                    break;
                case (5 << 3) | block: called = r.Text(); break;
                case (6 << 3) | number:
                    kind = (ResourceAnswerKind)r.Enum((int)ResourceAnswerKind.Unknown);
                    break;
                case (7 << 3) | block: reason = r.Text(); break;
                case (8 << 3) | block: failure = EventValues.Failure(new(r.Bytes())); break;
                case (9 << 3) | block: defer = ReadDefer(new(r.Bytes())); break;
                case (10 << 3) | block: ended = ReadEnded(new(r.Bytes())); break;
                case (11 << 3) | block: external = r.Text(); break;
                case (12 << 3) | block: extra.Add(r.Text()); break;
                case (13 << 3) | block: connections = r.Text(); break;
                case (14 << 3) | block: usage = EventValues.Usage(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        if (run <= 0) throw new ProtoException($"its run is {run}");
        return new RunAnswer(new AttemptId(new RunId(run), attempt), epoch, direction)
        {
            CalledId = called,
            Usage = usage,
            Answer = new ResourceAnswer(kind)
            {
                Reason = reason,
                Failure = failure,
                Defer = defer,
                Ended = ended,
                ExternalId = external.Length == 0 ? null : external,
                ExtraIds = extra.ToImmutable(),
                ConnectionsJson = connections.Length == 0 ? null : connections,
            },
        };
    }

    static DeferReport ReadDefer(ProtoReader r)
    {
        var (after, reset, state) = (0L, false, "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Number: after = r.Int64(); break;
                case (2 << 3) | ProtoReader.Number: reset = r.Bool(); break;
                case (3 << 3) | ProtoReader.Block: state = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(
            after == 0 ? null : EventValues.Span(after - 1), reset,
            state.Length == 0 ? null : state);
    }

    static EndedReport ReadEnded(ProtoReader r)
    {
        var (hasExit, exit) = (false, 0);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | ProtoReader.Number: hasExit = r.Bool(); break;
                case (2 << 3) | ProtoReader.Number: exit = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new(hasExit ? exit : null);
    }
}
