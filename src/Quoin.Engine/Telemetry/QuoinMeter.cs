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

    /// <summary>These are committed.</summary>
    internal static void Appended(BuildEvent e)
    {
        if (e is InterventionOpened opened)
            interventions.Add(1, new KeyValuePair<string, object?>("code", opened.Code));
    }

    /// <summary>A call about a thing outside was answered.</summary>
    internal static void Answered(ResourceDirection direction, ResourceAnswerKind answer)
    {
        if (!calls.Enabled) return;
        calls.Add(
            1, new KeyValuePair<string, object?>("direction", ResourceCall.Word(direction)),
            new KeyValuePair<string, object?>("answer", WordOf(answer)));
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
