using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Wants, their runs, and the attempts of those as spans, told from the facts that are committed
/// and from nothing else: whoever decides when something ends tells of it once, with ids that
/// another process would give it, too. Belongs to the coordinator's thread.
/// </summary>
sealed class TraceSpans(Tracing tracing, KernelState state, string pipeline)
{
    readonly Dictionary<int, OpenWant> wants = [];
    readonly Dictionary<int, OpenRun> runs = [];

    sealed class OpenWant(WantTrace trace, DateTimeOffset start)
    {
        public WantTrace Trace { get; } = trace;
        public DateTimeOffset Start { get; } = start;
        public string Request { get; init; } = "";
        public PlanCounts Counts { get; set; }
        public string? Problem { get; set; }
        public List<TraceContext> Links { get; } = [];
    }

    sealed class OpenRun(WantTrace trace, RunToken token)
    {
        public WantTrace Trace { get; } = trace;
        public RunToken Token { get; } = token;
        public DateTimeOffset? Start { get; set; } // Null: committed with what comes next.
        public RunLeased? Lease { get; set; }
        public DateTimeOffset LeasedAt { get; set; }
        public string Result { get; set; } = "cancellation";
        public string? Error { get; set; }
        public int Attempts { get; set; }
        public bool IsTold { get; set; }
    }

    /// <summary>
    /// What a job's environment says of the place of the attempt that begins: its own span where
    /// spans are recorded, else that of whoever asked; empty: the want is not traced.
    /// </summary>
    public static string ParentOf(CoordinatorParts parts, RunToken run)
    {
        if (parts.Spans?.ContextOf(run) is { } own) return own.ToString();
        return parts.State.Wants.TryGetValue(run.Config.For.Value, out var want)
            && WantTrace.Read(want.Options.Trace) is { Parent: { Span: not 0 } parent }
                ? parent.ToString()
                : "";
    }

    TraceContext? ContextOf(RunToken run)
    {
        if (!runs.TryGetValue(run.Id.Value, out var open)) return null;
        var epoch = run.Place == RunPlace.Queued ? run.Epoch + 1 : run.Epoch; // Of its next lease.
        return open.Trace.Of(run.Id, epoch);
    }

    /// <summary>
    /// The options of a want that is about to be accepted: with a span of its own where spans are
    /// recorded, else with the trace that it came with.
    /// </summary>
    public static WantOptions Begin(CoordinatorParts parts, WantOptions options) =>
        parts.Spans is { } spans ? options with { Trace = spans.Begin(options.Trace) }
        : options.Trace.Length == 0 ? options
        : options with { Trace = $"{WantTrace.Read(options.Trace)?.Parent}" };

    string Begin(string asked)
    {
        var parent = WantTrace.Read(asked)?.Parent ?? tracing.NewTrace();
        return new WantTrace(parent, parent.IsRecorded ? Math.Max(1, tracing.NewId()) : 0)
            .ToString();
    }

    /// <summary>A run takes its outputs; its want is there still, later it may not be.</summary>
    public void Scheduled(RunToken run)
    {
        if (state.Wants.TryGetValue(run.Config.For.Value, out var want)
            && TraceOf(want.Id, want.Options) is { } trace)
            runs[run.Id.Value] = new OpenRun(trace, run);
    }

    static WantTrace? TraceOf(WantId want, WantOptions options) =>
        WantTrace.Read(options.Trace) is { Parent.IsRecorded: true } trace
            ? trace.For(want)
            : null;

    /// <summary>Another process decided so far: what is open began when the log says.</summary>
    /// <exception cref="StoreException">The log cannot be read.</exception>
    public void Continue(IEventLog log)
    {
        var openRuns = new Dictionary<string, OpenRun>();
        foreach (var run in state.Runs.Values)
        {
            Scheduled(run);
            if (!runs.TryGetValue(run.Id.Value, out var open)) continue;
            openRuns.Add($"{run.Id}", open);
            if (run.Place is RunPlace.Running or RunPlace.Cancelling)
                open.Lease = new(run.Id, run.Worker, run.Epoch) { Attempt = run.Attempt };
        }
        var openWants = (
            from want in state.Wants.Values
            where TraceOf(want.Id, want.Options) is not null
            select want).ToDictionary(want => $"{want.Id}");
        if (openRuns.Count + openWants.Count == 0) return;
        // The log is read once, however many there are: it has no index of their names.
        var begun = new EventQuery { Types = ["want-accepted", "run-scheduled", "run-leased"] };
        foreach (var raw in log.Query(begun))
        {
            if (openWants.TryGetValue(raw.Subject, out var want))
                wants[want.Id.Value] = new(TraceOf(want.Id, want.Options)!.Value, raw.At)
                {
                    Request = want.Request,
                };
            if (!openRuns.TryGetValue(raw.Subject, out var open)) continue;
            open.Start ??= raw.At;
            if (raw.Type == "run-leased")
                (open.LeasedAt, open.Attempts) = (raw.At, open.Attempts + 1);
        }
    }

    /// <summary>These are facts now.</summary>
    public void Committed(IReadOnlyList<LoggedEvent> events)
    {
        foreach (var (_, at, e) in events)
        {
            if (e is WantAccepted accepted) Open(accepted, at);
            else if (e is WantEvent want && wants.TryGetValue(want.Want.Value, out var open))
                Take(open, want, at);
            else if (e is RunEvent run && runs.TryGetValue(run.Run.Value, out var active))
                Take(active, run, at);
        }
    }

    void Open(WantAccepted e, DateTimeOffset at)
    {
        if (TraceOf(e.Want, e.Options) is { } trace)
            wants[e.Want.Value] = new(trace, at) { Request = e.Request };
    }

    void Take(OpenWant want, WantEvent e, DateTimeOffset at)
    {
        switch (e)
        {
            case WantPlanned planned: want.Counts = planned.Counts; break;
            case AnalysisFailed failed: want.Problem = failed.Problems[0].Message; break;
            case WantDelegated to when runs.TryGetValue(to.Run.Value, out var run):
                want.Links.Add(run.Trace.Of(to.Run));
                break;
            case WantSucceeded: Tell(want, e.Want, at, "success", null); break;
            case WantCancelled: Tell(want, e.Want, at, "cancellation", null); break;
            case WantFailed failed:
                Tell(want, e.Want, at, "failure", want.Problem
                    ?? $"{failed.Failed.Length} of its partitions could not be made");
                break;
        }
    }

    void Tell(OpenWant want, WantId id, DateTimeOffset end, string result, string? error)
    {
        wants.Remove(id.Value);
        var attributes = ImmutableArray.CreateBuilder<KeyValuePair<string, object>>();
        attributes.Add(new("cicd.pipeline.name", pipeline));
        attributes.Add(new("cicd.pipeline.run.id", id.ToString()));
        attributes.Add(new("cicd.pipeline.result", result));
        attributes.Add(new("quoin.request", want.Request));
        if (want.Counts != default)
        {
            attributes.Add(new("quoin.plan.total", (long)want.Counts.Total));
            attributes.Add(new("quoin.plan.build", (long)want.Counts.Build));
            attributes.Add(new("quoin.plan.current", (long)want.Counts.Current));
        }
        tracing.Take(new Span
        {
            Name = $"want {pipeline}",
            Context = want.Trace.Own,
            Parent = want.Trace.Parent.Span,
            Start = want.Start,
            End = end,
            Attributes = attributes.DrainToImmutable(),
            Links = [.. want.Links],
            Error = error,
        });
    }

    void Take(OpenRun run, RunEvent e, DateTimeOffset at)
    {
        run.Start ??= at;
        switch (e)
        {
            case RunScheduled: return;
            case RunLeased lease:
                (run.Lease, run.LeasedAt) = (lease, at);
                run.Attempts++;
                return;
            case RunCompleted done:
                EndAttempt(run, at, "success", usage: done.Usage);
                Tell(run, at, "success", null, done.RestoredFrom);
                break;
            case RunFailed failed: EndAttempt(run, at, "failure", failed.Failure, failed.Usage);
                break;
            case RunDepMissed missed: EndAttempt(run, at, "skip", usage: missed.Usage); break;
            case RunCancelAcked acked: EndAttempt(run, at, "cancellation", usage: acked.Usage);
                break;
            case LeaseExpired { IsReturned: true }: EndAttempt(run, at, "skip"); break;
            case LeaseExpired:
                EndAttempt(run, at, "error", new(FailureCategory.Lost, "its worker's lease ended"));
                break;
            case ReleaseFailed failed: EndAttempt(run, at, "failure", failed.Failure); break;
            case ResourceEnded ended:
                EndAttempt(run, at, ended.Failure is null ? "success" : "failure", ended.Failure);
                break;
            case RunDeferred or RunStarted or ResourceReleased: EndAttempt(run, at, "success");
                break;
            case RunCancelRequested when run.Lease is null: // Nobody has to be waited for.
                (run.Result, run.Error) = ("cancellation", null);
                break;
        }
        if (state.Runs.ContainsKey(e.Run.Value)) return;
        Tell(run, at, run.Result, run.Error, "");
        runs.Remove(e.Run.Value);
    }

    void EndAttempt(
        OpenRun run, DateTimeOffset end, string result, RunFailure? failure = null,
        RunUsage usage = default)
    {
        (run.Result, run.Error) = (result, failure?.Reason);
        if (run.Lease is not { } lease) return;
        run.Lease = null;
        var attributes = ImmutableArray.CreateBuilder<KeyValuePair<string, object>>();
        attributes.Add(new("cicd.pipeline.task.run.id", lease.Run.ToString()));
        attributes.Add(new("cicd.pipeline.task.run.result", result));
        attributes.Add(new("cicd.worker.id", lease.Worker.Owner));
        attributes.Add(new("quoin.attempt", (long)lease.Attempt));
        attributes.Add(new("quoin.epoch", (long)lease.Epoch));
        if (usage != default)
        {
            attributes.Add(new("quoin.elapsed_ms", (long)usage.ElapsedMs));
            attributes.Add(new("quoin.cpu_ms", (long)usage.CpuMs));
            attributes.Add(new("quoin.memory_kb", (long)usage.MemoryKb));
        }
        if (failure is not null)
        {
            attributes.Add(new("error.type", CategoryNames.Of(failure.Category)));
            if (failure.ExitCode != 0)
                attributes.Add(new("process.exit.code", (long)failure.ExitCode));
        }
        tracing.Take(new Span
        {
            Name = $"attempt {run.Token.Config.Job}",
            Context = run.Trace.Of(lease.Run, lease.Epoch),
            Parent = run.Trace.Of(lease.Run).Span,
            Start = run.LeasedAt,
            End = end,
            Attributes = attributes.DrainToImmutable(),
            Error = failure?.Reason,
        });
    }

    void Tell(OpenRun run, DateTimeOffset end, string result, string? error, string restoredFrom)
    {
        if (run.IsTold) return; // Of a thing outside: it is there, and used for a while.
        run.IsTold = true;
        var token = run.Token;
        var attributes = ImmutableArray.CreateBuilder<KeyValuePair<string, object>>();
        attributes.Add(new("cicd.pipeline.task.name", token.Config.Job));
        attributes.Add(new("cicd.pipeline.task.run.id", token.Id.ToString()));
        attributes.Add(new("cicd.pipeline.task.run.result", result));
        attributes.Add(new("quoin.partitions", Some(token.Claims)));
        attributes.Add(new("quoin.attempts", (long)run.Attempts));
        if (restoredFrom.Length > 0) attributes.Add(new("quoin.restored_from", restoredFrom));
        tracing.Take(new Span
        {
            Name = $"run {token.Config.Job}",
            Context = run.Trace.Of(token.Id),
            Parent = run.Trace.Span,
            Start = run.Start ?? end,
            End = end,
            Attributes = attributes.DrainToImmutable(),
            Error = error,
        });
    }

    const int NamesMax = 16;

    string[] Some(ImmutableArray<PartitionId> claims) =>
        [.. claims.Take(NamesMax).Select(state.Names.Text)];
}
