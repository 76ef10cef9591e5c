using Quoin.Core;

namespace Quoin.Server;

/// <summary>A partition with where it is.</summary>
/// <param name="Name">Its reference.</param>
/// <param name="Place">Where its token lies; null: it is a source, or nobody heard of it.</param>
public sealed record PartitionLine(string Name, PartitionPlace? Place)
{
    /// <summary>What there is to say beside that: why it waits, why it failed.</summary>
    public string Note { get; init; } = "";

    /// <summary>The run that the note is about; null: none.</summary>
    public RunId? Run { get; init; }

    internal static PartitionLine Of(StoreState s, PartitionId p) =>
        new(s.Names.Text(p), s.Kernel.PlaceOf(p));
}

/// <summary>A run in a table.</summary>
public sealed record RunLine
{
    /// <summary>Its id.</summary>
    public required RunId Id { get; init; }

    /// <summary>Its job.</summary>
    public required string Job { get; init; }

    /// <summary>Its first output.</summary>
    public required string First { get; init; }

    /// <summary>How many more outputs it has.</summary>
    public int More { get; init; }

    /// <summary>The want whose plan brought it; 0: none.</summary>
    public WantId Want { get; init; }

    /// <summary>A word: <c>running</c>.</summary>
    public required string State { get; init; }

    /// <summary>The newest attempt; 0: none began.</summary>
    public int Attempt { get; init; }

    /// <summary>Who has or had it.</summary>
    public string Worker { get; init; } = "";

    /// <summary>When the newest attempt began.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>When the run was over; null: it goes on.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>How long the newest attempt took; null while it runs.</summary>
    public TimeSpan? Took { get; init; }

    /// <summary>How long it usually takes; null: nobody knows.</summary>
    public TimeSpan? Usual { get; init; }

    /// <summary>Processor time of the newest attempt.</summary>
    public long CpuMs { get; init; }

    /// <summary>How the newest attempt failed; empty: it did not.</summary>
    public string Failure { get; init; } = "";

    /// <summary>Why it does not go on; empty: it is over, or it runs.</summary>
    public string Why { get; init; } = "";

    /// <summary>It is over and did not make what it should have.</summary>
    public bool CanRetry => State is "failed" or "cancelled";

    /// <summary>It goes on.</summary>
    public bool IsActive => State is "queued" or "running" or "deferred";

    internal static RunLine Of(StoreState s, RunRow run, Holdups? holdups = null)
    {
        var token = s.Kernel.Runs.GetValueOrDefault(run.Id.Value);
        var why = holdups is not null && token is { Place: not RunPlace.Running }
            ? WithTime(holdups.Of(token))
            : "";
        var first = run.Claims.IsEmpty ? (PartitionId?)null : run.Claims[0];
        var usual = first is { } p && s.History.UsualOf(p) is >= 0 and var known ? known
            : s.History.UsualOf(run.Job);
        return new RunLine
        {
            Id = run.Id,
            Job = run.Job,
            First = first is { } name ? s.Names.Text(name) : "",
            More = Math.Max(0, run.Claims.Length - 1),
            Want = run.Want,
            State = token?.Place == RunPlace.Cancelling ? "cancelling" : Words.Of(run.State),
            Attempt = run.Last?.Attempt ?? 0,
            Worker = run.Last?.Worker ?? "",
            Since = run.Last?.LeasedAt,
            EndedAt = run.EndedAt,
            Took = TookOf(run.Last),
            Usual = usual >= 0 ? TimeSpan.FromMilliseconds(usual) : null,
            CpuMs = run.Last?.Usage.CpuMs ?? 0,
            Failure = run.Last?.Failure is { } failure ? Words.Failure(failure) : "",
            Why = why,
        };
    }

    /// <summary>What an attempt says that it took, else from its first to its last event.</summary>
    internal static TimeSpan? TookOf(AttemptRow? attempt) => attempt switch
    {
        null or { EndedAt: null } => null,
        { Usage.ElapsedMs: > 0 and var ms } => TimeSpan.FromMilliseconds(ms),
        { EndedAt: { } end } => end - attempt.LeasedAt,
    };

    internal static string WithTime(Holdup why) => why.Until is { } until
        ? $"{why.Text}, until {until.UtcDateTime:HH:mm:ss}Z"
        : why.Text;
}
