using System.Diagnostics;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Server;

/// <summary>
/// What the API and the pages read: one fold of the log that a thread of its own keeps up to date.
/// Reads take a lock, copy what they answer, and let go; whoever waits for news waits for a
/// position of the log.
/// </summary>
sealed class StoreViews : IDisposable
{
    static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);
    static readonly TimeSpan SliceMax = TimeSpan.FromMilliseconds(5);
    const int ReadMax = 4096;

    readonly IBuildStore store;
    readonly Action<string> warn;
    readonly Lock gate = new();
    readonly StoreState state = new();
    readonly CancellationTokenSource stop = new();
    readonly Task following;
    TaskCompletionSource news = NewSignal();
    volatile bool isReady;
    bool isAway;
    long position;

    /// <summary>Follows a store, from its first event on. The caller closes the store.</summary>
    public StoreViews(IBuildStore store, Action<string> warn)
    {
        (this.store, this.warn) = (store, warn);
        following = Task.Factory.StartNew(
            Follow, CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default).Unwrap();
    }

    /// <summary>Everything that was recorded before the start has been read.</summary>
    public bool IsReady => isReady;

    /// <summary>Why it cannot follow any more; null: it does.</summary>
    public string? Failure { get; private set; }

    /// <summary>Called with each attempt that ends from now on, and its job.</summary>
    public Action<string, AttemptRow>? OnAttemptEnded { get; set; }

    /// <summary>The last event that reads know of.</summary>
    public long Position => Interlocked.Read(ref position);

    /// <summary>All names of partitions, to find and to read outside of the lock.</summary>
    public PartitionNames Names => state.Names;

    /// <summary>The graph as it is now; null: it cannot be used.</summary>
    public Graph? Graph { get; private set; }

    /// <summary>The graph was read anew.</summary>
    public void SetGraph(Graph graph)
    {
        Graph = graph;
        var datasets = graph.Jobs.SelectMany(job => job.Outputs)
            .Concat(graph.Datasets.Select(dataset => dataset.Pattern))
            .Select(pattern => pattern.Dataset.TrimEnd('/'))
            .Where(name => name.Length > 0).Distinct(StringComparer.Ordinal);
        lock (gate) state.Partitions.SetDatasets(datasets);
    }

    /// <summary>
    /// Answers a question about the state as of one position. Be quick: copy, and work outside;
    /// never read the store in it.
    /// </summary>
    public T Read<T>(Func<StoreState, T> question)
    {
        lock (gate) return question(state);
    }

    /// <summary>
    /// Completes with the newest position as soon as there is an event behind <paramref
    /// name="after"/>.
    /// </summary>
    public async Task<long> NextAsync(long after, CancellationToken ct)
    {
        while (true)
        {
            var signal = Volatile.Read(ref news).Task;
            if (Position > after) return Position;
            Check();
            await signal.WaitAsync(ct);
        }
    }

    /// <summary>Completes when <see cref="IsReady"/>.</summary>
    public async Task ReadyAsync(CancellationToken ct)
    {
        while (true)
        {
            var signal = Volatile.Read(ref news).Task;
            if (isReady) return;
            Check();
            await signal.WaitAsync(ct);
        }
    }

    /// <summary>What was known when this was called, whoever recorded it, is read.</summary>
    public async Task CatchUpAsync(CancellationToken ct)
    {
        var last = store.LastPosition;
        if (last > 0) await NextAsync(last - 1, ct);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stop.Cancel();
        following.Wait();
        stop.Dispose();
    }

    void Check()
    {
        if (Failure is { } failure) throw new StoreException("store-unavailable", failure);
    }

    async Task Follow()
    {
        try
        {
            using var changes = new StoreChanges(store);
            while (!stop.IsCancellationRequested)
            {
                if (!TryRead(changes)) await changes.WaitAsync(LookAgain, stop.Token);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The end.
        }
        catch (Exception e)
        {
            Failure = e.Message;
            warn($"what is served stays as it was: {e}");
            Tell();
        }
    }

    // False: there is nothing new, or the store cannot be read for now.
    bool TryRead(StoreChanges changes)
    {
        try
        {
            if (!isAway && !changes.HasNew()) return false;
            ReadOn();
            isAway = false;
            return true;
        }
        catch (StoreException e) when (e.Code == "store-unavailable")
        {
            if (!isAway) warn($"what is served is old until the store is back: {e.Message}");
            isAway = true;
            return false;
        }
    }

    void ReadOn()
    {
        var read = new List<LoggedEvent>(ReadMax);
        using (var events = store.Read(Position, state.Names).GetEnumerator())
        {
            var more = true;
            while (more && !stop.IsCancellationRequested)
            {
                // Outside of the lock: a store that is slow holds up nobody who reads here. Names
                // are added meanwhile, which others may look at; see PartitionNames.
                while (read.Count < ReadMax && (more = events.MoveNext())) read.Add(events.Current);
                Apply(read);
                read.Clear();
            }
        }
        if (isReady || stop.IsCancellationRequested) return;
        lock (gate)
        {
            state.Partitions.Build();
            state.OnAttemptEnded = (job, attempt) => OnAttemptEnded?.Invoke(job, attempt);
        }
        isReady = true;
        Tell();
    }

    // Whoever reads waits for a slice at most.
    void Apply(List<LoggedEvent> events)
    {
        for (var next = 0; next < events.Count && !stop.IsCancellationRequested;)
        {
            lock (gate)
            {
                var since = Stopwatch.GetTimestamp();
                while (next < events.Count && Stopwatch.GetElapsedTime(since) < SliceMax)
                    state.Apply(events[next++]);
                Interlocked.Exchange(ref position, state.Position);
            }
            if (isReady) Tell();
        }
    }

    void Tell() => Interlocked.Exchange(ref news, NewSignal()).TrySetResult();

    static TaskCompletionSource NewSignal() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);
}
