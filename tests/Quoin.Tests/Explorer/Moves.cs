using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// Which moves a marking has, and what each asks of the kernel. The environment and the planner
/// are modelled here; every guard is the kernel's own.
/// </summary>
static class Moves
{
    public static readonly Digest Fingerprint = new(DigestAlgorithm.Xxh3, new byte[16]);
    static readonly RunFailure Exit1 = new(FailureCategory.Failed, "exit 1");

    /// <summary>Everything that somebody might try; the kernel may say no.</summary>
    public static IEnumerable<Move> Of(Marking m)
    {
        for (var w = 0; w < m.Instance.Wants.Length; w++)
        {
            if (m[w] == WantStanding.New)
                yield return new(
                    m.Instance.Wants[w].Offered ? MoveKind.Offer : MoveKind.Accept, w);
            if (m[w] is WantStanding.Open or WantStanding.Offered && m.Left(Budget.Cancels) > 0)
                yield return new(MoveKind.CancelWant, w);
            if (m[w] == WantStanding.Offered)
            {
                yield return new(MoveKind.AcceptOffer, w);
                yield return new(MoveKind.ExpireOffer, w);
            }
            if (m.Kernel.Wants.TryGetValue(w + 1, out var want) && want.IsReady)
                yield return new(MoveKind.ReleaseWant, w);
        }
        if (m.Instance.PlansApart)
            foreach (var move in OfPlanner(m)) yield return move;
        foreach (var move in OfPartitions(m)) yield return move;
        foreach (var run in m.Kernel.Runs.Values.OrderBy(run => run.Id.Value).ToArray())
            foreach (var move in run.Life is null ? OfRun(m, run) : ResourceMoves.Of(m, run))
                yield return move;
        foreach (var move in ResourceMoves.OfPersons(m)) yield return move;
        foreach (var (run, epoch) in m.Zombies) yield return new(MoveKind.Late, run, epoch);
        if (m.Kernel.Workers.Count == 0) yield return new(MoveKind.AddWorker, 0);
        else if (m.Left(Budget.Removals) > 0) yield return new(MoveKind.RemoveWorker, 0);
    }

    static IEnumerable<Move> OfPlanner(Marking m)
    {
        var busy = new HashSet<int>();
        foreach (var p in m.All.Where(p => m.Kernel.PlaceOf(p) == PartitionPlace.Wanted))
        {
            foreach (var want in Planner.WantsBehind(m, p))
            {
                busy.Add(want);
                yield return new(MoveKind.PlanOne, p.Value, want);
            }
        }
        foreach (var want in m.Kernel.Wants.Values.Where(want => !want.IsPlanned))
        {
            var w = want.Id.Value - 1;
            if (!busy.Contains(w)) yield return new(MoveKind.FinishPlan, w);
            if (m.Instance.Wants[w].AnalysisFails) yield return new(MoveKind.FailAnalysis, w);
        }
    }

    static IEnumerable<Move> OfPartitions(Marking m)
    {
        var groups = new HashSet<ConfigToken>();
        foreach (var p in m.All)
        {
            if (m.Kernel.IsReady(p))
            {
                if (groups.Add(m.Kernel.ConfigOf(p)!)) yield return new(MoveKind.Schedule, p.Value);
                if (m.Kernel.TryGetManifest(p, out _)) yield return new(MoveKind.Keep, p.Value);
            }
            if (m.Kernel.PlaceOf(p) != PartitionPlace.Live) continue;
            if (m.Kernel.IsResource(p)) continue;
            if (m.Left(Budget.Taints) > 0) yield return new(MoveKind.Taint, p.Value);
            if (m.Left(Budget.Stales) > 0) yield return new(MoveKind.Stale, p.Value);
        }
    }

    static IEnumerable<Move> OfRun(Marking m, RunToken run)
    {
        var (id, epoch) = (run.Id.Value, run.Epoch);
        if (run.Place == RunPlace.Queued)
        {
            yield return new(MoveKind.Lease, id);
            if (m.Left(Budget.Drops) > 0) yield return new(MoveKind.Drop, id);
        }
        else
        {
            yield return new(MoveKind.Complete, id, epoch);
            if (m.Left(Budget.Expiries) > 0) yield return new(MoveKind.Expire, id, epoch);
        }
        if (run.Place == RunPlace.Cancelling) yield return new(MoveKind.AckCancel, id, epoch);
        else yield return new(MoveKind.RequestCancel, id);
        if (run.Place != RunPlace.Running) yield break;
        if (m.Instance.Fails) yield return new(MoveKind.Fail, id, epoch);
        var finds = m.Ps(m.Instance.Jobs[Marking.JobOf(run.Id).Job].Finds);
        if (finds.Any(p => !run.Config.Inputs.Contains(p)))
            yield return new(MoveKind.Miss, id, epoch);
    }

    /// <summary>
    /// Makes a move without the plan that may follow; false when the kernel wants none of it.
    /// </summary>
    public static bool TryMake(Marking m, Move move)
    {
        var (a, b) = (move.A, move.B);
        var decision = move.Kind switch
        {
            MoveKind.Accept => Accept(m, a),
            MoveKind.PlanOne => PlanOne(m, new PartitionId(a), b),
            MoveKind.FinishPlan => Planner.Finish(m, a),
            MoveKind.FailAnalysis => m.Do(new ProposePlan(
                new AnalysisFailed(new WantId(a + 1), [new PlanProblem("no-producer", "none")]))),
            MoveKind.Stale => m.Do(new ProposePlan(
                new PartitionStale(new PartitionId(a), StaleReason.Changed))),
            MoveKind.Keep => m.Do(new KeepCurrent(new PartitionId(a), Fingerprint)),
            MoveKind.Schedule => Schedule(m, new PartitionId(a)),
            MoveKind.Lease => m.Do(new LeaseRun(new RunId(a), Marking.Worker, Marking.Now)
            {
                ClaimsMax = m.Instance.ClaimsMax,
            }),
            MoveKind.Complete or MoveKind.Late => m.Do(Completion(m, new RunId(a), b)),
            MoveKind.Fail => m.Do(new FailRun(new RunId(a), b, Exit1)
            {
                Retries = m.Instance.Retries,
                RetryAt = Marking.Now,
            }),
            MoveKind.Miss => m.Do(new MissInputs(new RunId(a), b, m.Ps(JobOf(m, a).Finds))),
            MoveKind.CancelWant => m.Do(new CancelWant(new WantId(a + 1), "test")),
            MoveKind.RequestCancel => m.Do(new RequestRunCancel(new RunId(a), "test")),
            MoveKind.Drop => m.Do(new RequestRunCancel(new RunId(a), "test") { ToReplan = true }),
            MoveKind.AckCancel => m.Do(new AckRunCancel(new RunId(a), b)),
            MoveKind.Expire => m.Do(new ExpireLease(new RunId(a), b, Marking.Now)
            {
                Losses = m.Instance.Losses,
            }),
            MoveKind.Taint => m.Do(new Taint(new PartitionId(a), "test", "why")),
            MoveKind.RemoveWorker => m.Do(new RemoveWorker(Marking.Worker)),
            MoveKind.AddWorker => m.Do(new AddWorker(Marking.Worker, m.Instance.Slots)),
            _ => ResourceMoves.Make(m, move),
        };
        if (decision.Event is null) return false;
        Spend(m, move);
        return true;
    }

    static void Spend(Marking m, Move move)
    {
        switch (move.Kind)
        {
            case MoveKind.CancelWant: m.Left(Budget.Cancels)--; break;
            case MoveKind.Taint: m.Left(Budget.Taints)--; break;
            case MoveKind.Stale: m.Left(Budget.Stales)--; break;
            case MoveKind.Drop: m.Left(Budget.Drops)--; break;
            case MoveKind.RemoveWorker: m.Left(Budget.Removals)--; break;
            case MoveKind.Late: m.Zombies.Remove((move.A, move.B)); break;
            case MoveKind.Schedule: break;
            case MoveKind.Expire or MoveKind.TakeOver:
                m.Left(Budget.Expiries)--;
                m.Zombies.Add((move.A, move.B));
                break;
            default: ResourceMoves.Spend(m, move); break;
        }
    }

    public static JobShape JobOf(Marking m, int run) =>
        m.Instance.Jobs[Marking.JobOf(new(run)).Job];

    static Decision Accept(Marking m, int w)
    {
        var shape = m.Instance.Wants[w];
        var options = new WantOptions { OnFailure = shape.Mode };
        var accepted = m.Do(new AcceptWant(m.Ps(shape.Targets), options), w + 1);
        return Planned(m, w, accepted);
    }

    /// <summary>The plan of a want comes in the append that accepts it.</summary>
    public static Decision Planned(Marking m, int w, Decision accepted)
    {
        if (m.Instance.PlansApart || accepted.Event is null) return accepted;
        Planner.PlanAll(m, w);
        Planner.Finish(m, w);
        return accepted;
    }

    static Decision PlanOne(Marking m, PartitionId p, int w) =>
        Planner.WantsBehind(m, p).Contains(w) ? Planner.PlanOne(m, p, w) : Decision.Nothing;

    static Decision Schedule(Marking m, PartitionId p)
    {
        var job = Planner.JobNamed(m.Kernel.ConfigOf(p)!.Job);
        var supersede = m.Instance.Jobs[job].Supersedes;
        var id = Marking.RunIdOf(job, Math.Min(m.RunsOf(job), (byte)(Marking.RunsMax - 1)));
        var decision = m.Do(new ScheduleRun(p, supersede), id);
        if (decision.Event is not null) m.RunsOf(job)++;
        return decision;
    }

    /// <summary>
    /// What a process of the job hands in: all that was declared, and what it wrote besides.
    /// </summary>
    public static CompleteRun Completion(Marking m, RunId run, int epoch)
    {
        var job = JobOf(m, run.Value);
        return new CompleteRun(
            run, epoch,
            [.. m.Ps(job.Outputs + job.Surplus).Select(p => new OutputManifest(p, default, 1))])
        {
            Fingerprint = Fingerprint,
            WatchAt = Marking.Now,
        };
    }
}
