using System.Diagnostics;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>How a process ended.</summary>
readonly record struct ProcessEnd
{
    /// <summary>0 to 255; 0 when a signal ended it.</summary>
    public int ExitCode { get; init; }

    /// <summary>The signal that ended it, or 0.</summary>
    public int Signal { get; init; }

    /// <summary>Its timeout was over, and nobody had asked it to stop before that.</summary>
    public bool TimedOut { get; init; }

    /// <summary>It printed nothing for too long.</summary>
    public bool WasSilent { get; init; }

    /// <summary>Quoin sent SIGKILL before it ended.</summary>
    public bool Killed { get; init; }

    /// <summary>It did not even end after SIGKILL; nothing is known of it.</summary>
    public bool Stuck { get; init; }

    /// <summary>Processor time in milliseconds, with the children it waited for.</summary>
    public int CpuMs { get; init; }

    /// <summary>Largest memory of one of its processes in KiB; 0 when unknown.</summary>
    public int PeakKb { get; init; }
}

/// <summary>
/// Watches one process group: its output, its end, its timeout, and whoever wants it stopped. One
/// thread, one <c>poll</c>; every wait has an end. It does not know what the output means.
/// </summary>
sealed unsafe class JobMonitor(JobSpec spec, JobControl control, JobLog log)
{
    const int HeartbeatSeconds = 15, FlushMs = 250, DrainMs = 200, LooksMax = 5;
    const int StuckSeconds = 30;

    const int Stdout = 0, Stderr = 1, Process = 2, Control = 3;

    static readonly long never = long.MaxValue;

    long killAt = never, stuckAt = never, timeoutAt = never, flushAt = never, peakAt;
    long silentAt = never;
    bool timedOut, wasSilent, stopping, killed;
    int group, sampledPeakKb;

    /// <summary>Called with the bytes of a stream; an empty span means that it is over.</summary>
    public required Received OnOutput { get; init; }

    /// <summary>
    /// Called while something outside of the process group still holds a pipe; with true, that it
    /// is not waited for any longer.
    /// </summary>
    public required Action<bool> OnEscaped { get; init; }

    /// <summary>A piece of output; it is only there during the call.</summary>
    public delegate void Received(JobStream stream, ReadOnlySpan<byte> piece);

    /// <summary>
    /// Waits for the end. The pipes (negative: none) stay open; <paramref name="pid"/> is reaped,
    /// and before that, while its number cannot mean anybody else, the rest of its group is killed.
    /// </summary>
    public ProcessEnd Watch(int pid, int stdout, int stderr, Span<byte> buffer, Action beforeReap)
    {
        group = pid;
        var pidfd = Libc.PidfdOpen(pid);
        if (pidfd < 0) throw new IOException($"pidfd_open: {Libc.Describe(Libc.Error)}");
        var fds = stackalloc Libc.PollFd[4];
        fds[Stdout] = new Libc.PollFd { Fd = stdout, Events = Libc.PollIn };
        fds[Stderr] = new Libc.PollFd { Fd = stderr, Events = Libc.PollIn };
        fds[Process] = new Libc.PollFd { Fd = pidfd, Events = Libc.PollIn };
        fds[Control] = new Libc.PollFd { Fd = control.Attach(), Events = Libc.PollIn };
        try
        {
            var ended = WaitForEnd(fds, buffer);
            _ = Libc.kill(-group, Libc.SigKill);
            Drain(fds, buffer);
            return Reap(ended, beforeReap);
        }
        finally
        {
            control.Detach();
            _ = Libc.close(pidfd);
        }
    }

    bool WaitForEnd(Libc.PollFd* fds, Span<byte> buffer)
    {
        var started = Stopwatch.GetTimestamp();
        if (spec.Timeout is { } timeout) timeoutAt = Later(started, timeout.TotalSeconds);
        Heard(started);
        var heartbeatAt = Later(started, HeartbeatSeconds);
        peakAt = Later(started, 0.25);
        while (true)
        {
            var now = Stopwatch.GetTimestamp();
            if (!Stop(now)) return false;
            if (heartbeatAt <= now)
            {
                Heartbeat();
                heartbeatAt = Later(now, HeartbeatSeconds);
            }
            if (peakAt <= now)
            {
                sampledPeakKb = Math.Max(sampledPeakKb, ProcFiles.PeakKb(group));
                peakAt = now + Math.Max(now - started, Stopwatch.Frequency / 4);
            }
            if (flushAt <= now) log.Flush();
            flushAt = !log.Unflushed ? never : flushAt <= now || flushAt == never
                ? Later(now, FlushMs / 1000.0) : flushAt;

            var next = Math.Min(Math.Min(Math.Min(timeoutAt, killAt), Math.Min(stuckAt, flushAt)),
                Math.Min(Math.Min(heartbeatAt, peakAt), silentAt));
            if (Libc.poll(fds, 4, Milliseconds(next - now)) < 0 && Libc.Error != Libc.EINTR)
                throw new IOException($"poll: {Libc.Describe(Libc.Error)}");
            if ((fds[Control].Seen & Libc.PollIn) != 0) JobControl.Quiet(fds[Control].Fd);
            Read(fds, Stdout, buffer);
            Read(fds, Stderr, buffer);
            if (fds[Process].Seen != 0) return true;
        }
    }

    // False: the process is beyond our reach.
    bool Stop(long now)
    {
        if (timeoutAt <= now)
        {
            timeoutAt = never;
            if (!stopping)
            {
                timedOut = true;
                log.Begin("timeout"u8)
                    .With("after_ms"u8, (long)spec.Timeout!.Value.TotalMilliseconds).End();
                Terminate(now);
            }
        }
        if (silentAt <= now)
        {
            silentAt = never;
            if (!stopping)
            {
                wasSilent = true;
                log.Begin("silence"u8)
                    .With("after_ms"u8, (long)spec.Silence!.Value.TotalMilliseconds).End();
                Terminate(now);
            }
        }
        if (control.CancelRequested && !stopping)
        {
            log.Begin("cancel-requested"u8).End();
            if (!control.KillRequested) Terminate(now);
        }
        if (!killed && (control.KillRequested || killAt <= now))
        {
            (stopping, killed, killAt, timeoutAt) = (true, true, never, never);
            stuckAt = Later(now, StuckSeconds);
            Signal(Libc.SigKill, "SIGKILL");
        }
        return stuckAt > now;
    }

    void Terminate(long now)
    {
        (stopping, timeoutAt) = (true, never);
        killAt = Later(now, spec.Grace.TotalSeconds);
        if (control.IsAside) Signal(Libc.SigHup, "SIGHUP");
        else Signal(Libc.SigTerm, "SIGTERM");
        _ = Libc.kill(-group, Libc.SigCont); // A stopped process would not see it.
    }

    void Signal(int signal, string name)
    {
        _ = Libc.kill(-group, signal);
        log.Begin("signal-sent"u8).With("signal"u8, name).End();
    }

    // What is in the pipes is read to its end. Who still holds them open is killed if it is ours,
    // and not waited for long: it may also be another slot's child between its birth and its exec,
    // which on a busy machine takes a moment.
    void Drain(Libc.PollFd* fds, Span<byte> buffer)
    {
        var end = Later(Stopwatch.GetTimestamp(), DrainMs / 1000.0);
        var looks = 0;
        while (fds[Stdout].Fd >= 0 || fds[Stderr].Fd >= 0)
        {
            var now = Stopwatch.GetTimestamp();
            if (now >= end)
            {
                looks++;
                OnEscaped(looks == LooksMax);
                if (looks == LooksMax) return;
                end = Later(now, DrainMs / 1000.0);
            }
            fds[Stdout].Seen = fds[Stderr].Seen = 0;
            _ = Libc.poll(fds, 2, Milliseconds(end - now));
            Read(fds, Stdout, buffer);
            Read(fds, Stderr, buffer);
        }
    }

    void Read(Libc.PollFd* fds, int index, Span<byte> buffer)
    {
        if (fds[index].Fd < 0 || fds[index].Seen == 0) return;
        nint count;
        fixed (byte* start = buffer) count = Libc.read(fds[index].Fd, start, buffer.Length);
        if (count < 0 && Libc.Error is Libc.EINTR or Libc.EAGAIN) return;
        if (count > 0) Heard(Stopwatch.GetTimestamp());
        var stream = index == Stdout ? JobStream.Stdout : JobStream.Stderr;
        OnOutput(stream, count > 0 ? buffer[..(int)count] : default);
        if (count <= 0) fds[index].Fd = -1; // Poll ignores it; its owner closes it.
    }

    void Heard(long now)
    {
        if (spec.Silence is { } silence) silentAt = Later(now, silence.TotalSeconds);
    }

    ProcessEnd Reap(bool ended, Action beforeReap)
    {
        beforeReap();
        var end = new ProcessEnd
        {
            TimedOut = timedOut,
            WasSilent = wasSilent,
            Killed = killed,
            PeakKb = sampledPeakKb,
        };
        if (!ended) return end with { Stuck = true };
        int status;
        Libc.Usage usage, own;
        while (Libc.wait4(group, &status, 0, &usage) < 0)
        {
            if (Libc.Error != Libc.EINTR)
                throw new IOException($"wait4: {Libc.Describe(Libc.Error)}");
        }
        var signal = status & 0x7F;
        var cpu = (usage.UserSeconds + usage.SystemSeconds) * 1000
            + (usage.UserMicros + usage.SystemMicros) / 1000;
        // Until it has executed its program a child shares our memory, and the kernel counts that
        // as its peak: only what exceeds our own peak is surely its own.
        _ = Libc.getrusage(0, &own);
        return end with
        {
            ExitCode = signal == 0 ? (status >> 8) & 0xFF : 0,
            Signal = signal,
            CpuMs = (int)cpu,
            PeakKb = usage.PeakKb > own.PeakKb ? (int)usage.PeakKb : sampledPeakKb,
        };
    }

    void Heartbeat()
    {
        var (cpuMs, memoryKb, processes) = ProcFiles.Group(group);
        log.Begin("heartbeat"u8).With("cpu_ms"u8, cpuMs).With("memory_kb"u8, memoryKb)
            .With("processes"u8, processes).End();
        log.Flush();
    }

    static long Later(long from, double seconds) =>
        seconds > 1e9 ? never : from + (long)(seconds * Stopwatch.Frequency);

    static int Milliseconds(long ticks) =>
        (int)Math.Clamp((ticks * 1000 + Stopwatch.Frequency - 1) / Stopwatch.Frequency, 0, 60_000);
}
