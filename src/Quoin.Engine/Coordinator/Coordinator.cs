using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The one thread that decides for a store: it takes messages, asks the kernel, applies the events,
/// appends them, and only then acts on them (launches runs, tells the terminal). Whatever it waits
/// for arrives as a message; nothing polls.
/// </summary>
sealed class Coordinator : IDisposable
{
    readonly CoordinatorParts parts;
    readonly Mailbox mailbox = new();
    List<Message> messages = [];
    readonly Dispatcher dispatcher;
    readonly Planning planning;
    readonly CommandInbox inbox;
    readonly EarlierRuns earlier;
    readonly PlansAgain again;
    readonly RemoteRuns remote;
    readonly WantGate gate;
    readonly Dictionary<int, TaskCompletionSource<WantReport>> reports = [];
    readonly List<BuildEvent> pending = [];
    readonly List<FingerprintText> fingerprints = [];
    readonly List<RunLogText> logs = [];
    readonly List<Action> afterCommit = [];
    readonly CancellationTokenSource killed = new();
    readonly List<TaskCompletionSource<bool>> idle = [];
    readonly UnsavedAnswers unsaved;
    readonly PlanRecall recall;
    long position;
    bool stopping;

    public Coordinator(CoordinatorParts parts, long position)
    {
        this.parts = parts;
        this.position = position;
        planning = new Planning(
            parts.Graph, parts.State, parts.Facts, parts.Calls, parts.History, parts.Time,
            parts.HostSpeed);
        earlier = new EarlierRuns(parts.State, parts.Files);
        remote = new RemoteRuns(this, parts);
        dispatcher = new Dispatcher(this, parts, planning, earlier, remote, mailbox);
        inbox = new CommandInbox(this, parts, planning, dispatcher, remote);
        again = new PlansAgain(this, parts, planning, earlier, dispatcher);
        gate = new WantGate(this, parts, dispatcher.Holdings);
        unsaved = new UnsavedAnswers(parts);
        recall = new PlanRecall(parts);
        PlanLog = new PlanLog(parts.Time, (want, line) =>
            AfterCommit(() => parts.PlanLines(want, line)));
    }

    KernelState State => parts.State;

    /// <summary>Where plans and refusals are told to people who ask later.</summary>
    public PlanLog PlanLog { get; }

    /// <summary>Answers that are heard and not committed yet.</summary>
    public List<RunAnswer> Unsaved => unsaved.Heard;

    /// <summary>How many runs hold resources of this process.</summary>
    public int Holding => dispatcher.Holding;

    /// <summary>How many of them wait for a worker of another process.</summary>
    public int Offered => remote.Offered;

    /// <summary>The position of the newest committed event.</summary>
    public long Position => position;

    public void Post(Message message)
    {
        if (message is Message.Kill) killed.Cancel(); // A config command that hangs ends too.
        mailbox.Post(message);
    }

    /// <summary>
    /// Decides until it is told to stop. A store that fails ends it with its exception.
    /// </summary>
    public void Run()
    {
        try
        {
            Begin();
            while (!stopping) Turn(wait: true);
            Do(new RemoveWorker(parts.Worker));
            Commit();
        }
        catch (Exception e)
        {
            if (e is StoreException { Code: "lease-lost" })
                FaultPoint.Reach("coordinator.lease-lost");
            dispatcher.KillAll();
            foreach (var report in reports.Values) report.TrySetException(e);
            throw;
        }
        finally
        {
            dispatcher.Dispose(); // Waits for what runs, so that nobody posts afterwards.
            KeepUnsaved();
        }
    }

    /// <summary>What was heard and could not be committed is kept beside the store.</summary>
    public void KeepUnsaved() => unsaved.Keep(mailbox);

    /// <summary>
    /// Takes the store over from whoever had it, continues its wants, and does what was asked while
    /// nobody led. When a message waits already, or is sure to come at once, the facts so far go
    /// with what comes of it.
    /// </summary>
    public void Begin()
    {
        unsaved.Send();
        parts.Spans?.Continue(parts.Store);
        new Takeover(this, parts, dispatcher, remote, inbox).Run();
        State.Notices.ToPlan.Clear();
        foreach (var want in State.Wants.Values.OrderBy(want => want.Id.Value).ToArray())
            Continue(want, isTakenOver: true);
        inbox.CarryRest();
        if (!parts.PlansAtOnce && !mailbox.HasMessages) Settle();
    }

    /// <summary>
    /// Decides on the messages that there are, and on all that follows from them.
    /// </summary>
    /// <param name="wait">Whether to wait until there is one.</param>
    /// <returns>False when there was none.</returns>
    public bool Turn(bool wait)
    {
        messages.Clear();
        messages = mailbox.Take(messages, wait);
        if (messages.Count == 0) return false;
        foreach (var message in messages) Handle(message);
        Settle();
        return true;
    }

    public void Dispose() => killed.Dispose();

    void Handle(Message message)
    {
        switch (message)
        {
            case Message.Ended m: dispatcher.TakeResult(m.Launch, m.Result); break;
            case Message.Activated m: dispatcher.Holdings.TakeResult(m.Activation, m.Result); break;
            case Message.Named m: dispatcher.Holdings.See(m.Activation, m.ExternalId); break;
            case Message.Wanted m: Accept(m); break;
            case Message.Look: remote.Sweep(inbox.Look); break;
            case Message.TakenBack m:
                inbox.Look();
                dispatcher.StartHere(m.Runs);
                break;
            case Message.Cancel m: Cancel(m); break;
            case Message.Drain m: dispatcher.Draining.Ask(m.Drained); break;
            case Message.Kill: dispatcher.KillAll(); break;
            case Message.Tick: break; // What is due is looked at after every message.
            case Message.Beat:
                foreach (var want in State.Wants.Values) PlanLog.Beat(want, dispatcher.Standing);
                break;
            case Message.Ask m: Answer(m); break;
            case Message.WhenIdle m: idle.Add(m.Idle); break;
            case Message.Stop: stopping = true; break;
            default: throw new InvalidOperationException($"unknown message {message}");
        }
    }

    /// <summary>Asks the kernel, and applies its answer; the next commit appends the events.
    /// </summary>
    public Refusal? Do(KernelCommand command)
    {
        var decision = Kernel.Decide(State, command);
        if (decision.Event is { } e) Apply(e);
        if (command is CancelWant) FaultPoint.Reach("cancel.between-rows");
        return decision.Refusal;
    }

    /// <summary>
    /// The same for several that do not hang on each other: when one is refused, none is done.
    /// </summary>
    public Refusal? Do(IReadOnlyList<KernelCommand> commands)
    {
        if (commands.Count > 1)
            foreach (var command in commands)
                if (Kernel.Decide(State, command).Refusal is { } no) return no;
        Refusal? refusal = null;
        foreach (var command in commands) refusal ??= Do(command);
        return refusal;
    }

    void Apply(BuildEvent e)
    {
        StateLoader.Observe(parts.History, State, e);
        Evolve.Apply(State, e);
        recall.See(e);
        if (e is RunScheduled scheduled) parts.Spans?.Scheduled(State.Runs[scheduled.Run.Value]);
        pending.Add(e);
    }

    /// <summary>To be stored with the next commit.</summary>
    public void Keep(FingerprintText text) => fingerprints.Add(text);

    /// <summary>To be stored with the next commit.</summary>
    public void Keep(RunLogText log) => logs.Add(log);

    /// <summary>To be done when the facts so far are committed.</summary>
    public void AfterCommit(Action action) => afterCommit.Add(action);

    // Everything that follows from what was applied, until nothing does; then the facts are
    // appended, and then they are acted on.
    void Settle()
    {
        do
        {
            TakeNotices();
            dispatcher.StartReady();
        }
        while (HasNotices());
        dispatcher.Drop();
        PlanLog.Stands(State.Wants, dispatcher.Standing);
        Commit();
        dispatcher.TellWaiting();
        if (idle.Count == 0 || !((parts.LeavesLines && dispatcher.OnlyLinesAreLeft)
            || (State.Wants.Count == 0 && dispatcher.Holdings.AreResting))) return;
        foreach (var waiter in idle) waiter.TrySetResult(true);
        idle.Clear();
    }

    bool HasNotices()
    {
        var n = State.Notices;
        return n.Ready.Count + n.ToPlan.Count + n.Failed.Count + n.Ended.Count + n.Released.Count
            + n.MaybeUndemanded.Count + n.Doomed.Count + n.Resources.Count + n.Usable.Count > 0;
    }

    void TakeNotices()
    {
        while (HasNotices())
        {
            var notices = State.Notices;
            PartitionId[] ready = [.. notices.Ready], toPlan = [.. notices.ToPlan];
            PartitionId[] failed = [.. notices.Failed];
            (WantToken Want, WantOutcome Outcome)[] ended = [.. notices.Ended];
            RunToken[] released = [.. notices.Released], undemanded = [.. notices.MaybeUndemanded];
            RunToken[] doomed = [.. notices.Doomed], resources = [.. notices.Resources];
            WantToken[] usable = [.. notices.Usable];
            notices.Clear();
            foreach (var p in failed) planning.Release(p);
            foreach (var run in released) dispatcher.Released(run);
            // Before anything reads what it made.
            foreach (var run in released) again.Test(run, killed.Token);
            foreach (var (want, outcome) in ended) End(want, outcome);
            dispatcher.CancelUndemanded(undemanded, ended);
            dispatcher.StopDoomed(doomed);
            again.Plan(toPlan, killed.Token);
            foreach (var want in usable) dispatcher.Holdings.Ready(want);
            // After the plans: what they ask for again is not let go.
            foreach (var run in resources) dispatcher.Holdings.Look(run);
            foreach (var p in ready) dispatcher.AddReady(p);
        }
    }

    /// <summary>Ends this process's part when another one may decide by now.</summary>
    /// <exception cref="StoreException"><c>lease-lost</c>.</exception>
    public void CheckLead()
    {
        if (parts.Store.LeadHolds) return;
        throw new StoreException(
            "lease-lost",
            "This process was not heard of for longer than its lease, and another one may decide "
            + "now; nothing more was recorded. Run the command again.");
    }

    /// <summary>A fact that no decision depends on.</summary>
    public void Note(BuildEvent e) => Apply(e);

    // Whoever asked through the inbox reads the answer in the log.
    void Refuse(Message.Wanted m, Refusal refusal)
    {
        if (m.Command is { } id) inbox.Answer(id, refusal.Code, refusal.Message);
        m.Report.SetResult(new WantReport { Refusal = refusal });
    }

    /// <summary>Plans a want and accepts it.</summary>
    public void Accept(Message.Wanted m)
    {
        // What came back to Wanted by the messages before is planned first: this plan would take
        // it for somebody else's, whose plan is gone.
        TakeNotices();
        var plan = recall.Recall(m.Request) ?? Make(m.Request);
        var targets = plan.Targets.AddRange(plan.AlsoWanted);
        var options = TraceSpans.Begin(parts, m.Request.Options);
        if (gate.Refuse(plan, targets, options) is { } no)
        {
            Refuse(m, no);
            return;
        }
        if (options.Offer && !targets.IsEmpty)
        {
            if (gate.Offer(m, options, inbox) is { } refused) Refuse(m, refused);
            else reports[State.LastWant] = m.Report;
            return;
        }
        var estimates = planning.Rank(
            plan, new WantId(State.LastWant + 1), options, dispatcher.Replanning.Room);
        if (targets.IsEmpty)
        {
            if (m.Command is { } id) inbox.Answer(id, "nothing-to-do", "", plan.Counts);
            else parts.Observer.Planned(null, plan, null);
            m.Report.SetResult(new WantReport { Outcome = WantOutcome.Succeeded });
            return;
        }
        var command = new AcceptWant(targets, options)
        {
            Request = m.Request.Text,
            Command = m.Command ?? "",
        };
        if (Do(command) is { } refusal)
        {
            Refuse(m, refusal);
            return;
        }
        var want = new WantId(State.LastWant);
        State.Notices.ToPlan.Clear(); // This plan covers them; what it leaves is planned again.
        reports[want.Value] = m.Report;
        again.Await(want, plan);
        gate.TellParked(State.Wants[want.Value], plan);
        var left = estimates.Estimates.TimeLeft(dispatcher.Replanning.Room.Slots);
        foreach (var e in planning.Events(estimates, options.Strict))
        {
            var told = e is WantPlanned p
                ? p with { Shortest = left?.Low, Longest = left?.High }
                : e;
            if (e is WantPlanned) Delegate(want, plan); // A part of what the plan says.
            if (!earlier.Holds(told)) Do(new ProposePlan(told));
        }
        gate.Accepted();
        var accepted = State.Wants.GetValueOrDefault(want.Value);
        if (accepted is not null) dispatcher.Holdings.Look(accepted);
        PlanLog.Planned(want, accepted, plan, planning.Trace);
        if (m.Command is null)
            AfterCommit(() => parts.Observer.Planned(want, plan, left));
        else AfterCommit(() => parts.Observer.Joined(want, m.Request.Text));
    }

    Plan Make(WantRequest request)
    {
        var plan = planning.Make(request, killed.Token);
        recall.Note(request, plan, !planning.Trace.IsEmpty);
        return plan;
    }

    /// <summary>
    /// To be called when it has ended well: the next build may be like the last one of this.
    /// </summary>
    public void Remember() => recall.Save(position);

    /// <summary>Somebody takes an offer; the others of its group are gone with it.</summary>
    public void AcceptOffer(WantId id, string command)
    {
        TakeNotices();
        var isOffer = State.Wants.TryGetValue(id.Value, out var want)
            && want.OfferedUntil is not null;
        Refusal? refusal = null;
        foreach (var c in Offers.Accept(State, id, parts.Time.GetUtcNow())) refusal ??= Do(c);
        inbox.Answer(command, refusal?.Code ?? "done", refusal?.Message ?? "");
        if (refusal is not null || !isOffer) return;
        State.Notices.ToPlan.Clear();
        Continue(State.Wants[id.Value], isTakenOver: false);
    }

    // Tells people which runs of other wants this one waits for.
    void Delegate(WantId want, Plan plan)
    {
        if (plan.Delegated == 0) return;
        foreach (var node in plan.Graph.Order.ToArray())
        {
            if (!plan.IsDelegated(node) && !plan.IsPlanned(node)) continue;
            foreach (var p in plan.Graph.Outputs(node).ToArray())
            {
                if (State.HolderOf(p) is not { } run) continue;
                var to = run.Config.For;
                Apply(new WantDelegated(want, p, run.Id)
                {
                    To = State.Wants.ContainsKey(to.Value) ? to : null,
                });
            }
        }
    }

    void End(WantToken want, WantOutcome outcome)
    {
        if (outcome == WantOutcome.Succeeded) Apply(new WantSucceeded(want.Id));
        else if (outcome == WantOutcome.Failed)
            Apply(new WantFailed(want.Id, [.. want.FailedTargets]));
        planning.Forget(want.Id);
        earlier.Forget(want.Id);
        PlanLog.Ended(want.Id, outcome);
        if (reports.Remove(want.Id.Value, out var report))
            AfterCommit(() => report.TrySetResult(
                new WantReport
                {
                    Want = want.Id,
                    Outcome = outcome,
                    NothingPlanned = outcome == WantOutcome.Failed && !want.IsPlanned,
                }));
    }

    void Cancel(Message.Cancel m)
    {
        var wants = m.Want is { } one ? [one] : State.Wants.Values.Select(w => w.Id).ToArray();
        foreach (var want in wants) Do(new CancelWant(want, m.By));
    }

    void Answer(Message.Ask m)
    {
        var refusal = Do(m.Commands(State));
        AfterCommit(() => m.Answer.TrySetResult(refusal));
    }

    void Continue(WantToken want, bool isTakenOver)
    {
        dispatcher.Holdings.Look(want);
        if (want.OfferedUntil is not null || want.IsReleasing) return;
        AfterCommit(() => parts.Observer.Continuing(want));
        if (want.IsReady) return; // It has all that it asked for.
        var request = new WantRequest
        {
            Targets = [.. State.OutstandingTargets(want).Select(State.Names.Text)],
            Options = want.Options with { Fresh = FreshMode.No }, // What it asked for may be done.
        };
        var plan = planning.Make(request, killed.Token);
        again.Await(want.Id, plan);
        gate.TellParked(want, plan);
        var estimates = planning.Rank(
            plan, want.Id, want.Options, dispatcher.Replanning.Room);
        foreach (var made in planning.Events(estimates))
        {
            var e = isTakenOver && made is ConfigFailed { Problem.Code: "no-producer" } unknown
                ? unknown with { Problem = Unavailable(want, unknown.Problem) }
                : made;
            if (e is WantPlanned planned && want.IsPlanned)
                Do(new ProposePlan(
                    new PlanExtended(want.Id, want.Targets[0], planned.Counts)));
            else if (!earlier.Holds(e)) Do(new ProposePlan(e));
        }
    }

    // What was accepted with another graph, and this one cannot make, is not "not there".
    PlanProblem Unavailable(WantToken want, PlanProblem problem) => new(
        "graph-unavailable",
        $"{want.Id} was accepted with another graph; of the one here ({parts.Graph.Digest.Short}) "
        + $"{problem.Message}. Continue it where its graph is, or cancel it (quoin cancel "
        + $"{want.Id})")
    {
        Chain = problem.Chain,
    };

    void Commit()
    {
        var stamps = parts.Files.TakeChanged();
        if (pending.Count > 0 || stamps.Count > 0 || fingerprints.Count > 0 || logs.Count > 0
            || inbox.HasTaken || remote.HasChanges)
        {
            // To the millisecond, as the log keeps it.
            var at = DateTimeOffset.FromUnixTimeMilliseconds(
                parts.Time.GetUtcNow().ToUnixTimeMilliseconds());
            var batch = remote.AddTo(new AppendBatch
            {
                At = at,
                Names = State.Names,
                Events = pending.ToArray(),
                Fingerprints = fingerprints.ToArray(),
                Stamps = stamps,
                InboxTaken = inbox.Take(),
                Logs = logs.ToArray(),
                IsIntent = pending.Exists(e => e is RunLeased { At: not null }),
            });
            var begun = parts.Time.GetTimestamp();
            var last = parts.Store.AppendAsync(batch, CancellationToken.None)
                .GetAwaiter().GetResult();
            QuoinMeter.Committed(pending.Count, parts.Time.GetElapsedTime(begun), State);
            FaultPoint.Reach("appended");
            Holdings.Appended(batch.Events);
            var first = last - batch.Events.Count + 1;
            var logged = batch.Events.Select((e, i) => new LoggedEvent(first + i, at, e)).ToArray();
            position = last;
            parts.Spans?.Committed(logged);
            pending.Clear();
            unsaved.Heard.Clear();
            fingerprints.Clear();
            logs.Clear();
            parts.Observer.Logged(logged);
        }
        if (afterCommit.Count == 0) return;
        var actions = afterCommit.ToArray();
        afterCommit.Clear();
        foreach (var action in actions) action();
    }
}
