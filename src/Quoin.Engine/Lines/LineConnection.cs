namespace Quoin.Engine;

/// <summary>Where a connection is in its life.</summary>
enum LineState : byte
{
    /// <summary>It is read from.</summary>
    Open = 0,

    /// <summary>No more is read; its answers are still being sent.</summary>
    Ending = 1,

    /// <summary>All was sent and our side is ended: does the peer read it?</summary>
    Proving = 2,

    /// <summary>Over.</summary>
    Closed = 3,
}

/// <summary>A line client with its socket, and the bytes of it that are no line yet.</summary>
sealed class LineConnection(long number, int file) : LineClient(number)
{
    /// <summary>The descriptor.</summary>
    public int File => file;

    /// <summary>Where it is in its life.</summary>
    public LineState State { get; set; }

    /// <summary>Bytes that were read and not used.</summary>
    public byte[] Rest { get; set; } = [];

    /// <summary>The peer ended its side, or all of it.</summary>
    public bool HasEnded { get; set; }

    /// <summary>The peer closed all of it.</summary>
    public bool IsGone { get; set; }

    /// <inheritdoc/>
    public override bool IsLeaving => IsGone || LineNative.HasLeft(file) switch
    {
        LineNative.Hup => true,
        LineNative.PeerEnded => !IsHalfClosed && !IsStopped, // Else nothing comes of it now.
        _ => false,
    };

    /// <summary>Lines of it wait in <see cref="Rest"/> for a reason.</summary>
    public bool IsStopped { get; set; }

    /// <summary>What is waited for on its descriptor.</summary>
    public int Wanted { get; set; }

    /// <summary>When it is closed whatever the peer does.</summary>
    public long ProvingUntilMs { get; set; }

    /// <summary>Its answers before the decisions that are not written down yet.</summary>
    public int MarkBefore { get; set; }

    /// <summary>When it was counted among those who asked lately.</summary>
    public long ActiveMs { get; set; } = long.MinValue;

    /// <summary>It has such answers.</summary>
    public bool IsInBatch { get; set; }

    /// <summary>Its answers are written down, and are sent while the next ones are.</summary>
    public bool IsUnsent { get; set; }

    /// <summary>How many of their bytes were sent; minus the number of an error.</summary>
    public int SendResult { get; set; }
}
