using System.Net.Sockets;
using System.Text;

namespace Quoin.FakeService;

/// <summary>
/// Stands before a server's Unix socket, as <c>.s.PGSQL.5432</c> of a folder of its own, and hurts
/// what goes through: delays it, swallows it, or cuts the connection where a client says a word.
/// </summary>
public sealed class CutProxy : IAsyncDisposable
{
    const string SocketName = ".s.PGSQL.5432";
    const int ChunkBytes = 64 << 10;

    readonly string server;
    readonly TimeProvider time;
    readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    readonly CancellationTokenSource stopped = new();
    readonly Lock gate = new();
    readonly Task accepting;
    readonly HashSet<Socket> open = [];
    Cut? cut;
    volatile bool swallows;
    volatile int delayMs;

    sealed record Cut(byte[] Word, int Number, bool Forward, TaskCompletionSource Done);

    /// <param name="serverFolder">The folder of the server's socket.</param>
    /// <param name="time">Its clock.</param>
    public CutProxy(string serverFolder, TimeProvider time)
    {
        server = Path.Combine(serverFolder, SocketName);
        this.time = time;
        Folder = Directory.CreateTempSubdirectory("cut-").FullName;
        listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(Folder, SocketName)));
        listener.Listen(128);
        accepting = AcceptAsync();
    }

    /// <summary>What a client names as its host.</summary>
    public string Folder { get; }

    /// <summary>Each piece waits so long before it goes on.</summary>
    public int DelayMs
    {
        get => delayMs;
        set => delayMs = value;
    }

    /// <summary>From now on nothing goes through, and nobody is told.</summary>
    public bool Swallows
    {
        get => swallows;
        set => swallows = value;
    }

    /// <summary>
    /// Cuts one connection where its client says a word for the n-th time from now on; the task
    /// ends when that was done.
    /// </summary>
    /// <param name="word">As it stands in the bytes: <c>COMMIT</c>.</param>
    /// <param name="number">From 1.</param>
    /// <param name="forward">
    /// True: the server gets it, the client never hears what came of it.
    /// </param>
    public Task CutAt(string word, int number, bool forward)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate) cut = new(Encoding.ASCII.GetBytes(word), number, forward, done);
        return done.Task;
    }

    /// <summary>Cuts all connections now.</summary>
    public void CutAll()
    {
        lock (gate)
            foreach (var socket in open) socket.Close();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopped.CancelAsync();
        listener.Close();
        CutAll();
        await accepting;
        Directory.Delete(Folder, recursive: true);
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await listener.AcceptAsync(stopped.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException
            or ObjectDisposedException)
        {
            // Closed.
        }
    }

    async Task ServeAsync(Socket client)
    {
        using var upstream = new Socket(
            AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var _ = client;
        lock (gate)
        {
            open.Add(client);
            open.Add(upstream);
        }
        try
        {
            await upstream.ConnectAsync(new UnixDomainSocketEndPoint(server), stopped.Token);
            var answers = new Answers();
            await Task.WhenAny(
                PumpAsync(client, upstream, answers, isClient: true),
                PumpAsync(upstream, client, answers, isClient: false));
        }
        catch (Exception e) when (IsEnd(e))
        {
            // The server is not there.
        }
        lock (gate)
        {
            open.Remove(client);
            open.Remove(upstream);
        }
    }

    // What the server answers after the cut, until it has done what it heard.
    sealed class Answers
    {
        public TaskCompletionSource? Next { get; set; }
    }

    async Task PumpAsync(Socket from, Socket to, Answers answers, bool isClient)
    {
        var buffer = new byte[ChunkBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, stopped.Token) is > 0 and var count)
            {
                if (delayMs > 0) await After(delayMs);
                if (swallows) continue;
                var done = isClient ? Hit(buffer.AsSpan(0, count)) : null;
                if (!isClient && answers.Next is { } answered)
                {
                    answered.TrySetResult();
                    continue;
                }
                var heard = new TaskCompletionSource(
                    TaskCreationOptions.RunContinuationsAsynchronously);
                if (done is not null) answers.Next = heard;
                if (done is null || done.Forward) await SendAsync(to, buffer.AsMemory(0, count));
                if (done is null) continue;
                if (done.Forward) await heard.Task.WaitAsync(stopped.Token);
                done.Done.SetResult();
                return;
            }
        }
        catch (Exception e) when (IsEnd(e))
        {
            // One of the two went.
        }
    }

    Cut? Hit(ReadOnlySpan<byte> piece)
    {
        lock (gate)
        {
            if (cut is null || piece.IndexOf(cut.Word) < 0) return null;
            var hit = cut.Number == 1 ? cut : null;
            cut = hit is null ? cut with { Number = cut.Number - 1 } : null;
            return hit;
        }
    }

    async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[await to.SendAsync(bytes, stopped.Token)..];
    }

    async Task After(int ms)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = time.CreateTimer(
            _ => over.TrySetResult(), null, TimeSpan.FromMilliseconds(ms),
            Timeout.InfiniteTimeSpan);
        using var end = stopped.Token.Register(() => over.TrySetResult());
        await over.Task;
    }

    static bool IsEnd(Exception e) => e is OperationCanceledException or SocketException
        or ObjectDisposedException;
}
