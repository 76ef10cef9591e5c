using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The fields of each event's message, in the order of their numbers in event.proto. Twin of
/// <see cref="EventReading"/>; only <see cref="EventCodec"/> calls it.
/// </summary>
static class EventWriting
{
    public static void Write(ref ProtoWriter w, WantAccepted e, PartitionNames names)
    {
        w.Int32(1, e.Want.Value);
        w.Names(2, e.Targets, names);
        Write(ref w, 3, e.Options);
        w.Text(4, e.Request);
        w.Text(5, e.Command);
    }

    public static void Write(ref ProtoWriter w, WantPlanned e)
    {
        w.Int32(1, e.Want.Value);
        Write(ref w, 2, e.Counts);
        w.Digest(3, e.Graph);
        w.Int64(4, Plus1(e.Shortest));
        w.Int64(5, Plus1(e.Longest));
    }

    public static void Write(ref ProtoWriter w, PlanExtended e, PartitionNames names)
    {
        w.Int32(1, e.Want.Value);
        w.Name(2, e.By, names);
        Write(ref w, 3, e.Added);
    }

    public static void Write(ref ProtoWriter w, AnalysisFailed e)
    {
        w.Int32(1, e.Want.Value);
        if (e.Problems.IsDefaultOrEmpty) return;
        foreach (var problem in e.Problems) Write(ref w, 2, problem);
    }

    public static void Write(ref ProtoWriter w, WantCancelled e)
    {
        w.Int32(1, e.Want.Value);
        w.Text(2, e.By);
    }

    public static void Write(ref ProtoWriter w, WantSucceeded e) => w.Int32(1, e.Want.Value);

    public static void Write(ref ProtoWriter w, WantFailed e, PartitionNames names)
    {
        w.Int32(1, e.Want.Value);
        w.Names(2, e.Failed, names);
    }

    public static void Write(ref ProtoWriter w, WantDelegated e, PartitionNames names)
    {
        w.Int32(1, e.Want.Value);
        w.Name(2, e.Partition, names);
        w.Int32(3, e.Run.Value);
        w.Int32(4, e.To?.Value ?? 0);
    }

    public static void Write(ref ProtoWriter w, PartitionPlanned e, PartitionNames names)
    {
        w.Int32(1, e.For.Value);
        w.Text(2, e.Job);
        w.Names(3, e.Outputs, names);
        w.Names(4, e.Inputs, names);
        w.Digest(5, e.Definition);
        if (e.Resource is not { } resource) return;
        var mark = w.Begin(6);
        w.Int64(1, (long)resource.Keep.TotalMilliseconds);
        w.End(mark);
    }

    public static void Write(ref ProtoWriter w, PartitionStale e, PartitionNames names)
    {
        w.Name(1, e.Partition, names);
        w.Int32(2, (int)e.Reason);
        w.Text(3, e.Detail);
    }

    public static void Write(ref ProtoWriter w, PartitionCurrent e, PartitionNames names)
    {
        w.Name(1, e.Partition, names);
        w.Digest(2, e.Fingerprint);
    }

    public static void Write(ref ProtoWriter w, ConfigFailed e, PartitionNames names)
    {
        w.Text(1, e.Job);
        w.Names(2, e.Outputs, names);
        Write(ref w, 3, e.Problem);
    }

    public static void Write(ref ProtoWriter w, PartitionTainted e, PartitionNames names)
    {
        w.Name(1, e.Partition, names);
        w.Text(2, e.By);
        w.Text(3, e.Why);
    }

    public static void Write(ref ProtoWriter w, OutputsRemoved e, PartitionNames names)
    {
        w.Names(1, e.Partitions, names);
        w.Text(2, e.By);
    }

    public static void Write(ref ProtoWriter w, CommandAnswered e)
    {
        w.Text(1, e.Command);
        w.Text(2, e.Code);
        w.Text(3, e.Message);
        Write(ref w, 4, e.Counts);
    }

    // On the wire 0 is nothing.
    static long Plus1(TimeSpan? span) =>
        span is { } known ? (long)known.TotalMilliseconds + 1 : 0;

    public static void Write(ref ProtoWriter w, RunScheduled e, PartitionNames names)
    {
        w.Int32(1, e.Run.Value);
        w.Names(2, e.Claims, names);
        w.Names(3, e.Shadowed, names);
        w.Time(4, e.Activation);
        w.Time(5, e.NotAfter);
        w.Text(6, e.Recipe);
        w.Text(7, e.Feed);
        w.Int64(8, e.FeedNumber);
        w.Text(9, e.FeedKey);
    }

    public static void Write(ref ProtoWriter w, RunLeased e)
    {
        w.Int32(1, e.Run.Value);
        w.Text(2, e.Worker.Owner);
        w.Int32(3, e.Epoch);
        w.Int32(4, e.Attempt);
        w.Time(5, e.At);
        w.Time(6, e.DoubtUntil);
    }

    public static void Write(ref ProtoWriter w, RunCompleted e, PartitionNames names)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        Write(ref w, 3, e.Outputs, names);
        Write(ref w, 4, e.Adopted, names);
        w.Names(5, e.Discarded, names);
        w.Digest(6, e.Fingerprint);
        Write(ref w, 7, e.Usage);
        w.Text(8, e.Connections);
        w.Time(9, e.WatchAt);
        w.Text(10, e.RestoredFrom);
    }

    public static void Write(ref ProtoWriter w, RunFailed e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        Write(ref w, 3, e.Failure);
        w.Time(4, e.RetryAt);
        Write(ref w, 5, e.Usage);
        w.Bool(6, e.MayExist);
    }

    public static void Write(ref ProtoWriter w, RunDepMissed e, PartitionNames names)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        w.Names(3, e.Needs, names);
        Write(ref w, 4, e.Usage);
    }

    public static void Write(ref ProtoWriter w, RunCancelRequested e)
    {
        w.Int32(1, e.Run.Value);
        w.Text(2, e.By);
    }

    public static void Write(ref ProtoWriter w, RunCancelAcked e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        Write(ref w, 3, e.Usage);
    }

    public static void Write(ref ProtoWriter w, LeaseExpired e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
        w.Time(3, e.RetryAt);
        w.Bool(4, e.IsReturned);
    }

    public static void Write(ref ProtoWriter w, StaleReportRejected e)
    {
        w.Int32(1, e.Run.Value);
        w.Int32(2, e.Epoch);
    }

    public static void Write(ref ProtoWriter w, WorkerAdded e)
    {
        w.Text(1, e.Worker.Owner);
        w.Int32(2, e.Slots);
        w.Int32(3, e.Ahead);
        w.Texts(4, e.Labels);
    }

    public static void Write(ref ProtoWriter w, WorkerRemoved e) => w.Text(1, e.Worker.Owner);

    public static void Write(ref ProtoWriter w, int field, WantOptions options)
    {
        if (options == WantOptions.Default) return;
        var mark = w.Begin(field);
        w.Int32(1, options.Priority);
        w.Time(2, options.Deadline);
        w.Int32(3, (int)options.OnFailure);
        w.Bool(4, options.Strict);
        w.Int32(5, (int)options.Fresh);
        w.Time(6, options.StartAt);
        w.Int64(7, (long)options.StartSlack.TotalMilliseconds);
        w.Int64(8, (long)(options.Use?.TotalMilliseconds ?? 0));
        w.Bool(9, options.Offer);
        w.Text(10, options.Group);
        w.Bool(11, options.Use is { TotalMilliseconds: < 1 });
        w.Bool(12, options.Soft);
        w.Bool(13, options.Thorough);
        w.Int32(14, (int)options.Restore);
        w.Bool(15, options.KeepAll);
        w.Text(16, options.Payload);
        w.Text(17, options.Trace);
        w.End(mark);
    }

    static void Write(ref ProtoWriter w, int field, PlanCounts counts)
    {
        if (counts == default) return;
        var mark = w.Begin(field);
        w.Int32(1, counts.Total);
        w.Int32(2, counts.Current);
        w.Int32(3, counts.Build);
        w.Int32(4, counts.Maybe);
        w.Int32(5, counts.Blocked);
        w.End(mark);
    }

    static void Write(ref ProtoWriter w, int field, PlanProblem problem)
    {
        var mark = w.Begin(field);
        w.Text(1, problem.Code);
        w.Text(2, problem.Message);
        w.Texts(3, problem.Chain);
        w.End(mark);
    }

    static void Write(
        ref ProtoWriter w, int field, ImmutableArray<OutputManifest> outputs, PartitionNames names)
    {
        if (outputs.IsDefaultOrEmpty) return;
        foreach (var output in outputs)
        {
            var mark = w.Begin(field);
            w.Name(1, output.Partition, names);
            w.Digest(2, output.Digest);
            w.Int64(3, output.Bytes);
            w.End(mark);
        }
    }

    public static void Write(ref ProtoWriter w, int field, RunFailure failure)
    {
        var mark = w.Begin(field);
        w.Int32(1, (int)failure.Category);
        w.Text(2, failure.Reason);
        w.Int32(3, failure.ExitCode);
        w.Int32(4, failure.Signal);
        w.End(mark);
    }

    public static void Write(ref ProtoWriter w, int field, RunUsage usage)
    {
        if (usage == default) return;
        var mark = w.Begin(field);
        w.Time(1, usage.StartedAt);
        w.Int32(2, usage.ElapsedMs);
        w.Int32(3, usage.CpuMs);
        w.Int32(4, usage.MemoryKb);
        w.Int32(5, usage.Cores);
        w.Int32(6, usage.HostSpeed);
        w.End(mark);
    }
}
