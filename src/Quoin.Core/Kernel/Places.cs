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

    /// <summary>A resource that is being released; its run holds it.</summary>
    Releasing = 8,

    /// <summary>A resource that was there and is not any more: like Missing.</summary>
    Released = 9,

    /// <summary>A resource of which a person has to say what is with it.</summary>
    Quarantined = 10,
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

    /// <summary>A run of a resource sleeps: without a slot, until its activation.</summary>
    Deferred = 3,
}

/// <summary>What a run of a resource does when it is activated.</summary>
public enum RunDirection : byte
{
    /// <summary>The thing is asked for, or whether it is there yet.</summary>
    Acquire = 0,

    /// <summary>It is in use; whether it still runs is asked.</summary>
    Watch = 1,

    /// <summary>It is given back.</summary>
    Release = 2,
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

    /// <summary>An offer that nobody accepted.</summary>
    Expired = 3,
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

    /// <summary>A resource that it held is gone.</summary>
    Vanished = 4,
}
