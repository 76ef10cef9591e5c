using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What an activation of a resource run came to: the table of docs/durable-steps.md, from the way
/// its process ended and what it reported.
/// </summary>
public sealed record ResourceAnswer(ResourceAnswerKind Kind)
{
    /// <summary>For people, one line: why it is so; empty when there is nothing to add.</summary>
    public string Reason { get; init; } = "";

    /// <summary>How it failed (<see cref="ResourceAnswerKind.Failed"/>).</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>When to look again (<see cref="ResourceAnswerKind.Busy"/>).</summary>
    public DeferReport? Defer { get; init; }

    /// <summary>
    /// What was in use is over (<see cref="ResourceAnswerKind.Done"/> of a watch).
    /// </summary>
    public EndedReport? Ended { get; init; }

    /// <summary>The thing's id, as far as it was reported, whatever the kind.</summary>
    public string? ExternalId { get; init; }

    /// <summary>Ids of more things that are to be released.</summary>
    public ImmutableArray<string> ExtraIds { get; init; } = [];

    /// <summary>How to reach it, a JSON object; null: not said.</summary>
    public string? ConnectionsJson { get; init; }

    /// <summary>
    /// The answer of a process. The first that applies: no end of its own, an exit code that says
    /// that nothing is known, a report that cannot be read or contradicts another, a failure, what
    /// was reported, nothing.
    /// </summary>
    /// <param name="direction">What was asked.</param>
    /// <param name="failure">How the process failed; null: success.</param>
    /// <param name="reports">What it reported.</param>
    internal static ResourceAnswer Of(
        ResourceDirection direction, RunFailure? failure, JobReports reports)
    {
        var answer = Decide(direction, failure, reports);
        return answer with
        {
            ExternalId = reports.ExternalId,
            ExtraIds = [.. reports.ExtraIds],
            ConnectionsJson = reports.ConnectionsJson,
        };
    }

    static ResourceAnswer Decide(
        ResourceDirection direction, RunFailure? failure, JobReports reports)
    {
        if (failure is not null && IsSilent(failure.Category)) return Unknown(failure.Reason);
        if (reports.Broken is { } broken) return Unknown($"a report cannot be read: {broken}");
        var said = Said(reports);
        if (said.Count > 1) return Unknown($"it reported both {said[0]} and {said[1]}");
        if (failure is not null && said is ["unknown"]) return Said(direction, "unknown", reports);
        // It did something and then broke: what it did is not known to have been undone.
        if (failure is not null && said is [var one])
            return Unknown($"it reported {one}, then {failure.Reason}");
        if (failure is not null) return Failed(failure, reports.Fail);
        if (reports.Needs.Count > 0)
            return Failed(new(
                FailureCategory.Contract, "it reported needs, which a resource cannot"), null);
        if (reports.Fail is { } fail)
            return said is [var other]
                ? Unknown($"it reported both fail and {other}")
                : Failed(new(fail.Category, fail.Reason), fail);
        return said.Count == 0 ? Nothing(direction) : Said(direction, said[0], reports);
    }

    // Ends after which the call may have gone through: nobody heard the answer.
    static bool IsSilent(FailureCategory category) => category
        is FailureCategory.Temporary or FailureCategory.Timeout or FailureCategory.OutOfMemory
            or FailureCategory.Signal or FailureCategory.Lost;

    static List<string> Said(JobReports reports)
    {
        var said = new List<string>();
        if (reports.Defer is not null) said.Add("defer");
        if (reports.Unknown is not null) said.Add("unknown");
        if (reports.IsAbsent) said.Add("absent");
        if (reports.Ended is not null) said.Add("ended");
        if (reports.IsReleased) said.Add("released");
        if (reports.HasManifest) said.Add("manifest");
        return said;
    }

    static ResourceAnswer Said(ResourceDirection direction, string what, JobReports reports) =>
        (what, direction) switch
        {
            ("manifest", ResourceDirection.Acquire or ResourceDirection.Hook)
                or ("released", ResourceDirection.Release) => new(ResourceAnswerKind.Done),
            ("ended", ResourceDirection.Watch) =>
                new(ResourceAnswerKind.Done) { Ended = reports.Ended },
            ("ended", ResourceDirection.Acquire or ResourceDirection.Hook) => Failed(
                new(FailureCategory.Failed, "it ended before it was available" + (
                    reports.Ended!.Exit is { } exit ? $" (exit {exit})" : "")),
                null),
            ("defer", _) => new(ResourceAnswerKind.Busy) { Defer = reports.Defer },
            ("absent", _) => new(ResourceAnswerKind.Absent),
            ("unknown", _) => Unknown(reports.Unknown!.Length > 0
                ? reports.Unknown
                : "it reported unknown"),
            _ => Unknown(
                $"it reported {what}, which is no answer to {ResourceCall.Word(direction)}"),
        };

    // A hook is an ordinary step: its exit code is its answer. Of all others something has to be
    // said, and who does not has not understood the protocol; what is in use is not ended for that.
    static ResourceAnswer Nothing(ResourceDirection direction) => direction switch
    {
        ResourceDirection.Hook => new(ResourceAnswerKind.Done),
        ResourceDirection.Watch => Unknown("exit 0 without a report"),
        _ => Failed(new(FailureCategory.Failed, "exit 0 without a report"), null),
    };

    static ResourceAnswer Failed(
        RunFailure failure, (FailureCategory Category, string Reason)? said)
    {
        if (said is { } fail)
            failure = failure with { Category = fail.Category, Reason = fail.Reason };
        return new(ResourceAnswerKind.Failed) { Failure = failure, Reason = failure.Reason };
    }

    static ResourceAnswer Unknown(string reason) =>
        new(ResourceAnswerKind.Unknown) { Reason = reason };
}

/// <summary>The answers that an activation can have.</summary>
public enum ResourceAnswerKind : byte
{
    /// <summary>It is there, is over, or is given back, by direction.</summary>
    Done = 0,

    /// <summary>Not yet: look again later. Of a watch: in use.</summary>
    Busy = 1,

    /// <summary>It cannot be.</summary>
    Failed = 2,

    /// <summary>The thing is not there.</summary>
    Absent = 3,

    /// <summary>Nothing is known; nothing changes but a budget.</summary>
    Unknown = 4,
}
