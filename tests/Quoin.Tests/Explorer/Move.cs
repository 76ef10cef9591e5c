namespace Quoin.Tests.Explorer;

/// <summary>What can happen next; the transition of the net that it stands for.</summary>
public enum MoveKind : byte
{
    Accept, // T1, with its plan unless that comes apart
    PlanOne, // P1 or P4
    FinishPlan, // P5
    FailAnalysis, // P6
    Stale, // P2
    Keep, // P3
    Schedule, // T2
    Lease, // T3
    Complete, // T4
    Fail, // T5
    Miss, // T6
    CancelWant, // T7
    RequestCancel, // T8
    Drop, // T8 of a queued run whose plan is gone
    AckCancel, // T9
    Expire, // T10
    Late, // T11
    Taint, // T12
    RemoveWorker, // T13
    AddWorker, // T13
}

/// <summary>
/// A move. <see cref="A"/> is a want, partition or run by number, <see cref="B"/> an epoch or a
/// want, and <see cref="For"/> the want that the plan that follows is for, -1 when there is none.
/// </summary>
readonly record struct Move(MoveKind Kind, int A, int B = 0, int For = -1)
{
    /// <summary>Whether the move brings open wants nearer to their end (I4).</summary>
    public bool IsProgress => Kind is MoveKind.PlanOne or MoveKind.FinishPlan
        or MoveKind.Keep or MoveKind.Schedule or MoveKind.Lease or MoveKind.Complete
        or MoveKind.Miss or MoveKind.AckCancel or MoveKind.AddWorker;

    /// <summary>Whether the controller makes the move by itself, without the environment.</summary>
    public bool IsOurs => IsProgress || Kind is MoveKind.RequestCancel;
}
