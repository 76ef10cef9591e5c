using System.Collections.Immutable;

namespace Quoin.Engine;

/// <summary>
/// What an activation of a resource run is about. A job's commands get all of it as
/// <c>QUOIN_KEY</c> and so on; see docs/protocol.md.
/// </summary>
public sealed record ResourceCall
{
    /// <summary>
    /// The run's idempotency key, the same in every attempt and poll: <c>store id-run id</c>.
    /// </summary>
    public required string Key { get; init; }

    /// <summary>What is asked for.</summary>
    public required ResourceDirection Direction { get; init; }

    /// <summary>The hook, from 0 (<see cref="ResourceDirection.Hook"/>).</summary>
    public int Hook { get; init; }

    /// <summary>
    /// An earlier activation under this key may have acted: look before you create.
    /// </summary>
    public bool Reentry { get; init; }

    /// <summary>False: what is not there may not be created any more.</summary>
    public bool MayCreate { get; init; } = true;

    /// <summary>The thing's own id; empty: not known.</summary>
    public string ExternalId { get; init; } = "";

    /// <summary>
    /// What the last <c>defer</c> wanted to have back, a JSON object; null: nothing.
    /// </summary>
    public string? StateJson { get; init; }

    /// <summary>End of the want's start window; null: none.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>Where a service can report that something happened; null: nowhere.</summary>
    public string? Callback { get; init; }

    /// <summary>
    /// <see cref="Key"/>, or the one of the hook: each hook acts on its own, and once.
    /// </summary>
    public string CallKey => Direction == ResourceDirection.Hook ? $"{Key}/hook/{Hook}" : Key;

    /// <summary>The direction in a job's environment.</summary>
    public static string Word(ResourceDirection direction) => direction switch
    {
        ResourceDirection.Acquire => "acquire",
        ResourceDirection.Watch => "watch",
        ResourceDirection.Release => "release",
        ResourceDirection.Hook => "hook",
        _ => throw new ArgumentOutOfRangeException(nameof(direction)),
    };
}

/// <summary>What an activation of a resource run is for.</summary>
public enum ResourceDirection : byte
{
    /// <summary>
    /// To get the thing: look it up, or create it; then to look until it is there.
    /// </summary>
    Acquire = 0,

    /// <summary>To look at what is in use.</summary>
    Watch = 1,

    /// <summary>To give it back.</summary>
    Release = 2,

    /// <summary>A startup hook.</summary>
    Hook = 3,
}
