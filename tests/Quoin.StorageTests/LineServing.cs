using System.Net.Sockets;
using Quoin.Engine;

namespace Quoin.StorageTests;

/// <summary>A line server over the store of a world, on a thread of its own.</summary>
sealed class LineServing : IDisposable
{
    readonly TempFolder folder = new();
    readonly CancellationTokenSource stop = new();
    readonly FeedReader reader;
    readonly LineServer server;
    readonly Thread thread;
    bool isEnded;

    public LineServing(FeedWorld world)
    {
        Store = new WatchedFeedStore(world.Store);
        var observer = new Silent();
        reader = new FeedReader(
            new FeedReaderOptions { Folder = folder.Path }, world.Book, Store,
            new FeedStart([], 0, FeedImport.None), observer);
        server = new LineServer(
            new LineServerOptions { SocketPath = Path, Time = TimeProvider.System },
            world.Book, new LineDesk(world.Book, new LineRules(), Store, observer), Store, reader,
            observer)
        {
            Deciding = _ => Decided?.Invoke(),
        };
        thread = new Thread(() => server.Run(stop.Token));
        thread.Start();
    }

    public WatchedFeedStore Store { get; }

    /// <summary>Called when a group of lines is decided, before it is written down.</summary>
    public Action? Decided { get; set; }

    string Path => System.IO.Path.Combine(folder.Path, "s");

    public Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = 20_000,
        };
        socket.Connect(new UnixDomainSocketEndPoint(Path));
        return socket;
    }

    /// <summary>Tells it to end.</summary>
    public void Stop() => stop.Cancel();

    /// <summary>Ends it, its connections too.</summary>
    public void End()
    {
        if (isEnded) return;
        isEnded = true;
        stop.Cancel();
        thread.Join();
        server.Dispose();
    }

    public void Dispose()
    {
        End();
        reader.Dispose();
        folder.Dispose();
        stop.Dispose();
    }

    sealed class Silent : ILineObserver
    {
        public void Said(string line) { }
    }
}
