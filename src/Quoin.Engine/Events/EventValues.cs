using Quoin.Core;
using static Quoin.Engine.ProtoReader;

namespace Quoin.Engine;

/// <summary>
/// Reads the messages that events are made of. Part of <see cref="EventReading"/>.
/// </summary>
static class EventValues
{
    public static WantOptions Options(ProtoReader r)
    {
        var priority = 0;
        DateTimeOffset? deadline = null;
        var onFailure = FailureMode.KeepGoing;
        var strict = false;
        var fresh = FreshMode.No;
        DateTimeOffset? startAt = null;
        var (slackMs, useMs, offer, group, isUseless) = (0L, 0L, false, "", false);
        var (soft, thorough, restore, keepAll) = (false, false, RestoreMode.Wanted, false);
        var payload = "";
        var trace = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: priority = r.Int32(); break;
                case (2 << 3) | Block: deadline = r.Time(); break;
                case (3 << 3) | Number:
                    onFailure = (FailureMode)r.Enum((int)FailureMode.Kill);
                    break;
                case (4 << 3) | Number: strict = r.Bool(); break;
                case (5 << 3) | Number: fresh = (FreshMode)r.Enum((int)FreshMode.All); break;
                case (6 << 3) | Block: startAt = r.Time(); break;
                case (7 << 3) | Number: slackMs = r.Int64(); break;
                case (8 << 3) | Number: useMs = r.Int64(); break;
                case (9 << 3) | Number: offer = r.Bool(); break;
                case (10 << 3) | Block: group = r.Text(); break;
                case (11 << 3) | Number: isUseless = r.Bool(); break;
                case (12 << 3) | Number: soft = r.Bool(); break;
                case (13 << 3) | Number: thorough = r.Bool(); break;
                case (14 << 3) | Number:
                    restore = (RestoreMode)r.Enum((int)RestoreMode.None);
                    break;
                case (15 << 3) | Number: keepAll = r.Bool(); break;
                case (16 << 3) | Block: payload = r.Text(); break;
                case (17 << 3) | Block: trace = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new()
        {
            Priority = priority,
            Deadline = deadline,
            OnFailure = onFailure,
            Strict = strict,
            Fresh = fresh,
            StartAt = startAt,
            StartSlack = Span(slackMs),
            Use = useMs == 0 && !isUseless ? null : Span(useMs),
            Offer = offer,
            Group = group,
            Soft = soft,
            Thorough = thorough,
            Restore = restore,
            KeepAll = keepAll,
            Payload = payload,
            Trace = trace,
        };
    }

    /// <summary>A span that is written as its milliseconds and 1; 0 is none.</summary>
    public static TimeSpan? Less1(long milliseconds) =>
        milliseconds <= 0 ? null : Span(milliseconds - 1);

    public static PlanCounts Counts(ProtoReader r)
    {
        int total = 0, current = 0, build = 0, maybe = 0, blocked = 0;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: total = r.Int32(); break;
                case (2 << 3) | Number: current = r.Int32(); break;
                case (3 << 3) | Number: build = r.Int32(); break;
                case (4 << 3) | Number: maybe = r.Int32(); break;
                case (5 << 3) | Number: blocked = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new(total, current, build, maybe, blocked);
    }

    public static PlanProblem Problem(ProtoReader r)
    {
        string code = "", message = "";
        var chain = new ProtoList<string>();
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: code = r.Text(); break;
                case (2 << 3) | Block: message = r.Text(); break;
                case (3 << 3) | Block: chain.Add(r.Text()); break;
                default: r.Skip(); break;
            }
        }
        return new(code, message) { Chain = chain.ToImmutable() };
    }

    public static OutputManifest Output(ref ProtoReader message, PartitionNames names)
    {
        var r = new ProtoReader(message.Bytes());
        PartitionId? partition = null;
        var digest = default(Digest);
        long bytes = 0;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: partition = r.Name(names); break;
                case (2 << 3) | Block: digest = r.Digest(); break;
                case (3 << 3) | Number: bytes = r.Int64(); break;
                default: r.Skip(); break;
            }
        }
        return new(Required(partition), digest, bytes);
    }

    public static RunUsage Usage(ProtoReader r)
    {
        var startedAt = default(DateTimeOffset);
        int elapsedMs = 0, cpuMs = 0, memoryKb = 0, cores = 0, speed = 0;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: startedAt = r.Time(); break;
                case (2 << 3) | Number: elapsedMs = r.Int32(); break;
                case (3 << 3) | Number: cpuMs = r.Int32(); break;
                case (4 << 3) | Number: memoryKb = r.Int32(); break;
                case (5 << 3) | Number: cores = r.Int32(); break;
                case (6 << 3) | Number: speed = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new(startedAt, elapsedMs, cpuMs, memoryKb) { Cores = cores, HostSpeed = speed };
    }

    public static RunFailure Failure(ProtoReader r)
    {
        var category = FailureCategory.Failed;
        var reason = "";
        int exitCode = 0, signal = 0;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number:
                    category = (FailureCategory)r.Enum((int)FailureCategory.Lost);
                    break;
                case (2 << 3) | Block: reason = r.Text(); break;
                case (3 << 3) | Number: exitCode = r.Int32(); break;
                case (4 << 3) | Number: signal = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new(category, reason) { ExitCode = exitCode, Signal = signal };
    }

    /// <summary>The shape of the messages that say who asked for something.</summary>
    public static (int Id, string By) IdAndText(ProtoReader r, TextPool pool)
    {
        var id = 0;
        var by = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: id = r.Int32(); break;
                case (2 << 3) | Block: by = r.Text(pool); break;
                default: r.Skip(); break;
            }
        }
        return (id, by);
    }

    /// <summary>A span of time in milliseconds, within what a span can be.</summary>
    public static TimeSpan Span(long ms) =>
        ms is >= 0 and <= SpanMaxMs
            ? TimeSpan.FromMilliseconds(ms)
            : throw new ProtoException($"a span of {ms} ms");

    const long SpanMaxMs = 100L * 365 * 24 * 3600 * 1000;

    // Ids count from 1 and references are never empty, so a zero is a field that was lost.

    public static WantId Want(int value) =>
        value > 0 ? new(value) : throw new ProtoException($"its want is {value}");

    public static RunId Run(int value) =>
        value > 0 ? new(value) : throw new ProtoException($"its run is {value}");

    public static InterventionId Intervention(int value) =>
        value > 0 ? new(value) : throw new ProtoException($"its intervention is {value}");

    public static PartitionId Required(PartitionId? partition) =>
        partition ?? throw new ProtoException("its partition is missing");
}
