using System.Collections.Concurrent;

namespace Quoin.Engine;

/// <summary>
/// How a running attempt is told to stop, from any thread and at any time: before it starts, while
/// it runs, after it ended. Asking twice is not an error.
/// </summary>
/// <param name="leaseHolds">
/// Whether the run's lease still holds; asked right before each rename, on the slot's thread.
/// </param>
public sealed class JobControl(Func<bool> leaseHolds)
{
    // Making and closing an eventfd costs as much as the poll that it wakes, so they are kept.
    static readonly ConcurrentBag<int> spare = [];

    readonly Lock gate = new();
    int wake = -1;
    CancellationTokenSource? token;
    volatile bool cancelled, aside, killed, revoked;

    /// <summary>A control whose lease always holds.</summary>
    public JobControl() : this(static () => true) { }

    /// <summary>True once <see cref="Cancel"/> or <see cref="Kill"/> was called.</summary>
    public bool CancelRequested => cancelled;

    /// <summary>
    /// Cancelled once <see cref="Cancel"/> or <see cref="Kill"/> was called: for what this process
    /// does itself for the attempt.
    /// </summary>
    public CancellationToken Token
    {
        get
        {
            lock (gate)
            {
                token ??= new CancellationTokenSource();
                if (cancelled) token.Cancel();
                return token.Token;
            }
        }
    }

    /// <summary>True once <see cref="Kill"/> was called.</summary>
    public bool KillRequested => killed;

    /// <summary>Whether the run may still publish.</summary>
    public bool LeaseHolds() => !revoked && leaseHolds();

    /// <summary>
    /// The run was given to another attempt: this one publishes nothing any more, and is killed.
    /// </summary>
    public void Revoke()
    {
        revoked = true;
        Kill();
    }

    /// <summary>SIGTERM to the process group; SIGKILL when the job's grace is over.</summary>
    public void Cancel()
    {
        cancelled = true;
        Wake();
    }

    /// <summary>
    /// As <see cref="Cancel"/>, with SIGHUP instead of SIGTERM, so that a process which waits for a
    /// line worker knows that somebody else goes on with it. Without effect after those two.
    /// </summary>
    public void StepAside()
    {
        lock (gate) aside |= !cancelled;
        Cancel();
    }

    /// <summary>It was asked to step aside, before anything else.</summary>
    public bool IsAside => aside;

    /// <summary>SIGKILL to the process group now.</summary>
    public void Kill()
    {
        cancelled = true;
        killed = true;
        Wake();
    }

    /// <summary>The descriptor that becomes readable when one of the above is called.</summary>
    internal int Attach()
    {
        if (!spare.TryTake(out var fd)) fd = Libc.eventfd(0, Libc.CloseOnExec | Libc.NonBlock);
        if (fd < 0) throw new IOException($"cannot make an eventfd: {Libc.Describe(Libc.Error)}");
        lock (gate) wake = fd;
        if (cancelled) Wake();
        return fd;
    }

    internal void Detach()
    {
        int fd;
        lock (gate) (fd, wake) = (wake, -1);
        if (fd < 0) return;
        Quiet(fd);
        spare.Add(fd);
    }

    /// <summary>Takes the signal away, so that poll waits again.</summary>
    internal static unsafe void Quiet(int fd)
    {
        ulong count;
        _ = Libc.read(fd, (byte*)&count, 8);
    }

    unsafe void Wake()
    {
        ulong one = 1;
        CancellationTokenSource? told;
        lock (gate)
        {
            if (wake >= 0) _ = Libc.write(wake, (byte*)&one, 8);
            told = token;
        }
        told?.Cancel();
    }
}

/// <summary>
/// What the terminal wants to know while an attempt runs. Called on the slot's thread: be quick,
/// and do not throw.
/// </summary>
public interface IJobObserver
{
    /// <summary>The process has started.</summary>
    void Launched(int pid);

    /// <summary>The job reported progress.</summary>
    void Progress(JobProgress progress);

    /// <summary>
    /// It reported the id of the thing that it is about: worth to be written down before it ends.
    /// </summary>
    void External(string id) { }
}

/// <summary>How far a job says that it is.</summary>
/// <param name="Fraction">0 to 1; null when it only has something to say.</param>
/// <param name="Message">For people; null when there is none.</param>
public readonly record struct JobProgress(double? Fraction, string? Message);

/// <summary>An observer that does not look.</summary>
public sealed class NoObserver : IJobObserver
{
    /// <summary>The one that everybody can share.</summary>
    public static readonly NoObserver Instance = new();

    /// <inheritdoc/>
    public void Launched(int pid) { }

    /// <inheritdoc/>
    public void Progress(JobProgress progress) { }
}
