using System.Collections.Immutable;
using System.Diagnostics;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// What an attempt does with artifacts, on the thread of its slot and under its lease: takes its
/// outputs from a layer instead of running, brings inputs that are not here, keeps what it made.
/// </summary>
/// <param name="store">The layers.</param>
/// <param name="files">Digests of files here.</param>
/// <param name="time">The clock.</param>
/// <param name="isApart">
/// This host has no folder in common with the others: its files say nothing of theirs.
/// </param>
sealed class AttemptArtifacts(
    ArtifactStore store, FileStampCache files, TimeProvider time, bool isApart)
{
    /// <summary>See the constructor.</summary>
    public bool IsApart => isApart;

    /// <summary>
    /// The outputs of an earlier run with the same fingerprint, in their places; null: it has to
    /// run.
    /// </summary>
    public JobResult? TakeOutputs(JobSpec spec, AttemptSpec attempt, JobControl control)
    {
        if (!attempt.MayRestore) return null;
        try
        {
            return TakeFrom(spec, attempt, control);
        }
        catch (AttemptException e)
        {
            return new JobResult
            {
                End = JobEnd.Failed,
                Failure = new RunFailure(e.Category, e.Message),
            };
        }
        catch (OperationCanceledException)
        {
            return new JobResult { End = JobEnd.Cancelled };
        }
    }

    JobResult? TakeFrom(JobSpec spec, AttemptSpec attempt, JobControl control)
    {
        var (startedAt, clock) = (time.GetUtcNow(), Stopwatch.GetTimestamp());
        foreach (var (_, record) in store.Records(attempt.Fingerprint))
        {
            if (control.CancelRequested) return new JobResult { End = JobEnd.Cancelled };
            if (Take(spec, record, control, out var from) is not { } published) continue;
            if (published.Count < spec.Outputs.Count(output => output.Claimed))
                return new JobResult { End = JobEnd.LeaseLost };
            var taken = new ArtifactRecord([.. record.Outputs.Where(
                output => published.Exists(one => one.Ref == output.Ref))]);
            if (from == "local" && !store.Share(attempt.Fingerprint, taken, control.Token)
                && isApart)
                return Unseen("");
            var elapsed = (int)Stopwatch.GetElapsedTime(clock).TotalMilliseconds;
            WriteLog(spec, from, published);
            return new JobResult
            {
                End = JobEnd.Completed,
                Outputs = [.. published],
                Usage = new RunUsage(startedAt, elapsed, 0, 0),
                RestoredFrom = from,
            };
        }
        return null;
    }

    // Fewer than are claimed: the lease was over. Null: not all of it can be had.
    List<PublishedOutput>? Take(
        JobSpec spec, ArtifactRecord record, JobControl control, out string from)
    {
        from = "local";
        var found = new ArtifactOutput[spec.Outputs.Length];
        for (var i = 0; i < found.Length; i++)
        {
            if (!spec.Outputs[i].Claimed) continue;
            if (record.Find(spec.Outputs[i].Ref) is not { } output) return null;
            found[i] = output;
        }
        if (Folders.Make(spec.StagingDirectory) != 0) return null;
        try
        {
            for (var i = 0; i < found.Length; i++)
            {
                if (!spec.Outputs[i].Claimed) continue;
                var layer = store.Restore(found[i], StagedAt(spec, i), control.Token);
                if (layer is null) return null;
                if (layer != "local") from = layer;
            }
            return Publish(spec, found, control);
        }
        finally
        {
            _ = Folders.RemoveAny(spec.StagingDirectory);
        }
    }

    static string StagedAt(JobSpec spec, int index) => $"{spec.StagingDirectory}/{index}";

    static List<PublishedOutput> Publish(JobSpec spec, ArtifactOutput[] found, JobControl control)
    {
        var published = new List<PublishedOutput>();
        for (var i = 0; i < found.Length; i++)
        {
            var (reference, path, isClaimed) = spec.Outputs[i];
            if (!isClaimed) continue;
            if (!control.LeaseHolds()) return published;
            var staged = StagedAt(spec, i);
            var error = JobPublish.MoveOne(staged, path, $"{spec.StagingDirectory}/old-{i}");
            AttemptException.ThrowIf(error, $"cannot move {reference} to", path);
            var stamp = FileStat.OfLink(path).Stamp;
            published.Add(new PublishedOutput(
                reference, path, found[i].Digest, found[i].Bytes, stamp, null));
            FaultPoint.Reach("restored");
        }
        return published;
    }

    void WriteLog(JobSpec spec, string from, List<PublishedOutput> published)
    {
        var log = new JobLog(spec.LogFile, time, new Utf8Buffer(1024));
        log.Begin("restored"u8).With("run"u8, spec.Id.ToString()).With("from"u8, from)
            .With("outputs"u8, published.Select(output => output.Ref)).End();
        log.Begin("ended"u8).With("end"u8, "Completed").End();
        log.Close();
    }

    /// <summary>
    /// Brings inputs that are not here to their places, and notes them in the spec; null: all are
    /// here. Else how the attempt ended: what no layer has is made again before this is.
    /// </summary>
    public JobResult? BringInputs(ref JobSpec spec, AttemptSpec attempt, JobControl control)
    {
        foreach (var (path, digest) in isApart ? attempt.Watched : [])
        {
            if (files.Check(path, digest) == FileVerdict.Same) continue;
            return new JobResult
            {
                End = JobEnd.Failed,
                Failure = new RunFailure(
                    FailureCategory.Temporary,
                    $"{path} is not on this host as it was when this was planned; bring its "
                    + "checkout to the same state"),
            };
        }
        var lost = ImmutableArray.CreateBuilder<string>();
        var brought = ImmutableArray.CreateBuilder<BroughtInput>();
        try
        {
            foreach (var input in spec.Inputs)
            {
                if (input.Held is not null || !input.Digest.Exists || IsHere(input)) continue;
                var madeBy = attempt.MadeBy.GetValueOrDefault(input.Ref);
                var from = Bring(input, madeBy, control.Token);
                if (from is null) lost.Add(input.Ref);
                else if (from.Length > 0) brought.Add(new BroughtInput(input.Ref, from));
            }
        }
        catch (OperationCanceledException)
        {
            return new JobResult { End = JobEnd.Cancelled };
        }
        spec = spec with { Brought = brought.ToImmutable() };
        if (lost.Count == 0) return null;
        WriteLog(spec, lost);
        return new JobResult
        {
            End = JobEnd.NeedsInputs,
            Needs = lost.ToImmutable(),
            AreLost = true,
        };
    }

    void WriteLog(JobSpec spec, IEnumerable<string> lost)
    {
        var log = new JobLog(spec.LogFile, time, new Utf8Buffer(1024));
        log.Begin("inputs-lost"u8).With("run"u8, spec.Id.ToString()).With("inputs"u8, lost).End();
        log.Begin("ended"u8).With("end"u8, "NeedsInputs").End();
        log.Close();
    }

    // Who shares the folder has what the plan saw. Elsewhere the file may be an older one.
    bool IsHere(SpecInput input) => isApart
        ? files.Check(input.Path, input.Digest) == FileVerdict.Same
        : FileStat.Of(input.Path).Exists;

    // From which layer; empty: somebody else had brought it. Null: none has it.
    string? Bring(SpecInput input, Digest madeBy, CancellationToken ct)
    {
        var from = store.Bring(
            madeBy, input.Ref, input.Digest, input.Path, () => IsHere(input), ct);
        if (from is { Length: > 0 })
            files.Published(input.Path, FileStat.OfLink(input.Path).Stamp, input.Digest);
        return from;
    }

    /// <summary>
    /// Keeps what a run published, if its job does, or if nobody else sees it; says how the run
    /// ended then. Of a host apart a run is good only if others can have what it made.
    /// </summary>
    public JobResult Keep(AttemptSpec attempt, JobResult result, JobControl control)
    {
        result = result with { IsApart = isApart };
        // Under this fingerprint others would take it for what the plan saw.
        if (result.SourceMoved) return isApart ? Failed(": a source changed meanwhile") : result;
        if (!attempt.Keeps && !isApart) return result;
        FaultPoint.Reach("keep.before");
        bool isShared;
        try
        {
            isShared = store.Keep(attempt.Fingerprint, result.Outputs, control.Token);
        }
        catch (OperationCanceledException) when (isApart)
        {
            return new JobResult { End = JobEnd.Cancelled, Usage = result.Usage };
        }
        catch (OperationCanceledException)
        {
            return result; // It is made; that others cannot have it is no reason to undo that.
        }
        FaultPoint.Reach("keep.after");
        return isShared || !isApart ? result : Failed("");

        JobResult Failed(string why) => Unseen(why) with
        {
            Usage = result.Usage,
            Log = result.Log,
            LogTail = result.LogTail,
            LogLines = result.LogLines,
            Warnings = result.Warnings,
        };
    }

    static JobResult Unseen(string why) => new()
    {
        End = JobEnd.Failed,
        Failure = new RunFailure(
            FailureCategory.Temporary,
            "its outputs are on this host only; no layer of artifacts that others see has them"
            + why),
    };
}
