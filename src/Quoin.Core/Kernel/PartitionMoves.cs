using static Quoin.Core.PartitionPlace;

namespace Quoin.Core;

/// <summary>
/// The moves that a partition's token can make; every other one is a bug of ours.
/// </summary>
static class PartitionMoves
{
    static readonly ushort[] Allowed =
    [
        /* Missing     */ Mask(Wanted, Building, Live),
        /* Wanted      */ Mask(Planned, Building, Failed, Missing, Live, Tainted, Released),
        /* Planned     */ Mask(Planned, Building, Failed, Missing, Live, Tainted, Released),
        /* Building    */ Mask(
            Live, Wanted, Waiting, Failed, Missing, Tainted, Releasing, Released, Quarantined),
        /* Waiting     */ Mask(Wanted, Building, Failed, Missing, Live, Tainted),
        /* Live        */ Mask(Wanted, Building, Tainted, Releasing, Quarantined),
        /* Tainted     */ Mask(Wanted, Building, Live),
        /* Failed      */ Mask(Wanted, Building, Live),
        /* Releasing   */ Mask(Released, Wanted, Failed, Quarantined),
        /* Released    */ Mask(Wanted),
        /* Quarantined */ Mask(Releasing, Released),
    ];

    /// <summary>True when some transition of the net moves a token that way.</summary>
    public static bool Allows(PartitionPlace from, PartitionPlace to) =>
        (Allowed[(int)from] & (1 << (int)to)) != 0;

    static ushort Mask(params ReadOnlySpan<PartitionPlace> places)
    {
        ushort mask = 0;
        foreach (var place in places) mask |= (ushort)(1 << (int)place);
        return mask;
    }
}
