using System.Runtime.InteropServices;

namespace Quoin.Core;

/// <summary>
/// Who asks for what: one entry per (requester, target), each in two chains, so that both "who asks
/// for p" and "what does x ask for" cost as much as their answer. A requester is a partition
/// (0 and up) or a want (<c>~id</c>, negative).
/// </summary>
/// <remarks>
/// An entry whose target is Live is <i>settled</i> when a partition asks: it demands nothing, and
/// is kept while the requester is Planned, because the target may still go stale or be tainted.
/// </remarks>
sealed class DemandPool
{
    /// <summary>The end of a chain.</summary>
    public const int None = -1;

    Entry[] entries = new Entry[256];
    int free = None;
    int used;

    /// <summary>How many entries are in use.</summary>
    public int Count { get; private set; }

    /// <summary>The entry at an index; valid until the next <see cref="Add"/>.</summary>
    public ref Entry this[int index] => ref entries[index];

    /// <summary>Adds an entry in front of both chains and returns its index.</summary>
    public int Add(
        int requester, int target, bool settled, ref int targetHead, ref int requesterHead)
    {
        var index = free;
        if (index == None)
        {
            if (used == entries.Length) Array.Resize(ref entries, used * 2);
            index = used++;
        }
        else
        {
            free = entries[index].NextOnTarget;
        }
        entries[index] = new Entry
        {
            Requester = requester,
            Target = target,
            Settled = settled,
            NextOnTarget = targetHead,
            PreviousOnTarget = None,
            NextOfRequester = requesterHead,
            PreviousOfRequester = None,
        };
        if (targetHead != None) entries[targetHead].PreviousOnTarget = index;
        if (requesterHead != None) entries[requesterHead].PreviousOfRequester = index;
        targetHead = requesterHead = index;
        Count++;
        return index;
    }

    /// <summary>Takes an entry out of both chains.</summary>
    public void Remove(int index, ref int targetHead, ref int requesterHead)
    {
        ref var e = ref entries[index];
        if (e.PreviousOnTarget == None) targetHead = e.NextOnTarget;
        else entries[e.PreviousOnTarget].NextOnTarget = e.NextOnTarget;
        if (e.NextOnTarget != None) entries[e.NextOnTarget].PreviousOnTarget = e.PreviousOnTarget;
        if (e.PreviousOfRequester == None) requesterHead = e.NextOfRequester;
        else entries[e.PreviousOfRequester].NextOfRequester = e.NextOfRequester;
        if (e.NextOfRequester != None)
            entries[e.NextOfRequester].PreviousOfRequester = e.PreviousOfRequester;
        e.NextOnTarget = free;
        free = index;
        Count--;
    }

    /// <summary>One demand.</summary>
    [StructLayout(LayoutKind.Auto)]
    public struct Entry
    {
        public int Requester, Target;
        public int NextOnTarget, PreviousOnTarget, NextOfRequester, PreviousOfRequester;
        public bool Settled;

        /// <summary>True when a want asks.</summary>
        public readonly bool IsWant => Requester < 0;

        /// <summary>The want that asks.</summary>
        public readonly WantId Want => new(~Requester);
    }
}
