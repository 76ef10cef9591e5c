using System.Runtime.InteropServices;

namespace Quoin.Cli;

/// <summary>
/// Ctrl-C and SIGTERM for commands that wait. The first signal asks to stop, the second one asks to
/// stop at once. SIGHUP counts as SIGTERM: the terminal is gone.
/// </summary>
sealed class Interruption : IDisposable
{
    readonly CancellationTokenSource stop = new();
    readonly CancellationTokenSource kill = new();
    readonly List<PosixSignalRegistration> registrations = [];
    int signals;

    /// <summary>Takes the signals of this process until disposed.</summary>
    public Interruption()
    {
        registrations.Add(PosixSignalRegistration.Create(
            PosixSignal.SIGINT, signal => Take(signal, ExitCode.Interrupted)));
        registrations.Add(PosixSignalRegistration.Create(
            PosixSignal.SIGTERM, signal => Take(signal, ExitCode.Terminated)));
        registrations.Add(PosixSignalRegistration.Create(
            PosixSignal.SIGHUP, signal => Take(signal, ExitCode.Terminated)));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Stop => stop.Token;

    /// <summary>Cancelled by the second signal.</summary>
    public CancellationToken Kill => kill.Token;

    /// <summary>The first signal was SIGHUP.</summary>
    public bool HasHungUp { get; private set; }

    /// <summary>130 or 143 by the first signal; null before it.</summary>
    public int? ExitCodeOfSignal { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        stop.Dispose();
        kill.Dispose();
    }

    void Take(PosixSignalContext signal, int exitCode)
    {
        signal.Cancel = true; // The process goes on; the command ends in its own way.
        if (Interlocked.Increment(ref signals) == 1)
        {
            ExitCodeOfSignal = exitCode;
            HasHungUp = signal.Signal == PosixSignal.SIGHUP;
            stop.Cancel();
        }
        else
        {
            kill.Cancel();
        }
    }
}

/// <summary>A command ends because a signal asked it to.</summary>
sealed class InterruptedException(int exitCode) : Exception
{
    /// <summary>130 or 143.</summary>
    public int ExitCode { get; } = exitCode;
}
