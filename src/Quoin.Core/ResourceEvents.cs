using System.Collections.Immutable;

namespace Quoin.Core;

// Facts about things outside (an image staged, storage allocated, a session launched) that are
// acquired, held and released. A run of a resource is one life of such a thing.

/// <summary>
/// N3. The thing is not ready, or not released, yet, or nobody could say: asked again later, and
/// until then the run has no slot.
/// </summary>
public sealed record RunDeferred(RunId Run, int Epoch, DateTimeOffset Until) : RunEvent(Run)
{
    /// <summary>When the answer came.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>What the answer was.</summary>
    public DeferKind Kind { get; init; }

    /// <summary>A new round begins: polls and time are counted anew.</summary>
    public bool Reset { get; init; }

    /// <summary>What the job wants to know next time, as JSON; empty: what it knew.</summary>
    public string State { get; init; } = "";

    /// <summary>What a person should know of the answer.</summary>
    public string Detail { get; init; } = "";
}

/// <summary>N4. Somebody says that it is worth asking now.</summary>
public sealed record RunWoken(RunId Run, DateTimeOffset At) : RunEvent(Run);

/// <summary>N5. The thing is there; a start-up hook (from 1) has to succeed first.</summary>
public sealed record RunStarted(RunId Run, int Epoch, int Hook) : RunEvent(Run)
{
    /// <summary>How to reach the thing, as JSON; empty: the call did not say.</summary>
    public string Connections { get; init; } = "";
}

/// <summary>
/// N10. Nobody needs the thing any more: it is released; with <see cref="NotBefore"/> it is kept
/// until then, in case that somebody wants it again.
/// </summary>
public sealed record ReleaseScheduled(RunId Run, WantId? Want) : RunEvent(Run)
{
    /// <summary>Kept until then; null: its release begins.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>For people: <c>unused</c>, <c>stale</c>.</summary>
    public string Reason { get; init; } = "";
}

/// <summary>
/// N11. A thing in use ended by itself, or is gone; what is left of it is released.
/// </summary>
public sealed record ResourceEnded(RunId Run, int Epoch) : RunEvent(Run)
{
    /// <summary>Why this is bad; null: it ended well, and its use is over.</summary>
    public RunFailure? Failure { get; init; }
}

/// <summary>N12. The thing does not exist any more, beyond doubt; its run is over.</summary>
public sealed record ResourceReleased(RunId Run, int Epoch) : RunEvent(Run)
{
    /// <summary>Its name outside; of a duplicate: that one only.</summary>
    public string ExternalId { get; init; } = "";
}

/// <summary>
/// N13. It could not be released. With <see cref="RetryAt"/> it is tried again; without, a person
/// has to decide, and all that it stands on stays held.
/// </summary>
public sealed record ReleaseFailed(RunId Run, int Epoch, RunFailure Failure) : RunEvent(Run)
{
    /// <summary>When the next try comes; null: never by itself.</summary>
    public DateTimeOffset? RetryAt { get; init; }
}

/// <summary>The service gave the thing a name; others of the same key are duplicates.</summary>
public sealed record ExternalSeen(RunId Run, int Epoch, string ExternalId) : RunEvent(Run)
{
    /// <summary>Duplicates; each is released with the run.</summary>
    public ImmutableArray<string> Extra { get; init; } = [];
}

/// <summary>
/// A question for a person: something may be left over or half done. <see cref="Parks"/>: nothing
/// goes on with the run until it is answered.
/// </summary>
public sealed record InterventionOpened(InterventionId Intervention, RunId Run, string Code)
    : RunEvent(Run)
{
    /// <summary>For people: what was tried, and what happened.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The key under which the service may know the thing.</summary>
    public string Key { get; init; } = "";

    /// <summary>Names that the thing, or a duplicate, has or may have outside.</summary>
    public ImmutableArray<string> ExternalIds { get; init; } = [];

    /// <summary>The run waits for the answer.</summary>
    public bool Parks { get; init; }
}

/// <summary>N14. The question is answered, or has answered itself.</summary>
public sealed record InterventionResolved(
    InterventionId Intervention, RunId Run, InterventionAnswer Answer) : RunEvent(Run)
{
    /// <summary>The thing's name, for <see cref="InterventionAnswer.Adopt"/>.</summary>
    public string ExternalId { get; init; } = "";

    /// <summary>Who says so.</summary>
    public string By { get; init; } = "";

    /// <summary>Without a meaning now; logs may have it.</summary>
    public DateTimeOffset? WatchAt { get; init; }
}

/// <summary>A want that asks for nothing until it is accepted.</summary>
public sealed record WantOffered(
    WantId Want, ImmutableArray<PartitionId> Targets, DateTimeOffset Expires) : WantEvent(Want)
{
    /// <summary>Priority, window, group.</summary>
    public WantOptions Options { get; init; } = WantOptions.Default;

    /// <summary>What was typed.</summary>
    public string Request { get; init; } = "";

    /// <summary>The command of another process that it answers; empty: none.</summary>
    public string Command { get; init; } = "";
}

/// <summary>Nobody accepted the offer in time.</summary>
public sealed record WantExpired(WantId Want) : WantEvent(Want);

/// <summary>The use is over: what the want holds is let go.</summary>
public sealed record WantReleaseRequested(WantId Want, string By) : WantEvent(Want);

/// <summary>
/// Notification: all that the want holds is there. Follows from the events before it.
/// </summary>
public sealed record WantReady(WantId Want) : WantEvent(Want)
{
    /// <summary>Since when.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>How to reach each of them.</summary>
    public ImmutableArray<ResourceConnections> Connections { get; init; } = [];
}

/// <summary>How to reach a resource, as JSON.</summary>
public readonly record struct ResourceConnections(PartitionId Partition, string Text);

/// <summary>What replay has to know of a resource.</summary>
public sealed record ResourcePolicy
{
    /// <summary>So long it is held on to when nobody needs it.</summary>
    public TimeSpan Keep { get; init; }
}

/// <summary>Why a run of a resource is asked again later.</summary>
public enum DeferKind : byte
{
    /// <summary>The thing is not ready, or not gone, yet.</summary>
    Busy = 0,

    /// <summary>Nobody could say.</summary>
    Unknown = 1,
}

/// <summary>What a person can answer to an intervention.</summary>
public enum InterventionAnswer : byte
{
    /// <summary>Try to release it once more.</summary>
    Retry = 0,

    /// <summary>The thing is the one with this name.</summary>
    Adopt = 1,

    /// <summary>Somebody released it by hand.</summary>
    Released = 2,

    /// <summary>Whatever is left is nobody's business any more.</summary>
    Abandon = 3,

    /// <summary>Nobody answered: the question became moot.</summary>
    Closed = 4,
}
