using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The coordinator's side of things outside: those that are to be begun, the calls of those that
/// are there, and the times of the wants that hold them. Belongs to the coordinator's thread.
/// </summary>
sealed class Holdings
{
    readonly CoordinatorParts parts;
    readonly Coordinator coordinator;
    readonly ResourceRuns resources;
    readonly ReadyResources begins;
    readonly WantTimers wants;

    public Holdings(
        Coordinator coordinator, CoordinatorParts parts, Planning planning, RunNeeds needs,
        ResourceLedger ledger, RemoteRuns remote, IWorker worker)
    {
        (this.coordinator, this.parts) = (coordinator, parts);
        begins = new ReadyResources(coordinator, parts, planning, needs, ledger);
        resources = new ResourceRuns(
            coordinator, parts, worker, remote, new ResourceAnswers(coordinator, parts));
        wants = new WantTimers(coordinator, parts, CloseWindows);
    }

    KernelState State => parts.State;

    /// <summary>How long until something is due; null: nothing will be.</summary>
    public TimeSpan? Next => Sooner(resources.Next, Sooner(begins.Next, wants.Next));

    /// <inheritdoc cref="ResourceRuns.Stranded"/>
    public (int Runs, ImmutableArray<string> Labels) Stranded => resources.Stranded;

    /// <summary>The shorter of two waits.</summary>
    public static TimeSpan? Sooner(TimeSpan? one, TimeSpan? other) =>
        one is null || other < one ? other : one;

    /// <summary>Does what is due.</summary>
    public void Start()
    {
        wants.Start();
        begins.Start();
        resources.Start();
    }

    /// <summary>It is planned, and all that it stands on is there.</summary>
    public void AddReady(PartitionId p) => begins.Add(p);

    /// <summary>A run that began before this process led.</summary>
    public void Adopt(RunToken run, bool isAway)
    {
        begins.Adopt(run);
        resources.Adopt(run, isAway);
    }

    /// <summary>True while a worker of another process has a call of it.</summary>
    public bool IsAway(RunId run) => resources.IsAway(run);

    /// <summary>Something about a run, or about who needs its thing, changed.</summary>
    public void Look(RunToken run)
    {
        resources.Look(run);
        if (!State.Runs.ContainsKey(run.Id.Value)) begins.Give(run.Claims[0]);
    }

    /// <summary>
    /// All that a want holds is there: how to reach it goes into the same append.
    /// </summary>
    public void Ready(WantToken want)
    {
        if (!want.IsReady || !State.Wants.ContainsKey(want.Id.Value)) return;
        coordinator.Note(new WantReady(want.Id)
        {
            At = parts.Time.GetUtcNow(),
            Connections =
            [
                .. from p in want.Targets
                   let life = State.LifeOf(p)?.Life
                   where life is not null
                   select new ResourceConnections(p, life.Connections),
            ],
        });
        Look(want);
    }

    /// <summary>These are committed: they are counted, and in tests a process may end.</summary>
    public static void Appended(IReadOnlyList<BuildEvent> events)
    {
        foreach (var e in events) QuoinMeter.Appended(e);
        ReachThoseOf(events);
    }

    /// <summary>These are committed: in tests a process may end.</summary>
    public static void ReachThoseOf(IReadOnlyList<BuildEvent> events)
    {
        foreach (var e in events)
        {
            if (e is ReleaseScheduled { NotBefore: null }) FaultPoint.Reach("release.scheduled");
            if (e is ResourceReleased) FaultPoint.Reach("release.between-two");
            if (e is InterventionResolved) FaultPoint.Reach("intervention.resolved");
        }
    }

    /// <summary>A want is offered, or in use: its time runs.</summary>
    public void Look(WantToken want) => wants.Look(want);

    void CloseWindows()
    {
        begins.CloseWindows();
        resources.CloseWindows();
    }

    /// <summary>Nothing will happen to any run until somebody asks, or for a long time.</summary>
    public bool AreResting => parts.State.Runs.Values.All(resources.IsResting);

    /// <summary>A call ended.</summary>
    public void TakeResult(Activation activation, JobResult result)
    {
        if (result.Log is { } log) coordinator.Keep(new RunLogText(activation.Id, log));
        resources.Take(activation, result);
        coordinator.AfterCommit(() => parts.Observer.AttemptEnded(activation.Id, result));
    }

    /// <summary>A call of a worker of another process ended.</summary>
    public void TakeResult(EndedAttempt ended)
    {
        resources.Take(ended);
        coordinator.AfterCommit(() => parts.Observer.AttemptEnded(ended.Id, ended.Result));
    }

    /// <summary>An answer that a process left behind that could not save it.</summary>
    public void Take(RunAnswer answer) => resources.Take(answer);

    /// <summary>A call that still runs says what the thing is called outside.</summary>
    public void See(Activation activation, string id) =>
        resources.See(activation.Id.Run, activation.Epoch, id);

    /// <summary>The same, of a call at a worker.</summary>
    public void See(RunId run, int epoch, string id) => resources.See(run, epoch, id);

    /// <summary>SIGKILL to every call.</summary>
    public void KillAll() => resources.KillAll();
}
