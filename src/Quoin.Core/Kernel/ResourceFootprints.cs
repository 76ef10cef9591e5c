namespace Quoin.Core;

/// <summary>
/// The footprints of things outside; see <see cref="Footprints"/>. What is called for a person has
/// the token of its run.
/// </summary>
static class ResourceFootprints
{
    public static Footprint OfRun(RunEvent e)
    {
        var f = new Footprint();
        f.Write(TokenKind.Run, e.Run.Value);
        return f;
    }

    public static Footprint Completed(KernelState s, Footprint f, RunToken run)
    {
        Footprints.Publish(s, f, run.Claims[0]);
        LetGo(s, f, run);
        return f;
    }

    public static Footprint Scheduled(KernelState s, ReleaseScheduled e)
    {
        var f = OfRun(e);
        var run = s.Runs[e.Run.Value];
        f.Write(run.Claims[0]);
        Settle(s, f, run);
        return f;
    }

    public static Footprint Ended(KernelState s, ResourceEnded e) => Lost(s, e);

    public static Footprint Released(KernelState s, ResourceReleased e)
    {
        var f = OfRun(e);
        var run = s.Runs[e.Run.Value];
        var p = run.Claims[0];
        f.Write(TokenKind.Order, 0);
        Footprints.Reset(s, f, p);
        Settle(s, f, run);
        return f;
    }

    public static Footprint ReleaseFailed(KernelState s, ReleaseFailed e) =>
        e.RetryAt is not null ? OfRun(e) : Lost(s, e);

    public static Footprint Opened(KernelState s, InterventionOpened e) =>
        e.Parks ? Lost(s, e) : OfRun(e);

    public static Footprint Resolved(KernelState s, InterventionResolved e)
    {
        var f = OfRun(e);
        if (!s.Runs.TryGetValue(e.Run.Value, out var run)) return f;
        f.Write(TokenKind.Order, 0);
        Footprints.Publish(s, f, run.Claims[0]);
        Settle(s, f, run);
        return f;
    }

    // Whatever counts on it fails, and whoever held it, or held what fails, lets go.
    static Footprint Lost(KernelState s, RunEvent e)
    {
        var f = OfRun(e);
        var run = s.Runs[e.Run.Value];
        Footprints.Fail(s, f, run.Claims[0]);
        Settle(s, f, run);
        return f;
    }

    /// <summary>It is wanted again, if it was let go.</summary>
    public static void Revive(KernelState s, Footprint f, PartitionId p)
    {
        if (s.LifeOf(p) is not { } run) return;
        f.Write(TokenKind.Run, run.Id.Value);
        Settle(s, f, run);
    }

    /// <summary>A want waits for its release from now on.</summary>
    public static void LetGo(KernelState s, Footprint f, RunToken run)
    {
        f.Write(TokenKind.Run, run.Id.Value);
        f.Write(TokenKind.Want, run.Config.For.Value);
        Settle(s, f, run);
    }

    /// <summary>A want that waits for its release waits no more.</summary>
    public static void Settle(KernelState s, Footprint f, RunToken run)
    {
        if (run.Life!.LetGoBy is { } want) Footprints.End(s, f, want);
    }
}
