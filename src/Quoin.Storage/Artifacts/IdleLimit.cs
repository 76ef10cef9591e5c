namespace Quoin.Storage;

/// <summary>
/// Ends a request over which no byte went for so long; it may take its time. Or when somebody says
/// so.
/// </summary>
sealed class IdleLimit : IDisposable
{
    readonly TimeSpan limit;
    readonly CancellationTokenSource over;

    public IdleLimit(TimeSpan limit, CancellationToken ct = default)
    {
        this.limit = limit;
        over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        over.CancelAfter(limit);
    }

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
