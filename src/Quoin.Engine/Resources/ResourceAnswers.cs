using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What the answers of a thing's calls mean, as commands to the kernel: the table of the page on
/// durable steps, with the budgets of polls, failures and silence. Belongs to the coordinator's
/// thread.
/// </summary>
/// <param name="coordinator">Carries the commands out.</param>
/// <param name="parts">State and clock.</param>
sealed class ResourceAnswers(Coordinator coordinator, CoordinatorParts parts)
{
    readonly Dictionary<RunId, DateTimeOffset> began = [];

    KernelState State => parts.State;

    DateTimeOffset Now => parts.Time.GetUtcNow();

    /// <summary>
    /// A sleeping run was busy often enough: it fails without one more call.
    /// </summary>
    public bool IsSpentAsleep(RunToken run, ResourceRecipe recipe)
    {
        var life = run.Life!;
        if (life.Direction != RunDirection.Acquire || run.Place != RunPlace.Deferred
            || !ResourceBudgets.IsCountSpent(recipe.Resource.Poll, life)) return false;
        Fail(run, run.Epoch, Failure("poll-count-limit", $"busy {life.Polls} times"), 0,
            mayExist: true, byTimer: true);
        return true;
    }

    /// <summary>
    /// Its last call may have acted, and the service cannot tell: a person decides, or it is asked
    /// for once more and a person is told.
    /// </summary>
    public bool IsInDoubt(RunToken run, ResourceRecipe recipe)
    {
        var life = run.Life!;
        if (life.Direction != RunDirection.Acquire || !life.IsInDoubt || life.Hook > 0
            || life.ExternalId.Length > 0 || recipe.Resource.Identity != ResourceIdentity.None
            || !Kernel.Demanded(State, run)) return false;
        var isRepeat = recipe.Resource.OnDoubt == ResourceDoubt.Repeat
            && !State.Interventions.Values.Any(i => i.Run == run.Id);
        Ask(
            run, isRepeat ? "may-be-double" : "in-doubt",
            isRepeat
                ? "a call may have acted unheard of; it was asked for once more, and the first "
                    + "thing may be left over"
                : "a call may have acted unheard of, and the service cannot tell",
            parks: !isRepeat);
        return !isRepeat;
    }

    /// <summary>The kernel does not let it act.</summary>
    public void Refused(RunToken run, Refusal refusal)
    {
        switch (refusal.Code)
        {
            case "start-window-missed":
                Fail(run, run.Epoch, Failure(refusal.Code, refusal.Message), 0,
                    mayExist: false, byTimer: true);
                break;
            case "claims-spent":
                Ask(run, refusal.Code, refusal.Message, parks: true);
                break;
            default:
                break; // It changed meanwhile, and is looked at for that.
        }
    }

    /// <summary>Opens a question, unless it is open.</summary>
    public void Ask(RunToken run, string code, string reason = "", bool parks = false)
    {
        var life = run.Life!;
        var ids = life.Extra;
        if (life.ExternalId.Length > 0) ids = ids.Insert(0, life.ExternalId);
        if (reason.Length == 0 && State.TryGetFailure(run.Claims[0], out var failure))
            reason = failure.RunFailure?.Reason ?? "";
        coordinator.Do(new OpenIntervention(run.Id, code)
        {
            Reason = reason,
            Key = ResourceRecipe.Read(life.Recipe).Key,
            ExternalIds = ids,
            Parks = parks,
        });
    }

    /// <summary>An answer is taken: what follows, or that it came too late.</summary>
    public void Take(RunAnswer taken, ResourceRecipe? known)
    {
        FaultPoint.Reach("take.before");
        var (id, epoch, answer) = (taken.Id.Run, taken.Epoch, taken.Answer);
        if (!State.Runs.TryGetValue(id.Value, out var run) || run.Life is not { } life) return;
        var isOurs = run.Epoch == epoch && run.Place == RunPlace.Running;
        if (!isOurs)
        {
            coordinator.Do(new DeferRun(id, epoch, Now)); // Which says that it is too late.
            if (answer.ExternalId is { } late && late != life.ExternalId)
                coordinator.Do(new SeeExternal(id, epoch, "") { Extra = [late], IsLate = true });
            return;
        }
        if (taken.CalledId.Length == 0 || !life.Extra.Contains(taken.CalledId))
            coordinator.Do(new SeeExternal(id, epoch, answer.ExternalId ?? "")
            {
                Extra = answer.ExtraIds,
            });
        var recipe = known ?? ResourceRecipe.Read(life.Recipe);
        FaultPoint.Reach("take.between-writes");
        switch (taken.Direction)
        {
            case ResourceDirection.Acquire or ResourceDirection.Hook:
                Acquired(run, recipe, answer, taken.Usage);
                break;
            case ResourceDirection.Watch:
                Watched(run, recipe, answer);
                break;
            case ResourceDirection.Release:
                Released(run, recipe, answer, taken.CalledId);
                break;
        }
        coordinator.AfterCommit(() => FaultPoint.Reach("take.committed"));
    }

    void Acquired(
        RunToken run, ResourceRecipe recipe, ResourceAnswer answer, RunUsage usage)
    {
        var life = run.Life!;
        // A thing that has a name, was busy once, or was asked for unheard of may be there.
        var mayExist = life.IsLaunched || life.IsReentry;
        switch (answer.Kind)
        {
            case ResourceAnswerKind.Done when life.Hook < recipe.Resource.Startup.Length:
                FaultPoint.Reach("hook.between");
                coordinator.Do(new StartRun(run.Id, run.Epoch, life.Hook + 1)
                {
                    Connections = answer.ConnectionsJson ?? "",
                });
                break;
            case ResourceAnswerKind.Done:
                Live(run, recipe, answer, usage);
                break;
            case ResourceAnswerKind.Busy
                when ResourceBudgets.IsTimeSpent(recipe.Resource.Poll, life, Now):
                Fail(run, run.Epoch, Failure(
                    "poll-time-limit", $"busy for longer than {Limit(recipe.Resource.Poll)}"), 0,
                    mayExist: true);
                break;
            case ResourceAnswerKind.Busy:
                Defer(run, recipe.Resource.Poll, answer);
                break;
            case ResourceAnswerKind.Failed:
                var failure = answer.Failure!;
                Fail(run, run.Epoch, failure,
                    RetryRules.RetriesOf(failure.Category, recipe.Retries), mayExist);
                break;
            case ResourceAnswerKind.Absent when life.ExternalId.Length > 0:
                Fail(run, run.Epoch, Failure("vanished", "it was there and is not any more"),
                    recipe.Retries, mayExist: false);
                break;
            case ResourceAnswerKind.Absent when life.NotAfter < Now:
                Fail(run, run.Epoch, Failure("start-window-missed", "it is not there"), 0,
                    mayExist: life.IsReentry);
                break;
            case ResourceAnswerKind.Absent:
                Fail(run, run.Epoch, new RunFailure(FailureCategory.Temporary, "it is not there"),
                    recipe.Retries, mayExist);
                break;
            case ResourceAnswerKind.Unknown when IsContactLost(run, recipe):
                Ask(run, "lost-contact", answer.Reason);
                Fail(run, run.Epoch,
                    new RunFailure(FailureCategory.Lost, $"lost-contact: {answer.Reason}"), 0,
                    mayExist: true);
                break;
            case ResourceAnswerKind.Unknown:
                DeferUnknown(run, recipe.Resource.Poll, answer);
                break;
        }
    }

    /// <summary>The first call of a run begins: what it takes counts from here.</summary>
    public void Begin(RunToken run, DateTimeOffset now) => began[run.Id] = now;

    // Not what the last call took, but how long it is until the thing is there: a want's window is
    // prepared for by that. Of a run of before this process led, the last round has to do.
    RunUsage UsageOf(RunToken run, RunUsage last)
    {
        if (!began.Remove(run.Id, out var since)) since = run.Life!.RoundSince ?? last.StartedAt;
        var elapsed = Math.Clamp((Now - since).TotalMilliseconds, last.ElapsedMs, int.MaxValue);
        return last with { StartedAt = since, ElapsedMs = (int)elapsed };
    }

    void Live(RunToken run, ResourceRecipe recipe, ResourceAnswer answer, RunUsage usage)
    {
        FaultPoint.Reach("live.before-commit");
        var definition = run.Config.Definition;
        var connections = answer.ConnectionsJson ?? run.Life!.Connections;
        coordinator.Do(new CompleteRun(
            run.Id, run.Epoch, [new OutputManifest(run.Claims[0], definition, 0)])
        {
            Fingerprint = definition,
            Usage = UsageOf(run, usage),
            Connections = connections,
            WatchAt = recipe.Resource.Watch.IsEmpty
                ? null : Now + recipe.Resource.WatchPoll.Every,
        });
    }

    void Watched(RunToken run, ResourceRecipe recipe, ResourceAnswer answer)
    {
        RunFailure? failure = null;
        switch (answer.Kind)
        {
            case ResourceAnswerKind.Busy:
                Defer(run, recipe.Resource.WatchPoll, answer);
                return;
            case ResourceAnswerKind.Unknown when !IsContactLost(run, recipe):
                DeferUnknown(run, recipe.Resource.WatchPoll, answer);
                return;
            case ResourceAnswerKind.Unknown:
                Ask(run, "lost-contact", answer.Reason);
                failure = new RunFailure(FailureCategory.Lost, $"lost-contact: {answer.Reason}");
                break;
            case ResourceAnswerKind.Done when answer.Ended?.Exit is { } exit and not 0:
                failure = new RunFailure(FailureCategory.Failed, $"it ended with exit {exit}")
                {
                    ExitCode = exit,
                };
                break;
            case ResourceAnswerKind.Failed:
                failure = answer.Failure;
                break;
            case ResourceAnswerKind.Absent:
                failure = Failure("vanished", "it was in use and is not there any more");
                break;
            case ResourceAnswerKind.Done:
                break;
        }
        coordinator.Do(new EndResource(run.Id, run.Epoch) { Failure = failure });
    }

    void Released(
        RunToken run, ResourceRecipe recipe, ResourceAnswer answer, string externalId)
    {
        var life = run.Life!;
        switch (answer.Kind)
        {
            // A service that never answered may still create what it was asked for.
            case ResourceAnswerKind.Absent when life.DoubtUntil > Now:
                coordinator.Do(new DeferRun(run.Id, run.Epoch, life.DoubtUntil.Value)
                {
                    At = Now,
                    Detail = "settling",
                });
                break;
            case ResourceAnswerKind.Done or ResourceAnswerKind.Absent:
                Close(run);
                coordinator.Do(new ReleaseDone(run.Id, run.Epoch) { ExternalId = externalId });
                break;
            case ResourceAnswerKind.Busy when !IsReleaseSpent(run, recipe):
                Defer(run, recipe.Resource.Poll, answer);
                break;
            case ResourceAnswerKind.Unknown when !IsReleaseSpent(run, recipe):
                DeferUnknown(run, recipe.Resource.Poll, answer);
                break;
            case ResourceAnswerKind.Failed or ResourceAnswerKind.Busy
                or ResourceAnswerKind.Unknown:
                var failure = answer.Failure ?? new RunFailure(
                    FailureCategory.Temporary,
                    answer.Reason.Length > 0 ? answer.Reason : "it is still there");
                coordinator.Do(new FailRelease(run.Id, run.Epoch, failure)
                {
                    RetryAt = IsReleaseSpent(run, recipe)
                        ? null
                        : Now + RetryRules.Delay(
                            life.ReleaseFailures + 1, parts.Random.NextDouble()),
                });
                if (State.PlaceOf(run.Claims[0]) == PartitionPlace.Quarantined)
                    Ask(run, "release-failed", failure.Reason);
                break;
        }
    }

    bool IsReleaseSpent(RunToken run, ResourceRecipe recipe) =>
        Now >= run.Life!.RoundSince + recipe.Resource.ReleaseTime;

    // Questions that its release answers.
    void Close(RunToken run)
    {
        if (run.Life!.Extra.Length > 1) return;
        foreach (var open in State.Interventions.Values.ToArray())
        {
            if (open.Run == run.Id && open.Code == "lost-contact")
                coordinator.Do(new ResolveIntervention(
                    open.Id, InterventionAnswer.Closed, "released"));
        }
    }

    bool IsContactLost(RunToken run, ResourceRecipe recipe) => ResourceBudgets.IsContactLost(
        recipe.Resource.UnknownMax, recipe.Resource.UnknownTime, run.Life!, Now);

    void Defer(RunToken run, PollLimits limits, ResourceAnswer answer)
    {
        var now = Now;
        var asked = answer.Defer;
        coordinator.Do(new DeferRun(
            run.Id, run.Epoch,
            ResourceBudgets.NextPoll(
                asked?.Reset == true ? limits with { Time = null } : limits, run.Life!,
                asked?.After, now, parts.Random.NextDouble()))
        {
            At = now,
            Reset = asked?.Reset ?? false,
            State = asked?.StateJson ?? "",
            Detail = answer.Reason,
        });
    }

    void DeferUnknown(RunToken run, PollLimits limits, ResourceAnswer answer)
    {
        var now = Now;
        coordinator.Do(new DeferRun(
            run.Id, run.Epoch,
            ResourceBudgets.NextAfterUnknown(
                limits, run.Life!, now, parts.Random.NextDouble()))
        {
            At = now,
            Kind = DeferKind.Unknown,
            Detail = answer.Reason,
        });
    }

    static string Limit(PollLimits limits) => FormattableString.Invariant(
        $"{limits.Time?.TotalSeconds:0.###} s (poll.time)");

    static RunFailure Failure(string code, string reason) =>
        new(FailureCategory.Failed, $"{code}: {reason}");

    void Fail(
        RunToken run, int epoch, RunFailure failure, int retries, bool mayExist,
        bool byTimer = false)
    {
        var retryAt = Now + RetryRules.Delay(run.Failures + 1, parts.Random.NextDouble());
        coordinator.Do(new FailRun(run.Id, epoch, failure)
        {
            Retries = retries,
            RetryAt = retryAt,
            MayExist = mayExist,
            ByTimer = byTimer,
        });
    }
}
