using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>The moves of things outside, and of the persons who look after them.</summary>
static class ResourceMoves
{
    const string Extra = "x-2";
    static readonly RunFailure Refused = new(FailureCategory.Failed, "the service says no");
    static readonly DateTimeOffset Later = Marking.Now.AddMilliseconds(1);

    public static IEnumerable<Move> Of(Marking m, RunToken run)
    {
        var (id, epoch, life) = (run.Id.Value, run.Epoch, run.Life!);
        var watches = life.Direction == RunDirection.Watch;
        if (run.Place != RunPlace.Running && (!watches || m.Left(Budget.Looks) > 0))
            yield return new(MoveKind.Lease, id);
        if (run.Place == RunPlace.Queued && m.Left(Budget.Drops) > 0)
            yield return new(MoveKind.Drop, id);
        yield return new(MoveKind.RequestCancel, id);
        yield return new(MoveKind.Release, id);
        if (m.Left(Budget.Wakes) > 0) yield return new(MoveKind.Wake, id);
        if (run.Place is RunPlace.Deferred or RunPlace.Queued && m.Left(Budget.Timeouts) > 0)
        {
            yield return new(MoveKind.TimeOut, id, epoch);
            yield return new(MoveKind.TimeOutAfter, id, epoch);
        }
        if (m.Kernel.PlaceOf(run.Claims[0]) == PartitionPlace.Quarantined
            && !m.Kernel.Interventions.ContainsKey(id))
            yield return new(MoveKind.Ask, id);
        if (run.Place != RunPlace.Running) yield break;
        if (life.Claims >= m.Instance.ClaimsMax) yield return new(MoveKind.Park, id);
        if (m.Left(Budget.Expiries) > 0) yield return new(MoveKind.TakeOver, id, epoch);
        if (m.Left(Budget.Defers) > 0)
        {
            yield return new(MoveKind.Defer, id, epoch);
            yield return new(MoveKind.Doubt, id, epoch);
        }
        foreach (var move in Answers(m, run)) yield return move;
    }

    static IEnumerable<Move> Answers(Marking m, RunToken run)
    {
        var (id, epoch, life) = (run.Id.Value, run.Epoch, run.Life!);
        switch (life.Direction)
        {
            case RunDirection.Acquire:
                if (life.Hook < Moves.JobOf(m, id).Hooks)
                    yield return new(MoveKind.Start, id, epoch);
                else yield return new(MoveKind.Complete, id, epoch);
                if (m.Left(Budget.Extras) > 0) yield return new(MoveKind.See, id, epoch);
                if (!m.Instance.Fails) yield break;
                yield return new(MoveKind.Fail, id, epoch);
                yield return new(MoveKind.FailAfter, id, epoch);
                break;
            case RunDirection.Watch:
                yield return new(MoveKind.End, id, epoch);
                yield return new(MoveKind.Vanish, id, epoch);
                break;
            case RunDirection.Release:
                yield return new(
                    life.Extra.IsEmpty ? MoveKind.Done : MoveKind.DoneExtra, id, epoch);
                if (m.Left(Budget.BadReleases) == 0) yield break;
                yield return new(MoveKind.FailRelease, id, epoch);
                yield return new(MoveKind.GiveUpRelease, id, epoch);
                break;
        }
    }

    public static IEnumerable<Move> OfPersons(Marking m) =>
        from open in m.Kernel.Interventions.Keys.Order().ToArray()
        from answer in Enum.GetValues<InterventionAnswer>()
        where answer != InterventionAnswer.Closed
            || !m.Kernel.Runs.ContainsKey(m.Kernel.Interventions[open].Run.Value)
        select new Move(MoveKind.Resolve, open, (int)answer);

    public static Decision Make(Marking m, Move move)
    {
        var (a, b) = (move.A, move.B);
        var run = new RunId(a);
        return move.Kind switch
        {
            MoveKind.TakeOver => m.Do(new LeaseRun(run, Marking.Worker, Marking.Now)
            {
                TakesOver = true,
                ClaimsMax = m.Instance.ClaimsMax,
            }),
            MoveKind.Defer => m.Do(new DeferRun(run, b, Marking.Now) { At = Marking.Now }),
            MoveKind.Doubt => m.Do(new DeferRun(run, b, Marking.Now)
            {
                At = Marking.Now,
                Kind = DeferKind.Unknown,
            }),
            MoveKind.Wake => m.Do(new WakeRun(run, Marking.Now)),
            MoveKind.Start => m.Do(new StartRun(run, b, m.Kernel.Runs[a].Life!.Hook + 1)),
            MoveKind.See => m.Do(new SeeExternal(run, b, "") { Extra = [Extra] }),
            MoveKind.FailAfter => Fail(m, run, b, mayExist: true, byTimer: false),
            MoveKind.TimeOut => Fail(m, run, b, mayExist: false, byTimer: true),
            MoveKind.TimeOutAfter => Fail(m, run, b, mayExist: true, byTimer: true),
            MoveKind.Release => m.Do(new ScheduleRelease(run, Marking.Now)
            {
                KeepUntil = Keeps(m, run) ? Marking.Now : null,
            }),
            MoveKind.End => m.Do(new EndResource(run, b)),
            MoveKind.Vanish => m.Do(new EndResource(run, b) { Failure = Refused }),
            MoveKind.Done => m.Do(new ReleaseDone(run, b)),
            MoveKind.DoneExtra => m.Do(new ReleaseDone(run, b) { ExternalId = Extra }),
            MoveKind.FailRelease =>
                m.Do(new FailRelease(run, b, Refused) { RetryAt = Marking.Now }),
            MoveKind.GiveUpRelease => m.Do(new FailRelease(run, b, Refused)),
            MoveKind.Ask => m.Do(new OpenIntervention(run, "release-failed")),
            MoveKind.Park => m.Do(new OpenIntervention(run, "claims-spent") { Parks = true }),
            MoveKind.Resolve => m.Do(new ResolveIntervention(
                new InterventionId(a), (InterventionAnswer)b, "test")
            {
                ExternalId = "x-1",
            }),
            MoveKind.ReleaseWant => m.Do(new RequestWantRelease(new WantId(a + 1), "test")),
            MoveKind.Offer => m.Do(
                new OfferWant(
                    m.Ps(m.Instance.Wants[a].Targets), WantOptions.Default, Marking.Now),
                a + 1),
            MoveKind.AcceptOffer => Moves.Planned(
                m, a, m.Do(new AcceptOffer(new WantId(a + 1), Marking.Now))),
            MoveKind.ExpireOffer => m.Do(new ExpireWant(new WantId(a + 1), Later)),
            _ => throw new InvalidOperationException($"{move.Kind} is not a resource's move."),
        };
    }

    // What was kept once is released when it is looked at again: the clock stands still here.
    static bool Keeps(Marking m, RunId run) =>
        m.Kernel.Runs[run.Value] is { Config.Resource.Keep.Ticks: > 0, Life.KeptUntil: null };

    static Decision Fail(Marking m, RunId run, int epoch, bool mayExist, bool byTimer) =>
        m.Do(new FailRun(run, epoch, Refused)
        {
            Retries = m.Instance.Retries,
            RetryAt = Marking.Now,
            MayExist = mayExist,
            ByTimer = byTimer,
        });

    public static void Spend(Marking m, Move move)
    {
        switch (move.Kind)
        {
            case MoveKind.Defer or MoveKind.Doubt: m.Left(Budget.Defers)--; break;
            case MoveKind.Wake: m.Left(Budget.Wakes)--; break;
            case MoveKind.See: m.Left(Budget.Extras)--; break;
            case MoveKind.TimeOut or MoveKind.TimeOutAfter: m.Left(Budget.Timeouts)--; break;
            case MoveKind.FailRelease or MoveKind.GiveUpRelease:
                m.Left(Budget.BadReleases)--;
                break;
            case MoveKind.Lease when m.Kernel.Runs[move.A].Life is
                { Direction: RunDirection.Watch }:
                m.Left(Budget.Looks)--;
                break;
            default: break;
        }
    }
}
