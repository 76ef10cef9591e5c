namespace Quoin.Core;

/// <summary>
/// Moves of things outside: what follows when one is there, let go, lost, released or in doubt.
/// Called by <see cref="Evolve"/> and <see cref="Cascade"/> only.
/// </summary>
static class Resources
{
    /// <summary>The thing is to be released: its run begins with that.</summary>
    public static void Release(KernelState s, PartitionId p, RunToken run)
    {
        var life = run.Life!;
        (life.Direction, life.Hook) = (RunDirection.Release, 0);
        (life.Until, life.NotAfter, life.KeptUntil) = (null, null, null);
        life.BeginRound();
        run.Place = RunPlace.Queued;
        run.Worker = default;
        s.Move(p, PartitionPlace.Releasing);
        s.Notices.Resources.Add(run);
    }

    /// <summary>Somebody asks for it again before it was released.</summary>
    public static void Revive(KernelState s, PartitionId p)
    {
        if (s.LifeOf(p) is not { Life: { } life } run) return;
        if (life.KeptUntil is not null) s.Notices.Resources.Add(run);
        life.KeptUntil = null;
        Settle(s, run, isIncomplete: false);
    }

    /// <summary>
    /// Perhaps nobody needs it any more: then it is owed to the want that needed it last.
    /// </summary>
    public static void LetGo(KernelState s, PartitionId p, RunToken run, int owner)
    {
        var life = run.Life!;
        if (s.PlaceOf(p) is PartitionPlace.Quarantined) return;
        if (s.PlaceOf(p) != PartitionPlace.Releasing && s.IsNeeded(p)) return;
        if (owner == 0) owner = run.Config.For.Value;
        if (life.LetGoBy is { } before)
        {
            // Of several that let it go at once the oldest waits, in whatever order they come.
            if (owner >= before.Value || !s.Cascade.IsLetGoNow(run)) return;
            Settle(s, run, isIncomplete: false);
        }
        s.Notices.Resources.Add(run);
        s.Cascade.LetGoNow(run);
        life.LetGoBy = new WantId(owner);
        if (!s.CleanupTable.TryGetValue(owner, out var cleanup))
            s.CleanupTable.Add(owner, cleanup = new CleanupToken());
        cleanup.Owed++;
    }

    /// <summary>Nobody waits for its release any more.</summary>
    public static void Settle(KernelState s, RunToken run, bool isIncomplete)
    {
        if (run.Life!.LetGoBy is not { } want) return;
        run.Life.LetGoBy = null;
        var cleanup = s.CleanupTable[want.Value];
        cleanup.Owed--;
        cleanup.IsIncomplete |= isIncomplete;
        s.Cascade.CleanupChanged(want.Value);
    }

    /// <summary>Its run is over: nothing is left outside, as far as anybody knows.</summary>
    public static void End(KernelState s, PartitionId p, RunToken run)
    {
        var life = run.Life!;
        Drop(s, run);
        Tokens.DropRequests(s, p.Value, life.LetGoBy?.Value ?? 0);
        Tokens.ClearConfig(s, p);
        s.CellOf(p).Run = 0;
        if (!s.IsDemanded(p)) s.LivesTable.Remove(p.Value);
        if (s.IsDemanded(p))
        {
            s.CellOf(p).Previous = PartitionPlace.Released;
            s.Move(p, PartitionPlace.Wanted);
            s.Notices.ToPlan.Add(p);
            s.FailureTable.Remove(p.Value);
        }
        else if (life.IsFailed) s.Move(p, PartitionPlace.Failed);
        else
        {
            s.Move(p, PartitionPlace.Released);
            s.FailureTable.Remove(p.Value);
        }
    }

    /// <summary>Nothing was acquired, and nobody asks for it.</summary>
    public static void EndUndemanded(KernelState s, PartitionId p, RunToken run)
    {
        if (!run.Life!.IsFailed)
        {
            Tokens.BackToPrevious(s, p);
            return;
        }
        Tokens.DropRequests(s, p.Value);
        Tokens.ClearConfig(s, p);
        s.Move(p, PartitionPlace.Failed);
    }

    /// <summary>Its run leaves the state.</summary>
    public static void Drop(KernelState s, RunToken run)
    {
        s.RunTable.Remove(run.Id.Value);
        s.Notices.Released.Add(run);
        s.Cascade.Settled(run); // The want that waits looks when all else has followed.
    }

    /// <summary>Only a person can say what is with it; what it stands on stays held.</summary>
    public static void Quarantine(KernelState s, PartitionId p, RunToken run)
    {
        var life = run.Life!;
        run.Place = RunPlace.Deferred;
        run.Worker = default;
        (life.Until, life.KeptUntil) = (null, null);
        s.Move(p, PartitionPlace.Quarantined);
        s.Notices.Resources.Add(run);
        Settle(s, run, isIncomplete: true);
        FailNow(s, p, run, new Failure(FailureCause.Run, s.Sequence)
        {
            Run = run.Id,
            RunFailure = new RunFailure(FailureCategory.Failed, "it needs an intervention"),
        });
    }

    /// <summary>
    /// It cannot be had, although its run is not over: all that ask for it learn that now.
    /// </summary>
    public static void FailNow(KernelState s, PartitionId p, RunToken run, Failure failure)
    {
        run.Life!.IsFailed = true;
        s.FailureTable[p.Value] = failure;
        s.Notices.Failed.Add(p);
        LoseHolders(s, p);
    }

    /// <summary>It is not there any more: wants and partitions that need it fail.</summary>
    public static void LoseHolders(KernelState s, PartitionId p, bool onlyHolders = false)
    {
        for (var d = s.CellOf(p).DemandHead; d != DemandPool.None;)
        {
            var (at, demand) = (d, s.Demands[d]);
            d = demand.NextOnTarget;
            if (onlyHolders && !demand.Settled) continue;
            if (demand.IsWant) LoseTarget(s, at, p);
            else s.Cascade.Lost(demand.Requester, p);
        }
    }

    /// <summary>A requester (of a want: ~id) asked for what is not to be had.</summary>
    public static void Lose(KernelState s, int requester, PartitionId p)
    {
        if (requester >= 0)
        {
            LoseInput(s, new PartitionId(requester), p);
            return;
        }
        for (var d = s.CellOf(p).DemandHead; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
        {
            if (s.Demands[d].Requester != requester) continue;
            LoseTarget(s, d, p);
            return;
        }
    }

    static void LoseTarget(KernelState s, int at, PartitionId p)
    {
        var demand = s.Demands[at];
        var want = s.WantTable[demand.Want.Value];
        s.Demands.Remove(at, ref s.CellOf(p).DemandHead, ref want.RequestHead);
        if (!demand.Settled) want.Remaining--;
        want.Failed.Add(p);
        s.Cascade.WantChanged(want.Id);
        s.Cascade.DemandLost(p, want.Id.Value);
    }

    /// <summary>What <paramref name="x"/> counts on is gone, and will not come back.</summary>
    static void LoseInput(KernelState s, PartitionId x, PartitionId p)
    {
        if (!Forget(s, x, p)) return; // It let it go by itself meanwhile.
        var failure = new Failure(FailureCause.Vanished, s.Sequence)
        {
            RunFailure = new RunFailure(
                FailureCategory.Failed, $"{s.Names.Text(p)} vanished while it was needed"),
        };
        switch (s.PlaceOf(x))
        {
            case PartitionPlace.Planned or PartitionPlace.Waiting:
                Tokens.Fail(s, x, new Failure(FailureCause.Upstream, s.Sequence));
                break;
            case PartitionPlace.Building or PartitionPlace.Live when s.LifeOf(x) is { } run:
                LoseLife(s, x, run, failure);
                break;
            case PartitionPlace.Building when s.HolderOf(x) is { } run:
                Doom(s, run, failure);
                break;
            default:
                break; // It is on its way out already.
        }
    }

    static bool Forget(KernelState s, PartitionId x, PartitionId p)
    {
        for (var d = s.CellOf(p).DemandHead; d != DemandPool.None; d = s.Demands[d].NextOnTarget)
        {
            if (s.Demands[d].Requester != x.Value) continue;
            if (!s.Demands[d].Settled) s.CellOf(x).Outstanding--;
            s.Demands.Remove(d, ref s.CellOf(p).DemandHead, ref s.CellOf(x).RequestHead);
            s.Cascade.DemandLost(p);
            return true;
        }
        return false;
    }

    static void LoseLife(KernelState s, PartitionId x, RunToken run, Failure failure)
    {
        if (s.PlaceOf(x) == PartitionPlace.Building && run.Epoch == 0)
        {
            Drop(s, run); // Nothing was ever asked for.
            Tokens.Fail(s, x, failure);
            return;
        }
        if (s.PlaceOf(x) == PartitionPlace.Live || run.Place != RunPlace.Running)
            Release(s, x, run);
        FailNow(s, x, run, failure);
    }

    // Its claims fail when its process has stopped.
    static void Doom(KernelState s, RunToken run, Failure failure)
    {
        if (run.Place == RunPlace.Queued)
        {
            s.RunTable.Remove(run.Id.Value);
            s.Notices.Released.Add(run);
            foreach (var claim in run.Claims) Evolve.FailOrRelease(s, claim, failure);
            return;
        }
        run.Place = RunPlace.Cancelling;
        run.Doom = failure;
        s.Notices.Doomed.Add(run);
    }
}
