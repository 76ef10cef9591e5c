namespace Quoin.Engine;

/// <summary>
/// The runs that a worker has claimed and not begun: while runs are short, some are claimed ahead,
/// so that a slot need not wait for the store. If no slot gets free for a second, what runs is
/// longer than what ran, and what waits behind it is given back, because others may be idle.
/// Belongs to whoever has the worker's lock.
/// </summary>
sealed class ClaimedAhead(TimeProvider time, int slots)
{
    // Runs shorter than this are claimed ahead, for about so long.
    const int AheadMs = 100;

    /// <summary>The most that are claimed ahead.</summary>
    public const int Max = 64;

    static readonly TimeSpan patience = TimeSpan.FromSeconds(1);

    readonly Queue<HeldAttempt> queue = new();
    double usualMs = -1;
    long movedAt; // When a slot took one last, or none waited.
    bool isStalled;

    /// <summary>How many there are.</summary>
    public int Count => queue.Count;

    /// <summary>How many may be claimed beyond those that begin at once.</summary>
    public int Room => isStalled || usualMs is < 0 or >= AheadMs
        ? 0
        : Math.Min(Max, (int)(slots * AheadMs / Math.Max(1, usualMs)));

    /// <summary>How much longer they wait for a slot; null: none waits.</summary>
    public TimeSpan? Rest =>
        queue.Count == 0 ? null : patience - time.GetElapsedTime(movedAt);

    /// <summary>One more was claimed.</summary>
    public void Add(HeldAttempt attempt)
    {
        if (queue.Count == 0) movedAt = time.GetTimestamp();
        queue.Enqueue(attempt);
    }

    /// <summary>The next one, if there is room for it now; null: there is none.</summary>
    public HeldAttempt? Next(int freeCpu, long freeMemory)
    {
        while (queue.TryPeek(out var next))
        {
            if (!next.IsGone
                && (next.Cpu > freeCpu || next.Spec.Config.Resources.MemoryBytes > freeMemory))
                return null;
            queue.Dequeue();
            if (next.IsGone) continue;
            movedAt = time.GetTimestamp();
            return next;
        }
        return null;
    }

    /// <summary>A slot got free: what ran there took so long.</summary>
    public void Ended(long ms)
    {
        isStalled = false;
        usualMs = usualMs < 0 ? ms : (usualMs * 0.9) + (ms * 0.1);
    }

    /// <summary>No slot gets free: none is claimed ahead until one does.</summary>
    public void Stall() => isStalled = true;

    /// <summary>All of them, to be given back.</summary>
    public IEnumerable<HeldAttempt> TakeAll()
    {
        while (queue.TryDequeue(out var attempt))
            if (!attempt.IsGone) yield return attempt;
    }
}
