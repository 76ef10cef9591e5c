using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// Stands between the coordinator, which must not wait for a terminal, and the view, which belongs
/// to one thread: it takes the news as they come and hands them on in order. How much was asked for
/// goes before the plan's own events, so that the plan line can say it.
/// </summary>
sealed class BuildWatch(TimeProvider time) : IBuildObserver
{
    readonly Channel<News> news = Channel.CreateUnbounded<News>(
        new UnboundedChannelOptions { SingleReader = true });

    static readonly TimeSpan gather = TimeSpan.FromMilliseconds(20);

    readonly ConcurrentDictionary<RunId, double> fractions = [];
    IReadOnlyList<LoggedEvent>? held;

    abstract record News
    {
        public sealed record Events(IReadOnlyList<LoggedEvent> Logged) : News;

        public sealed record Plan(int Targets) : News;

        public sealed record Estimate(WantId Want, TimeLeft? Left) : News;

        public sealed record Words(string Message, bool IsWarning) : News;

        public sealed record Call(Action Do) : News;
    }

    /// <summary>What the last plan said: counts for when there is no want.</summary>
    public Plan? Plan { get; private set; }

    /// <summary>Called on the coordinator's thread with each plan.</summary>
    public Action<Plan> OnPlan { get; set; } = _ => { };

    /// <summary>How far a run says that it is.</summary>
    public double? FractionOf(RunId run) =>
        fractions.TryGetValue(run, out var fraction) ? fraction : null;

    /// <inheritdoc/>
    public void Planned(WantId? want, Plan plan, TimeLeft? estimate)
    {
        OnPlan(plan);
        Plan = plan;
        news.Writer.TryWrite(new News.Plan(plan.Targets.Length));
        Release();
    }

    /// <inheritdoc/>
    public void Estimated(WantId want, TimeLeft? left) =>
        news.Writer.TryWrite(new News.Estimate(want, left));

    /// <inheritdoc/>
    public void Continuing(WantToken want) => Tell(
        $"continuing {want.Id}: {Units.Count(want.Remaining, "partition")} of an earlier build"
            + $" ({want.Request})");

    /// <inheritdoc/>
    public void Joined(WantId want, string request)
    {
        if (Plan is not null) Release(); // Else our own may be among what is held.
        Tell($"{want} of another process: {request}");
    }

    /// <inheritdoc/>
    public void WaitsForWorkers(int runs, ImmutableArray<string> labels) =>
        Tell(BuildPhrases.WaitsForWorkers(runs, labels, WorkerOptions));

    /// <summary>Options that a worker needs to find the store.</summary>
    public string WorkerOptions { get; init; } = "";

    /// <inheritdoc/>
    public void Logged(IReadOnlyList<LoggedEvent> events)
    {
        Release();
        if (events.Any(e => e.Event is WantAccepted)) held = events; // Until its plan is told.
        else news.Writer.TryWrite(new News.Events(events));
    }

    /// <inheritdoc/>
    public void Progress(RunId run, JobProgress progress)
    {
        if (progress.Fraction is { } fraction) fractions[run] = Math.Clamp(fraction, 0, 1);
        // Nothing goes on until somebody does something about it.
        if (LineRequests.IsUnheard(progress.Message)) Warn($"{run}: {progress.Message}");
    }

    /// <inheritdoc/>
    public void AttemptEnded(AttemptId attempt, JobResult result) =>
        fractions.TryRemove(attempt.Run, out _);

    /// <inheritdoc/>
    public void Warn(string message) => news.Writer.TryWrite(new News.Words(message, true));

    /// <summary>Tells the user something that is no event.</summary>
    public void Tell(string message) => news.Writer.TryWrite(new News.Words(message, false));

    /// <summary>Runs something on the thread that shows, in its place among the news.</summary>
    public void Post(Action action) => news.Writer.TryWrite(new News.Call(action));

    /// <summary>
    /// Shows the news until <paramref name="isOver"/>, asked each time there is nothing more to
    /// show, says that none will come. Looks at it again when <paramref name="end"/> completes.
    /// </summary>
    public async Task ShowAsync(
        BuildProgress progress, IBuildView view, Task end, Func<bool> isOver, TimeSpan tick,
        Action? afterEach = null)
    {
        var painted = time.GetTimestamp();
        var pause = Task.Delay(tick, time);
        while (true)
        {
            while (news.Reader.TryRead(out var next))
            {
                Take(next, progress, view);
                afterEach?.Invoke();
                if (time.GetElapsedTime(painted) < tick) continue;
                view.Tick(time.GetUtcNow());
                painted = time.GetTimestamp();
            }
            // Asked once: an end that comes after this wakes the wait below.
            var ended = end.IsCompleted;
            var over = end.IsFaulted || isOver(); // Nobody tells the end of what runs any more.
            if (ended && over && !news.Reader.TryPeek(out _)) return;
            // News that came together is shown together: to wake for each one costs the jobs time.
            if (!ended) await Task.WhenAny(Task.Delay(gather, time), end);
            var more = news.Reader.WaitToReadAsync().AsTask();
            await (ended ? Task.WhenAny(more, pause) : Task.WhenAny(more, pause, end));
            if (!pause.IsCompleted) continue;
            view.Tick(time.GetUtcNow());
            painted = time.GetTimestamp();
            pause = Task.Delay(tick, time);
        }
    }

    void Release()
    {
        if (held is null) return;
        news.Writer.TryWrite(new News.Events(held));
        held = null;
    }

    void Take(News next, BuildProgress progress, IBuildView view)
    {
        switch (next)
        {
            case News.Plan plan:
                if (!progress.IsAccepted) progress.Requested = plan.Targets;
                break;
            case News.Estimate estimate when progress.Want == estimate.Want:
                progress.TimeLeft = estimate.Left is { } left
                    ? new TimeLeftAt(new TimeRange(left.Low, left.High), time.GetUtcNow())
                    : null;
                break;
            case News.Call call:
                call.Do();
                break;
            case News.Words words:
                view.Say(words.IsWarning ? $"warning: {words.Message}" : words.Message);
                break;
            case News.Events events:
                foreach (var logged in events.Logged)
                {
                    var notices = new List<ProgressNotice>();
                    progress.Apply(logged, notices);
                    view.Show(logged, notices);
                }
                break;
        }
    }
}
