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
    TakeOver, // N2, of a run whose lease is over
    Defer, // N3
    Doubt, // N3, nobody could say
    Wake, // N4
    Start, // N5
    See, // a duplicate is named
    FailAfter, // N8
    TimeOut, // N7 of a run that sleeps
    TimeOutAfter, // N8 of a run that sleeps
    Release, // N10
    End, // N11, well
    Vanish, // N11
    Done, // N12
    DoneExtra, // N12 of a duplicate
    FailRelease, // N13
    GiveUpRelease, // N13, for good
    Ask, // N14
    Park, // N14, after activations without an answer
    Resolve, // N14
    ReleaseWant, // 2.1
    Offer, // 2.1
    AcceptOffer, // 2.1
    ExpireOffer, // 2.1
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
        or MoveKind.Miss or MoveKind.AckCancel or MoveKind.AddWorker or MoveKind.Start
        or MoveKind.Release or MoveKind.Done or MoveKind.DoneExtra or MoveKind.Resolve
        or MoveKind.Ask;

    /// <summary>Whether the controller makes the move by itself, without the environment.</summary>
    public bool IsOurs => (IsProgress && Kind != MoveKind.Resolve)
        || Kind is MoveKind.RequestCancel;
}
