namespace Quoin.Core;

/// <summary>Where a partition's one token lies.</summary>
public enum PartitionPlace : byte
{
    /// <summary>Nothing there, and nobody wants it.</summary>
    Missing = 0,

    /// <summary>Demanded; how to make it is not known yet.</summary>
    Wanted = 1,

    /// <summary>
    /// Its config is known; it waits for inputs, or, with none outstanding, to be run.
    /// </summary>
    Planned = 2,

    /// <summary>A run holds it.</summary>
    Building = 3,

    /// <summary>A run found that it needs more inputs; it waits for those.</summary>
    Waiting = 4,

    /// <summary>Published.</summary>
    Live = 5,

    /// <summary>Published, and no longer trusted.</summary>
    Tainted = 6,

    /// <summary>Attempts used up, an input failed, or analysis cannot say how to make it.</summary>
    Failed = 7,
}

/// <summary>Where a run's token lies; ended runs leave the state.</summary>
public enum RunPlace : byte
{
    /// <summary>Scheduled; waits for a worker or for its retry time.</summary>
    Queued = 0,

    /// <summary>A worker has it.</summary>
    Running = 1,

    /// <summary>
    /// A worker has it and was told to stop; its claims are kept until it says so.
    /// </summary>
    Cancelling = 2,
}

/// <summary>How a want ended.</summary>
public enum WantOutcome : byte
{
    /// <summary>All it asked for is Live.</summary>
    Succeeded = 0,

    /// <summary>Something it asked for cannot be had.</summary>
    Failed = 1,

    /// <summary>Somebody gave it up.</summary>
    Cancelled = 2,
}

/// <summary>Why a partition is Failed.</summary>
public enum FailureCause : byte
{
    /// <summary>Its run failed for good.</summary>
    Run = 0,

    /// <summary>An input of it is Failed.</summary>
    Upstream = 1,

    /// <summary>Analysis cannot say how to make it.</summary>
    Config = 2,

    /// <summary>Its run needs something that waits for it.</summary>
    Cycle = 3,
}
