using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Cli;

/// <summary>What an event says beside its type and subject, in a few words for people.</summary>
static class EventText
{
    /// <summary>The words; empty when type and subject say it all.</summary>
    public static string Of(BuildEvent e, PartitionNames names) => e switch
    {
        WantAccepted w => $"{Some(w.Targets, names)}{Quoted(w.Request)}",
        WantPlanned w => Counts(w.Counts),
        PlanExtended w => $"+{w.Added.Total} found by {names.Text(w.By)}",
        AnalysisFailed w => Units.Count(w.Problems.Length, "problem")
            + (w.Problems.IsEmpty ? "" : $": {w.Problems[0].Message}"),
        WantCancelled w => $"by {w.By}",
        WantSucceeded => "",
        WantFailed w => Some(w.Failed, names),
        WantDelegated w => $"{names.Text(w.Partition)} to {w.Run}"
            + (w.To is { } to ? $" of {to}" : ""),
        PartitionPlanned p => $"job {p.Job} for {p.For}: {Some(p.Outputs, names)}"
            + $" from {Units.Count(p.Inputs.Length, "input")}",
        PartitionStale p => BuildPhrases.Name(p.Reason) + Colon(p.Detail),
        PartitionCurrent => "",
        ConfigFailed c => $"{Some(c.Outputs, names)}: {c.Problem.Message}",
        PartitionTainted p => $"by {p.By}{Colon(p.Why)}",
        FeedLinesAccepted f => $"{f.File}: {Units.Count(f.Lines, "line")}"
            + (f.Skipped > 0 ? $", {f.Skipped} skipped" : "") + (f.Complete ? ", complete" : ""),
        FeedFileRemoved f => f.File,
        RunUndelivered => "its worker provably did not get it; all is as before",
        RunUnowned => "its client is gone; anybody's DONE counts",
        CommandAnswered c => c.Message.Length > 0 ? $"{c.Code}: {c.Message}" : c.Code,
        OutputsRemoved o => $"{Some(o.Partitions, names)} by {o.By}",
        RunScheduled r => Some(r.Claims, names),
        RunLeased r => $"attempt {r.Attempt} by {r.Worker}",
        RunCompleted r => $"{Some([.. r.Outputs.Select(o => o.Partition)], names)}"
            + $" {Units.Bytes(r.Outputs.Sum(o => o.Bytes))} in {Took(r.Usage)}"
            + (r.RestoredFrom.Length > 0 ? $", restored from {r.RestoredFrom}" : ""),
        RunFailed r => $"{Units.Describe(r.Failure)}{Units.Reason(r.Failure)}{Again(r.RetryAt)}",
        RunDepMissed r => $"needs {Some(r.Needs, names)}",
        RunCancelRequested r => $"by {r.By}",
        RunCancelAcked r => $"after {Took(r.Usage)}",
        LeaseExpired { IsReturned: true } r => $"epoch {r.Epoch}, given back",
        LeaseExpired r => $"epoch {r.Epoch}{Again(r.RetryAt)}",
        StaleReportRejected r => $"epoch {r.Epoch}",
        WorkerAdded w => Units.Count(w.Slots - w.Ahead, "slot"),
        WorkerRemoved => "",
        RunDeferred r => OfDeferred(r),
        RunWoken => "",
        RunStarted r => $"hook {r.Hook}",
        ReleaseScheduled { NotBefore: { } keep } => $"kept until {keep.UtcDateTime:HH:mm:ss}Z",
        ReleaseScheduled r => r.Reason + (r.Want is { } want ? $", let go by {want}" : ""),
        ResourceEnded r => r.Failure is { } f ? $"{Units.Describe(f)}{Units.Reason(f)}" : "well",
        ResourceReleased r => r.ExternalId,
        ReleaseFailed r => $"{Units.Describe(r.Failure)}{Units.Reason(r.Failure)}"
            + Again(r.RetryAt),
        ExternalSeen r => r.ExternalId
            + (r.Extra.IsEmpty ? "" : $", and also {string.Join(", ", r.Extra)}"),
        InterventionOpened i => $"{i.Intervention} {i.Code}{Colon(i.Reason)}",
        InterventionResolved i => $"{i.Intervention} {i.Answer.ToString().ToLowerInvariant()}"
            + (i.ExternalId.Length > 0 ? $" {i.ExternalId}" : "")
            + (i.By.Length > 0 ? $" by {i.By}" : ""),
        WantOffered w => $"{Some(w.Targets, names)} until {w.Expires.UtcDateTime:HH:mm:ss}Z"
            + Quoted(w.Request),
        WantExpired => "",
        WantReleaseRequested w => $"by {w.By}",
        WantReady w => string.Join(", ", w.Connections.Select(c => c.Text)),
        _ => "",
    };

    /// <summary>Failures are red, endings green, the rest is plain.</summary>
    public static Style StyleOf(string type) => type switch
    {
        "run-failed" or "want-failed" or "analysis-failed" or "config-failed"
            or "release-failed" or "intervention-opened" => Style.Red,
        "run-completed" or "want-succeeded" or "want-ready" => Style.Green,
        "partition-tainted" or "lease-expired" or "want-cancelled" => Style.Yellow,
        _ => Style.Plain,
    };

    static string OfDeferred(RunDeferred r)
    {
        var kind = r.Kind == DeferKind.Busy ? "busy" : "unknown";
        return $"{kind}{Colon(r.Detail)}, again at {r.Until.UtcDateTime:HH:mm:ss}Z"
            + (r.Reset ? ", a new round" : "");
    }

    static string Counts(PlanCounts counts)
    {
        var blocked = counts.Blocked > 0 ? $", {counts.Blocked} blocked" : "";
        return $"{counts.Total} = {counts.Current} current, {counts.Build} to build,"
            + $" {counts.Maybe} maybe{blocked}";
    }

    static string Some(ImmutableArray<PartitionId> partitions, PartitionNames names) =>
        BuildPhrases.Some([.. partitions.Take(3).Select(names.Text)], partitions.Length);

    static string Took(RunUsage usage) =>
        Units.Duration(TimeSpan.FromMilliseconds(usage.ElapsedMs));

    static string Again(DateTimeOffset? retryAt) => retryAt is { } at
        ? $", again at {at.UtcDateTime:HH:mm:ss}Z"
        : ", for good";

    static string Colon(string text) => text.Length > 0 ? $": {text}" : "";

    static string Quoted(string text) => text.Length > 0 ? $" ({text})" : "";
}
