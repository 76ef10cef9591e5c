using System.Diagnostics;

namespace Quoin.Engine;

/// <summary>
/// A second thread for a line server that many ask at once: while the store writes down what one
/// group of lines decided, it sends the answers of the group before, and reads lines that come. It
/// touches sockets only between <see cref="Begin"/> and <see cref="End"/>, in which the server's
/// thread touches none; it decides nothing. It exists from the first big group on.
/// </summary>
sealed class LineCourier(LineSockets sockets, int poller, int eventsMax) : IDisposable
{
    const int Idle = 0, Asked = 1, Working = 2, Resting = 3;
    const int RoomBytes = 64 * 1024, ReadBytes = 4096, EmptyLooksMax = 64;

    static readonly TimeSpan Patience = TimeSpan.FromMicroseconds(100);

    readonly byte[] room = new byte[RoomBytes];
    readonly byte[] events = LineNative.Room(eventsMax);
    readonly List<HeardLine> heard = [];
    readonly AutoResetEvent bell = new(false);
    IReadOnlyList<LineConnection> answered = [];
    Thread? thread;
    int state, used, taken;
    volatile bool isStopped, isOver, isAsleep;

    /// <summary>What was read and not taken yet.</summary>
    public int HeardCount => heard.Count - taken;

    /// <summary>
    /// Lets it work. Those of <paramref name="answered"/> that are unsent are sent what they are to
    /// be told, as far as their sockets take it; the caller looks at each of them afterwards.
    /// </summary>
    public void Begin(IReadOnlyList<LineConnection> answered)
    {
        this.answered = answered;
        isStopped = false;
        if (thread is null)
        {
            thread = new Thread(Work, 256 * 1024) { IsBackground = true, Name = "quoin lines" };
            thread.Start();
        }
        Interlocked.Exchange(ref state, Asked);
        if (isAsleep) bell.Set();
    }

    /// <summary>
    /// Has it stop after the call that it is in. What it did not get to is the caller's.
    /// </summary>
    public void End()
    {
        isStopped = true;
        if (Interlocked.CompareExchange(ref state, Idle, Asked) == Asked) return;
        var wait = new SpinWait();
        while (Interlocked.CompareExchange(ref state, Idle, Resting) == Working)
            wait.SpinOnce(sleep1Threshold: -1);
    }

    /// <summary>
    /// Takes what was read first: bytes of a connection, valid until the next <see cref="Begin"/>,
    /// or minus the number of its error. False when there is nothing.
    /// </summary>
    public bool TryTake(
        out LineConnection connection, out int result, out ReadOnlySpan<byte> bytes)
    {
        (connection, result) = (null!, 0);
        bytes = [];
        if (taken == heard.Count) return false;
        (connection, result, var at) = heard[taken++];
        bytes = room.AsSpan(at, Math.Max(0, result));
        if (taken < heard.Count) return true;
        heard.Clear();
        (taken, used) = (0, 0);
        return true;
    }

    void Work()
    {
        while (true)
        {
            if (!IsAskedSoon())
            {
                isAsleep = true;
                Interlocked.MemoryBarrier(); // Begin asks first and looks then.
                if (Volatile.Read(ref state) != Asked && !isOver) bell.WaitOne();
                isAsleep = false;
            }
            if (isOver) return;
            if (Interlocked.CompareExchange(ref state, Working, Asked) != Asked) continue;
            Send();
            if (Read()) Volatile.Write(ref state, Idle);
        }
    }

    // To be woken takes longer than what it is woken for.
    bool IsAskedSoon()
    {
        var since = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref state) != Asked && !isOver)
        {
            if (Stopwatch.GetElapsedTime(since) > Patience) return false;
            Thread.Yield(); // To those who ask.
        }
        return true;
    }

    void Send()
    {
        foreach (var connection in answered)
        {
            if (isStopped) return;
            // Others were sent theirs since, and may have answers that are not written down.
            if (!connection.IsUnsent) continue;
            connection.SendResult = LineNative.Write(connection.File, connection.Answers);
            if (connection.SendResult > 0) connection.Sent(connection.SendResult);
        }
    }

    // False: it was ended while it rested.
    bool Read()
    {
        for (var empty = 0; !isStopped && empty < EmptyLooksMax;)
        {
            var count = LineNative.Wait(poller, events, 0);
            var before = heard.Count;
            for (var i = 0; i < count && !isStopped; i++)
            {
                if (used + ReadBytes > room.Length) return true;
                var (file, seen) = LineNative.Event(events, i);
                // Everything else stays to be seen.
                if (seen != LineNative.In || sockets.Of(file) is not { } connection) continue;
                if (connection.State == LineState.Open && !connection.IsStopped) Read(connection);
            }
            if (heard.Count > before)
            {
                empty = 0;
                continue;
            }
            empty++;
            Volatile.Write(ref state, Resting); // Nobody waits for it while others have its core.
            Thread.Yield();
            if (Interlocked.CompareExchange(ref state, Working, Resting) != Resting) return false;
        }
        return true;
    }

    void Read(LineConnection connection)
    {
        var result = LineNative.Read(connection.File, room.AsSpan(used, ReadBytes));
        if (result is 0 or -Libc.EAGAIN or -Libc.EINTR) return; // Seen again.
        heard.Add(new HeardLine(connection, result, used));
        used += Math.Max(0, result);
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        isOver = true;
        bell.Set();
        thread?.Join();
        bell.Dispose();
    }

    readonly record struct HeardLine(LineConnection Connection, int Result, int At);
}
