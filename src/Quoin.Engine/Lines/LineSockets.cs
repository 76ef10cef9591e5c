using System.Runtime.InteropServices;

namespace Quoin.Engine;

/// <summary>
/// The listener, the connections and the poller of a line server. Knows descriptors, not what is
/// said.
/// </summary>
sealed class LineSockets : IDisposable
{
    const int LooksMax = 100; // About 50 microseconds.
    const int ActiveMs = 2;

    readonly string path;
    readonly int poller, listener, bell;
    readonly byte[] events;
    readonly FileFacts own;
    readonly LinkedList<LineConnection> proving = [];
    SpinFaith spins, gathers;
    LineConnection?[] connections = new LineConnection?[256];
    long number, askingSinceMs;
    int count, askingCount, activeCount;
    bool isAccepting, isListenerSeen;

    public LineSockets(string path, int backlog, int eventsMax)
    {
        this.path = path;
        events = LineNative.Room(eventsMax);
        listener = Bind(path, backlog);
        own = FeedFolder.Facts(path, isPath: true) ?? default;
        poller = LineNative.NewPoller();
        bell = Libc.eventfd(0, Libc.NonBlock | Libc.CloseOnExec);
        Watch(bell);
    }

    /// <summary>How many connections there may be; others wait until one ends.</summary>
    public int ConnectionsMax { get; set; }

    static int Bind(string path, int backlog)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(path) > LineNative.PathMax)
        {
            throw Unavailable(
                $"{path} is longer than {LineNative.PathMax} bytes, which no socket's path may be");
        }
        // Binding makes the file, so a race of two is lost by one of them here.
        var file = LineNative.Listen(path, backlog);
        if (file == -LineNative.EADDRINUSE)
        {
            if (FeedFolder.Facts(path, isPath: true) is { IsSocket: false })
                throw Unavailable($"{path} is not a socket; it is left alone");
            CheckFree(path);
            File.Delete(path);
            file = LineNative.Listen(path, backlog);
        }
        return file >= 0
            ? file
            : throw Unavailable($"{path} cannot be listened at: {Libc.Describe(-file)}");
    }

    /// <summary>Throws when another process listens at the path, naming it.</summary>
    public static void CheckFree(string path)
    {
        var process = LineNative.ListenerOf(path);
        if (process >= 0)
        {
            throw Unavailable(
                $"{path} is in use by another process"
                + (process > 0 ? $" (pid {process})" : "") + "; end that first");
        }
    }

    static StoreException Unavailable(string message) => new("socket-unavailable", message);

    /// <summary>
    /// A second thread that takes over sockets for a while, at most so many events at once.
    /// </summary>
    public LineCourier NewCourier(int eventsMax) => new(this, poller, eventsMax);

    /// <summary>Takes connections from now on.</summary>
    public void StartAccepting() => SetAccepting(true);

    void SetAccepting(bool wanted)
    {
        if (isAccepting == wanted) return;
        isAccepting = wanted;
        _ = LineNative.Watch(
            poller, wanted ? LineNative.Add : LineNative.Delete, listener, LineNative.In);
    }

    /// <summary>Waits on one more descriptor.</summary>
    public void Watch(int file) =>
        _ = LineNative.Watch(poller, LineNative.Add, file, LineNative.In);

    /// <summary>Ends a wait from another thread.</summary>
    public unsafe void Wake()
    {
        var one = 1L;
        _ = Libc.write(bell, (byte*)&one, sizeof(long));
    }

    /// <summary>Counts who asked within the last milliseconds; see <see cref="Wait"/>.</summary>
    public void Asked(List<LineConnection> batch, long nowMs)
    {
        if (nowMs - askingSinceMs >= ActiveMs)
        {
            activeCount = nowMs - askingSinceMs < 2 * ActiveMs ? askingCount : 0;
            (askingSinceMs, askingCount) = (nowMs, 0);
        }
        foreach (var connection in batch)
        {
            if (connection.ActiveMs >= askingSinceMs) continue;
            connection.ActiveMs = nowMs;
            askingCount++;
        }
    }

    /// <summary>
    /// Waits; how many events there are. To fall asleep and be woken costs more than to look a few
    /// times, and what one commit costs is shared by all who wait for it: when half of those who
    /// asked lately are there, the others ask while this half is served. <paramref name="heard"/>
    /// of them were read already.
    /// </summary>
    public int Wait(int timeoutMs, int heard)
    {
        var count = timeoutMs != 0 && spins.IsWorthIt() ? Look(0, 1, ref spins) : 0;
        if (count == 0) count = Math.Max(0, LineNative.Wait(poller, events, timeoutMs));
        var wanted = (activeCount / 2) - heard;
        return count + heard > 0 && count < wanted && gathers.IsWorthIt()
            ? Look(count, wanted, ref gathers)
            : count;
    }

    /// <summary>
    /// Half of those who asked lately, if that is so many at least: what shall be one group, so
    /// that the other half asks while it is served. Otherwise as many as there are.
    /// </summary>
    public int HalfOr(int least) => activeCount / 2 >= least ? activeCount / 2 : int.MaxValue;

    // Looks as long as more come, until so many are there.
    int Look(int count, int wanted, ref SpinFaith faith)
    {
        var before = count;
        for (var looks = 0; count < wanted && looks < LooksMax; looks++)
        {
            var now = LineNative.Wait(poller, events, 0);
            if (now <= count) continue;
            (count, looks) = (now, 0);
        }
        if (count > before) faith.Won();
        else faith.Lost();
        return count;
    }

    /// <summary>One of the events of the last wait.</summary>
    public (int File, int Seen) Event(int index)
    {
        var it = LineNative.Event(events, index);
        isListenerSeen |= it.File == listener;
        return it;
    }

    /// <summary>The connection of a descriptor; null: it is none.</summary>
    public LineConnection? Of(int file) =>
        (uint)file < (uint)connections.Length ? connections[file] : null;

    /// <summary>
    /// Takes connections that wait; after the events, so that no descriptor means two.
    /// </summary>
    public void Accept(int most)
    {
        if (!isListenerSeen) return;
        isListenerSeen = false;
        for (; most > 0 && count < ConnectionsMax; most--)
        {
            var file = LineNative.Accept(listener);
            if (file == -Libc.EINTR) continue;
            if (file < 0) break;
            if (file >= connections.Length)
                Array.Resize(ref connections, Math.Max(file + 1, connections.Length * 2));
            var connection = new LineConnection(++number, file) { Wanted = LineNative.In };
            connections[file] = connection;
            count++;
            _ = LineNative.Watch(poller, LineNative.Add, file, LineNative.In);
        }
        if (count >= ConnectionsMax) SetAccepting(false);
    }

    /// <summary>Says what is waited for on a connection.</summary>
    public void Want(LineConnection connection, int wanted)
    {
        if (connection.Wanted == wanted || connection.State == LineState.Closed) return;
        connection.Wanted = wanted;
        _ = LineNative.Watch(poller, LineNative.Modify, connection.File, wanted);
    }

    /// <summary>Its peer is given time to close.</summary>
    public void BeginProof(LineConnection connection) => proving.AddLast(connection);

    /// <summary>When the first of those is closed whatever the peer does.</summary>
    public long? NextProofMs => proving.First?.Value.ProvingUntilMs;

    /// <summary>Those whose time is over.</summary>
    public List<LineConnection> Proven(long nowMs)
    {
        var over = new List<LineConnection>();
        foreach (var connection in proving)
        {
            if (connection.ProvingUntilMs > nowMs) break; // The others began later.
            over.Add(connection);
        }
        return over;
    }

    /// <summary>Closes a connection.</summary>
    public void Close(LineConnection connection)
    {
        if (connection.ProvingUntilMs > 0) proving.Remove(connection);
        connections[connection.File] = null;
        count--;
        _ = Libc.close(connection.File);
        if (count == ConnectionsMax - 1 && !isAccepting) SetAccepting(true);
    }

    public void Dispose()
    {
        foreach (var connection in connections)
            if (connection is not null) _ = Libc.close(connection.File);
        Array.Clear(connections);
        // Only if it is still ours: somebody may have put another one there.
        if (FeedFolder.Facts(path, isPath: true) is { } now && now.Inode == own.Inode
            && now.Device == own.Device) File.Delete(path);
        _ = Libc.close(listener);
        _ = Libc.close(poller);
        _ = Libc.close(bell);
    }
}

/// <summary>
/// Whether it is worth looking a while before falling asleep: it is as long as most looks find
/// something, and now and then to see whether that is so again.
/// </summary>
struct SpinFaith
{
    const int Max = 16, TryEvery = 64;

    int faith, asked;

    public bool IsWorthIt() => faith > 0 || ++asked % TryEvery == 0;

    public void Won() => faith = Math.Min(Max, faith + 2);

    public void Lost() => faith = Math.Max(0, faith - 1);
}
