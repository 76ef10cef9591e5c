using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Runs of things outside, on the coordinator's thread: when each is activated next, its calls in
/// slots of their own, and the timers of what is kept. A run that sleeps has an entry in a queue
/// and no slot, no process and no transaction. What an answer means is in
/// <see cref="ResourceAnswers"/>.
/// </summary>
sealed class ResourceRuns(
    Coordinator coordinator, CoordinatorParts parts, IWorker worker, RemoteRuns remote,
    ResourceAnswers answers)
{
    /// <summary>How many calls a process makes at a time, if nothing else is said.</summary>
    public const int Slots = 4;

    // So long after its lease a worker may begin a call at the latest: when its own lease ends.
    static readonly TimeSpan remoteLease = TimeSpan.FromSeconds(60);

    const int RecipesMax = 2048;

    readonly DueRuns due = new(parts.Time);
    readonly Dictionary<RunId, Activation> active = [];
    readonly HashSet<RunId> orphans = []; // Running, and whoever had them is gone.
    readonly NoRoom noRoom = new();
    readonly Dictionary<RunId, ResourceRecipe> recipes = []; // Of runs that are called often.

    KernelState State => parts.State;

    RemoteCalls Away => remote.Calls;

    bool HasRoom => active.Count < parts.CallSlots || Away.HasRoom;

    /// <summary>How long until something is due; null: nothing will be.</summary>
    public TimeSpan? Next => HasRoom ? due.Next : null;

    /// <summary>Nothing will happen to it until somebody asks, or for a long time.</summary>
    public bool IsResting(RunToken run) => run.Life is { } life
        && State.PlaceOf(run.Claims[0]) switch
        {
            PartitionPlace.Quarantined => true,
            // Asked when no want is open: who needs it then waits for a person itself.
            PartitionPlace.Live => life.KeptUntil is not null || State.IsNeeded(run.Claims[0]),
            _ => false,
        };

    /// <summary>
    /// Takes over the runs that there were before this process led. Who is called by a process
    /// that is gone is called again, as one that may have acted.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="isAway">A worker that is there has it, or its answer waits to be taken.</param>
    public void Adopt(RunToken run, bool isAway)
    {
        if (isAway) Away.Given(run.Id, run.Epoch, run.Worker.Owner);
        else if (run.Place == RunPlace.Running) orphans.Add(run.Id);
        Look(run);
    }

    /// <summary>True while a worker of another process has a call of it.</summary>
    public bool IsAway(RunId run) => Away.Has(run);

    /// <summary>Something about a run, or about who needs it, changed.</summary>
    public void Look(RunToken run)
    {
        if (!State.Runs.ContainsKey(run.Id.Value))
        {
            due.Remove(run.Id);
            orphans.Remove(run.Id);
            noRoom.Remove(run.Id);
            recipes.Remove(run.Id);
            return;
        }
        // Its answer comes first.
        if (active.ContainsKey(run.Id) || Away.Has(run.Id)) return;
        noRoom.Remove(run.Id);
        if (!LetGo(run)) Sleep(run);
    }

    // What nobody needs is kept, released, or, before anything was asked for, dropped. True: that
    // changed it, and it is looked at once more.
    bool LetGo(RunToken run)
    {
        var (p, life) = (run.Claims[0], run.Life!);
        switch (State.PlaceOf(p))
        {
            case PartitionPlace.Quarantined when !HasQuestion(run):
                answers.Ask(run, "release-failed");
                return false;
            case PartitionPlace.Live when !State.IsNeeded(p) && life.KeptUntil is null:
                var keep = run.Config.Resource!.Keep;
                return Do(new ScheduleRelease(run.Id, Now)
                {
                    KeepUntil = keep > TimeSpan.Zero ? Now + keep : null,
                });
            case PartitionPlace.Building when run.Epoch == 0 && !Kernel.Demanded(State, run):
                return Do(new RequestRunCancel(run.Id, "undemanded"));
            case PartitionPlace.Building when run.Place != RunPlace.Running
                && (life.IsFailed || !Kernel.Demanded(State, run)):
                return Do(new ScheduleRelease(run.Id, Now));
            default:
                return false;
        }
    }

    bool HasQuestion(RunToken run) => State.Interventions.Values.Any(i => i.Run == run.Id);

    bool Do(KernelCommand command) => coordinator.Do(command) is null;

    DateTimeOffset Now => parts.Time.GetUtcNow();

    void Sleep(RunToken run)
    {
        var life = run.Life!;
        DateTimeOffset? next = run.Place switch
        {
            RunPlace.Queued => life.Until ?? DateTimeOffset.MinValue,
            RunPlace.Deferred => life.Until,
            RunPlace.Running => orphans.Contains(run.Id) ? DateTimeOffset.MinValue : null,
            RunPlace.Cancelling => null,
        };
        if (life.KeptUntil is { } kept && !(next < kept)) next = kept;
        if (next is not { } at) due.Remove(run.Id);
        else due.Put(run.Id, at == DateTimeOffset.MinValue ? Now : at);
    }

    /// <summary>
    /// A start window is over: what waits for a slot since it opened is not launched any more.
    /// </summary>
    public void CloseWindows()
    {
        foreach (var run in State.Runs.Values.ToArray())
        {
            if (run is { Epoch: 0, Place: RunPlace.Queued, Life.NotAfter: { } end } && end < Now)
                answers.Refused(run, new Refusal(
                    "start-window-missed", $"{run.Id} was to begin before {end:O}."));
        }
    }

    /// <summary>Activates what is due, oldest first, as far as there are slots.</summary>
    public void Start()
    {
        foreach (var id in Away.TakeLost())
        {
            if (!State.Runs.TryGetValue(id.Value, out var run)) continue;
            if (run.Place == RunPlace.Running) orphans.Add(id);
            Look(run);
        }
        while (noRoom.TryTake(labels => PlaceFor(labels) is not null, out var id)
            || (HasRoom && due.TryTake(out id)))
        {
            if (State.Runs.TryGetValue(id.Value, out var run)) Activate(run);
        }
    }

    // To read one takes longer than to decide what an answer means. It is kept for the next call,
    // as long as there are not too many of them.
    ResourceRecipe RecipeOf(RunToken run)
    {
        if (recipes.TryGetValue(run.Id, out var recipe)) return recipe;
        if (recipes.Count >= RecipesMax) recipes.Clear();
        return recipes[run.Id] = ResourceRecipe.Read(run.Life!.Recipe);
    }

    // Here if it can be: it is nearer. Null: it waits for a slot.
    WorkerId? PlaceFor(ImmutableArray<string> labels)
    {
        var isMapped = labels == mapped;
        return active.Count < parts.CallSlots
            && (isMapped || labels.All(label => parts.Labels.Contains(label))) ? parts.Worker
            : isMapped ? null
            : Away.Choose(labels);
    }

    /// <summary>Calls that wait for labels which nobody who is there has; none: 0.</summary>
    public (int Runs, ImmutableArray<string> Labels) Stranded => noRoom.Stranded(labels =>
        labels == mapped || labels.All(label => parts.Labels.Contains(label))
        || Away.Matches(labels));

    // A label that nobody can have.
    static readonly ImmutableArray<string> mapped = ["="];

    void Activate(RunToken run)
    {
        var life = run.Life!;
        // The wait is over, by a clock that nobody sets; the wall clock may have been set back.
        var now = Later(Now, Later(life.Until, life.KeptUntil, life.Direction));
        if (life.KeptUntil <= now && !State.IsNeeded(run.Claims[0]))
        {
            coordinator.Do(new ScheduleRelease(run.Id, now));
            return;
        }
        var recipe = RecipeOf(run);
        if (answers.IsSpentAsleep(run, recipe) || answers.IsInDoubt(run, recipe)) return;
        // What a function of this process does, no other process can do.
        var labels = parts.Jobs.Has(run.Config.Job) ? mapped : recipe.Labels;
        if (PlaceFor(labels) is not { } who)
        {
            noRoom.Put(run.Id, labels);
            return;
        }
        var isHere = who == parts.Worker;
        if (run.Epoch == 0) answers.Begin(run, now);
        FaultPoint.Reach("claim.before-commit");
        var refusal = coordinator.Do(new LeaseRun(run.Id, who, now)
        {
            TakesOver = orphans.Contains(run.Id),
            DoubtUntil = now + recipe.Resource.Timeout + recipe.Resource.Settle
                + (isHere ? TimeSpan.Zero : remoteLease),
        });
        orphans.Remove(run.Id);
        if (refusal is not null)
        {
            answers.Refused(run, refusal);
            return;
        }
        var activation = ActivationOf(run, recipe);
        if (!isHere)
        {
            remote.Give(new OfferedRun
            {
                Run = run.Id,
                Epoch = run.Epoch - 1,
                Attempt = run.Attempt,
                Cpu = 0,
                Owner = who.Owner,
                Spec = activation.Attempt.ToBytes(),
            });
            coordinator.AfterCommit(() => FaultPoint.Reach("claim.committed"));
            return;
        }
        active[run.Id] = activation;
        coordinator.AfterCommit(() =>
        {
            FaultPoint.Reach("claim.committed");
            worker.Launch(activation);
        });
    }

    static DateTimeOffset? Later(
        DateTimeOffset? until, DateTimeOffset? kept, RunDirection direction) =>
        direction == RunDirection.Watch && (until is null || kept < until) ? kept : until;

    static DateTimeOffset Later(DateTimeOffset now, DateTimeOffset? until) =>
        until > now ? until.Value : now;

    Activation ActivationOf(RunToken run, ResourceRecipe recipe)
    {
        var life = run.Life!;
        var argv = recipe.ArgvOf(life.Direction, life.Hook);
        var duplicate = life.Direction == RunDirection.Release && life.Extra.Length > 0;
        var held = ImmutableDictionary.CreateBuilder<string, HeldInput>(StringComparer.Ordinal);
        foreach (var input in run.Config.Inputs)
        {
            if (Activation.HeldOf(State, input) is { } thing)
                held[State.Names.Text(input)] = thing;
        }
        return new Activation
        {
            Id = new AttemptId(run.Id, run.Attempt),
            Epoch = run.Epoch,
            Recipe = recipe,
            Attempt = recipe.Attempt with
            {
                Id = new AttemptId(run.Id, run.Attempt),
                Config = recipe.Attempt.Config with { Args = argv },
                Timeout = recipe.Resource.Timeout,
                Held = held.ToImmutable(),
                TraceParent = TraceSpans.ParentOf(parts, run),
                Call = new ResourceCall
                {
                    Key = recipe.Key,
                    Direction = DirectionOf(life),
                    Hook = Math.Max(0, life.Hook - 1),
                    Reentry = life.IsReentry,
                    MayCreate = !(life.NotAfter < Now),
                    ExternalId = duplicate ? life.Extra[0] : life.ExternalId,
                    StateJson = life.State.Length == 0 ? null : life.State,
                    NotAfter = life.NotAfter,
                    Callback = CallbackOf(run, recipe),
                },
            },
            Control = new JobControl(() => parts.Store.LeadHolds),
        };
    }

    // Whoever knows it may say that asking is worth while, and nothing else.
    string? CallbackOf(RunToken run, ResourceRecipe recipe) =>
        parts.Callback is not { } server || recipe.WakeToken.Length == 0
            ? null
            : $"{server.TrimEnd('/')}/api/v1/runs/{run.Id}/wake?token={recipe.WakeToken}";

    static ResourceDirection DirectionOf(ResourceLife life) => life.Direction switch
    {
        RunDirection.Acquire when life.Hook > 0 => ResourceDirection.Hook,
        RunDirection.Acquire => ResourceDirection.Acquire,
        RunDirection.Watch => ResourceDirection.Watch,
        RunDirection.Release => ResourceDirection.Release,
    };

    /// <summary>The service named the thing while its call still runs.</summary>
    public void See(RunId run, int epoch, string externalId)
    {
        coordinator.Do(new SeeExternal(run, epoch, externalId));
        coordinator.AfterCommit(() => FaultPoint.Reach("external.inserted"));
    }

    /// <summary>A call of this process ended.</summary>
    public void Take(Activation activation, JobResult result)
    {
        active.Remove(activation.Id.Run);
        if (result.End == JobEnd.LeaseLost) coordinator.CheckLead();
        Take(RunAnswer.Of(activation, result), activation.Recipe);
    }

    /// <summary>
    /// A call of a worker ended. Without an answer it could not even read what it was to call.
    /// </summary>
    public void Take(EndedAttempt ended)
    {
        Away.Ended(ended.Id.Run, ended.Epoch);
        if (ended.Answer is { } answer) Take(answer);
        else if (State.Runs.TryGetValue(ended.Id.Run.Value, out var run))
            Take(new RunAnswer(ended.Id, ended.Epoch, DirectionOf(run.Life!))
            {
                Answer = new ResourceAnswer(ResourceAnswerKind.Failed)
                {
                    Failure = ended.Result.Failure
                        ?? new(FailureCategory.Configuration, "it did not start"),
                },
            });
    }

    /// <summary>An answer arrives, perhaps of a call that another process made.</summary>
    public void Take(RunAnswer answer, ResourceRecipe? recipe = null)
    {
        Away.Ended(answer.Id.Run, answer.Epoch);
        coordinator.Unsaved.Add(answer);
        QuoinMeter.Answered(answer.Direction, answer.Answer.Kind);
        if (State.Runs.TryGetValue(answer.Id.Run.Value, out var run)
            && run.Epoch == answer.Epoch) orphans.Remove(run.Id);
        answers.Take(answer, recipe);
        if (run is not null) Look(run);
    }

    /// <summary>SIGKILL to every call.</summary>
    public void KillAll()
    {
        foreach (var activation in active.Values) activation.Control.Kill();
    }
}
