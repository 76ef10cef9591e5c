using System.Buffers;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// Commands that nobody should send: in every state the kernel answers each with a no, and asking
/// changes nothing.
/// </summary>
static class Probes
{
    public static string? Check(Marking m, ReadOnlySpan<byte> state)
    {
        var s = m.Kernel;
        foreach (var run in s.Runs.Values)
        {
            if (run.Life is not null)
            {
                if (ResourceInvariants.Probe(m, run) is { } heard) return heard;
                continue;
            }
            foreach (var epoch in (int[])[run.Epoch - 1, run.Epoch + 1])
                if (Heard(m, run.Id, epoch)) return $"T11: {run.Id} is heard under epoch {epoch}";
            if (run.Place == RunPlace.Queued && Heard(m, run.Id, run.Epoch))
                return $"T11: {run.Id} is queued, and heard";
            if (run.Place != RunPlace.Cancelling
                && Kernel.Decide(s, new AckRunCancel(run.Id, run.Epoch)).Event is RunCancelAcked)
                return $"T9: {run.Id} stopped, and nobody told it to";
            if (run.Place == RunPlace.Cancelling && Kernel.Decide(
                s, new FailRun(run.Id, run.Epoch, Failure)).Event is not RunCancelAcked)
                return $"T9: {run.Id} was told to stop, and fails";
            if (run.Place != RunPlace.Queued && Kernel.Decide(
                s, new LeaseRun(run.Id, Marking.Worker, Marking.Now)).Event is not null)
                return $"T3: {run.Id} is leased twice";
            var half = new CompleteRun(run.Id, run.Epoch, []);
            if (Kernel.Decide(s, half).Event is RunCompleted)
                return $"T4: {run.Id} ends without what it claims";
            var early = new LeaseRun(run.Id, Marking.Worker, Marking.Now.AddSeconds(-1));
            if (run.RetryAt is not null && Kernel.Decide(s, early).Event is not null)
                return $"T3: {run.Id} is tried again before its time";
        }
        return m.All.Select(p => OfPartition(s, p)).FirstOrDefault(x => x is not null)
            ?? (m.Save().AsSpan().SequenceEqual(state) ? null : "asking changed something");
    }

    static readonly RunFailure Failure = new(FailureCategory.Failed, "exit 1");

    static bool Heard(Marking m, RunId run, int epoch)
    {
        KernelCommand[] reports =
        [
            Moves.Completion(m, run, epoch), new FailRun(run, epoch, Failure) { Retries = 9 },
            new MissInputs(run, epoch, [new PartitionId(0)]), new AckRunCancel(run, epoch),
        ];
        var s = m.Kernel;
        return reports.Any(report => Kernel.Decide(s, report).Event is not StaleReportRejected)
            || Kernel.Decide(s, new ExpireLease(run, epoch, Marking.Now)).Event is not null;
    }

    static string? OfPartition(KernelState s, PartitionId p)
    {
        var other = new Digest(DigestAlgorithm.Sha256, new byte[32]);
        if (Kernel.Decide(s, new KeepCurrent(p, other)).Event is not null)
            return $"P3: {s.Names.Text(p)} is current with a fingerprint that it never had";
        var keep = new KeepCurrent(p, Moves.Fingerprint);
        if (!s.IsReady(p) && Kernel.Decide(s, keep).Event is not null)
            return $"P3: {s.Names.Text(p)} is not ready, and current";
        if ((s.PlaceOf(p) != PartitionPlace.Live || s.IsResource(p))
            && Kernel.Decide(s, new Taint(p, "test", "why")).Event is not null)
            return $"T12: {s.Names.Text(p)} is {s.PlaceOf(p)}, and tainted";
        if (!s.IsReady(p) && Kernel.Decide(s, new ScheduleRun(p, false)).Event is not null)
            return $"T2: {s.Names.Text(p)} is not ready, and scheduled";
        return null;
    }
}
