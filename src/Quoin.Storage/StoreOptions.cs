namespace Quoin.Storage;

/// <summary>What a power loss may cost.</summary>
public enum Durability
{
    /// <summary>The last commits; the log falls back to an earlier consistent point.</summary>
    Normal,

    /// <summary>Nothing: every group commit is synced before anybody is told.</summary>
    Full,
}

/// <summary>How a store is opened.</summary>
public sealed record StoreOptions
{
    /// <summary>
    /// The id that a store gets when it is made: any text that no other store has. Randomness comes
    /// in from outside, so there is no default; an empty one means that no store shall be made.
    /// </summary>
    public required string NewId { get; init; }

    /// <summary>What a power loss may cost.</summary>
    public Durability Durability { get; init; } = Durability.Normal;

    /// <summary>
    /// Only reads; nothing is created or changed, and a missing store is an error.
    /// </summary>
    public bool ReadOnly { get; init; }

    /// <summary>
    /// This process decides: it takes the store's lock file, so that a second one is told at once
    /// (<c>store-locked</c>) and not when both have appended. Left with the process, however it
    /// ends.
    /// </summary>
    public bool Lead { get; init; }

    /// <summary>Who this process is, for others who find the lead taken: host/pid.</summary>
    public string Owner { get; init; } = $"{Environment.MachineName}/{Environment.ProcessId}";

    /// <summary>The clock for <c>created_at</c> and <c>sent_at</c>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How long to wait for another process's transaction, in milliseconds.</summary>
    public int BusyTimeoutMs { get; init; } = 5000;
}
