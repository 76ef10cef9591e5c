using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What executes leased runs: <see cref="LocalWorker"/>, and a simulated one in tests.
/// </summary>
interface IWorker : IDisposable
{
    /// <summary>
    /// Takes a run that was leased to this worker. What comes of it arrives as
    /// <see cref="Message.Ended"/>.
    /// </summary>
    void Launch(LaunchRequest request);

    /// <summary>
    /// Makes a call of a resource's run. Its answer arrives as <see cref="Message.Activated"/>, and
    /// what it says of itself before that as <see cref="Message.Named"/>.
    /// </summary>
    void Launch(Activation activation);
}

/// <summary>
/// Executes runs of the coordinator's own process; see <see cref="SlotPool{TAttempt}"/>.
/// </summary>
sealed class LocalWorker : IWorker
{
    readonly Workspace workspace;
    readonly Graph graph;
    readonly PartitionNames names;
    readonly FileStampCache files;
    readonly JobProcess process;
    readonly Action<RunId, JobProgress> progress;
    readonly bool keepsLogs;
    readonly AttemptArtifacts? artifacts;
    readonly SlotPool<LaunchRequest> slots;
    readonly SlotPool<Activation> calls;
    readonly Action<Activation, string> named;
    readonly ResourceJobs jobs;
    readonly TimeProvider time;

    public LocalWorker(
        LocalWorkerParts parts, int slots, Action<LaunchRequest, JobResult> handIn,
        Action<RunId, JobProgress> progress, Action<Activation, JobResult> answer,
        Action<Activation, string> named)
    {
        (workspace, graph, names) = (parts.Workspace, parts.Graph, parts.Names);
        (files, process, keepsLogs) = (parts.Files, parts.Process, parts.KeepsLogs);
        artifacts = parts.Artifacts;
        (jobs, time) = (parts.Jobs, parts.Time);
        this.progress = progress;
        this.slots = new SlotPool<LaunchRequest>(slots, Execute, handIn);
        // Slots of their own: no build delays a poll, and no poll costs a build its slot.
        calls = new SlotPool<Activation>(ResourceRuns.Slots, Execute, answer);
        this.named = named;
    }

    public void Launch(LaunchRequest request) => slots.Launch(request);

    public void Launch(Activation activation) => calls.Launch(activation);

    /// <summary>Waits for what is running; nothing new is taken.</summary>
    public void Dispose()
    {
        slots.Dispose();
        calls.Dispose();
    }

    JobResult Execute(Activation activation)
    {
        FaultPoint.Reach("call.before");
        var heard = jobs.Call(activation.Attempt, time);
        var result = heard ?? process.Run(
            activation.In(workspace), activation.Control, new Observer(this, activation));
        FaultPoint.Reach("call.answered");
        FaultPoint.Reach("handin.before");
        return keepsLogs && heard is null
            ? result with { Log = LogExcerpt.Read(workspace.LogOf(activation.Id)) }
            : result;
    }

    sealed class Observer(LocalWorker worker, Activation activation) : IJobObserver
    {
        public void Launched(int pid) => FaultPoint.Reach("launched");

        public void Progress(JobProgress report) =>
            worker.progress(activation.Id.Run, report);

        public void External(string id) => worker.named(activation, id);
    }

    JobResult Execute(LaunchRequest request)
    {
        if (request.Control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };
        var spec = AttemptSpec.Of(request, graph, names);
        return AttemptRunner.Run(
            spec.In(workspace, request.Epoch), spec, files, process, request.Control,
            report => progress(request.Id.Run, report), keepsLogs, artifacts);
    }
}

/// <summary>What a local worker works with.</summary>
/// <param name="KeepsLogs">Logs of attempts go into the store, too.</param>
sealed record LocalWorkerParts(
    Workspace Workspace, Graph Graph, PartitionNames Names, FileStampCache Files,
    JobProcess Process, bool KeepsLogs)
{
    /// <summary>Calls that functions of this process make.</summary>
    public ResourceJobs Jobs { get; init; } = new();

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What attempts do with artifacts; null: nothing.</summary>
    public AttemptArtifacts? Artifacts { get; init; }
}
