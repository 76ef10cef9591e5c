using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What a job's reports said, all together.</summary>
sealed class JobReports
{
    /// <summary>References that it needs, in the order of the reports, each once.</summary>
    public List<string> Needs { get; } = [];

    /// <summary>The last <c>fail</c> report.</summary>
    public (FailureCategory Category, string Reason)? Fail { get; set; }

    /// <summary>What <c>manifest</c> reports said of outputs, by reference.</summary>
    public Dictionary<string, OutputReport> Outputs { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// The first report that only jobs with <c>resource:</c> may make, right or wrong; null: none.
    /// </summary>
    public string? ResourceOnly { get; set; }

    /// <summary>
    /// What was wrong with the first report that is part of an answer; null: nothing.
    /// </summary>
    public string? Broken { get; set; }

    /// <summary>It reported a <c>manifest</c>.</summary>
    public bool HasManifest { get; set; }

    /// <summary>The <c>connections</c> of a manifest, a JSON object; null: none.</summary>
    public string? ConnectionsJson { get; set; }

    /// <summary>The last <c>defer</c> report.</summary>
    public DeferReport? Defer { get; set; }

    /// <summary>The id of an <c>external</c> report; null: none.</summary>
    public string? ExternalId { get; set; }

    /// <summary>Ids of more things under the same key or label: each is released.</summary>
    public List<string> ExtraIds { get; } = [];

    /// <summary>It reported <c>unknown</c>; the reason, perhaps empty.</summary>
    public string? Unknown { get; set; }

    /// <summary>It reported <c>absent</c>.</summary>
    public bool IsAbsent { get; set; }

    /// <summary>It reported <c>released</c>.</summary>
    public bool IsReleased { get; set; }

    /// <summary>It reported <c>ended</c>.</summary>
    public EndedReport? Ended { get; set; }
}

/// <summary>A <c>defer</c> report.</summary>
/// <param name="After">Until the next look; null: what the graph says.</param>
/// <param name="Reset">The budgets of polling begin anew.</param>
/// <param name="StateJson">A JSON object for the next activation; null: none.</param>
public sealed record DeferReport(TimeSpan? After, bool Reset, string? StateJson)
{
    /// <summary>The longest wait.</summary>
    public static readonly TimeSpan AfterMax = TimeSpan.FromDays(365);

    /// <summary>How long a state may be, in bytes.</summary>
    public const int StateBytesMax = 64 << 10;
}

/// <summary>An <c>ended</c> report: what was in use is over.</summary>
/// <param name="Exit">Its exit code; null: it has none.</param>
public sealed record EndedReport(int? Exit);

/// <summary>What a <c>manifest</c> report says of one output.</summary>
/// <param name="Path">
/// Where it lies, relative to the staging folder; null: where it was told to.
/// </param>
/// <param name="MetadataJson">An object of the job's own.</param>
readonly record struct OutputReport(string? Path, string? MetadataJson);
