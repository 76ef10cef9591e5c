using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What a line server needs.</summary>
public sealed record LineServerOptions
{
    /// <summary>The path of its socket.</summary>
    public required string SocketPath { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>How long answers wait at most for the files that are there at the start.</summary>
    public long FirstLookMs { get; init; } = 2000;

    /// <summary>Descriptors that connections leave to others.</summary>
    public int DescriptorsReserved { get; init; } = 64;
}

/// <summary>
/// Serves line workers at a Unix socket, on one thread: takes all lines that are there, lets the
/// desk decide them, has the store write all of it down at once, and then sends the answers; when
/// many ask, a <see cref="LineCourier"/> sends and reads while the store writes. Reads feeds and
/// does slow work in between, in small steps, commands first.
/// </summary>
public sealed class LineServer : IDisposable
{
    const int Backlog = 128, EventsMax = 256, ProveMs = 30_000, ClosedRetryMs = 1000;
    const int AnswersBytesMax = 256 * 1024, AcceptsMax = 64, BusyMs = 5;
    const int WorkBusyEveryMs = 250, WorkEveryMs = 200, CourierMin = 3;

    readonly LineServerOptions options;
    readonly FeedBook book;
    readonly LineDesk desk;
    readonly IFeedStore store;
    readonly FeedReader reader;
    readonly ILineObserver observer;
    readonly LineSockets sockets;
    readonly LineCourier courier;
    readonly List<LineConnection> unsent = [];
    readonly List<LineConnection> batch = [];
    readonly List<LineConnection> stopped = [];
    readonly byte[] room = new byte[LineCommand.BytesMax * 2];
    long closedUntilMs, busyUntilMs, workDebtMs;
    bool isServing, hasCaughtUp;

    /// <summary>
    /// Binds the socket; what lies at its path and is no socket, or one in use, is left alone: <see
    /// cref="StoreException"/> <c>socket-unavailable</c>.
    /// </summary>
    public LineServer(
        LineServerOptions options, FeedBook book, LineDesk desk, IFeedStore store,
        FeedReader reader, ILineObserver observer)
    {
        (this.options, this.book, this.desk) = (options, book, desk);
        (this.store, this.reader, this.observer) = (store, reader, observer);
        sockets = new LineSockets(options.SocketPath, Backlog, EventsMax);
        courier = sockets.NewCourier(EventsMax);
        if (reader.Bell >= 0) sockets.Watch(reader.Bell);
        sockets.ConnectionsMax = Math.Max(
            8, (int)LineNative.DescriptorsMax() - options.DescriptorsReserved - OpenNow());
    }

    static int OpenNow() => Directory.Exists("/proc/self/fd")
        ? Directory.GetFiles("/proc/self/fd").Length
        : 32;

    /// <summary>Throws when another process listens at a path, naming it.</summary>
    public static void CheckFree(string socketPath) => LineSockets.CheckFree(socketPath);

    /// <summary>Now on the clock that only goes forward.</summary>
    public static long Milliseconds(TimeProvider time) =>
        time.GetTimestamp() / (time.TimestampFrequency / 1000);

    long NowMs => Milliseconds(options.Time);

    long At => options.Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>
    /// Called when workers are served, with whether all files are read; if not, once more then.
    /// </summary>
    public Action<bool>? Ready { get; init; }

    /// <summary>
    /// Called with what was decided, before it is written down. May be called again with the same
    /// if that fails; may throw as the store does.
    /// </summary>
    public Action<FeedBook>? Deciding { get; init; }

    /// <summary>Serves until told to stop.</summary>
    public void Run(CancellationToken stop)
    {
        using var wake = stop.Register(sockets.Wake);
        var serveAtMs = NowMs + options.FirstLookMs;
        var isMore = true;
        while (!stop.IsCancellationRequested)
        {
            if (!hasCaughtUp && (reader.IsCaughtUp || (!isServing && NowMs >= serveAtMs)))
            {
                if (!isServing) sockets.StartAccepting();
                (isServing, hasCaughtUp) = (true, reader.IsCaughtUp);
                Ready?.Invoke(hasCaughtUp);
            }
            Serve(isMore ? 0 : TimeoutMs());
            isMore = StepAside() || stopped.Count > 0 || courier.HeardCount > 0;
        }
        SendUnsent(NowMs, At);
    }

    int TimeoutMs()
    {
        var now = NowMs;
        // Lines that were just read, for those who wait for some.
        if (desk.WaitingCount > 0 && !desk.IsClosed && book.MayHaveSome(now)) return 0;
        var next = Math.Min(now + 1000, reader.NextMs);
        if (desk.NextWaitMs is { } wait)
            next = Math.Min(next, Math.Min(wait, (book.NextDeadlineMs ?? long.MaxValue - 1) + 1));
        if (sockets.NextProofMs is { } proof) next = Math.Min(next, proof);
        return (int)Math.Clamp(next - now, 0, 1000);
    }

    // Feeds and slow work: long steps when nobody asks for anything, short ones when somebody does.
    bool StepAside()
    {
        var now = NowMs;
        var isBusy = now < busyUntilMs;
        var isMore = reader.Step(now, At);
        if (closedUntilMs > now) return false;
        if (book.Facts.Count > 0) return true; // Slow work must not run ahead of the log.
        try
        {
            // Beside commands it gets a part in 250 of the time, beside reading not much more:
            // what it does costs many times what they do, and nobody waits for it. Seldom and
            // longer rather than often: then it delays less than one answer in a hundred, also
            // of those who ask on one slow connection.
            if ((isBusy || isMore) && now < workDebtMs) return isMore;
            var isMoreWork = store.Work(
                book, At, TimeSpan.FromMilliseconds(isBusy ? 1 : 8));
            workDebtMs = now + (isBusy ? WorkBusyEveryMs : WorkEveryMs);
            return isMore || isMoreWork;
        }
        catch (StoreException e)
        {
            Close(e, now);
            return isMore;
        }
    }

    void Close(StoreException e, long now)
    {
        if (!desk.IsClosed) observer.Said($"No jobs are given out: {e.Message}");
        desk.IsClosed = true;
        closedUntilMs = now + ClosedRetryMs;
    }

    void Serve(int timeoutMs)
    {
        var count = sockets.Wait(timeoutMs, courier.HeardCount);
        var (now, at) = (NowMs, At);
        if (desk.IsClosed && now >= closedUntilMs) desk.IsClosed = false;
        try
        {
            while (courier.TryTake(out var heard, out var result, out var bytes))
                Hear(heard, result, bytes, now, at);
            var most = sockets.HalfOr(CourierMin);
            for (var i = 0; i < count; i++)
            {
                var (file, seen) = sockets.Event(i);
                if (file == reader.Bell) reader.Rang();
                // Level-triggered: the others are seen again, or read while this half is written.
                else if (seen == LineNative.In && batch.Count >= most) continue;
                else if (sockets.Of(file) is { } connection) See(connection, seen, now, at);
            }
            if (stopped.Count > 0) Resume(now, at);
            if (desk.WaitingCount > 0)
                desk.Wake(now, at / 1000, client => Enter((LineConnection)client));
            foreach (var client in desk.Condemned) client.IsCondemned = true;
            if (book.Facts.Count > 0)
            {
                Deciding?.Invoke(book);
                Write(at);
            }
            else store.RollBack(); // A payload may have been read.
        }
        catch (StoreException e)
        {
            store.RollBack();
            book.TakeBack();
            foreach (var connection in batch) LineDesk.TakeBack(connection, connection.MarkBefore);
            Close(e, now);
        }
        if (!desk.IsClosed) book.Facts.Clear();
        SendUnsent(now, at);
        Answer(now, at);
        sockets.Accept(AcceptsMax);
        foreach (var connection in sockets.Proven(now)) End(connection, false, now, at);
    }

    void Write(long at)
    {
        if (batch.Count < CourierMin)
        {
            store.Write(book, at);
            return;
        }
        courier.Begin(unsent);
        try
        {
            store.Write(book, at);
        }
        finally
        {
            courier.End();
        }
    }

    // What the courier sent, and what it did not get to.
    void SendUnsent(long now, long at)
    {
        foreach (var connection in unsent) SendUnsent(connection, now, at);
        unsent.Clear();
    }

    void SendUnsent(LineConnection connection, long now, long at)
    {
        if (!connection.IsUnsent) return;
        connection.IsUnsent = false;
        if (connection.SendResult < 0 && connection.SendResult != -Libc.EAGAIN
            && connection.SendResult != -Libc.EINTR) End(connection, true, now, at);
        else Send(connection, now, at);
    }

    void Answer(long now, long at)
    {
        if (batch.Count > 0) busyUntilMs = now + BusyMs;
        sockets.Asked(batch, now);
        var isSoon = courier.HeardCount * 2 >= batch.Count;
        // An end that is noticed while sending decides something, and is written down next time.
        foreach (var connection in batch)
        {
            connection.IsInBatch = false;
            connection.Settle();
            if (isSoon && connection is
                { State: LineState.Open, IsCondemned: false, IsStopped: false, Mark: > 0 })
            {
                (connection.IsUnsent, connection.SendResult) = (true, 0);
                unsent.Add(connection);
            }
            else Send(connection, now, at);
            if (connection.WaitsUntilMs is null && connection.IsStopped) Stop(connection);
        }
        batch.Clear();
        foreach (var client in desk.Condemned) End((LineConnection)client, false, now, at);
        desk.Condemned.Clear();
    }

    void Enter(LineConnection connection)
    {
        if (connection.IsInBatch) return;
        connection.IsInBatch = true;
        connection.MarkBefore = connection.Mark;
        batch.Add(connection);
    }

    void Stop(LineConnection connection)
    {
        connection.IsStopped = true;
        if (!stopped.Contains(connection)) stopped.Add(connection);
    }

    // Those whose next lines had to wait: for room, or because there was too much to do.
    void Resume(long now, long at)
    {
        for (var left = stopped.Count; left > 0; left--)
        {
            var connection = stopped[0];
            stopped.RemoveAt(0);
            if (connection.State != LineState.Open || connection.WaitsUntilMs is not null) continue;
            connection.IsStopped = false;
            Enter(connection);
            var rest = connection.Rest;
            connection.Rest = [];
            Take(connection, rest, now, at);
        }
    }

    // What the courier read.
    void Hear(
        LineConnection connection, int result, ReadOnlySpan<byte> bytes, long now, long at)
    {
        SendUnsent(connection, now, at);
        if (connection.State != LineState.Open) return;
        var all = connection.Rest.Length == 0 ? bytes : [.. connection.Rest, .. bytes];
        if (result < 0) End(connection, result == -LineNative.ECONNRESET, now, at);
        else if (connection.IsStopped) Keep(connection, all);
        else
        {
            Enter(connection);
            Take(connection, all, now, at);
        }
    }

    void See(LineConnection connection, int seen, long now, long at)
    {
        SendUnsent(connection, now, at);
        switch (connection.State)
        {
            case LineState.Open when (seen & ~LineNative.Out) != 0 && !connection.IsStopped:
                Enter(connection);
                connection.IsGone = (seen & LineNative.Hup) != 0;
                Read(connection, now, at);
                break;
            case LineState.Open when (seen & (LineNative.Hup | LineNative.Err)) != 0:
                End(connection, LineNative.ErrorOf(connection.File) != 0, now, at);
                break;
            case LineState.Open or LineState.Ending:
                if ((seen & LineNative.Out) != 0) Enter(connection);
                else if ((seen & (LineNative.Hup | LineNative.Err)) != 0)
                    End(connection, true, now, at);
                break;
            case LineState.Proving:
                Prove(connection, now, at);
                break;
            case LineState.Closed:
                break;
        }
    }

    void Read(LineConnection connection, long now, long at)
    {
        var rest = connection.Rest;
        rest.CopyTo(room, 0);
        var count = LineNative.Read(
            connection.File, room.AsSpan(rest.Length, LineCommand.BytesMax));
        if (count == -Libc.EAGAIN || count == -Libc.EINTR) return;
        connection.Rest = [];
        if (count < 0)
        {
            End(connection, count == -LineNative.ECONNRESET, now, at);
            return;
        }
        connection.HasEnded = count == 0;
        Take(connection, room.AsSpan(0, rest.Length + count), now, at);
    }

    void Take(LineConnection connection, ReadOnlySpan<byte> bytes, long now, long at)
    {
        while (true)
        {
            if (connection.Mark > AnswersBytesMax)
            {
                Keep(connection, bytes);
                Stop(connection);
                return;
            }
            var end = bytes.IndexOf((byte)'\n');
            var isTorn = end < 0;
            if (isTorn && bytes.Length >= LineCommand.BytesMax)
            {
                observer.Said("Unexpected command from worker: "
                    + $"{LineCommand.Shown(bytes)}: longer than {LineCommand.BytesMax} bytes");
                LeaveOff(connection, now, at);
                return;
            }
            if (isTorn && !connection.HasEnded) break;
            if (isTorn && bytes.IsEmpty)
            {
                LeaveOff(connection, now, at);
                return;
            }
            var line = isTorn ? bytes : bytes[..end];
            LineReply reply;
            try
            {
                reply = desk.Handle(connection, line, isTorn, now, at / 1000);
            }
            catch (StoreException)
            {
                // It has its answer; the lines behind it go on.
                Keep(connection, isTorn ? [] : bytes[(end + 1)..]);
                Stop(connection);
                throw;
            }
            if (reply == LineReply.Close)
            {
                LeaveOff(connection, now, at);
                return;
            }
            if (reply == LineReply.Later)
            {
                Keep(connection, bytes);
                Stop(connection);
                return;
            }
            bytes = isTorn ? [] : bytes[(end + 1)..];
            if (reply != LineReply.Waits) continue;
            connection.IsStopped = true;
            break;
        }
        Keep(connection, bytes);
    }

    static void Keep(LineConnection connection, ReadOnlySpan<byte> bytes) =>
        connection.Rest = bytes.IsEmpty ? [] : bytes.ToArray(); // An idle one keeps no room.

    // No more is read. What was said is still answered.
    void LeaveOff(LineConnection connection, long now, long at)
    {
        connection.State = LineState.Ending;
        connection.Rest = [];
        if (!connection.IsGone) desk.HalfClosed(connection, at / 1000);
    }

    void Want(LineConnection connection)
    {
        var wanted = connection.State switch
        {
            LineState.Proving => LineNative.Edge,
            LineState.Open when !connection.IsStopped => LineNative.In,
            LineState.Open or LineState.Ending or LineState.Closed => 0,
        };
        if (connection.Mark > 0 && connection.State != LineState.Proving) wanted |= LineNative.Out;
        sockets.Want(connection, wanted);
    }

    void Send(LineConnection connection, long now, long at)
    {
        if (connection.State is LineState.Closed or LineState.Proving) return;
        if (connection.IsCondemned)
        {
            End(connection, false, now, at);
            return;
        }
        while (connection.Mark > 0)
        {
            var sent = LineNative.Write(connection.File, connection.Answers);
            if (sent == -Libc.EAGAIN) break;
            if (sent == -Libc.EINTR) continue;
            if (sent < 0)
            {
                End(connection, true, now, at);
                return;
            }
            connection.Sent(sent);
        }
        if (connection.Mark == 0 && connection.State == LineState.Ending)
        {
            BeginProof(connection, now, at);
            return;
        }
        Want(connection);
    }

    // Our side is ended; the peer's close tells whether it read the last answer.
    void BeginProof(LineConnection connection, long now, long at)
    {
        if (connection.IsGone)
        {
            var error = LineNative.ErrorOf(connection.File);
            End(connection, error == LineNative.ECONNRESET, now, at);
            return;
        }
        connection.State = LineState.Proving;
        connection.ProvingUntilMs = now + ProveMs;
        LineNative.EndWriting(connection.File);
        Want(connection);
        sockets.BeginProof(connection);
        Prove(connection, now, at);
    }

    void Prove(LineConnection connection, long now, long at)
    {
        var error = LineNative.ErrorOf(connection.File);
        if (error != 0) End(connection, error == LineNative.ECONNRESET, now, at);
        else if (connection.LastJob is null || LineNative.Unread(connection.File) == 0)
            End(connection, false, now, at);
    }

    void End(LineConnection connection, bool isUnread, long now, long at)
    {
        if (connection.State == LineState.Closed) return;
        connection.State = LineState.Closed;
        connection.Rest = [];
        stopped.Remove(connection);
        desk.Closed(connection, isUnread, now, at / 1000);
        sockets.Close(connection);
    }

    /// <summary>Closes all connections and removes the socket.</summary>
    public void Dispose()
    {
        courier.Dispose();
        sockets.Dispose();
    }
}
