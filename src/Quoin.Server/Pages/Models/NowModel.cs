using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Server;

/// <summary>A want in a table.</summary>
public sealed record WantLine
{
    /// <summary>Its id.</summary>
    public required WantId Id { get; init; }

    /// <summary>What was typed.</summary>
    public required string Request { get; init; }

    /// <summary>A word: <c>open</c>.</summary>
    public required string Standing { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset AcceptedAt { get; init; }

    /// <summary>When it was over; null: it goes on.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Partitions of its plan; 0: there is no plan.</summary>
    public int Total { get; init; }

    /// <summary>Of those, what is not there yet and may still come.</summary>
    public int Left { get; init; }

    /// <summary>More than that is left: not everything was looked at.</summary>
    public bool IsCut { get; init; }

    /// <summary>Wanted partitions that cannot be had.</summary>
    public int Failed { get; init; }

    /// <summary>How long it will still take; empty: nobody knows.</summary>
    public string TimeLeft { get; init; } = "";

    /// <summary>Why it is not over.</summary>
    public string Why { get; init; } = "";

    /// <summary>It goes on.</summary>
    public bool IsOpen => Standing is "open" or "offered" or "ready" or "releasing";

    internal static WantLine Of(StoreState s, WantRow want, WantWork? work, Holdup? why) => new()
    {
        Id = want.Id,
        Request = want.Request,
        Standing = Words.Of(want.Standing),
        AcceptedAt = want.AcceptedAt,
        EndedAt = want.EndedAt,
        Total = want.Counts.Total,
        Left = work is { IsCut: true } ? Math.Max(work.Left, LeftOf(s, want)) : work?.Left ?? 0,
        IsCut = work?.IsCut ?? false,
        Failed = s.Kernel.Wants.TryGetValue(want.Id.Value, out var open)
            ? open.FailedTargets.Count
            : want.Failed.Length,
        TimeLeft = work?.Time is not { } left ? ""
            : left.High < TimeSpan.FromSeconds(1) ? "<1s"
            : $"{left}",
        Why = why is null ? "" : RunLine.WithTime(why),
    };

    // What it asks for itself and has not got: at least that much is left.
    static int LeftOf(StoreState s, WantRow want) =>
        s.Kernel.Wants.TryGetValue(want.Id.Value, out var open) ? open.Remaining : 0;
}

/// <summary>What runs, what waits and why, what failed, and how long it will take.</summary>
public sealed record NowModel
{
    /// <summary>The most rows of each table.</summary>
    public const int RowsMax = 25;

    const int LookedAtMax = 500;

    /// <summary>Partitions by place, those that there are.</summary>
    public required ImmutableArray<(PartitionPlace Place, int Count)> Places { get; init; }

    /// <summary>Wants that are not over, the newest last.</summary>
    public required ImmutableArray<WantLine> Wants { get; init; }

    /// <summary>How many there are.</summary>
    public required int WantCount { get; init; }

    /// <summary>Runs that a worker has.</summary>
    public required ImmutableArray<RunLine> Running { get; init; }

    /// <summary>How many there are.</summary>
    public required int RunningCount { get; init; }

    /// <summary>Runs that wait for a worker, their time, or an answer from outside.</summary>
    public required ImmutableArray<RunLine> Queued { get; init; }

    /// <summary>How many there are.</summary>
    public required int QueuedCount { get; init; }

    /// <summary>Partitions that wait before they have a run, those with another reason than an
    /// input first.</summary>
    public required ImmutableArray<PartitionLine> Waiting { get; init; }

    /// <summary>How many there are.</summary>
    public required int WaitingCount { get; init; }

    /// <summary>Partitions that failed by themselves.</summary>
    public required ImmutableArray<PartitionLine> Failed { get; init; }

    /// <summary>Partitions that failed because an input did.</summary>
    public required int FailedBehind { get; init; }

    /// <summary>Open questions for a person.</summary>
    public required ImmutableArray<QuestionLine> Questions { get; init; }

    /// <summary>Runs that ended last, the newest first.</summary>
    public required ImmutableArray<RunLine> Ended { get; init; }

    /// <summary>Slots of all workers, and how many of them are taken.</summary>
    public required (int All, int Busy) Slots { get; init; }

    /// <summary>Workers that are there.</summary>
    public required int Workers { get; init; }

    internal static NowModel Of(StoreState s, Holdups holdups, Graph? graph, DateTimeOffset now)
    {
        var kernel = s.Kernel;
        var (failed, behind) = FailuresOf(s);
        var running = s.CountRuns(RunState.Running);
        // Who only decides, or makes calls about things outside, has no slot.
        var workers = s.Workers.Values
            .Where(worker => worker is { LeftAt: null, Slots: > 0 }).ToList();
        return new NowModel
        {
            Places = [.. PlacesOf(kernel)],
            Wants = [.. WantWork.Lines(s, s.Wants.OldestOpen(RowsMax), holdups, graph, now)],
            WantCount = kernel.Wants.Count,
            Running = Lines(RunState.Running),
            RunningCount = running,
            Queued = Lines(RunState.Queued, RunState.Deferred),
            QueuedCount = s.CountRuns(RunState.Queued) + s.CountRuns(RunState.Deferred),
            Waiting = WaitingOf(s, holdups),
            WaitingCount = kernel.Count(PartitionPlace.Wanted)
                + kernel.Count(PartitionPlace.Planned) + kernel.Count(PartitionPlace.Waiting),
            Failed = failed,
            FailedBehind = behind,
            Questions = [.. kernel.Interventions.Keys.Order().Take(RowsMax)
                .Select(id => QuestionLine.Of(s.Questions[id]))],
            Ended = EndedOf(s),
            Slots = (workers.Sum(worker => worker.Slots), running),
            Workers = workers.Count,
        };

        ImmutableArray<RunLine> Lines(params ReadOnlySpan<RunState> states) =>
            [.. s.OldestRuns(RowsMax, states).Select(run => RunLine.Of(s, run, holdups))];
    }

    internal static IEnumerable<(PartitionPlace Place, int Count)> PlacesOf(KernelState kernel) =>
        from place in Enum.GetValues<PartitionPlace>()
        where place != PartitionPlace.Missing && kernel.Count(place) > 0
        select (place, kernel.Count(place));

    static ImmutableArray<PartitionLine> WaitingOf(StoreState s, Holdups holdups)
    {
        var found = new List<(Holdup Why, PartitionId Id)>();
        PartitionPlace[] places =
            [PartitionPlace.Waiting, PartitionPlace.Wanted, PartitionPlace.Planned];
        foreach (var place in places)
            foreach (var p in s.Partitions.Page("", place, null, LookedAtMax))
                found.Add((holdups.Of(p), p));
        // That an input is not there says the least: the input's own reason is above it.
        return
        [
            .. found.OrderBy(pair => pair.Why.Code == "input").Take(RowsMax)
                .Select(pair => PartitionLine.Of(s, pair.Id) with
                {
                    Note = RunLine.WithTime(pair.Why),
                }),
        ];
    }

    static (ImmutableArray<PartitionLine> Failed, int Behind) FailuresOf(StoreState s)
    {
        var found = new List<(Failure Failure, PartitionId Id)>();
        var behind = 0;
        foreach (var p in s.Partitions.Page("", PartitionPlace.Failed, null, LookedAtMax))
        {
            if (!s.Kernel.TryGetFailure(p, out var failure)) continue;
            if (failure.Cause == FailureCause.Upstream) behind++;
            else found.Add((failure, p));
        }
        // Beyond what was looked at nobody knows which is which.
        behind += Math.Max(0, s.Kernel.Count(PartitionPlace.Failed) - LookedAtMax);
        var newest = found.OrderByDescending(f => f.Failure.At).Take(RowsMax);
        return ([.. newest.Select(f => FailureLine(s, f.Id, f.Failure))], behind);
    }

    internal static PartitionLine FailureLine(StoreState s, PartitionId p, Failure failure) =>
        PartitionLine.Of(s, p) with
        {
            Note = failure switch
            {
                { RunFailure: { } run } => Words.Failure(run),
                { Problem: { } problem } => $"{problem.Code}: {problem.Message}",
                _ => Words.Cause(failure.Cause),
            },
            Run = failure.Run.Value > 0 ? failure.Run : null,
        };

    static ImmutableArray<RunLine> EndedOf(StoreState s)
    {
        const int shown = 12;
        RunState[] ends = [RunState.Built, RunState.Failed, RunState.Restored, RunState.Cancelled];
        return
        [
            .. ends.SelectMany(end => s.RunPage(end, null, null, null, shown, out _))
                .OrderByDescending(run => run.EndedAt).ThenByDescending(run => run.Id.Value)
                .Take(shown).Select(run => RunLine.Of(s, run)),
        ];
    }
}
