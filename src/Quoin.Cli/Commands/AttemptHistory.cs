using System.Collections.Immutable;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>How an attempt ended.</summary>
enum AttemptOutcome
{
    /// <summary>It goes on.</summary>
    Running,

    /// <summary>Published.</summary>
    Built,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>Its worker was not heard of any more.</summary>
    Lost,

    /// <summary>It was stopped.</summary>
    Cancelled,

    /// <summary>It found that it needs more inputs.</summary>
    NeedsInputs,

    /// <summary>Its outputs were taken from the artifacts; nothing ran.</summary>
    Restored,

    /// <summary>Its worker gave it back.</summary>
    GivenBack,
}

/// <summary>One attempt of a run: a row of the history.</summary>
sealed class AttemptRecord
{
    public required AttemptId Id { get; init; }
    public required string Job { get; init; }
    public required ImmutableArray<PartitionId> Outputs { get; init; }

    /// <summary>When the run could have started.</summary>
    public required DateTimeOffset ReadyAt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required string Host { get; init; }

    /// <summary>Why it ran: <c>env REGION eu -> us</c>.</summary>
    public required string Why { get; init; }

    /// <summary>The want whose plan brought it.</summary>
    public required WantId Want { get; init; }

    /// <summary>Everything that decided what it published; none: it published nothing.</summary>
    public Digest Fingerprint { get; set; }

    /// <summary>What it published.</summary>
    public ImmutableArray<OutputManifest> Published { get; set; } = [];
    public AttemptOutcome Outcome { get; set; }
    public RunUsage Usage { get; set; }
    public RunFailure? Failure { get; set; }

    /// <summary>It ended, well or not, by itself.</summary>
    public bool HasTime => Outcome is AttemptOutcome.Built or AttemptOutcome.Failed;

    /// <summary>Processor time over elapsed time: how many cores it kept busy.</summary>
    public double Factor => Usage.ElapsedMs > 0 ? Usage.CpuMs / (double)Usage.ElapsedMs : 0;
}

/// <summary>All attempts of a store, by reading its log from the beginning.</summary>
static class AttemptHistory
{
    /// <summary>All attempts, oldest first.</summary>
    public static List<AttemptRecord> Read(IEventLog log, PartitionNames names)
    {
        var reader = new Reader();
        foreach (var logged in log.Read(0, names)) reader.Apply(logged);
        return reader.Attempts;
    }

    sealed class Reader
    {
        readonly Dictionary<PartitionId, (string Job, WantId Want)> plans = [];
        readonly Dictionary<PartitionId, string> reasons = [];
        readonly HashSet<PartitionId> published = [];
        readonly Dictionary<RunId, (RunScheduled Run, DateTimeOffset ReadyAt)> runs = [];
        readonly Dictionary<RunId, AttemptRecord> newest = [];

        public List<AttemptRecord> Attempts { get; } = [];

        public void Apply(LoggedEvent logged)
        {
            switch (logged.Event)
            {
                case PartitionPlanned e:
                    foreach (var output in e.Outputs) plans[output] = (e.Job, e.For);
                    break;
                case PartitionStale e:
                    reasons[e.Partition] = e.Detail.Length > 0
                        ? e.Detail
                        : BuildPhrases.Name(e.Reason);
                    break;
                case RunScheduled e:
                    runs[e.Run] = (e, logged.At);
                    break;
                case RunLeased e when runs.TryGetValue(e.Run, out var run):
                    Begin(e, run.Run, run.ReadyAt, logged.At);
                    break;
                case RunCompleted e:
                    if (newest.TryGetValue(e.Run, out var made))
                        (made.Fingerprint, made.Published) = (e.Fingerprint, e.Outputs);
                    var isMade = e.RestoredFrom.Length == 0;
                    End(e, isMade ? AttemptOutcome.Built : AttemptOutcome.Restored, e.Usage);
                    foreach (var output in e.Outputs)
                    {
                        published.Add(output.Partition);
                        reasons.Remove(output.Partition);
                    }
                    break;
                case RunFailed e:
                    End(e, AttemptOutcome.Failed, e.Usage, e.Failure);
                    if (e.RetryAt is { } again) Again(e.Run, again);
                    break;
                case LeaseExpired e:
                    End(e, e.IsReturned ? AttemptOutcome.GivenBack : AttemptOutcome.Lost, default);
                    if (e.RetryAt is { } next) Again(e.Run, next);
                    break;
                case RunCancelAcked e:
                    End(e, AttemptOutcome.Cancelled, e.Usage);
                    break;
                case RunDepMissed e:
                    End(e, AttemptOutcome.NeedsInputs, e.Usage);
                    break;
            }
        }

        void Again(RunId run, DateTimeOffset at)
        {
            if (runs.TryGetValue(run, out var known)) runs[run] = (known.Run, at);
        }

        void Begin(RunLeased e, RunScheduled run, DateTimeOffset readyAt, DateTimeOffset at)
        {
            var first = run.Claims[0];
            var (job, want) = plans.GetValueOrDefault(first, ("", default));
            var attempt = new AttemptRecord
            {
                Id = new AttemptId(e.Run, e.Attempt),
                Job = job,
                Want = want,
                Outputs = run.Claims,
                ReadyAt = readyAt,
                StartedAt = at,
                Host = e.Worker.Owner.Split('/')[0],
                Why = e.Attempt > 1 ? "another attempt"
                    : reasons.TryGetValue(first, out var reason) ? reason
                    : published.Contains(first) ? "the last run failed"
                    : BuildPhrases.Name(StaleReason.NeverBuilt),
            };
            newest[e.Run] = attempt;
            Attempts.Add(attempt);
        }

        void End(RunEvent e, AttemptOutcome outcome, RunUsage usage, RunFailure? failure = null)
        {
            if (!newest.Remove(e.Run, out var attempt)) return;
            (attempt.Outcome, attempt.Usage, attempt.Failure) = (outcome, usage, failure);
        }
    }
}
