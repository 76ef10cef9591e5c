using System.Collections.Immutable;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>The launch of one attempt: its pipes, its process, and why it cannot start.</summary>
sealed class JobLaunch(
    JobSpec spec, JobEnvironment environment, SlotBuffers buffers, Guardian guardian, JobLog log)
{
    int stdout = -1, stderr = -1, guard = -1;

    /// <summary>The process, once started.</summary>
    public int Pid { get; private set; }

    /// <summary>Things that a person should know.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Starts the process, on these CPUs; null when that worked.</summary>
    public RunFailure? Start(string? stdoutPath, CpuPlace? place = null)
    {
        log.Begin("launching"u8).With("argv"u8, Enumerable.Range(0, buffers.Argv.Count)
            .Select(i => buffers.Argv[i])).With("folder"u8, spec.WorkingDirectory).End();
        guardian.EnsureStarted();
        var (stdoutEnd, stderrEnd) = (-1, -1);
        int error, pid;
        int[] before = [];
        try
        {
            if (stdoutPath is null)
            {
                (stdout, stdoutEnd) = Pipe();
            }
            else
            {
                const int flags = Libc.WriteOnly | Libc.Create | Libc.Truncate;
                stdoutEnd = Libc.Open(stdoutPath, flags, 0x1B6);
                AttemptException.ThrowIf(Math.Max(0, -stdoutEnd), "cannot open", stdoutPath);
            }
            (stderr, stderrEnd) = Pipe();
            if (place?.Enter(out before) is { } warning) Warnings.Add(warning);
            error = Spawn.Start(
                buffers.Argv, buffers.Environment, environment.SearchPath(spec.Config.Env),
                new SpawnPlaces
                {
                    WorkingDirectory = spec.WorkingDirectory,
                    Stdin = Spawn.NullFile,
                    Stdout = stdoutEnd,
                    Stderr = stderrEnd,
                },
                out pid);
        }
        catch
        {
            Close();
            throw;
        }
        finally
        {
            CpuPlace.Leave(before);
            if (stdoutEnd >= 0) _ = Libc.close(stdoutEnd);
            if (stderrEnd >= 0) _ = Libc.close(stderrEnd);
        }
        if (error != 0)
        {
            Close();
            var failure = SpawnFailure.Explain(error, buffers, spec.WorkingDirectory);
            log.Begin("launch-failed"u8).With("reason"u8, failure.Reason).End();
            return failure;
        }
        Pid = pid;
        guard = guardian.Watch(pid);
        log.Begin("launched"u8).With("pid"u8, pid);
        if (before.Length > 0) log.With("cpus"u8, string.Join(',', place!.Cpus));
        log.End();
        return null;
    }

    /// <summary>Waits for the end of the process.</summary>
    public ProcessEnd Watch(JobControl control, JobMonitor.Received onOutput, SlotBuffers slot)
    {
        slot.Stdout.Start(spec.LogLimits.LineBytes);
        slot.Stderr.Start(spec.LogLimits.LineBytes);
        try
        {
            var monitor = new JobMonitor(spec, control, log)
            {
                OnOutput = onOutput,
                OnEscaped = KillEscaped,
            };
            return monitor.Watch(Pid, stdout, stderr, slot.Read, () => guardian.Forget(guard));
        }
        finally
        {
            // A last line without its end; nothing when the stream was read to its end.
            onOutput(JobStream.Stdout, default);
            onOutput(JobStream.Stderr, default);
            Close();
        }
    }

    /// <summary>Input paths as arguments show them.</summary>
    public static ImmutableArray<string> ShownInputs(JobSpec spec)
    {
        var shown = ImmutableArray.CreateBuilder<string>(spec.Inputs.Length);
        var folder = spec.WorkingDirectory;
        foreach (var input in spec.Inputs)
        {
            var path = input.Path;
            var below = path.Length > folder.Length + 1 && path[folder.Length] == '/'
                && path.StartsWith(folder, StringComparison.Ordinal);
            if (below) path = path[(folder.Length + 1)..];
            shown.Add(path[0] == '-' ? "./" + path : path); // Not an option.
        }
        return shown.MoveToImmutable();
    }

    void KillEscaped(bool last)
    {
        var count = ProcFiles.KillMarked(
            $"{JobEnvironment.OwnerVariable}={guardian.Owner}", $"QUOIN_RUN={spec.Id.Run}",
            $"QUOIN_ATTEMPT={spec.Id.Attempt}");
        if (count == 0 && !last) return;
        var message = count > 0
            ? $"{count} of its processes left the process group and outlived it; they were killed"
            : "something still holds its output open; what it prints from here on is lost";
        Warnings.Add(message);
        log.Begin("warning"u8).With("message"u8, message).End();
    }

    static unsafe (int Read, int Write) Pipe()
    {
        var ends = stackalloc int[2];
        var error = Libc.pipe2(ends, Libc.CloseOnExec) == 0 ? 0 : Libc.Error;
        AttemptException.ThrowIf(error, "cannot make", "a pipe");
        return (ends[0], ends[1]);
    }

    void Close()
    {
        if (stdout >= 0) _ = Libc.close(stdout);
        if (stderr >= 0) _ = Libc.close(stderr);
        (stdout, stderr) = (-1, -1);
    }
}
