using Quoin.Core;

namespace Quoin.Tests.Model;

/// <summary>
/// What follows from a change at once, by looking at everything until nothing follows any more. The
/// strata of the design: the first that has something to do does one thing, and all begins anew.
/// </summary>
class ReferenceCascade : ReferenceState
{
    protected void Settle()
    {
        while (Stratum0() || Stratum1() || Stratum2()) { }
    }

    bool Stratum0()
    {
        foreach (var (p, part) in Parts.ToArray())
        {
            if (part.Place is PartitionPlace.Missing or PartitionPlace.Tainted && IsDemanded(p))
            {
                Want(p);
                return true;
            }
            if (part.Place == PartitionPlace.Live)
            {
                var served = Demands.RemoveWhere(d =>
                    d.Target == p && d.Requester < 0 && Wants[~d.Requester].IsPlanned);
                if (served > 0) return true;
            }
            if (part.Place != PartitionPlace.Failed) continue;
            foreach (var demand in Demands.Where(d => d.Target == p).ToArray())
            {
                if (demand.Requester >= 0)
                {
                    Fail(demand.Requester, FailureCause.Upstream, 0);
                }
                else
                {
                    Demands.Remove(demand);
                    Wants[~demand.Requester].Failed.Add(p);
                }
                return true;
            }
        }
        return false;
    }

    bool Stratum1()
    {
        foreach (var (id, want) in Wants.ToArray())
        {
            if (!want.IsPlanned) continue;
            var nothingLeft = !Demands.Any(d => d.Requester == ~id);
            var givesUp = want.Failed.Count > 0 && want.Mode != FailureMode.KeepGoing;
            if (!nothingLeft && !givesUp) continue;
            EndWant(id);
            return true;
        }
        foreach (var (p, part) in Parts.ToArray())
        {
            if (part.Place != PartitionPlace.Waiting || Outstanding(p) > 0) continue;
            BackToWanted(p);
            return true;
        }
        return false;
    }

    bool Stratum2()
    {
        foreach (var (p, part) in Parts.ToArray())
        {
            if (part.Place is not (PartitionPlace.Wanted or PartitionPlace.Planned
                or PartitionPlace.Waiting) || IsDemanded(p)) continue;
            BackToPrevious(p);
            return true;
        }
        return false;
    }

    /// <summary>A demand; what failed before the want was accepted is tried again.</summary>
    protected void Demand(int requester, int target, long acceptedAt)
    {
        Demands.Add((requester, target));
        var part = At(target);
        var again = part.Failure is not { } failure || failure.At < acceptedAt;
        if (part.Place is PartitionPlace.Missing or PartitionPlace.Tainted
            || (part.Place == PartitionPlace.Failed && again)) Want(target);
    }

    protected void Want(int p) => (At(p).Previous, At(p).Place) =
        (At(p).Place, PartitionPlace.Wanted);

    protected void BackToWanted(int p)
    {
        AsksNothing(p);
        At(p).Place = PartitionPlace.Wanted;
    }

    protected void BackToPrevious(int p)
    {
        AsksNothing(p);
        At(p).Place = At(p).Previous;
    }

    protected void Fail(int p, FailureCause cause, int run)
    {
        AsksNothing(p);
        var part = At(p);
        // What was withdrawn from trust is not trusted again because a rebuild failed.
        if (part is { Previous: PartitionPlace.Tainted, Manifest: { } manifest })
            part.Manifest = manifest with { Fingerprint = default };
        part.Place = PartitionPlace.Failed;
        part.Failure = (cause, Sequence, run);
    }

    protected void AsksNothing(int p)
    {
        Demands.RemoveWhere(d => d.Requester == p);
        At(p).Config = null;
    }

    protected void EndWant(int id)
    {
        Demands.RemoveWhere(d => d.Requester == ~id);
        Wants.Remove(id);
    }
}
