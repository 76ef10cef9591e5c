using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>A question for a person, with its answer if there is one.</summary>
public sealed record QuestionLine
{
    /// <summary>Its id.</summary>
    public required InterventionId Id { get; init; }

    /// <summary>What kind of question it is.</summary>
    public required string Code { get; init; }

    /// <summary>What it is about.</summary>
    public required string Partition { get; init; }

    /// <summary>The run of that.</summary>
    public required RunId Run { get; init; }

    /// <summary>What was tried, and what happened.</summary>
    public required string Reason { get; init; }

    /// <summary>The key under which the service may know the thing.</summary>
    public required string Key { get; init; }

    /// <summary>Names that the thing has or may have outside.</summary>
    public required ImmutableArray<string> ExternalIds { get; init; }

    /// <summary>Since when it is open.</summary>
    public required DateTimeOffset OpenedAt { get; init; }

    /// <summary>A word; empty: it is open.</summary>
    public string Answer { get; init; } = "";

    /// <summary>Who answered.</summary>
    public string By { get; init; } = "";

    /// <summary>When.</summary>
    public DateTimeOffset? AnsweredAt { get; init; }

    /// <summary>It waits for an answer.</summary>
    public bool IsOpen => Answer.Length == 0;

    internal static QuestionLine Of(QuestionRow row) => new()
    {
        Id = row.What.Intervention,
        Code = row.What.Code,
        Partition = row.Partition,
        Run = row.What.Run,
        Reason = row.What.Reason,
        Key = row.What.Key,
        ExternalIds = row.What.ExternalIds.IsDefault ? [] : row.What.ExternalIds,
        OpenedAt = row.OpenedAt,
        Answer = row.Answer is { } answer ? Words.Of(answer.Answer) : "",
        By = row.Answer?.By ?? "",
        AnsweredAt = row.AnsweredAt,
    };
}
