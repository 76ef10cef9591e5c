using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// A job whose runs are the lines of a feed, and how they are given out: each line wants its
/// partition once, made with its payload by a build or by a line worker. Paths are relative to the
/// workspace.
/// </summary>
public sealed record FeedJob
{
    /// <summary>The job's name.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The first segments of what it makes: <c>update</c> of <c>update/{key}</c>.
    /// </summary>
    public required string Dataset { get; init; }

    /// <summary>The capture that is the line's key, without braces.</summary>
    public required string Capture { get; init; }

    /// <summary>The folder of the feed's files.</summary>
    public required string FeedFolder { get; init; }

    /// <summary>Longer lines are skipped, bytes.</summary>
    public int LineBytesMax { get; init; } = 64 << 20;

    /// <summary>How jobs are held and in which order they are given out.</summary>
    public required LineRules Rules { get; init; }

    /// <summary>The socket of its line workers; null: builds make what it makes.</summary>
    public string? Socket { get; init; }

    /// <summary>Where it is declared.</summary>
    public required SourceLocation Location { get; init; }
}

/// <summary>A feed as somebody wrote it.</summary>
sealed record FeedDeclaration(
    Written Name, Written Dir, Written Want, YamlNode Node, string Folder);

/// <summary>A job with <c>line</c>, or that a feed asks for, as somebody wrote it.</summary>
sealed record FedJobDeclaration(Written Name, ImmutableArray<Written> Outputs, YamlNode Node)
{
    public ImmutableArray<Written> Exec { get; init; } = [];

    public Written? Socket { get; init; }

    public string Folder { get; init; } = "";
}
