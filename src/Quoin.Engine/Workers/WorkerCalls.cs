namespace Quoin.Engine;

/// <summary>
/// Calls about things outside in a worker's process: makes them, and says of them what its turns do
/// not: names of things while a call runs, and answers that came too late for its lease. What the
/// store does not take now is kept beside it, in <c>.quoin/journal</c>, and sent when it answers
/// again, by whoever reaches it. Any thread.
/// </summary>
sealed class WorkerCalls(StoreWorkerOptions options, JobProcess process)
{
    readonly AnswerJournal journal =
        new(Path.Combine(options.Workspace.QuoinDirectory, "journal"));
    volatile bool hasAny = true; // A process before this one may have left some.

    /// <summary>Sends a row, or gives it up: what it says is said again with the answer.</summary>
    public void Send(InboxCommand row)
    {
        try
        {
            options.Store.SendAsync(row, CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (StoreException)
        {
            // It is away: our next turn says so.
        }
    }

    /// <summary>Keeps the answers among what was handed in and not taken.</summary>
    public void Keep(IEnumerable<EndedRun> ended)
    {
        foreach (var end in ended)
            if (EndedAttempt.Read(new(end.Body.Span)).Answer is { } answer) Keep(answer);
    }

    /// <summary>Keeps an answer, so that it survives the loss of power.</summary>
    public void Keep(RunAnswer answer)
    {
        // Whatever it did is found by the next call, or by the name it said.
        if (answer.Answer is { Kind: ResourceAnswerKind.Unknown, ExternalId: null }) return;
        journal.Write(answer.ToInbox());
        hasAny = true;
        FaultPoint.Reach("journal.written");
    }

    /// <summary>The store answers: sends what was kept.</summary>
    public void SendAll()
    {
        if (!hasAny) return;
        hasAny = false;
        if (!journal.HasAny) return;
        try
        {
            journal.SendAsync(
                options.Store.SendAsync, options.Observer.Said, CancellationToken.None)
                .GetAwaiter().GetResult();
            FaultPoint.Reach("journal.imported");
        }
        catch (StoreException)
        {
            hasAny = true;
        }
    }

    /// <summary>
    /// Makes a call, on a slot's thread. One that has not begun when our lease is over is somebody
    /// else's.
    /// </summary>
    public JobResult Execute(HeldAttempt attempt)
    {
        if (!attempt.Control.LeaseHolds())
            return new JobResult { End = JobEnd.LeaseLost, Answer = Silence("its lease was over") };
        FaultPoint.Reach("call.before");
        var result = process.Run(
            attempt.Spec.In(options.Workspace, attempt.Epoch), attempt.Control,
            new Observer(this, attempt));
        FaultPoint.Reach("call.answered");
        FaultPoint.Reach("handin.before");
        return options.KeepsLogs
            ? result with { Log = LogExcerpt.Read(options.Workspace.LogOf(attempt.Spec.Id)) }
            : result;
    }

    /// <summary>What is told of a call that ended.</summary>
    public static RunAnswer AnswerOf(HeldAttempt attempt, JobResult result) => RunAnswer.Of(
        attempt.Spec.Id, attempt.Epoch, attempt.Spec.Call!,
        result.Answer is null && result.Failure is null
            ? result with { Answer = Silence("its worker was stopped") }
            : result);

    static ResourceAnswer Silence(string reason) =>
        new(ResourceAnswerKind.Unknown) { Reason = reason };

    sealed class Observer(WorkerCalls calls, HeldAttempt attempt) : IJobObserver
    {
        int named;

        public void Launched(int pid) => FaultPoint.Reach("launched");

        public void Progress(JobProgress report) { }

        // Its answer says it, too: this is for the case that nobody hears that.
        public void External(string id)
        {
            var run = attempt.Spec.Id.Run;
            calls.Send(new StoreCommand.Named(run, attempt.Epoch, id).ToInbox(
                $"named/{run.Value}/{attempt.Epoch}/{++named}"));
            FaultPoint.Reach("external.inserted");
        }
    }
}
