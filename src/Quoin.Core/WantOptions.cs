namespace Quoin.Core;

/// <summary>What a want asks for beside its partitions.</summary>
public sealed record WantOptions
{
    /// <summary>Priority 0, keep going, nothing else.</summary>
    public static readonly WantOptions Default = new();

    /// <summary>Higher first.</summary>
    public int Priority { get; init; }

    /// <summary>Orders only; nothing is dropped when it passes.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>What a failure does to the rest of the want.</summary>
    public FailureMode OnFailure { get; init; }

    /// <summary>Any analysis error means that nothing starts.</summary>
    public bool Strict { get; init; }

    /// <summary>Which partitions are rebuilt although they are current.</summary>
    public FreshMode Fresh { get; init; }

    /// <summary>Resources that have a start window start then; null: at once.</summary>
    public DateTimeOffset? StartAt { get; init; }

    /// <summary>How much later than <see cref="StartAt"/> is still in time.</summary>
    public TimeSpan StartSlack { get; init; }

    /// <summary>The end of the start window, at most the end of all times; null: none.</summary>
    public DateTimeOffset? StartUntil =>
        StartAt > DateTimeOffset.MaxValue - StartSlack ? DateTimeOffset.MaxValue
        : StartAt + StartSlack;

    /// <summary>Released so long after it was ready; null: when somebody says so.</summary>
    public TimeSpan? Use { get; init; }

    /// <summary>It asks for nothing until somebody accepts it.</summary>
    public bool Offer { get; init; }

    /// <summary>Of the offers of a group one is accepted; empty: it stands alone.</summary>
    public string Group { get; init; } = "";

    /// <summary>Inputs that were rebuilt do not count.</summary>
    public bool Soft { get; init; }

    /// <summary>Files are hashed, whatever their stat says; presentation options count.</summary>
    public bool Thorough { get; init; }

    /// <summary>Which current outputs that are not in their place are restored.</summary>
    public RestoreMode Restore { get; init; }

    /// <summary>Outputs stay, whatever <c>keep</c> of their jobs says.</summary>
    public bool KeepAll { get; init; }

    /// <summary>
    /// The payload of what is wanted, for a job that a feed asks for; empty: the newest line's.
    /// </summary>
    public string Payload { get; init; } = "";

    /// <summary>
    /// The trace that the want belongs to, as text that the engine reads; empty: none. It changes
    /// nothing of what is built.
    /// </summary>
    public string Trace { get; init; } = "";
}

/// <summary>What a failure does to the rest of its want.</summary>
public enum FailureMode : byte
{
    /// <summary>Independent work goes on; only what depended on the failure is cancelled.</summary>
    KeepGoing = 0,

    /// <summary>Nothing more starts; running work ends.</summary>
    FailFast = 1,

    /// <summary>
    /// Nothing more starts; running work that no other want demands is cancelled.
    /// </summary>
    Kill = 2,
}

/// <summary>Which partitions of a want are rebuilt although they are current.</summary>
public enum FreshMode : byte
{
    /// <summary>None.</summary>
    No = 0,

    /// <summary>The selected ones.</summary>
    Selected = 1,

    /// <summary>The selected ones and all they require.</summary>
    All = 2,
}
