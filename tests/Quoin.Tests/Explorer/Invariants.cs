using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>
/// What holds in every state, in the words of the kernel's page (I1 to I6, I8). I7 and I9 speak of
/// paths and are tests of their own. Everything is counted anew from the tokens.
/// </summary>
static class Invariants
{
    /// <summary>The first rule that does not hold.</summary>
    public static string? Check(Marking m)
    {
        var s = m.Kernel;
        var holders = new Dictionary<int, RunId>();
        foreach (var run in s.Runs.Values)
        {
            foreach (var p in run.Claims)
            {
                if (!holders.TryAdd(p.Value, run.Id))
                    return $"I1: {s.Names.Text(p)} is held by {holders[p.Value]} and {run.Id}";
                if (run.Life is not null && s.LifeOf(p) != run)
                    return $"J1: {run.Id} is not over, and {s.Names.Text(p)} is {s.PlaceOf(p)}";
                if (run.Life is null
                    && (s.PlaceOf(p) != PartitionPlace.Building || s.HolderOf(p) != run))
                    return $"I3: {run.Id} claims {s.Names.Text(p)}, which is {s.PlaceOf(p)}";
            }
        }
        for (var job = 0; job < m.Instance.Jobs.Length; job++)
            if (m.RunsOf(job) >= Marking.RunsMax) return $"I9: j{job} is scheduled without end";
        return m.All.Select(p => OfPartition(m, p, holders)).FirstOrDefault(x => x is not null)
            ?? s.Wants.Values.Select(want => OfWant(s, want)).FirstOrDefault(x => x is not null)
            ?? ResourceInvariants.Check(m)
            ?? OfSlots(m);
    }

    static string? OfPartition(Marking m, PartitionId p, Dictionary<int, RunId> holders)
    {
        var s = m.Kernel;
        var (name, place, demanded) = (s.Names.Text(p), s.PlaceOf(p), s.IsDemanded(p));
        if (place == PartitionPlace.Building && !holders.ContainsKey(p.Value))
            return $"I3: {name} is Building and nobody holds it";
        var isPublished = s.TryGetManifest(p, out _);
        if (place is PartitionPlace.Live or PartitionPlace.Tainted && !isPublished)
            return $"I2: {name} is {place} without a manifest";
        if (place == PartitionPlace.Missing && isPublished)
            return $"I2: {name} is Missing and has a manifest";
        if (place is PartitionPlace.Wanted or PartitionPlace.Planned or PartitionPlace.Waiting
            && !demanded)
            return $"I8: {name} is {place} and nobody demands it";
        if (place is PartitionPlace.Missing or PartitionPlace.Tainted or PartitionPlace.Failed
            or PartitionPlace.Released && demanded)
            return $"I8: {name} is {place} and demanded";
        if (place == PartitionPlace.Live
            && s.Requesters(p).Wants.Any(want => s.Wants[want.Value].IsPlanned))
            return $"I8: {name} is Live and a planned want still demands it";
        if (place is PartitionPlace.Planned or PartitionPlace.Building && s.ConfigOf(p) is null)
            return $"P: {name} is {place} without a config";
        return OfRequests(s, p);
    }

    // What a partition waits for: counted from the demands, and told by where the inputs are.
    static string? OfRequests(KernelState s, PartitionId p)
    {
        var (name, place) = (s.Names.Text(p), s.PlaceOf(p));
        var open = 0;
        var inputs = new HashSet<int>();
        var d = s.CellOf(p).RequestHead;
        for (; d != DemandPool.None; d = s.Demands[d].NextOfRequester)
        {
            var target = new PartitionId(s.Demands[d].Target);
            if (!s.IsResource(target) || place is PartitionPlace.Planned)
                inputs.Add(target.Value);
            if (!s.Demands[d].Settled) open++;
            if (s.Demands[d].Settled != (s.PlaceOf(target) == PartitionPlace.Live))
                return $"P: {name} counts on {s.Names.Text(target)}, which is {s.PlaceOf(target)}";
        }
        if (open != s.OutstandingInputs(p))
            return $"P: {name} waits for {s.OutstandingInputs(p)} inputs, {open} are open";
        if (place == PartitionPlace.Planned && !inputs.SetEquals(
            s.ConfigOf(p)!.Inputs.Select(input => input.Value)))
            return $"P: {name} does not ask for the inputs of its config";
        if (place is not (PartitionPlace.Planned or PartitionPlace.Waiting) && inputs.Count > 0)
            return $"P: {name} is {place} and asks for inputs";
        return place == PartitionPlace.Waiting && open == 0
            ? $"P: {name} is Waiting for nothing"
            : null;
    }

    static string? OfWant(KernelState s, WantToken want)
    {
        if (want.OfferedUntil is not null || want.IsReleasing)
            return s.OutstandingTargets(want).Count == 0
                ? null : $"2.1: {want.Id} asks for something";
        var open = s.OutstandingTargets(want);
        if (open.Count != want.Remaining)
            return $"I8: {want.Id} has {want.Remaining} left and demands {open.Count}";
        if (!want.IsPlanned && want.Targets.Any(p => !open.Contains(p) && !want.Failed.Contains(p)))
            return $"P5: {want.Id} is satisfied before its plan is complete";
        return want.IsPlanned && open.Count == 0 && !want.IsReady
            ? $"I5: {want.Id} is open for nothing"
            : null;
    }

    static string? OfSlots(Marking m)
    {
        foreach (var worker in m.Kernel.Workers.Values)
        {
            var runs = m.Kernel.Runs.Values.Count(
                run => run.Place != RunPlace.Queued && run.Life is null);
            if (runs != worker.Busy || worker.Busy > worker.Slots)
                return $"I6: {worker.Busy} of {worker.Slots} slots are taken, by {runs} runs";
        }
        return m.Kernel.Workers.Count == 0
            && m.Kernel.Runs.Values.Any(run => run.Place != RunPlace.Queued && run.Life is null)
            ? "I6: the worker is gone and its runs are not"
            : null;
    }

    /// <summary>I4: an open want can always get nearer to its end.</summary>
    public static string? CheckProgress(Marking m, bool anyProgress) =>
        anyProgress || m.Kernel.Wants.Values.All(
            want => want.IsReady || want.OfferedUntil is not null)
            ? null : Stuck(m, "I4");

    /// <summary>I5: where nothing can happen any more, everything is over.</summary>
    public static string? CheckEnd(Marking m)
    {
        var over = m.Kernel.Wants.Count == 0 && m.Kernel.Runs.Count == 0
            && m.All.All(p => m.Kernel.PlaceOf(p) is PartitionPlace.Missing or PartitionPlace.Live
                or PartitionPlace.Tainted or PartitionPlace.Failed or PartitionPlace.Released)
            && m.Kernel.Interventions.Count == 0 && m.Kernel.Cleanups.Count == 0
            && m.All.All(p => m.Kernel.LifeOf(p) is null);
        return over ? null : Stuck(m, "I5");
    }

    static string Stuck(Marking m, string rule) =>
        $"{rule}: nothing can go on, with "
        + string.Join(", ", m.All.Select(p => $"{m.Names.Text(p)} {m.Kernel.PlaceOf(p)}"));
}
