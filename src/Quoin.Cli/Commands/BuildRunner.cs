using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// One build of this process: a session on the store, a view, the signals. <c>build</c> and
/// <c>retry</c> differ only in what they want.
/// </summary>
sealed class BuildRunner(Cli cli, Workspace workspace, Graph graph, Slots slots)
{
    static readonly TimeSpan ScreenTick = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan PlainTick = TimeSpan.FromSeconds(1);
    static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(30);

    readonly BuildWatch watch = new(cli.Time) { WorkerOptions = Project.StoreOption(cli) };
    Dictionary<string, TimeSpan> usualOfJobs = [];
    bool stopWhenAccepted;

    /// <summary>
    /// Builds here, or joins the process that does (<paramref name="holder"/>); the exit code.
    /// </summary>
    public static async Task<int> RunAsync(
        Cli cli, Workspace workspace, Graph graph, Slots slots, IBuildStore store, string? holder,
        WantRequest request, ReportFiles? files = null)
    {
        using var telemetry = Telemetry.Open(cli);
        var span = telemetry?.Begin(cli, request.Text.Split(' ')[0], request.Text);
        request = request with
        {
            Options = span?.Above(request.Options) ?? Telemetry.Below(cli, request.Options),
        };
        using var artifacts = ProjectArtifacts.Open(cli, workspace, graph.Artifacts);
        var runner = new BuildRunner(cli, workspace, graph, slots)
        {
            Files = files ?? new(null, null, null),
            Artifacts = artifacts,
            Tracing = telemetry?.Tracing,
        };
        if (artifacts is not null) artifacts.Warn = runner.watch.Warn;
        var code = ExitCode.Store; // If it ends in the middle.
        try
        {
            code = holder is null
                ? await runner.RunAsync(store, request)
                : await new JoinRunner(cli, workspace, graph, runner, slots)
                    .RunAsync(store, request, holder);
            if (artifacts is not null)
                artifacts.Warn = message => cli.Say($"warning: {message}");
            if (code == ExitCode.Ok && artifacts is { IsShared: true })
                WantedOutputs.Bring(cli, workspace, graph, store, artifacts, request);
            return code;
        }
        finally
        {
            span?.End(code);
        }
    }

    /// <summary>Builds, and returns the exit code. Throws what the store throws.</summary>
    public async Task<int> RunAsync(IBuildStore store, WantRequest request)
    {
        var startedAt = cli.Time.GetUtcNow();
        using var interruption = new Interruption();
        await using var session = Open(store, watch, plansAtOnce: true);
        var progress = new BuildProgress(null, session.Names) { StartedAt = startedAt };
        var view = ViewOf(progress, store);
        watch.OnPlan = plan => usualOfJobs = UsualOf(plan, session.History);
        var asked = session.WantAsync(request);
        // A signal arrives on a thread of its own; the progress belongs to the one that shows.
        using var onStop = interruption.Stop.Register(
            () => watch.Post(() => Stop(session, progress)));
        using var onKill = interruption.Kill.Register(() =>
        {
            watch.Tell("killing what runs");
            session.Kill();
        });
        var tick = cli.ErrScreen.Live || cli.Options.Json ? ScreenTick : PlainTick;
        using var beat = cli.Time.CreateTimer(_ => session.Beat(), null, BeatEvery, BeatEvery);
        await watch.ShowAsync(progress, view, asked, () => progress.Running == 0, tick, () =>
        {
            if (stopWhenAccepted && progress.IsAccepted) Stop(session, progress);
        });
        var report = await asked;
        var exitCode = interruption.ExitCodeOfSignal ?? CodeOf(report, progress);
        if (report.Refusal is { } refusal)
            return cli.Error(refusal.Code, refusal.Message, exitCode);
        if (report.Want is null && watch.Plan is { } plan)
            progress.NothingToDo(plan.Counts, request.Targets.Length, plan.Problems);
        view.End(cli.Time.GetUtcNow(), exitCode);
        if (interruption.ExitCodeOfSignal is null && progress.IsAccepted)
            await StayAsync(session, progress, view, tick, interruption);
        if (LeavesLines || interruption.ExitCodeOfSignal is not null) await LeaveAsync(session);
        return exitCode;
    }

    /// <summary>It does not stay for what only waits for line workers.</summary>
    public bool LeavesLines => cli.Env(LineWorkerRunner.LeavesLines) is not null;

    /// <summary>A session of this process on a store that it has the lead of.</summary>
    public BuildSession Open(
        IBuildStore store, IBuildObserver observer, bool plansAtOnce = false) =>
        BuildSession.Open(new BuildSessionOptions
        {
            Workspace = workspace,
            Graph = graph,
            Store = store,
            Time = store.ClockOn(cli.Time),
            Random = new Random(ThisMachine.Seed()),
            Worker = ThisMachine.NewWorkerId(),
            Slots = slots.Count,
            Labels = slots.Labels,
            MemoryBytes = ThisMachine.MemoryBytes,
            IsShared = true,
            KeepsLogs = Project.IsRemote(cli),
            Artifacts = Artifacts,
            Callback = Environment.GetEnvironmentVariable("QUOIN_SERVER"),
            PlansAtOnce = plansAtOnce,
            LeavesLines = LeavesLines,
            Tracing = Tracing,
            Observer = observer,
        });

    // A want of an earlier process may still be open: this one stays until it is done.
    async Task StayAsync(
        BuildSession session, BuildProgress progress, IBuildView view, TimeSpan tick,
        Interruption interruption)
    {
        var idle = session.WhenIdleAsync();
        if (idle.IsCompleted) return;
        var stopped = new TaskCompletionSource();
        using var onStop = interruption.Stop.Register(() => stopped.TrySetResult());
        await watch.ShowAsync(
            progress, view, Task.WhenAny(idle, stopped.Task), () => true, tick);
    }

    /// <summary>
    /// Others may want what runs here: that comes to its end, and whoever decides next starts the
    /// rest.
    /// </summary>
    public async Task LeaveAsync(BuildSession session)
    {
        var drained = session.DrainAsync();
        await Task.WhenAny(drained, Task.Delay(PlainTick, cli.Time));
        if (!drained.IsCompleted)
            cli.Say("waiting for what runs here and others want (once more kills)");
        await drained;
    }

    // Twice is a kill; see the second registration.
    void Stop(BuildSession session, BuildProgress progress)
    {
        if (!progress.IsAccepted)
        {
            if (!stopWhenAccepted) watch.Tell("stopping when the plan is made (once more kills)");
            stopWhenAccepted = true;
            return;
        }
        stopWhenAccepted = false;
        session.Cancel(progress.Want, "signal");
        _ = session.DrainAsync();
        var running = progress.Tasks.Where(task => task.State == TaskState.Running)
            .Select(task => progress.NameOf(task.Name)).ToList();
        watch.Tell(running.Count == 0
            ? $"cancelled {progress.Want}"
            : $"cancelled {progress.Want}; waiting for {Units.Count(running.Count, "run")} to stop:"
                + $" {BuildPhrases.Some(running)} (once more kills)");
    }

    static int CodeOf(WantReport report, BuildProgress progress)
    {
        if (report.Refusal is not null) return ExitCode.Refused;
        if (report.NothingPlanned) return ExitCode.Usage;
        return report.Outcome == WantOutcome.Succeeded && progress.Problems.Count == 0
            ? ExitCode.Ok
            : ExitCode.Failed;
    }

    /// <summary>How this terminal shows a build, with the files that were asked for.</summary>
    public IBuildView ViewOf(BuildProgress progress, IBuildStore store)
    {
        LogTail? TailOf(AttemptId attempt) => RunLogTail.Of(cli, workspace, attempt, store);

        var view = ScreenOf(progress, TailOf);
        return Files.IsEmpty ? view : new ReportingView(cli, view, progress, Files, TailOf);
    }

    /// <summary>Copies of outputs; null: none are kept.</summary>
    public ArtifactStore? Artifacts { get; init; }

    /// <summary>Records spans; null: nobody asked for them.</summary>
    public Tracing? Tracing { get; init; }

    /// <summary>Files for other programs.</summary>
    public ReportFiles Files { get; init; } = new(null, null, null);

    IBuildView ScreenOf(BuildProgress progress, Func<AttemptId, LogTail?> tailOf)
    {
        if (cli.Options.Json) return new JsonBuildView(cli, progress);
        var background = new BuildBackground
        {
            UsualOfJob = job => usualOfJobs.TryGetValue(job, out var usual) ? usual : null,
            TimeLeft = () => progress.TimeLeft?.At(cli.Time.GetUtcNow()),
            FractionOf = watch.FractionOf,
            LogTailOf = tailOf,
            AttemptsMax = AttemptsMax,
            IsKept = job => graph.FindJob(job) is not { Keep: KeepRule.Check },
        };
        return cli.ErrScreen.Live
            ? new ScreenBuildView(cli, progress, background)
            : new PlainBuildView(cli, progress, background);
    }

    int? AttemptsMax(BuildTask task, FailureCategory category) =>
        graph.FindJob(task.Job) is { } job
            ? RetryRules.RetriesOf(category, job.Limits.Retries) + 1
            : null;

    // Runs on the coordinator's thread, to which the history belongs.
    static Dictionary<string, TimeSpan> UsualOf(Plan plan, DurationHistory history)
    {
        var usual = new Dictionary<string, TimeSpan>();
        foreach (var job in plan.Graph.Graph.Jobs)
        {
            if (history.UsualOf(job.Name) is >= 0 and var ms)
                usual[job.Name] = TimeSpan.FromMilliseconds(ms);
        }
        return usual;
    }
}
