using Quoin.Core;

namespace Quoin.Engine;

/// <summary>One attempt from its spec to its result, on the thread of a slot.</summary>
static class AttemptRunner
{
    /// <summary>
    /// Executes it, and says so when a file that its fingerprint holds changed meanwhile.
    /// </summary>
    public static JobResult Run(
        JobSpec spec, AttemptSpec attempt, FileStampCache files, JobProcess process,
        JobControl control, Action<JobProgress> progress, bool keepsLog,
        AttemptArtifacts? artifacts = null)
    {
        if (artifacts is not null)
        {
            if (artifacts.TakeOutputs(spec, attempt, control) is { } restored)
                return restored with { IsApart = artifacts.IsApart };
            if (artifacts.BringInputs(ref spec, attempt, control) is { } ended) return ended;
        }
        var result = Execute(spec, attempt, files, process, control, progress, keepsLog);
        return result.End == JobEnd.Completed && artifacts is not null
            ? artifacts.Keep(attempt, result, control)
            : result;
    }

    static JobResult Execute(
        JobSpec spec, AttemptSpec attempt, FileStampCache files, JobProcess process,
        JobControl control, Action<JobProgress> progress, bool keepsLog)
    {
        var watched = new WatchedFiles(files, attempt.Watched);
        var result = process.Run(spec, control, new Observer(progress));
        QuoinMeter.Executed(spec.Config.Job, result.End, result.Usage);
        FaultPoint.Reach("ended");
        if (keepsLog) result = result with { Log = LogExcerpt.Read(spec.LogFile) };
        if (result.End != JobEnd.Completed || watched.Moved() is not { } moved) return result;
        var warning = $"source-moved: {moved} changed after {spec.Id.Run} was planned; "
            + "its outputs are published but not current";
        return result with { Warnings = result.Warnings.Add(warning), SourceMoved = true };
    }

    sealed class Observer(Action<JobProgress> progress) : IJobObserver
    {
        public void Launched(int pid) => FaultPoint.Reach("launched");

        public void Progress(JobProgress report) => progress(report);
    }
}
