using System.Collections.Immutable;
using System.Text;
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
}

/// <summary>
/// The slots of this process: one thread each, which takes a leased run, executes it with
/// <see cref="JobProcess"/> and hands the result in. A slot knows neither the kernel nor the store.
/// </summary>
sealed class LocalWorker : IWorker
{
    readonly Workspace workspace;
    readonly Graph graph;
    readonly PartitionNames names;
    readonly FileStampCache files;
    readonly JobProcess process;
    readonly Action<LaunchRequest, JobResult> handIn;
    readonly Action<RunId, JobProgress> progress;
    readonly object gate = new();
    readonly Queue<LaunchRequest> queue = new(); // Waits by monitor, which does not spin first.
    readonly List<Thread> threads = [];
    readonly int slots;
    int idle;
    bool closing;

    public LocalWorker(
        Workspace workspace, Graph graph, PartitionNames names, FileStampCache files,
        JobProcess process, int slots, Action<LaunchRequest, JobResult> handIn,
        Action<RunId, JobProgress> progress)
    {
        (this.workspace, this.graph, this.names, this.files) = (workspace, graph, names, files);
        (this.process, this.handIn, this.progress) = (process, handIn, progress);
        this.slots = slots;
    }

    public void Launch(LaunchRequest request)
    {
        lock (gate)
        {
            queue.Enqueue(request);
            if (idle >= queue.Count || threads.Count == slots) Monitor.Pulse(gate);
            else AddThread();
        }
    }

    // Most builds have nothing to run: a thread is made when its slot is needed first.
    void AddThread()
    {
        var thread = new Thread(Work) { Name = $"slot {threads.Count + 1}", IsBackground = true };
        threads.Add(thread);
        thread.Start();
    }

    /// <summary>Waits for what is running; nothing new is taken.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            closing = true;
            Monitor.PulseAll(gate);
        }
        foreach (var thread in threads) thread.Join();
    }

    LaunchRequest? Next()
    {
        lock (gate)
        {
            LaunchRequest? next;
            idle++;
            while (!queue.TryDequeue(out next) && !closing) Monitor.Wait(gate);
            idle--;
            return next;
        }
    }

    void Work()
    {
        while (Next() is { } request)
        {
            JobResult result;
            try
            {
                result = Execute(request);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException
                or InvalidOperationException or ArgumentException)
            {
                // The environment of one attempt (staging, log, descriptors): its failure, not
                // ours.
                result = new JobResult
                {
                    End = JobEnd.Failed,
                    Failure = new RunFailure(FailureCategory.Configuration, e.Message),
                };
            }
            handIn(request, result);
        }
        JobProcess.EndSlot();
    }

    JobResult Execute(LaunchRequest request)
    {
        if (request.Control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };
        var watched = new WatchedFiles(files, request.Watched);
        var result = process.Run(
            SpecOf(request), request.Control, new Observer(request.Id.Run, progress));
        if (result.End != JobEnd.Completed || watched.Moved() is not { } moved) return result;
        var warning = $"source-moved: {moved} changed after {request.Id.Run} was planned; "
            + "its outputs are published but not current";
        return result with { Warnings = result.Warnings.Add(warning), SourceMoved = true };
    }

    JobSpec SpecOf(LaunchRequest request)
    {
        var job = request.Job;
        var inputs = ImmutableArray.CreateRange(
            request.Inputs,
            i => new SpecInput(names.Text(i.Partition), PathOf(i.Partition), i.Digest));
        var config = request.Config ?? job.ConfigureWith(
            names.Text(request.Outputs[0]),
            ImmutableArray.CreateRange(inputs, input => input.Ref));
        var id = request.Id;
        return new JobSpec
        {
            Id = id,
            Epoch = request.Epoch,
            Config = config,
            WorkingDirectory = workspace.Absolute(job.Folder),
            Inputs = inputs,
            Outputs = ImmutableArray.CreateRange(
                request.Outputs, o => new SpecOutput(
                    names.Text(o), PathOf(o), request.Claims.Contains(o))),
            Stdout = job.Stdout,
            StagingDirectory = workspace.StagingOf(id),
            LogFile = workspace.LogOf(id),
            Timeout = job.Limits.Timeout,
            Grace = job.Limits.Grace,
            ExitCodes = job.Limits.ExitCodes,
        };
    }

    string PathOf(PartitionId partition) =>
        workspace.Absolute(graph.PathOf(names.Utf8(partition)));

    sealed class Observer(RunId run, Action<RunId, JobProgress> progress) : IJobObserver
    {
        public void Launched(int pid) { }

        public void Progress(JobProgress report) => progress(run, report);
    }
}
