namespace Quoin.Core;

/// <summary>What kind of token an event touches.</summary>
public enum TokenKind : byte
{
    /// <summary>A partition with everybody who asks for it.</summary>
    Partition = 0,

    /// <summary>A want.</summary>
    Want = 1,

    /// <summary>A run.</summary>
    Run = 2,

    /// <summary>That a worker is registered; its slots are counted apart.</summary>
    Worker = 3,

    /// <summary>Which failures came before which wants: one token for all.</summary>
    Order = 4,
}

/// <summary>One token: a partition, want or run by number; 0 where there is only one.</summary>
public readonly record struct TokenRef(TokenKind Kind, int Id);

/// <summary>
/// Which tokens an event looks at and changes, together with everything that follows from it at
/// once. Two events that are both possible and touch nothing in common are possible in either
/// order, and the order makes no difference: the tests check exactly that.
/// </summary>
public sealed class Footprint
{
    readonly HashSet<TokenRef> reads = [];
    readonly HashSet<TokenRef> writes = [];

    /// <summary>Tokens that are looked at, whether or not they are changed too.</summary>
    public IReadOnlySet<TokenRef> Reads => reads;

    /// <summary>Tokens that may be changed.</summary>
    public IReadOnlySet<TokenRef> Writes => writes;

    /// <summary>Worker slots taken; negative: given back. Slots are alike, so they are counted.
    /// </summary>
    public int Slots { get; internal set; }

    /// <summary>True when neither changes what the other touches.</summary>
    public bool IsIndependentOf(Footprint other) =>
        !writes.Overlaps(other.writes) && !writes.Overlaps(other.reads)
        && !reads.Overlaps(other.writes);

    /// <summary>Partitions of which it is known already what their lost requests touch.</summary>
    internal HashSet<PartitionId> Lost { get; } = [];

    internal void Read(TokenKind kind, int id) => reads.Add(new(kind, id));

    internal void Read(PartitionId p) => Read(TokenKind.Partition, p.Value);

    internal void Write(TokenKind kind, int id) => writes.Add(new(kind, id));

    internal void Write(PartitionId p) => Write(TokenKind.Partition, p.Value);
}
