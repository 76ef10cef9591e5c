using System.Collections.Immutable;

namespace Quoin.Engine;

/// <summary>
/// Something that began and is over, as OpenTelemetry tells of it. Where its conventions have a
/// name for an attribute (those of CI/CD pipelines, processes and errors), that name is used.
/// </summary>
public sealed record Span
{
    /// <summary>What it was, of few words: <c>run daily</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Its trace and its own id.</summary>
    public required TraceContext Context { get; init; }

    /// <summary>The span that it is a part of; 0: it is the first one of its trace.</summary>
    public ulong Parent { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>When it was over; not before it began, whatever clocks say.</summary>
    public required DateTimeOffset End { get; init => field = value < Start ? Start : value; }

    /// <summary>
    /// What is known of it: texts, whole numbers (<see cref="long"/>), and lists of texts.
    /// </summary>
    public ImmutableArray<KeyValuePair<string, object>> Attributes { get; init; } = [];

    /// <summary>Spans that it waited for and that are not its own.</summary>
    public ImmutableArray<TraceContext> Links { get; init; } = [];

    /// <summary>How it failed; null: it did not.</summary>
    public string? Error { get; init; }
}

/// <summary>What a process that records spans brings.</summary>
/// <param name="NewId">Random numbers: ids of traces and of wants.</param>
/// <param name="Take">Takes a span that is over. Be quick, do not throw.</param>
public sealed record Tracing(Func<ulong> NewId, Action<Span> Take)
{
    /// <summary>A trace that begins with what follows.</summary>
    public TraceContext NewTrace() => new(new UInt128(NewId() | 1, NewId()), 0, IsRecorded: true);
}
