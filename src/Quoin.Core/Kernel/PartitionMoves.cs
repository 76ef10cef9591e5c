using static Quoin.Core.PartitionPlace;

namespace Quoin.Core;

/// <summary>
/// The moves that a partition's token can make; every other one is a bug of ours.
/// </summary>
static class PartitionMoves
{
    static readonly byte[] Allowed =
    [
        /* Missing  */ Mask(Wanted, Building, Live),
        /* Wanted   */ Mask(Planned, Building, Failed, Missing, Live, Tainted),
        /* Planned  */ Mask(Planned, Building, Failed, Missing, Live, Tainted),
        /* Building */ Mask(Live, Wanted, Waiting, Failed, Missing, Tainted),
        /* Waiting  */ Mask(Wanted, Building, Failed, Missing, Live, Tainted),
        /* Live     */ Mask(Wanted, Building, Tainted),
        /* Tainted  */ Mask(Wanted, Building, Live),
        /* Failed   */ Mask(Wanted, Building, Live),
    ];

    /// <summary>True when some transition of the net moves a token that way.</summary>
    public static bool Allows(PartitionPlace from, PartitionPlace to) =>
        (Allowed[(int)from] & (1 << (int)to)) != 0;

    static byte Mask(params ReadOnlySpan<PartitionPlace> places)
    {
        byte mask = 0;
        foreach (var place in places) mask |= (byte)(1 << (int)place);
        return mask;
    }
}
