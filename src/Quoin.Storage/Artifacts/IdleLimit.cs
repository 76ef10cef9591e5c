namespace Quoin.Storage;

/// <summary>Ends a request over which no byte went for so long; it may take its time.</summary>
sealed class IdleLimit(TimeSpan limit) : IDisposable
{
    readonly CancellationTokenSource over = new(limit);

    /// <summary>Cancelled when it is over.</summary>
    public CancellationToken Token => over.Token;

    /// <summary>Whether it was that.</summary>
    public bool IsOver => over.IsCancellationRequested;

    /// <summary>Something went over it.</summary>
    public void Moved() => over.CancelAfter(limit);

    /// <summary>Now others are waited for.</summary>
    public void Pause() => over.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <inheritdoc/>
    public void Dispose() => over.Dispose();
}
