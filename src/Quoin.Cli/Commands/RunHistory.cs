using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>How a run stands, as the log tells it.</summary>
enum RunStanding
{
    /// <summary>Waits for a slot, or for its next attempt.</summary>
    Queued,

    /// <summary>A worker has it.</summary>
    Running,

    /// <summary>Published.</summary>
    Built,

    /// <summary>Failed for good.</summary>
    Failed,

    /// <summary>Stopped.</summary>
    Cancelled,

    /// <summary>Ended because it needs more inputs.</summary>
    NeedsInputs,

    /// <summary>Its outputs were taken from the artifacts.</summary>
    Restored,
}

/// <summary>One run, with what its last attempt took.</summary>
sealed class RunRecord(RunId id, string job, ImmutableArray<PartitionId> claims)
{
    public RunId Id { get; } = id;

    public string Job { get; } = job;

    public ImmutableArray<PartitionId> Claims { get; } = claims;

    public RunStanding Standing { get; set; }

    public int Attempt { get; set; }

    public DateTimeOffset? StartedAt { get; set; }

    public RunUsage Usage { get; set; }

    public RunFailure? Failure { get; set; }
}

/// <summary>The runs of a store, by reading its log from the beginning.</summary>
static class RunHistory
{
    /// <summary>All runs, oldest first.</summary>
    public static IReadOnlyCollection<RunRecord> Read(IEventLog log, PartitionNames names)
    {
        var jobs = new Dictionary<PartitionId, string>();
        var runs = new Dictionary<RunId, RunRecord>();
        foreach (var logged in log.Read(0, names))
        {
            if (logged.Event is PartitionPlanned planned)
            {
                foreach (var output in planned.Outputs) jobs[output] = planned.Job;
                continue;
            }
            if (logged.Event is RunScheduled scheduled)
            {
                runs[scheduled.Run] = new RunRecord(
                    scheduled.Run, jobs.GetValueOrDefault(scheduled.Claims[0], ""),
                    scheduled.Claims);
                continue;
            }
            if (logged.Event is RunEvent e && runs.TryGetValue(e.Run, out var run))
                Apply(run, e, logged.At);
        }
        return runs.Values;
    }

    static void Apply(RunRecord run, RunEvent logged, DateTimeOffset at)
    {
        switch (logged)
        {
            case RunLeased e:
                run.Standing = RunStanding.Running;
                run.Attempt = e.Attempt;
                run.StartedAt = at;
                break;
            case RunCompleted e:
                run.Standing = e.RestoredFrom.Length == 0
                    ? RunStanding.Built
                    : RunStanding.Restored;
                (run.Usage, run.Failure) = (e.Usage, null);
                break;
            case RunFailed e:
                run.Standing = e.RetryAt is null ? RunStanding.Failed : RunStanding.Queued;
                (run.Usage, run.Failure) = (e.Usage, e.Failure);
                break;
            case LeaseExpired e:
                run.Standing = e.RetryAt is null ? RunStanding.Failed : RunStanding.Queued;
                if (!e.IsReturned)
                    run.Failure = new RunFailure(FailureCategory.Lost, "its worker is gone");
                break;
            case RunDepMissed e:
                (run.Standing, run.Usage) = (RunStanding.NeedsInputs, e.Usage);
                break;
            case RunCancelRequested when run.Standing != RunStanding.Running:
                run.Standing = RunStanding.Cancelled;
                break;
            case RunCancelAcked e:
                (run.Standing, run.Usage) = (RunStanding.Cancelled, e.Usage);
                break;
        }
    }
}
