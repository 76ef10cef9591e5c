using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>A command about things outside, or about the wants that hold them.</summary>
public abstract record ResourceCommand : KernelCommand;

/// <summary>N3. A run of a resource is asked again at <see cref="Until"/>.</summary>
public sealed record DeferRun(RunId Run, int Epoch, DateTimeOffset Until) : ResourceCommand
{
    /// <summary>When the answer came; a run that was woken meanwhile is asked again then.</summary>
    public DateTimeOffset At { get; init; }

    /// <inheritdoc cref="RunDeferred.Kind"/>
    public DeferKind Kind { get; init; }

    /// <inheritdoc cref="RunDeferred.Reset"/>
    public bool Reset { get; init; }

    /// <inheritdoc cref="RunDeferred.State"/>
    public string State { get; init; } = "";

    /// <inheritdoc cref="RunDeferred.Detail"/>
    public string Detail { get; init; } = "";
}

/// <summary>N4. It is worth asking now.</summary>
public sealed record WakeRun(RunId Run, DateTimeOffset At) : ResourceCommand
{
    /// <summary>What speaks against it that the kernel does not know: who asks may not.</summary>
    public Refusal? NotAllowed { get; init; }
}

/// <summary>N5. The thing is there; its next start-up hook is to run.</summary>
public sealed record StartRun(RunId Run, int Epoch, int Hook) : ResourceCommand
{
    /// <inheritdoc cref="RunStarted.Connections"/>
    public string Connections { get; init; } = "";
}

/// <summary>The thing's name outside is known, perhaps with those of duplicates.</summary>
public sealed record SeeExternal(RunId Run, int Epoch, string ExternalId) : ResourceCommand
{
    /// <inheritdoc cref="ExternalSeen.Extra"/>
    public ImmutableArray<string> Extra { get; init; } = [];

    /// <summary>N15. A lease that is over names something that is to be released, too.</summary>
    public bool IsLate { get; init; }
}

/// <summary>N10. Nobody needs the thing: keep it until <see cref="KeepUntil"/>, or release it.
/// </summary>
public sealed record ScheduleRelease(RunId Run, DateTimeOffset Now) : ResourceCommand
{
    /// <summary>Null: what is kept until now, or is not to be kept, is released.</summary>
    public DateTimeOffset? KeepUntil { get; init; }

    /// <summary>Its definition is another one now; whoever only asks for it wants the new one.
    /// </summary>
    public bool IsStale { get; init; }
}

/// <summary>N11. A look found that the thing ended, or is gone.</summary>
public sealed record EndResource(RunId Run, int Epoch) : ResourceCommand
{
    /// <inheritdoc cref="ResourceEnded.Failure"/>
    public RunFailure? Failure { get; init; }
}

/// <summary>N12. The thing does not exist any more.</summary>
public sealed record ReleaseDone(RunId Run, int Epoch) : ResourceCommand
{
    /// <inheritdoc cref="ResourceReleased.ExternalId"/>
    public string ExternalId { get; init; } = "";
}

/// <summary>N13. It could not be released; without <see cref="RetryAt"/> the budget is spent.
/// </summary>
public sealed record FailRelease(RunId Run, int Epoch, RunFailure Failure) : ResourceCommand
{
    /// <inheritdoc cref="ReleaseFailed.RetryAt"/>
    public DateTimeOffset? RetryAt { get; init; }
}

/// <summary>Asks a person; <see cref="Parks"/>: the run stays where it is until then.</summary>
public sealed record OpenIntervention(RunId Run, string Code) : ResourceCommand
{
    /// <inheritdoc cref="InterventionOpened.Reason"/>
    public string Reason { get; init; } = "";

    /// <inheritdoc cref="InterventionOpened.Key"/>
    public string Key { get; init; } = "";

    /// <inheritdoc cref="InterventionOpened.ExternalIds"/>
    public ImmutableArray<string> ExternalIds { get; init; } = [];

    /// <inheritdoc cref="InterventionOpened.Parks"/>
    public bool Parks { get; init; }
}

/// <summary>N14. A person answers, or the question became moot.</summary>
public sealed record ResolveIntervention(
    InterventionId Intervention, InterventionAnswer Answer, string By) : ResourceCommand
{
    /// <inheritdoc cref="InterventionResolved.ExternalId"/>
    public string ExternalId { get; init; } = "";
}

/// <summary>The use of a want is over.</summary>
public sealed record RequestWantRelease(WantId Want, string By) : ResourceCommand;

/// <summary>A want that waits for somebody who accepts it.</summary>
public sealed record OfferWant(
    ImmutableArray<PartitionId> Targets, WantOptions Options, DateTimeOffset Expires)
    : ResourceCommand
{
    /// <summary>What speaks against it that the kernel does not know: pools are full.</summary>
    public Refusal? NoRoom { get; init; }

    /// <summary>What was typed.</summary>
    public string Request { get; init; } = "";

    /// <summary>The command of another process that it answers; empty: none.</summary>
    public string Command { get; init; } = "";
}

/// <summary>Somebody takes an offer; others of its group are to be cancelled.</summary>
public sealed record AcceptOffer(WantId Want, DateTimeOffset Now) : ResourceCommand
{
    /// <summary>The command of another process that it answers; empty: none.</summary>
    public string Command { get; init; } = "";
}

/// <summary>An offer's time is over.</summary>
public sealed record ExpireWant(WantId Want, DateTimeOffset Now) : ResourceCommand;
