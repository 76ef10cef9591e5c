namespace Quoin.FakeService;

/// <summary>
/// What the service does with the calls that it fits, instead of serving them well. The first rule
/// that fits a call counts. In JSON names are in snake_case.
/// </summary>
public sealed record Rule
{
    /// <summary>Null: any of them.</summary>
    public Verb? Verb { get; init; }

    /// <summary>A label as <c>name=value</c> that the thing carries; null: any thing.</summary>
    public string? Label { get; init; }

    /// <summary>The first of the calls that fit by verb and label, from 1.</summary>
    public int From { get; init; } = 1;

    /// <summary>The last of them.</summary>
    public int To { get; init; } = int.MaxValue;

    /// <summary>How long the answer takes.</summary>
    public int LatencyMs { get; init; }

    /// <summary>Answered instead of doing anything: 400, 429, 503.</summary>
    public int? Status { get; init; }

    /// <summary>Does nothing and answers never.</summary>
    public bool Hang { get; init; }

    /// <summary>Does nothing and answers what is no JSON.</summary>
    public bool Garbage { get; init; }

    /// <summary>Does it, and cuts the connection instead of answering.</summary>
    public bool LoseAnswer { get; init; }

    /// <summary>Does it, and dies.</summary>
    public bool Crash { get; init; }

    /// <summary>Of POST: cuts the connection at once, and creates after so long.</summary>
    public int? LateMs { get; init; }

    /// <summary>The thing is gone from this call on.</summary>
    public bool Vanish { get; init; }

    /// <summary>What the thing ran has ended with this code from this call on.</summary>
    public int? Exit { get; init; }

    /// <summary>A state that nobody knows, from this call on; empty: its own.</summary>
    public string State { get; init; } = "";

    /// <summary>Of POST: the thing is starting for so many looks.</summary>
    public int BusyLooks { get; init; }

    /// <summary>Of POST: the thing is starting for so long.</summary>
    public int BusyMs { get; init; }

    /// <summary>Of POST: it fails at the look after so many.</summary>
    public int? FailAfter { get; init; }

    /// <summary>Of POST: when the callback is called.</summary>
    public Callback Callback { get; init; }

    /// <summary>Of POST: a key that is known creates all the same.</summary>
    public bool IgnoreKeys { get; init; }

    /// <summary>Of FIND: finds nothing by any label.</summary>
    public bool IgnoreLabels { get; init; }
}

/// <summary>The calls of the service.</summary>
public enum Verb
{
    /// <summary>Create: <c>POST /things</c>.</summary>
    Post,

    /// <summary>Look: <c>GET /things/ID</c>.</summary>
    Get,

    /// <summary>Search: <c>GET /things?label=</c>.</summary>
    Find,

    /// <summary>Give back: <c>DELETE /things/ID</c>.</summary>
    Delete,

    /// <summary>Do something with a thing: <c>POST /things/ID/calls/NAME</c>.</summary>
    Call,
}

/// <summary>When a thing that has a callback calls it.</summary>
public enum Callback
{
    /// <summary>Once it is running.</summary>
    Once,

    /// <summary>At once, while it is still starting.</summary>
    Early,

    /// <summary>A second after it is running.</summary>
    Late,

    /// <summary>Two times.</summary>
    Twice,

    /// <summary>Not at all.</summary>
    Never,
}
