using Quoin.Core;

namespace Quoin.Engine;

/// <summary>
/// The slots of this process: one thread each, which takes an attempt, executes it and hands the
/// result in. A slot knows neither the kernel nor the store.
/// </summary>
/// <param name="slots">How many attempts at a time, at least 1.</param>
/// <param name="execute">Runs an attempt to its end, on the slot's thread.</param>
/// <param name="handIn">Takes what came of it, on the same thread.</param>
sealed class SlotPool<TAttempt>(
    int slots, Func<TAttempt, JobResult> execute, Action<TAttempt, JobResult> handIn) : IDisposable
    where TAttempt : class
{
    readonly object gate = new();
    readonly Queue<TAttempt> queue = new(); // Waits by monitor, which does not spin first.
    readonly List<Thread> threads = [];
    int idle;
    bool closing;

    public void Launch(TAttempt attempt)
    {
        lock (gate)
        {
            queue.Enqueue(attempt);
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

    TAttempt? Next()
    {
        lock (gate)
        {
            TAttempt? next;
            idle++;
            while (!queue.TryDequeue(out next) && !closing) Monitor.Wait(gate);
            idle--;
            return next;
        }
    }

    void Work()
    {
        while (Next() is { } attempt)
        {
            JobResult result;
            try
            {
                result = execute(attempt);
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
            handIn(attempt, result);
        }
        JobProcess.EndSlot();
    }
}
