using System.Collections.Immutable;
using System.Diagnostics;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// Runs attempts: validate, launch, monitor, manifest, publish. Each step is an entry of the
/// attempt's log. It needs no store and no network, and one instance serves all slots of a worker:
/// <see cref="Run"/> blocks its thread until the attempt is over.
/// </summary>
public sealed class JobProcess
{
    readonly TimeProvider time;
    readonly Guardian guardian;
    readonly JobEnvironment environment;

    /// <param name="time">
    /// Only for times of day; limits are measured by the machine's own clock.
    /// </param>
    /// <param name="guardian">Kills what is left when this process dies.</param>
    public JobProcess(TimeProvider time, Guardian guardian)
    {
        (this.time, this.guardian) = (time, guardian);
        environment = new JobEnvironment(guardian.Owner, Environment.GetEnvironmentVariable);
    }

    /// <summary>
    /// Runs one attempt to its end and returns how it ended. Whatever the job does is an answer,
    /// never an exception; the staging folder is gone afterwards.
    /// </summary>
    public JobResult Run(JobSpec spec, JobControl control, IJobObserver observer) =>
        new Attempt(spec, control, observer, time, guardian, environment)
        {
            Placement = Placement,
            HostSpeed = HostSpeed?.Value ?? 0,
            Secrets = Secrets,
        }.Run();

    /// <summary>Where runs lie on a machine with several NUMA nodes; null: anywhere.</summary>
    public CpuPlacement? Placement { get; init; } = CpuPlacement.OfHost;

    /// <summary>Compares secrets with what was planned; null: nobody does.</summary>
    public SecretDigests? Secrets { get; init; }

    /// <summary>How fast this host is; null: nobody asks.</summary>
    public HostSpeed? HostSpeed { get; init; }

    /// <summary>
    /// To be called by a slot's thread when it will run nothing more: removes what it keeps between
    /// attempts. Without it an empty folder stays behind.
    /// </summary>
    public static void EndSlot() => SlotBuffers.OfThread.Spare.Drop();
}

/// <summary>What a slot's thread uses again for each attempt.</summary>
sealed class SlotBuffers
{
    [ThreadStatic] static SlotBuffers? ofThread;

    public readonly StringBlock Argv = new(), Environment = new();
    public readonly byte[] Read = GC.AllocateUninitializedArray<byte>(64 << 10);
    public readonly Utf8Buffer Log = new(JobLog.FlushAtBytes + 4096), Json = new(1024);
    public readonly StagingSpare Spare = new();
    public readonly LineSplitter Stdout = new(JobStream.Stdout), Stderr = new(JobStream.Stderr);

    public static SlotBuffers OfThread => ofThread ??= new SlotBuffers();
}

/// <summary>One attempt, from its first log entry to its last.</summary>
sealed class Attempt
{
    const long CallsLogBytesMax = 1 << 20;

    readonly JobSpec spec;
    readonly JobControl control;
    readonly IJobObserver observer;
    readonly TimeProvider time;
    readonly Guardian guardian;
    readonly JobEnvironment environment;

    readonly SlotBuffers buffers = SlotBuffers.OfThread;
    readonly Staging staging;
    readonly JobReports reports = new();
    readonly JobPublish publish;
    readonly JobLog log;
    readonly JobOutput output;
    readonly List<string> warnings = [];
    readonly LineSplitter.LineAction onLine;

    DateTimeOffset startedAt, chunkAt;
    ProcessEnd end;
    string? external;
    int malformed;
    bool started, escaped, isHeard;

    public Attempt(
        JobSpec spec, JobControl control, IJobObserver observer, TimeProvider time,
        Guardian guardian, JobEnvironment environment)
    {
        // One run is called many times, and a call that lost its lease may still be at work.
        if (spec.Resource is not null)
            spec = spec with { StagingDirectory = $"{spec.StagingDirectory}.{spec.Epoch}" };
        (this.spec, this.control, this.observer) = (spec, control, observer);
        (this.time, this.guardian, this.environment) = (time, guardian, environment);
        staging = new Staging(spec, buffers.Spare);
        publish = new JobPublish(spec, staging, reports);
        buffers.Log.Clear();
        log = new JobLog(
            spec.LogFile, time, buffers.Log, spec.Resource is null ? 0 : CallsLogBytesMax);
        output = new JobOutput(log, spec.LogLimits);
        onLine = OnLine;
    }

    public CpuPlacement? Placement { get; init; }

    public int HostSpeed { get; init; }

    public SecretDigests? Secrets { get; init; }

    JobStream ReportStream => spec.Stdout is null ? JobStream.Stdout : JobStream.Stderr;

    public JobResult Run()
    {
        startedAt = time.GetUtcNow();
        var clock = Stopwatch.GetTimestamp();
        JobResult result;
        try
        {
            result = Execute();
        }
        catch (AttemptException e)
        {
            result = Failed(new RunFailure(e.Category, e.Message));
        }
        catch (IOException e)
        {
            result = Failed(new RunFailure(FailureCategory.Failed, e.Message));
        }
        if (spec.Resource is not null && result is { End: JobEnd.Failed, Failure: { } failure })
            result = Unanswered(failure);
        CleanUp(result);
        log.Begin("ended"u8).With("end"u8, result.End.ToString()).End();
        log.Close();
        if (log.Problem is { } problem) warnings.Add(problem);
        return result with
        {
            Usage = new RunUsage(
                startedAt, (int)Stopwatch.GetElapsedTime(clock).TotalMilliseconds, end.CpuMs,
                end.PeakKb)
            {
                Cores = spec.Config.Resources is { Cpu: > 1 } or { CpuMost: > 0 }
                    ? spec.Config.Resources.Cpu
                    : 0,
                HostSpeed = HostSpeed,
            },
            LogTail = output.LastLines(),
            LogLines = output.Lines,
            Warnings = [.. warnings],
        };
    }

    JobResult Execute()
    {
        log.Begin("validating"u8).With("run"u8, spec.Id.ToString()).With("epoch"u8, spec.Epoch);
        if (spec.Resource is { } call)
            log.With("direction"u8, ResourceCall.Word(call.Direction));
        log.End();
        var problems = Validate(out var stdoutPath);
        if (problems.Count > 0)
        {
            log.Begin("config-rejected"u8).With("problems"u8, problems).End();
            return Failed(
                new RunFailure(FailureCategory.Configuration, string.Join("; ", problems)));
        }
        var lacking = spec.Secrets.Where(secret => Secrets?.Has(secret) == false);
        if (lacking.Select(secret => secret.Name).FirstOrDefault() is { } name)
        {
            // Another worker may have it, or this one when it is started anew.
            var problem = $"secret {name} is not set in the environment of this worker, or is "
                + "another one than when this was planned";
            log.Begin("config-rejected"u8).With("problems"u8, [problem]).End();
            return Failed(new RunFailure(FailureCategory.Temporary, problem));
        }
        log.Begin("config-accepted"u8).End();
        if (!spec.Brought.IsEmpty)
            log.Begin("restoring"u8).With("inputs"u8, spec.Brought.Select(input => input.Ref))
                .With("from"u8, spec.Brought.Select(input => input.Layer)).End();
        if (control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };

        staging.Create(buffers.Json);
        environment.Fill(spec, staging, buffers.Environment);
        if (!spec.Before.IsEmpty && RunBefore() is { } early) return early;
        var launch = new JobLaunch(spec, environment, buffers, guardian, log);
        // A call about a thing outside does not work: it asks.
        using var place = spec.Resource is null
            ? Placement?.Take(Math.Max(1, spec.Config.Resources.Cpu))
            : null;
        if (launch.Start(stdoutPath, place) is { } failure) return Failed(failure);
        started = true;
        observer.Launched(launch.Pid);
        end = launch.Watch(control, OnOutput, buffers);
        warnings.AddRange(launch.Warnings);
        escaped = launch.Warnings.Count > 0;
        output.Finish();
        return Decide();
    }

    // Null: the job may start. What it does is the attempt's: its output, its limits, its end.
    JobResult? RunBefore()
    {
        string[] argv =
            [.. Enumerable.Range(0, buffers.Argv.Count).Select(i => buffers.Argv[i])];
        buffers.Argv.Clear();
        foreach (var word in spec.Before) buffers.Argv.Add(word);
        var launch = new JobLaunch(spec, environment, buffers, guardian, log);
        if (launch.Start(null) is { } failure)
            return Failed(failure with { Reason = $"before: {failure.Reason}" });
        end = launch.Watch(control, OnOutput, buffers);
        warnings.AddRange(launch.Warnings);
        buffers.Argv.Clear();
        foreach (var word in argv) buffers.Argv.Add(word);
        if (!control.LeaseHolds()) return new JobResult { End = JobEnd.LeaseLost };
        if (end is { ExitCode: 0, Signal: 0, TimedOut: false, WasSilent: false }) return null;
        LogEnd(succeeded: false);
        if (end.TimedOut) return Failed(TimedOut());
        if (end.WasSilent) return Failed(WasSilent());
        if (control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };
        var how = ExitMeaning.Failure(end, spec);
        return Failed(how with { Reason = $"before: {how.Reason}" });
    }

    List<string> Validate(out string? stdoutPath)
    {
        var problems = new List<string>();
        var template = new ArgTemplate(
            JobLaunch.ShownInputs(spec), staging.Outputs,
            spec.Config.Env.GetValueOrDefault(Job.PayloadVariable));
        buffers.Argv.Clear();
        foreach (var argument in spec.Config.Args) template.Fill(argument, buffers.Argv, problems);
        if (spec.Config.Args.IsEmpty) problems.Add("the job has no command to execute");
        else if (problems.Count == 0 && buffers.Argv.First.Length == 0)
            problems.Add("the first word of the command, its program, is empty");
        JobEnvironment.Check(spec.Config.Env, problems);
        stdoutPath = spec.Stdout is null
            ? null : template.Single(spec.Stdout, problems);
        if (stdoutPath is not null && problems.Count == 0 && staging.Below(stdoutPath) is null)
            problems.Add($"stdout: \"{spec.Stdout}\" is not an output; write {{out}}");
        if (stdoutPath is not null) stdoutPath = staging.Below(stdoutPath);
        return problems;
    }

    void OnOutput(JobStream stream, ReadOnlySpan<byte> piece)
    {
        var splitter = stream == JobStream.Stdout ? buffers.Stdout : buffers.Stderr;
        chunkAt = time.GetUtcNow();
        if (piece.IsEmpty) splitter.End(onLine);
        else splitter.Feed(piece, onLine);
    }

    void OnLine(JobStream stream, ReadOnlySpan<byte> line, long cut)
    {
        if (stream == ReportStream && line.StartsWith(ReportReader.Prefix)) Report(line, cut);
        else output.Add(stream, line, cut, chunkAt);
    }

    void Report(ReadOnlySpan<byte> line, long cut)
    {
        if (spec.Resource is { } call && !isHeard) Hear(call);
        var problem = cut > 0 ? "it is longer than 4 MiB" : null;
        JobProgress? progress = null;
        problem ??= ReportReader.Read(line, reports, out progress);
        if (problem is null)
        {
            log.Begin("report"u8, chunkAt)
                .WithJson("report"u8, line[ReportReader.Prefix.Length..].TrimEnd(" \t\r"u8)).End();
        }
        else
        {
            // A job that prints garbage prints much of it: the first ones are enough for people.
            if (malformed++ < 5) Warn($"report in line {output.Lines + 1} ignored: {problem}");
            output.Add(ReportStream, line, cut, chunkAt);
        }
        if (progress is { } shown) observer.Progress(shown);
        if (spec.Resource is null || reports.ExternalId == external) return;
        external = reports.ExternalId;
        observer.External(external!);
    }

    // It acted outside and says so: nothing of that was read yet.
    void Hear(ResourceCall call)
    {
        isHeard = true;
        FaultPoint.Reach("call.accepted");
        if (call.Direction == ResourceDirection.Release)
            FaultPoint.Reach("release.call-accepted");
    }

    // The order is the design's ("End of a process, first match"): the first that applies.
    JobResult Decide()
    {
        var succeeded = ExitMeaning.Succeeded(end, spec);
        LogEnd(succeeded);
        if (spec.Resource is { } call) return Answer(call, succeeded);
        if (!control.LeaseHolds()) return new JobResult { End = JobEnd.LeaseLost };
        if (reports.ResourceOnly is { } report)
            return Failed(new RunFailure(
                FailureCategory.Contract,
                $"it reported {report}, which only jobs with resource: may"));
        if (reports.Needs.Count > 0) return Needs();
        if (succeeded) return Publish();
        if (end.TimedOut) return Failed(TimedOut());
        if (end.WasSilent) return Failed(WasSilent());
        if (control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };
        var failure = ExitMeaning.Failure(end, spec);
        return Failed(reports.Fail is { } fail
            ? failure with { Category = fail.Category, Reason = fail.Reason }
            : failure);
    }

    // A program that was never started did nothing; of one that was nobody knows.
    JobResult Unanswered(RunFailure failure) => new()
    {
        End = JobEnd.Answered,
        Failure = started ? null : failure,
        Answer = ResourceAnswer.Of(
            spec.Resource!.Direction,
            started ? failure with { Category = FailureCategory.Lost } : failure, reports),
    };

    RunFailure WasSilent() =>
        new(FailureCategory.Lost, $"it printed nothing for {Duration(spec.Silence!.Value)}")
        {
            ExitCode = end.ExitCode,
            Signal = end.Signal,
        };

    RunFailure TimedOut() =>
        new(FailureCategory.Timeout, $"timeout after {Duration(spec.Timeout!.Value)}")
        {
            ExitCode = end.ExitCode,
            Signal = end.Signal,
        };

    // What was heard stays true when the lease is over or somebody had it stopped: the answer goes
    // along, and who takes it decides what it still counts.
    JobResult Answer(ResourceCall call, bool succeeded)
    {
        var failure = succeeded ? null
            : end.TimedOut ? TimedOut()
            : control.CancelRequested ? new(FailureCategory.Lost, "it was stopped")
            : ExitMeaning.Failure(end, spec);
        var answer = ResourceAnswer.Of(call.Direction, failure, reports);
        log.Begin("answer"u8).With("answer"u8, answer.Kind.ToString())
            .With("reason"u8, answer.Reason).End();
        var how = !control.LeaseHolds() ? JobEnd.LeaseLost
            : control.CancelRequested && !succeeded ? JobEnd.Cancelled
            : JobEnd.Answered;
        return new JobResult { End = how, Answer = answer, Failure = answer.Failure };
    }

    JobResult Needs()
    {
        var known = spec.Config.Inputs.ToHashSet(StringComparer.Ordinal);
        if (reports.Needs.TrueForAll(known.Contains))
            return Failed(new RunFailure(
                FailureCategory.Contract,
                $"it reported needs, but {string.Join(", ", reports.Needs.Take(3))} "
                + "was among its inputs already"));
        return new JobResult { End = JobEnd.NeedsInputs, Needs = [.. reports.Needs] };
    }

    JobResult Publish()
    {
        var broken = publish.Check(startedAt, out var found);
        foreach (var warning in publish.Warnings) Warn(warning);
        if (broken is not null)
        {
            log.Begin("contract-broken"u8).With("reason"u8, broken).End();
            if (reports.Fail is { } fail) broken = $"{fail.Reason}; {broken}";
            return Failed(new RunFailure(FailureCategory.Contract, broken));
        }
        LogManifest(found);
        if (reports.Fail is { } ignored)
            Warn($"it reported failure ({ignored.Reason}) and then succeeded: taken as success");
        var published = new List<PublishedOutput>(spec.Outputs.Length);
        return publish.Move(control, found, published)
            ? new JobResult { End = JobEnd.Completed, Outputs = [.. published] }
            : new JobResult { End = JobEnd.LeaseLost };
    }

    void LogEnd(bool succeeded)
    {
        log.Begin(succeeded ? "task-succeeded"u8 : "task-failed"u8);
        if (end.Stuck) log.With("stuck"u8, 1);
        if (end.Signal != 0) log.With("signal"u8, end.Signal);
        else log.With("exit"u8, end.ExitCode);
        if (!succeeded)
            log.With("category"u8, CategoryNames.Of(ExitMeaning.Failure(end, spec).Category));
        log.With("cpu_ms"u8, end.CpuMs).With("memory_kb"u8, end.PeakKb).End();
    }

    void LogManifest(Content[] found)
    {
        log.Begin("manifest"u8).WithJson("outputs"u8, "["u8);
        buffers.Json.Clear();
        for (var i = 0; i < found.Length; i++)
        {
            if (!spec.Outputs[i].Claimed) continue;
            buffers.Json.Raw(buffers.Json.Length == 0 ? "{\"ref\":"u8 : ",{\"ref\":"u8);
            buffers.Json.Quoted(spec.Outputs[i].Ref);
            buffers.Json.Raw(",\"digest\":"u8);
            buffers.Json.Quoted(found[i].Digest.ToString());
            buffers.Json.Raw(",\"bytes\":"u8);
            buffers.Json.Number(found[i].Bytes);
            buffers.Json.Raw((byte)'}');
        }
        log.Continue(buffers.Json.Written).Continue("]"u8).End();
        buffers.Json.Clear();
    }

    void CleanUp(JobResult result)
    {
        // Only when the end was quiet: else something might still write into the next one's folder.
        var reuse = result.End == JobEnd.Completed && !escaped;
        var extra = staging.Remove(publish.Staged, reuse, out var problem);
        // Of a failed job's leftovers nobody needs to know.
        if (result.End == JobEnd.Completed)
            foreach (var name in extra)
                Warn($"extra output: {name} is not declared, it was removed");
        if (problem is not null) Warn(problem);
    }

    void Warn(string warning)
    {
        warnings.Add(warning);
        log.Begin("warning"u8).With("message"u8, warning).End();
    }

    static string Duration(TimeSpan time) => time.TotalSeconds switch
    {
        < 1 => $"{time.TotalMilliseconds:0} ms",
        < 120 => $"{time.TotalSeconds:0.#} s",
        < 7200 => $"{time.TotalMinutes:0.#} min",
        _ => $"{time.TotalHours:0.#} h",
    };

    static JobResult Failed(RunFailure failure) =>
        new() { End = JobEnd.Failed, Failure = failure };
}
