using System.Collections.Immutable;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Tests.Simulation;

/// <summary>
/// One attempt in a slot: what its job reads when it starts, and what comes of it. It does what
/// <see cref="LocalWorker"/> and the job's process would do, on the simulated disk.
/// </summary>
sealed class SimulatedAttempt
{
    readonly LaunchRequest request;
    readonly SimulatedProcess process;
    readonly SimulatedWorld world;
    readonly SimulatedJob job;
    readonly WatchedFiles watched;
    readonly DateTimeOffset startedAt;
    readonly TimeSpan started;
    readonly Dictionary<string, string?> read = [];
    readonly string? tool;

    public SimulatedAttempt(SimulatedWorld world, SimulatedProcess process, LaunchRequest request)
    {
        (this.world, this.process, this.request) = (world, process, request);
        job = world.Graph.Job(request.Job.Name);
        watched = new WatchedFiles(process.Files, request.Watched);
        (startedAt, started) = (world.Time.GetUtcNow(), world.Time.Elapsed);
        tool = job.Tool is null ? null : world.Disk.Text(job.Tool);
        // A process reads its inputs when it likes: some now, the others at its end.
        foreach (var input in request.Inputs)
            if (world.Random.Next(2) == 0) Read(process.Names.Text(input.Partition));
    }

    public LaunchRequest Request => request;
    public SimulatedProcess Process => process;
    public string Id => $"{request.Id} ({process.Names.Text(request.Outputs[0])})";
    public bool IsCancelled => request.Control.CancelRequested;

    /// <summary>Told to stop, and about to.</summary>
    public bool IsStopping { get; set; }

    /// <summary>Neither a result nor a sign of life comes from it any more.</summary>
    public bool IsSilent { get; set; }

    public JobResult Cancelled() => new() { End = JobEnd.Cancelled, Usage = Usage() };

    public JobResult Failed(FailureCategory category, string reason) => new()
    {
        End = JobEnd.Failed,
        Failure = new RunFailure(category, reason) { ExitCode = 1 },
        Usage = Usage(),
    };

    /// <summary>It comes to its own end, and publishes if that is a good one.</summary>
    public JobResult Finish()
    {
        foreach (var input in request.Inputs)
            if (!read.ContainsKey(process.Names.Text(input.Partition)))
                Read(process.Names.Text(input.Partition));
        var missing = read.FirstOrDefault(input => input.Value is null).Key;
        if (missing is not null) return Failed(FailureCategory.Failed, $"{missing} is not there");
        if (job.Needs is { } needs && !read.ContainsKey(needs))
            return new() { End = JobEnd.NeedsInputs, Needs = [needs], Usage = Usage() };
        if (!request.Control.LeaseHolds()) return new() { End = JobEnd.LeaseLost, Usage = Usage() };
        var published = Publish();
        return new JobResult
        {
            End = JobEnd.Completed,
            Outputs = published,
            Usage = Usage(),
            SourceMoved = watched.Moved() is not null,
        };
    }

    ImmutableArray<PublishedOutput> Publish()
    {
        var inputs = read.Where(input => input.Value is not null)
            .ToDictionary(input => input.Key, input => input.Value!);
        if (job.Tool is not null) inputs[job.Tool] = tool!;
        var published = ImmutableArray.CreateBuilder<PublishedOutput>();
        foreach (var claim in request.Claims)
        {
            var reference = process.Names.Text(claim);
            var path = world.Graph.PathOf(reference);
            var text = SimulatedGraph.Make(job, reference, inputs);
            var stamp = world.Disk.Replace(path, text);
            published.Add(new PublishedOutput(
                reference, path, SimulatedDisk.DigestOf(text), Encoding.UTF8.GetByteCount(text),
                stamp, null));
        }
        return published.ToImmutable();
    }

    void Read(string reference) =>
        read[reference] = world.Disk.Text(world.Graph.PathOf(reference));

    RunUsage Usage() => new(
        startedAt, (int)(world.Time.Elapsed - started).TotalMilliseconds, 1, 1000);
}
