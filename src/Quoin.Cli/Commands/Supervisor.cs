using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.Cli;

/// <summary>
/// One running supervisor: the book, its store, the reader of the folder, the desk and the server,
/// put together. In this order: is the socket free, lock, schema, bind, look, serve.
/// </summary>
sealed class Supervisor : IDisposable
{
    readonly SqliteFeedStore store;
    readonly FeedReader reader;
    readonly LineServer server;
    readonly SupervisorLog log;
    bool isBehind;

    public Supervisor(Cli cli, SupervisorOptions options)
    {
        log = new SupervisorLog(cli);
        var socket = Path.GetFullPath(options.Socket, cli.Options.Directory);
        var folder = Path.GetFullPath(options.Folder, cli.Options.Directory);
        LineServer.CheckFree(socket);
        store = SqliteFeedStore.Open(
            Path.GetFullPath(options.Database, cli.Options.Directory),
            new StoreOptions
            {
                NewId = Project.NewId(),
                Durability = cli.Options.NormalDurability ? Durability.Normal : Durability.Full,
                Time = cli.Time,
            },
            options.Dataset);
        try
        {
            Directory.CreateDirectory(folder);
            Directory.CreateDirectory(Path.GetDirectoryName(socket)!);
            var book = new FeedBook(options.Rules.Feed);
            var nowMs = LineServer.Milliseconds(cli.Time);
            var start = store.Load(book, nowMs, cli.Time.GetUtcNow().ToUnixTimeMilliseconds());
            if (Imported(start.Import) is { } words) log.Said(words);
            var desk = new LineDesk(book, options.Rules, store, log) { IsMade = options.IsMade };
            desk.Adopt(nowMs);
            options.Deciding?.Invoke(book);
            reader = new FeedReader(
                new FeedReaderOptions { Folder = folder, LineBytesMax = options.LineBytesMax },
                book, store, start, log);
            server = new LineServer(
                new LineServerOptions { SocketPath = socket, Time = cli.Time },
                book, desk, store, reader, log)
            {
                Deciding = options.Deciding,
                Ready = hasCaughtUp => Say(
                    hasCaughtUp, Units.Count(book.RowCount, "line"), options),
            };
        }
        catch
        {
            reader?.Dispose();
            store.Dispose();
            throw;
        }
    }

    // Of many files the first jobs are given out while the others are read.
    void Say(bool hasCaughtUp, string lines, SupervisorOptions options)
    {
        if (isBehind)
        {
            log.Said($"All of {options.Folder} is read: {lines}");
            return;
        }
        isBehind = !hasCaughtUp;
        if (isBehind) log.Said($"Still reading {options.Folder}");
        log.Said($"Serving {lines} at {options.Socket}");
    }

    static string? Imported(FeedImport import) => import switch
    {
        FeedImport.Kept => "Took over a database of the original, version 2: all of it is kept",
        FeedImport.Reset => "Took over a database of the original, version 1: files are read anew",
        FeedImport.Changed => "Another program wrote the database meanwhile: taken over again",
        FeedImport.None or FeedImport.New => null,
    };

    /// <summary>Serves until told to stop.</summary>
    public void Run(CancellationToken stop) => server.Run(stop);

    /// <inheritdoc/>
    public void Dispose()
    {
        server.Dispose();
        reader.Dispose();
        store.Dispose();
    }
}

/// <summary>What a supervisor says, a line at a time, each on its way at once.</summary>
sealed class SupervisorLog(Cli cli) : ILineObserver
{
    public void Said(string line)
    {
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("at", cli.Time.GetUtcNow().UtcDateTime);
                json.WriteString("said", line);
                json.WriteEndObject();
            }));
        }
        else if (!cli.Options.Quiet) cli.Print(line);
        cli.Out.Flush();
    }
}
