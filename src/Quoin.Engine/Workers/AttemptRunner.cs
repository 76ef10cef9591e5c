using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>One attempt from its spec to its result, on the thread of a slot.</summary>
static class AttemptRunner
{
    /// <summary>
    /// Executes it, and says so when a file that its fingerprint holds changed meanwhile.
    /// </summary>
    public static JobResult Run(
        JobSpec spec, ImmutableArray<PathDigest> watchedFiles, FileStampCache files,
        JobProcess process, JobControl control, Action<JobProgress> progress, bool keepsLog)
    {
        var watched = new WatchedFiles(files, watchedFiles);
        var result = process.Run(spec, control, new Observer(progress));
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
