using System.Collections.Immutable;

namespace Quoin.Core;

/// <summary>The one reason why something does not go on.</summary>
/// <param name="Code">Stable: <c>input</c>, <c>busy</c>, <c>in-use</c>.</param>
/// <param name="Text">For people.</param>
public sealed record Holdup(string Code, string Text)
{
    /// <summary>When it will be over, as far as that is known.</summary>
    public DateTimeOffset? Until { get; init; }
}

/// <summary>What the state does not know and the reasons need.</summary>
/// <param name="IsLed">Somebody decides: a build is running.</param>
/// <param name="FindJob">A job by name; null: the graph has none.</param>
/// <param name="Now">The time.</param>
public sealed record HoldupFacts(bool IsLed, Func<string, Job?> FindJob, DateTimeOffset Now);

/// <summary>
/// Names for everything that is not over exactly one reason why it does not go on. A function of
/// the state: the same answer for everybody who asks.
/// </summary>
public sealed class Holdups(KernelState s, HoldupFacts facts)
{
    /// <summary>
    /// All partitions that are neither at rest (missing, failed, released, Live data) nor wanted by
    /// nobody.
    /// </summary>
    public IEnumerable<PartitionId> Partitions()
    {
        for (var id = 0; id < s.CellCount; id++)
        {
            var p = new PartitionId(id);
            if (s.PlaceOf(p) is PartitionPlace.Wanted or PartitionPlace.Planned
                or PartitionPlace.Waiting or PartitionPlace.Building or PartitionPlace.Releasing
                or PartitionPlace.Quarantined
                || (s.PlaceOf(p) == PartitionPlace.Live && s.LifeOf(p) is not null))
                yield return p;
        }
    }

    /// <summary>Why an open want is not over.</summary>
    public Holdup Of(WantToken want)
    {
        if (want.OfferedUntil is { } until)
            return new("offered", "offered, nobody has accepted it") { Until = until };
        if (!facts.IsLed)
            return want.IsReady && want.ReadyAt + want.Options.Use <= facts.Now
                ? new("no-coordinator", $"its use is over{NextBuild}")
                : NoCoordinator;
        if (want.IsReleasing)
        {
            var owed = s.Cleanups.TryGetValue(want.Id.Value, out var cleanup) ? cleanup.Owed : 0;
            return new("releasing", owed == 1 ? "1 thing to release" : $"{owed} things to release");
        }
        if (want.IsReady) return new("in-use", "in use");
        if (!want.IsPlanned) return new("planning", "its plan is being made");
        foreach (var target in s.OutstandingTargets(want, most: 1))
        {
            var why = Of(target);
            return new("input", $"{s.Names.Text(target)}: {why.Text}") { Until = why.Until };
        }
        return new("ending", "all that it wants is decided");
    }

    /// <summary>Why a partition of <see cref="Partitions"/> is where it is.</summary>
    public Holdup Of(PartitionId p)
    {
        if (OfIntervention(p) is { } asked) return asked;
        if (!facts.IsLed) return s.LifeOf(p) is { } idle ? Unled(idle) : NoCoordinator;
        switch (s.PlaceOf(p))
        {
            case PartitionPlace.Wanted:
                return new("planning", "to be planned");
            case PartitionPlace.Planned or PartitionPlace.Waiting:
                return OfWaiting(p);
            case PartitionPlace.Building when s.HolderOf(p) is { } run:
                return Of(run);
            default:
                return s.LifeOf(p) is { } life ? Of(life) : new("ending", "about to change");
        }
    }

    /// <summary>Why an active run does not go on.</summary>
    public Holdup Of(RunToken run)
    {
        if (OfIntervention(run.Claims[0]) is { } asked) return asked;
        if (!facts.IsLed) return Unled(run);
        return run.Place switch
        {
            // A call whose worker is gone is made by the next one that can.
            RunPlace.Running when run.Life is not null
                && !s.Workers.ContainsKey(run.Worker.Owner) =>
                OfWorkers(run.Config.Job) ?? new("queued", "its worker is gone; its turn comes"),
            RunPlace.Running => new("performing", $"performing by {run.Worker.Owner}"),
            RunPlace.Cancelling => new("stopping", $"stopping on {run.Worker.Owner}"),
            RunPlace.Queued => OfQueued(run),
            RunPlace.Deferred => OfDeferred(run, run.Life!),
        };
    }

    // Ids of queued runs, ascending; a state that is asked about stands still.
    List<int> Queued => field ??= [.. s.Runs.Values.Where(run => run.Place == RunPlace.Queued)
        .Select(run => run.Id.Value).Order()];

    static Holdup NoCoordinator { get; } =
        new("no-coordinator", "nobody decides here: quoin build goes on with it");

    const string NextBuild = "; nobody decides here: the next quoin build releases it";

    // What is kept, or to be released, stays until somebody decides: no timer of ours runs then.
    static Holdup Unled(RunToken run) => run.Life switch
    {
        { KeptUntil: { } kept } => new("no-coordinator", $"kept{NextBuild}") { Until = kept },
        { Direction: RunDirection.Release } => new("no-coordinator", $"to be released{NextBuild}"),
        _ => NoCoordinator,
    };

    Holdup? OfIntervention(PartitionId p)
    {
        if (s.PlaceOf(p) != PartitionPlace.Quarantined) return null;
        var open = s.Interventions.Values.Where(i => i.Partition == p)
            .OrderBy(i => i.Id.Value).FirstOrDefault();
        return open is null
            ? new("intervention", "it waits for a person")
            : new("intervention", $"{open.Id} {open.Code}: it waits for a person");
    }

    Holdup OfWaiting(PartitionId p)
    {
        if (s.ConfigOf(p) is not { } config) return new("planning", "to be planned");
        foreach (var input in config.Inputs)
        {
            var place = s.PlaceOf(input);
            if (place == PartitionPlace.Live) continue;
            return place == PartitionPlace.Failed
                ? new("input", $"input {s.Names.Text(input)} failed")
                : new("input", $"input {s.Names.Text(input)} is {Word(place)}");
        }
        foreach (var output in config.Outputs)
            if (s.PlaceOf(output) == PartitionPlace.Building && s.HolderOf(output) is { } holder)
                return new("blocked", $"{s.Names.Text(output)} is held by {holder.Id}");
        if (BeginOf(p) is { } begin && begin > facts.Now)
            return new("begin", "begins in time for its window") { Until = begin };
        return OfPlace(config.Job) ?? new("queued", "its turn comes");
    }

    // When the first window of the wants that ask for it opens; a thing that stands on it begins
    // by the same clock.
    DateTimeOffset? BeginOf(PartitionId p)
    {
        DateTimeOffset? first = null;
        foreach (var want in s.Requesters(p).Wants)
            if (s.Wants.TryGetValue(want.Value, out var token)
                && token.Options.StartAt is { } at && (first is null || at < first)) first = at;
        return first;
    }

    // Somebody with its labels; a call needs no slot of theirs beside.
    Holdup? OfWorkers(string name)
    {
        var job = facts.FindJob(name);
        var (isCall, labels) = (job?.Resource is not null, job?.Limits.Labels ?? []);
        if ((isCall && labels.IsEmpty) || s.Workers.Values.Any(worker =>
            (isCall || worker.Slots > 0) && labels.All(worker.Labels.Contains))) return null;
        var asked = labels.IsEmpty ? ""
            : $": it needs {(labels.Length == 1 ? "the label" : "the labels")} "
                + $"{string.Join(", ", labels)} (quoin worker"
                + $"{string.Concat(labels.Select(label => $" --label {label}"))})";
        return new("no-worker", $"no worker for job {name}{asked}");
    }

    Holdup? OfPlace(string job)
    {
        if (OfWorkers(job) is { } nobody) return nobody;
        foreach (var (pool, places) in facts.FindJob(job)?.Limits.Resources.Pools ?? [])
        {
            var users = s.Runs.Values.Where(run => run.Place == RunPlace.Running
                && (facts.FindJob(run.Config.Job)?.Limits.Resources.Pools ?? [])
                    .Any(claim => claim.Pool == pool));
            if (users.Any()) return new("pool", $"pool {pool} is full ({places} needed)");
        }
        return null;
    }

    Holdup OfQueued(RunToken run)
    {
        if (run.Life is { } life && life.Until > facts.Now)
            return life.NotAfter is null || run.Epoch > 0
                ? new("begin", "begins in time") { Until = life.Until }
                : new("start-window", "its start window opens") { Until = life.Until };
        if (run.RetryAt > facts.Now) return Retry(run, run.RetryAt);
        var ahead = Math.Max(0, Queued.BinarySearch(run.Id.Value));
        // What has begun has its places in pools.
        return (run.Life is null ? OfPlace(run.Config.Job) : OfWorkers(run.Config.Job))
            ?? new("queued", $"queued, {ahead} ahead");
    }

    Holdup OfDeferred(RunToken run, ResourceLife life)
    {
        var resource = facts.FindJob(run.Config.Job)?.Resource;
        if (life.KeptUntil is { } kept)
            return new("kept", "kept in case that it is needed again") { Until = kept };
        if (life.Until <= facts.Now && OfWorkers(run.Config.Job) is { } nobody) return nobody;
        if (life.Unknowns > 0)
            return new("unknown", $"nothing known, {life.Unknowns} of {resource?.UnknownMax ?? 10}")
            {
                Until = life.Until,
            };
        if (life.Direction == RunDirection.Watch) return InUse(run);
        if (life.Direction == RunDirection.Release)
            return life.DoubtUntil > facts.Now
                ? new("settling", "an unanswered call may still act") { Until = life.DoubtUntil }
                : new("releasing", $"releasing, try {life.ReleaseFailures + 1}")
                {
                    Until = life.Until,
                };
        if (life.Hook > 0)
            return new("hook", $"hook {life.Hook} of {resource?.Startup.Length ?? life.Hook}")
            {
                Until = life.Until,
            };
        if (run.Failures > 0 && life.Polls == 0) return Retry(run, life.Until);
        var most = resource?.Poll.Count is { } count ? $" of {count}" : "";
        return new("busy", $"busy, poll {life.Polls}{most}") { Until = life.Until };
    }

    Holdup Retry(RunToken run, DateTimeOffset? until)
    {
        var retries = facts.FindJob(run.Config.Job)?.Limits.Retries ?? run.Failures;
        return new("retry", $"retry {run.Failures + 1} of {retries + 1}") { Until = until };
    }

    Holdup InUse(RunToken run)
    {
        var (wants, partitions) = s.Holders(run.Claims[0]);
        var holders = wants.Select(want => $"{want}").Concat(partitions.Select(s.Names.Text))
            .Take(3).ToImmutableArray();
        var more = wants.Count + partitions.Count - holders.Length;
        return holders.IsEmpty
            ? new("releasing", "to be released")
            : new("in-use", $"in use by {string.Join(", ", holders)}"
                + (more > 0 ? $" and {more} more" : ""));
    }

    static string Word(PartitionPlace place) => place.ToString().ToLowerInvariant();
}
