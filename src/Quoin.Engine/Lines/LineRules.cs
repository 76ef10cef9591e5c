using Quoin.Core;

namespace Quoin.Engine;

/// <summary>How clients that never said HELLO hold their jobs.</summary>
public enum PlainClients : byte
{
    /// <summary>By what they do: see docs/supervisor.md.</summary>
    Auto = 0,

    /// <summary>Nobody holds them: any DONE of the path counts.</summary>
    Path = 1,

    /// <summary>Their connection does.</summary>
    Connection = 2,
}

/// <summary>What exit codes of line workers mean.</summary>
public enum LineCodes : byte
{
    /// <summary>0 is success, everything else a failure.</summary>
    Opaque = 0,

    /// <summary>
    /// They have categories as those of jobs have; what is temporary is tried again, and of a
    /// success the output has to be there.
    /// </summary>
    Category = 1,
}

/// <summary>What the keys of <c>line:</c> say.</summary>
public sealed record LineRules
{
    /// <summary>Holds, leases, attempts.</summary>
    public FeedRules Feed { get; init; } = new();

    /// <summary>How plain clients hold.</summary>
    public PlainClients Plain { get; init; }

    /// <summary>What exit codes mean.</summary>
    public LineCodes Codes { get; init; }

    /// <summary>
    /// The dataset whose references jobs are called by, <c>update/alpha</c>; null: by their keys.
    /// </summary>
    public string? Dataset { get; init; }

    /// <summary>Any DONE counts, whoever holds the job.</summary>
    public bool AnyDone { get; init; }

    /// <summary>A plain connection that is open longer after its job is a worker's.</summary>
    public long OneShotMs { get; init; } = 10_000;

    /// <summary>How long a DONE whose answer was lost is known again.</summary>
    public long RepeatedDoneMs { get; init; } = 600_000;
}

/// <summary>Whoever is told what goes on: lines for a log.</summary>
public interface ILineObserver
{
    /// <summary>One line for people, without its end.</summary>
    void Said(string line);
}
