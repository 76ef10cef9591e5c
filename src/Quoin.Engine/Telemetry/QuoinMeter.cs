using System.Diagnostics.Metrics;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What the engine counts while it runs, for whoever listens (<see cref="MeterListener"/>, an
/// exporter, a page of metrics): without a listener it costs nothing. Each instrument is declared
/// here, so that the names are on one screen.
/// </summary>
public static class QuoinMeter
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Quoin";

    static readonly Meter meter = new(Name);

    // Questions that were put to people, by code (release-failed, lost-contact, …).
    static readonly Counter<long> interventions = meter.CreateCounter<long>(
        "interventions_total", "{intervention}", "Questions that only a person can answer");

    // Calls about things outside that were answered, by direction and answer.
    static readonly Counter<long> calls = meter.CreateCounter<long>(
        "resource_calls_total", "{call}", "Answers of calls about things outside");

    static readonly Counter<long> appends = meter.CreateCounter<long>(
        "appends_total", "{append}", "Transactions that this process added to the log");

    static readonly Counter<long> appended = meter.CreateCounter<long>(
        "appended_events_total", "{event}", "Events that this process added to the log");

    static readonly Histogram<double> appendTime = meter.CreateHistogram<double>(
        "append_seconds", "s", "How long the log took to take them");

    static readonly Counter<long> leasesLost = meter.CreateCounter<long>(
        "leases_lost_total", "{lease}", "Leases that ended before their runs did");

    // Wants that this process saw end, by outcome.
    static readonly Counter<long> wants = meter.CreateCounter<long>(
        "wants_total", "{want}", "Wants by how they ended");

    static readonly Gauge<long> queue = meter.CreateGauge<long>(
        "queue_length", "{run}", "Runs that wait for a worker");

    // Attempts that this process executed, by job and outcome.
    static readonly Histogram<double> attempts = meter.CreateHistogram<double>(
        "attempt_seconds", "s", "How long attempts took");

    /// <summary>These are committed.</summary>
    internal static void Appended(BuildEvent e)
    {
        switch (e)
        {
            case InterventionOpened opened: interventions.Add(1, Tag("code", opened.Code)); break;
            case LeaseExpired { IsReturned: false }: leasesLost.Add(1); break;
            case WantSucceeded: wants.Add(1, Tag("outcome", "succeeded")); break;
            case WantFailed: wants.Add(1, Tag("outcome", "failed")); break;
            case WantCancelled: wants.Add(1, Tag("outcome", "cancelled")); break;
            case WantExpired: wants.Add(1, Tag("outcome", "expired")); break;
        }
    }

    /// <summary>They went into the log together.</summary>
    internal static void Committed(int events, TimeSpan took, KernelState state)
    {
        appends.Add(1);
        appended.Add(events);
        appendTime.Record(took.TotalSeconds);
        if (queue.Enabled)
            queue.Record(state.Runs.Values.Count(run => run.Place == RunPlace.Queued));
    }

    /// <summary>An attempt ended here.</summary>
    internal static void Executed(string job, JobEnd end, RunUsage usage)
    {
        if (!attempts.Enabled) return;
        attempts.Record(
            usage.ElapsedMs / 1000.0, Tag("job", job), Tag("outcome", end switch
            {
                JobEnd.Completed or JobEnd.Answered => "completed",
                JobEnd.Failed => "failed",
                JobEnd.NeedsInputs => "needs-inputs",
                JobEnd.Cancelled => "cancelled",
                JobEnd.LeaseLost => "lost",
                JobEnd.Returned => "given-back",
                _ => throw new ArgumentOutOfRangeException(nameof(end)),
            }));
    }

    static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    /// <summary>A call about a thing outside was answered.</summary>
    internal static void Answered(ResourceDirection direction, ResourceAnswerKind answer)
    {
        if (!calls.Enabled) return;
        calls.Add(
            1, Tag("direction", ResourceCall.Word(direction)), Tag("answer", WordOf(answer)));
    }

    static string WordOf(ResourceAnswerKind answer) => answer switch
    {
        ResourceAnswerKind.Done => "done",
        ResourceAnswerKind.Busy => "busy",
        ResourceAnswerKind.Failed => "failed",
        ResourceAnswerKind.Absent => "absent",
        ResourceAnswerKind.Unknown => "unknown",
        _ => throw new ArgumentOutOfRangeException(nameof(answer)),
    };
}
