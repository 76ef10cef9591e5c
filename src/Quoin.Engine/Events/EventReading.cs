using Quoin.Core;
using static Quoin.Engine.ProtoReader;

namespace Quoin.Engine;

/// <summary>
/// The fields of each event's message, read in whatever order they come; unknown ones are skipped.
/// Twin of <see cref="EventWriting"/>; only <see cref="EventCodec"/> calls it.
/// </summary>
static class EventReading
{
    public static WantAccepted WantAccepted(ProtoReader r, PartitionNames names)
    {
        var want = 0;
        var targets = new ProtoList<PartitionId>();
        var options = WantOptions.Default;
        var (request, command) = ("", "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: targets.Add(r.Name(names)); break;
                case (3 << 3) | Block: options = EventValues.Options(new(r.Bytes())); break;
                case (4 << 3) | Block: request = r.Text(); break;
                case (5 << 3) | Block: command = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), targets.ToImmutable())
        {
            Options = options,
            Request = request,
            Command = command,
        };
    }

    public static AnalysisFailed AnalysisFailed(ProtoReader r)
    {
        var want = 0;
        var problems = new ProtoList<PlanProblem>();
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: problems.Add(EventValues.Problem(new(r.Bytes()))); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), problems.ToImmutable());
    }

    public static WantCancelled WantCancelled(ProtoReader r, TextPool pool)
    {
        var (want, by) = EventValues.IdAndText(r, pool);
        return new(EventValues.Want(want), by);
    }

    public static WantSucceeded WantSucceeded(ProtoReader r)
    {
        var want = 0;
        while (r.Next())
        {
            if (r.Tag == ((1 << 3) | Number)) want = r.Int32();
            else r.Skip();
        }
        return new(EventValues.Want(want));
    }

    public static WantFailed WantFailed(ProtoReader r, PartitionNames names)
    {
        var want = 0;
        var failed = new ProtoList<PartitionId>();
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: failed.Add(r.Name(names)); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), failed.ToImmutable());
    }

    public static PartitionPlanned PartitionPlanned(
        ProtoReader r, PartitionNames names, TextPool pool)
    {
        var want = 0;
        var job = "";
        var outputs = new ProtoList<PartitionId>();
        var inputs = new ProtoList<PartitionId>();
        var definition = default(Digest);
        ResourcePolicy? resource = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: want = r.Int32(); break;
                case (2 << 3) | Block: job = r.Text(pool); break;
                case (3 << 3) | Block: outputs.Add(r.Name(names)); break;
                case (4 << 3) | Block: inputs.Add(r.Name(names)); break;
                case (5 << 3) | Block: definition = r.Digest(); break;
                case (6 << 3) | Block: resource = ResourceReading.Policy(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Want(want), job, outputs.ToImmutable(), inputs.ToImmutable())
        {
            Definition = definition,
            Resource = resource,
        };
    }

    public static PartitionStale PartitionStale(ProtoReader r, PartitionNames names, TextPool pool)
    {
        PartitionId? partition = null;
        var reason = StaleReason.None;
        var detail = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: partition = r.Name(names); break;
                case (2 << 3) | Number:
                    reason = (StaleReason)r.Enum((int)StaleReason.Restorable);
                    break;
                case (3 << 3) | Block: detail = r.Text(pool); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Required(partition), reason) { Detail = detail };
    }

    public static PartitionCurrent PartitionCurrent(ProtoReader r, PartitionNames names)
    {
        PartitionId? partition = null;
        var fingerprint = default(Digest);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: partition = r.Name(names); break;
                case (2 << 3) | Block: fingerprint = r.Digest(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Required(partition)) { Fingerprint = fingerprint };
    }

    public static ConfigFailed ConfigFailed(ProtoReader r, PartitionNames names, TextPool pool)
    {
        var job = "";
        var outputs = new ProtoList<PartitionId>();
        var problem = new PlanProblem("", "");
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: job = r.Text(pool); break;
                case (2 << 3) | Block: outputs.Add(r.Name(names)); break;
                case (3 << 3) | Block: problem = EventValues.Problem(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        return new(job, outputs.ToImmutable(), problem);
    }

    public static PartitionTainted PartitionTainted(
        ProtoReader r, PartitionNames names, TextPool pool)
    {
        PartitionId? partition = null;
        string by = "", why = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: partition = r.Name(names); break;
                case (2 << 3) | Block: by = r.Text(pool); break;
                case (3 << 3) | Block: why = r.Text(pool); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Required(partition), by, why);
    }

    public static OutputsRemoved OutputsRemoved(ProtoReader r, PartitionNames names, TextPool pool)
    {
        var partitions = new ProtoList<PartitionId>();
        var by = "";
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: partitions.Add(r.Name(names)); break;
                case (2 << 3) | Block: by = r.Text(pool); break;
                default: r.Skip(); break;
            }
        }
        return new(partitions.ToImmutable(), by);
    }

    public static RunScheduled RunScheduled(ProtoReader r, PartitionNames names)
    {
        var run = 0;
        var claims = new ProtoList<PartitionId>();
        var shadowed = new ProtoList<PartitionId>();
        DateTimeOffset? activation = null, notAfter = null;
        var (recipe, feed, feedKey, feedNumber) = ("", "", "", 0L);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Block: claims.Add(r.Name(names)); break;
                case (3 << 3) | Block: shadowed.Add(r.Name(names)); break;
                case (4 << 3) | Block: activation = r.Time(); break;
                case (5 << 3) | Block: notAfter = r.Time(); break;
                case (6 << 3) | Block: recipe = r.Text(); break;
                case (7 << 3) | Block: feed = r.Text(); break;
                case (8 << 3) | Number: feedNumber = r.Int64(); break;
                case (9 << 3) | Block: feedKey = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), claims.ToImmutable(), shadowed.ToImmutable())
        {
            Feed = feed,
            FeedNumber = feedNumber,
            FeedKey = feedKey,
            Activation = activation,
            NotAfter = notAfter,
            Recipe = recipe,
        };
    }

    public static RunLeased RunLeased(ProtoReader r, TextPool pool)
    {
        int run = 0, epoch = 0, attempt = 0;
        var worker = "";
        DateTimeOffset? at = null, doubtUntil = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Block: worker = r.Text(pool); break;
                case (3 << 3) | Number: epoch = r.Int32(); break;
                case (4 << 3) | Number: attempt = r.Int32(); break;
                case (5 << 3) | Block: at = r.Time(); break;
                case (6 << 3) | Block: doubtUntil = r.Time(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), new(worker), epoch)
        {
            Attempt = attempt,
            At = at,
            DoubtUntil = doubtUntil,
        };
    }

    public static RunCompleted RunCompleted(ProtoReader r, PartitionNames names)
    {
        int run = 0, epoch = 0;
        var outputs = new ProtoList<OutputManifest>();
        var adopted = new ProtoList<OutputManifest>();
        var discarded = new ProtoList<PartitionId>();
        var fingerprint = default(Digest);
        var usage = default(RunUsage);
        var (connections, restored) = ("", "");
        DateTimeOffset? watchAt = null;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: outputs.Add(EventValues.Output(ref r, names)); break;
                case (4 << 3) | Block: adopted.Add(EventValues.Output(ref r, names)); break;
                case (5 << 3) | Block: discarded.Add(r.Name(names)); break;
                case (6 << 3) | Block: fingerprint = r.Digest(); break;
                case (7 << 3) | Block: usage = EventValues.Usage(new(r.Bytes())); break;
                case (8 << 3) | Block: connections = r.Text(); break;
                case (9 << 3) | Block: watchAt = r.Time(); break;
                case (10 << 3) | Block: restored = r.Text(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch, outputs.ToImmutable())
        {
            RestoredFrom = restored,
            Adopted = adopted.ToImmutable(),
            Discarded = discarded.ToImmutable(),
            Fingerprint = fingerprint,
            Usage = usage,
            Connections = connections,
            WatchAt = watchAt,
        };
    }

    public static RunFailed RunFailed(ProtoReader r)
    {
        int run = 0, epoch = 0;
        var failure = new RunFailure(FailureCategory.Failed, "");
        DateTimeOffset? retryAt = null;
        var usage = default(RunUsage);
        var mayExist = false;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: failure = EventValues.Failure(new(r.Bytes())); break;
                case (4 << 3) | Block: retryAt = r.Time(); break;
                case (5 << 3) | Block: usage = EventValues.Usage(new(r.Bytes())); break;
                case (6 << 3) | Number: mayExist = r.Bool(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch, failure) { RetryAt = retryAt, Usage = usage,
            MayExist = mayExist, };
    }

    public static RunDepMissed RunDepMissed(ProtoReader r, PartitionNames names)
    {
        int run = 0, epoch = 0;
        var needs = new ProtoList<PartitionId>();
        var usage = default(RunUsage);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: needs.Add(r.Name(names)); break;
                case (4 << 3) | Block: usage = EventValues.Usage(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch, needs.ToImmutable()) { Usage = usage };
    }

    public static RunCancelRequested RunCancelRequested(ProtoReader r, TextPool pool)
    {
        var (run, by) = EventValues.IdAndText(r, pool);
        return new(EventValues.Run(run), by);
    }

    public static RunCancelAcked RunCancelAcked(ProtoReader r)
    {
        int run = 0, epoch = 0;
        var usage = default(RunUsage);
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: usage = EventValues.Usage(new(r.Bytes())); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch) { Usage = usage };
    }

    public static LeaseExpired LeaseExpired(ProtoReader r)
    {
        int run = 0, epoch = 0;
        DateTimeOffset? retryAt = null;
        var isReturned = false;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                case (3 << 3) | Block: retryAt = r.Time(); break;
                case (4 << 3) | Number: isReturned = r.Bool(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch) { RetryAt = retryAt, IsReturned = isReturned };
    }

    public static StaleReportRejected StaleReportRejected(ProtoReader r)
    {
        int run = 0, epoch = 0;
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Number: run = r.Int32(); break;
                case (2 << 3) | Number: epoch = r.Int32(); break;
                default: r.Skip(); break;
            }
        }
        return new(EventValues.Run(run), epoch);
    }

    public static WorkerAdded WorkerAdded(ProtoReader r, TextPool pool)
    {
        var worker = "";
        var (slots, ahead) = (0, 0);
        var labels = new ProtoList<string>();
        while (r.Next())
        {
            switch (r.Tag)
            {
                case (1 << 3) | Block: worker = r.Text(pool); break;
                case (2 << 3) | Number: slots = r.Int32(); break;
                case (3 << 3) | Number: ahead = r.Int32(); break;
                case (4 << 3) | Block: labels.Add(r.Text(pool)); break;
                default: r.Skip(); break;
            }
        }
        return new(new(worker), slots) { Ahead = ahead, Labels = labels.ToImmutable() };
    }

    public static WorkerRemoved WorkerRemoved(ProtoReader r, TextPool pool)
    {
        var worker = "";
        while (r.Next())
        {
            if (r.Tag == ((1 << 3) | Block)) worker = r.Text(pool);
            else r.Skip();
        }
        return new(new WorkerId(worker));
    }
}
