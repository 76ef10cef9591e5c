using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// A build while another process decides for the store: the want goes into the inbox, and the log
/// says what comes of it. Meanwhile this process lends its slots, to whatever runs there are. When
/// the other process ends before the want does, this one takes over.
/// </summary>
sealed class JoinRunner(
    Cli cli, Workspace workspace, Graph graph, BuildRunner runner, Slots slots)
{
    static readonly TimeSpan ScreenTick = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan PlainTick = TimeSpan.FromSeconds(1);
    static readonly TimeSpan LookForLead = TimeSpan.FromSeconds(1);

    string id = ThisMachine.Hex(16);
    readonly PartitionNames names = new();
    readonly List<LoggedEvent> before = [];
    BuildProgress? progress;
    IBuildView? view;
    CommandAnswered? refused;
    BuildSession? session;
    IBuildStore? lead;
    LentSlots? lent;
    bool cancelSent, nothingPlanned;

    /// <summary>Asks, follows to the end, and returns the exit code.</summary>
    public async Task<int> RunAsync(IBuildStore store, WantRequest request, string holder)
    {
        var startedAt = cli.Time.GetUtcNow();
        using var interruption = new Interruption();
        var position = ReadBefore(store);
        cli.Say($"joining: {holder.Split(';')[0]}");
        await store.SendAsync(
            new StoreCommand.Accept(request, graph).ToInbox(id), CancellationToken.None);
        try
        {
            position = await FollowAsync(store, position, startedAt, interruption);
            if (refused?.Code == "graph-differs" && Conflicts(store, request) is [_, ..] texts)
            {
                // In what, the process that builds can say.
                (id, refused) = (ThisMachine.Hex(16), null);
                var again = new StoreCommand.Accept(request, graph) { Definitions = [.. texts] };
                await store.SendAsync(again.ToInbox(id), CancellationToken.None);
                await FollowAsync(store, position, startedAt, interruption);
            }
        }
        finally
        {
            await LetGoAsync(interruption);
        }
        if (interruption.ExitCodeOfSignal is null && refused is { } answer)
            return answer.Code == "nothing-to-do"
                ? Nothing(store, answer.Counts, request.Targets.Length, startedAt)
                : cli.Error(answer.Code, answer.Message, ExitCode.Refused);
        var code = interruption.ExitCodeOfSignal ?? (nothingPlanned ? ExitCode.Usage
            : progress?.Phase == BuildPhase.Succeeded && progress.Problems.Count == 0 ? ExitCode.Ok
            : ExitCode.Failed);
        view?.End(cli.Time.GetUtcNow(), code);
        return code;
    }

    const int ConflictsMax = 3;

    // How our graph defines what is being made by another definition.
    List<string> Conflicts(IBuildStore store, WantRequest request)
    {
        var dry = DryRun.Make(
            workspace, graph, store, request, slots: 1, cli.Time, CancellationToken.None);
        var prints = dry.Plan.Test.Fingerprints;
        var texts = new List<string>();
        foreach (var node in dry.Plan.Graph.Order.ToArray())
        {
            var active = dry.Plan.Graph.Outputs(node).ToArray().FirstOrDefault(
                p => dry.State.ConfigOf(p) is not null, new PartitionId(-1));
            if (active.Value < 0 || texts.Count == ConflictsMax
                || dry.State.ConfigOf(active)!.Definition == prints.DefinitionOf(node)) continue;
            texts.Add(Encoding.UTF8.GetString(prints.DefinitionTextOf(node)));
        }
        return texts;
    }

    // The line that a build prints which decides by itself.
    int Nothing(IBuildStore store, PlanCounts counts, int wanted, DateTimeOffset startedAt)
    {
        var nothing = new BuildProgress(null, names) { StartedAt = startedAt };
        nothing.NothingToDo(counts, wanted, []);
        runner.ViewOf(nothing, store).End(cli.Time.GetUtcNow(), ExitCode.Ok);
        return ExitCode.Ok;
    }

    // What the wants that are open now have planned and started: this one may wait for it.
    long ReadBefore(IBuildStore store)
    {
        var loaded = StateLoader.Load(store, names);
        if (loaded.State.Wants.Count == 0) return loaded.Position;
        var oldest = loaded.State.Wants.Values.Min(want => want.AcceptedAt);
        foreach (var logged in store.Read(oldest - 1, names))
        {
            if (logged.Position > loaded.Position) break;
            if (IsOfOthers(logged.Event)) before.Add(logged);
        }
        return loaded.Position;
    }

    // What wants of others plan and start, which this one may wait for.
    static bool IsOfOthers(BuildEvent e) => e is PartitionPlanned or WorkerAdded or RunScheduled
        or RunLeased or RunCompleted;

    async Task<long> FollowAsync(
        IBuildStore store, long position, DateTimeOffset startedAt, Interruption interruption)
    {
        using var changes = new StoreChanges(store);
        var (painted, looked) = (cli.Time.GetTimestamp(), cli.Time.GetTimestamp());
        while (refused is null && progress?.EndedAt is null
            && !interruption.Kill.IsCancellationRequested)
        {
            if (changes.HasNew())
            {
                foreach (var logged in store.Read(position, names))
                {
                    position = logged.Position;
                    Take(store, logged, startedAt);
                }
                if (progress is not null && session is null && slots.Count > 0
                    && store is not HttpStore)
                    lent ??= new LentSlots(
                        cli, workspace, store, slots, message => view?.Say(message),
                        runner.Artifacts);
                continue;
            }
            if (interruption.Stop.IsCancellationRequested) await CancelAsync(store);
            if (session is null && cli.Time.GetElapsedTime(looked) >= LookForLead)
            {
                looked = cli.Time.GetTimestamp();
                if (store.LeadMayBeFree()) TakeOver();
            }
            var tick = cli.ErrScreen.Live || cli.Options.Json ? ScreenTick : PlainTick;
            if (cli.Time.GetElapsedTime(painted) >= tick)
            {
                painted = cli.Time.GetTimestamp();
                view?.Tick(cli.Time.GetUtcNow());
            }
            await changes.WaitAsync(tick, CancellationToken.None);
        }
        return position;
    }

    void Take(IBuildStore store, LoggedEvent logged, DateTimeOffset startedAt)
    {
        if (logged.Event is CommandAnswered answered && answered.Command == id) refused = answered;
        if (logged.Event is WantAccepted accepted && accepted.Command == id)
        {
            progress = new BuildProgress(accepted.Want, names) { StartedAt = startedAt };
            foreach (var earlier in before) progress.Apply(earlier, []);
            before.Clear();
            view = runner.ViewOf(progress, store);
        }
        if (progress is null)
        {
            if (IsOfOthers(logged.Event)) before.Add(logged); // Accepted while this one joined.
            return;
        }
        nothingPlanned |=
            logged.Event is AnalysisFailed failed && failed.Want == progress.Want;
        var notices = new List<ProgressNotice>();
        progress.Apply(logged, notices);
        view!.Show(logged, notices);
    }

    // Once; the runs that only this want demands are stopped, and the others go on.
    async Task CancelAsync(IBuildStore store)
    {
        if (cancelSent || progress is null) return;
        cancelSent = true;
        lent?.Drain();
        view!.Say($"cancelled {progress.Want}; waiting for its runs to stop (once more leaves)");
        await store.SendAsync(
            new StoreCommand.Cancel(progress.Want, "signal").ToInbox(id + "-cancel"),
            CancellationToken.None);
    }

    // Whoever decided is gone, however: its wants and ours are open, and go on here.
    void TakeOver()
    {
        try
        {
            lead = Project.OpenForDeciding(cli, workspace);
        }
        catch (StoreException e) when (e.Code == "store-locked")
        {
            return;
        }
        Say("the process that decided is gone; this one goes on");
        lent?.Drain(); // From now on the session has the slots.
        session = runner.Open(lead, new Quiet(Say));
    }

    // There is no view before somebody accepted the want.
    void Say(string message)
    {
        if (view is null) cli.Say(message);
        else view.Say(message);
    }

    async Task LetGoAsync(Interruption interruption)
    {
        if (lent is not null)
        {
            using var onKill = interruption.Kill.Register(lent.Kill);
            await lent.DisposeAsync();
        }
        if (session is not null)
        {
            await StayAsync(session, interruption);
            await session.DisposeAsync();
        }
        if (lead is not null) await lead.DisposeAsync();
    }

    // The others' wants are open: this process stays until they are done, or a signal tells it to
    // leave them to whoever decides next.
    async Task StayAsync(BuildSession session, Interruption interruption)
    {
        using var onKill = interruption.Kill.Register(session.Kill);
        var stopped = new TaskCompletionSource();
        using var onStop = interruption.Stop.Register(() => stopped.TrySetResult());
        await await Task.WhenAny(session.WhenIdleAsync(), stopped.Task); // Its failure is ours.
        if (runner.LeavesLines || interruption.ExitCodeOfSignal is not null)
            await runner.LeaveAsync(session);
    }

    /// <summary>What a session says beside the log.</summary>
    sealed class Quiet(Action<string> say) : IBuildObserver
    {
        public void Planned(WantId? want, Plan plan, TimeLeft? estimate) { }

        public void Continuing(WantToken want) { }

        public void Logged(IReadOnlyList<LoggedEvent> events) { }

        public void Progress(RunId run, JobProgress progress)
        {
            if (LineRequests.IsUnheard(progress.Message)) Warn($"{run}: {progress.Message}");
        }

        public void AttemptEnded(AttemptId attempt, JobResult result) { }

        public void Warn(string message) => say($"warning: {message}");
    }
}
