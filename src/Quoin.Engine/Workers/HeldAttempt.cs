namespace Quoin.Engine;

/// <summary>An attempt, or a call, that a worker's process has.</summary>
sealed class HeldAttempt(AttemptSpec spec, int epoch, int cpu, Func<bool> leaseHolds)
{
    public AttemptSpec Spec { get; } = spec;
    public int Epoch { get; } = epoch;
    public int Cpu { get; } = cpu;

    /// <summary>It is a call about a thing outside.</summary>
    public bool IsCall => Spec.Call is not null;

    public JobControl Control { get; } = new(leaseHolds);

    /// <summary>It was given to somebody else.</summary>
    public bool IsGone { get; set; }
}
