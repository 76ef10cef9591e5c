using System.Text;
using Quoin.Core;
using Quoin.Engine;
using Quoin.Storage;

namespace Quoin.StorageTests;

/// <summary>
/// A supervisor without sockets and files: the book, the desk and the store on SQLite, with a clock
/// that the test moves. Files are lists of lines that are put in.
/// </summary>
sealed class FeedWorld : IDisposable
{
    readonly TempFolder? folder;
    readonly LineRules rules;
    readonly List<FeedSource> sources = [];
    readonly Log log = new();
    readonly Durability durability;

    public FeedWorld(
        LineRules? rules = null, string? path = null, Durability durability = Durability.Normal)
    {
        this.durability = durability;
        this.rules = rules ?? new LineRules();
        folder = path is null ? new TempFolder() : null;
        Path = path ?? System.IO.Path.Combine(folder!.Path, "state.db");
        Open();
    }

    public string Path { get; }

    /// <summary>Now, Unix seconds.</summary>
    public long Seconds { get; set; } = 1_800_000_000;

    /// <summary>Now, on the clock that only goes forward.</summary>
    public long NowMs { get; set; } = 5_000_000;

    public FeedBook Book { get; private set; } = null!;

    public LineDesk Desk { get; private set; } = null!;

    public SqliteFeedStore Store { get; private set; } = null!;

    public FeedStart Loaded { get; private set; } = null!;

    /// <summary>What was done and answered.</summary>
    public List<string> Trace { get; } = [];

    public IReadOnlyList<string> Said => log.Lines;

    public IReadOnlyList<FeedSource> Sources => sources;

    void Open()
    {
        Store = SqliteFeedStore.Open(
            Path, new StoreOptions { NewId = "feed", Durability = durability }, "update");
        Book = new FeedBook(rules.Feed);
        Loaded = Store.Load(Book, NowMs, Seconds * 1000);
        Desk = new LineDesk(Book, rules, Store, log);
        Desk.Adopt(NowMs);
        sources.Clear();
        sources.AddRange(Loaded.Sources);
    }

    /// <summary>Ends it, and starts it again: with what was slow done, or not.</summary>
    public void Restart(bool isSettled = false)
    {
        Trace.Add($"restart, settled {isSettled}");
        if (isSettled) Store.WorkToEnd(Book, Seconds * 1000);
        Store.Dispose();
        Open();
    }

    /// <summary>Closes the database, does something, and opens it again.</summary>
    public void Away(Action<SqliteConnection> meanwhile, bool isSettled = true)
    {
        if (isSettled) Store.WorkToEnd(Book, Seconds * 1000);
        Store.Dispose();
        using (var connection = SqliteConnection.Open(
            Path, SqliteNative.OpenReadWrite | SqliteNative.OpenCreate, 1000))
            meanwhile(connection);
        Open();
    }

    public void Advance(long seconds)
    {
        Trace.Add($"{seconds} s later");
        NowMs += seconds * 1000;
        Seconds += seconds;
    }

    /// <summary>Adds lines to a file, which is made when it is not there.</summary>
    public FeedSource Put(string name, params string[] lines)
    {
        Assert.True(FeedFileName.TryParse(name, out var parsed));
        var source = sources.Find(it => it.Name == parsed);
        if (source is null)
        {
            while (Store.IsForgetting(Book.FeedOf(parsed.Feed), parsed.Number)) Work();
            sources.Add(source = new FeedSource { Name = parsed });
        }
        var batch = new FeedBatch();
        batch.Begin(source);
        foreach (var line in lines)
        {
            var space = line.IndexOf(' ');
            batch.Add(
                Encoding.UTF8.GetBytes(line[..space]), Encoding.UTF8.GetBytes(line[(space + 1)..]));
            batch.To += line.Length + 1;
            batch.LinesRead++;
        }
        batch.IsComplete = !parsed.IsPart;
        Trace.Add($"{name}: {string.Join(", ", lines)}");
        Store.Accept(Book, batch, Seconds * 1000);
        return source;
    }

    public void Remove(string name)
    {
        var source = sources.Single(it => it.Name.ToString() == name);
        Trace.Add($"remove {name}");
        Store.Remove(Book, source, Seconds * 1000);
        sources.Remove(source);
    }

    public bool Work() => Store.Work(Book, Seconds * 1000, TimeSpan.Zero);

    public void WorkToEnd() => Store.WorkToEnd(Book, Seconds * 1000);

    /// <summary>What a client is told; "closed" when it is closed.</summary>
    public string Ask(LineClient client, string line)
    {
        var reply = Desk.Handle(client, Encoding.UTF8.GetBytes(line), false, NowMs, Seconds);
        while (reply == LineReply.Later)
            reply = Desk.Handle(client, Encoding.UTF8.GetBytes(line), false, NowMs, Seconds);
        Commit();
        var answer = Encoding.UTF8.GetString(client.Answers).TrimEnd('\n');
        client.Sent(client.Answers.Length);
        client.Settle();
        Trace.Add($"{client.Name}: {line} -> {answer}");
        return reply == LineReply.Close ? "closed" : answer;
    }

    public void Commit()
    {
        Store.Write(Book, Seconds * 1000);
        Book.Facts.Clear();
    }

    /// <summary>
    /// While another program writes, a client says something, files change or slow work is to be
    /// done: all of it fails, as on a full disk.
    /// </summary>
    public void Blocked(Action<FeedWorld> attempt)
    {
        using var writer = SqliteConnection.Open(Path, SqliteNative.OpenReadWrite, 1000);
        writer.Execute("BEGIN IMMEDIATE"u8);
        Store.BusyTimeout(0);
        Trace.Add("blocked");
        try
        {
            attempt(this);
        }
        catch (StoreException)
        {
            Store.RollBack();
        }
        Store.BusyTimeout(1000);
        writer.Execute("ROLLBACK"u8);
    }

    /// <summary>What a client is told when nothing can be written down.</summary>
    public string AskBlocked(LineClient client, string line)
    {
        Blocked(_ => Ask(client, line));
        Book.TakeBack();
        LineDesk.TakeBack(client, 0);
        var answer = Encoding.UTF8.GetString(client.Answers).TrimEnd('\n');
        client.Sent(client.Answers.Length);
        client.Settle();
        Trace.Add($"{client.Name}: {line} -> {answer}");
        return client.IsCondemned ? "closed" : answer;
    }

    long clients;

    public LineClient Client() => new(++clients);

    /// <summary>One line of a client that ends its side and reads the answer.</summary>
    public string Once(string line)
    {
        var client = Client();
        var answer = Ask(client, line);
        Desk.HalfClosed(client, Seconds);
        Desk.Closed(client, false, NowMs, Seconds);
        Commit();
        return answer;
    }

    public string Ready() => Once("READY");

    public string Done(string key, long code = 0) => Once($"DONE {key} {code}");

    /// <summary>The connection ends.</summary>
    public void Close(LineClient client, bool isUnread = false)
    {
        Trace.Add($"{client.Name}: closed, unread {isUnread}");
        Desk.Closed(client, isUnread, NowMs, Seconds);
        Commit();
    }

    /// <summary>All rows of <c>queue</c>: their first columns, joined by <c>|</c>.</summary>
    public List<string> Lines(int columns = 7) => Query(
        "SELECT name, fetcher_run_started, attr_path, payload, is_dequeued, last_started,"
        + " order_jitter FROM queue JOIN fetchers USING (fetcher_id) ORDER BY 1, 2, 3", columns);

    /// <summary>All rows of <c>log</c>, columns joined by <c>|</c>.</summary>
    public List<string> Jobs() =>
        Query("SELECT attr_path, started, finished, exit_code FROM log ORDER BY 1", 4);

    /// <summary>Rows of a query, columns joined by <c>|</c>, by another connection.</summary>
    public List<string> Query(string sql, int columns)
    {
        using var connection = SqliteConnection.Open(Path, SqliteNative.OpenReadOnly, 1000);
        using var statement = connection.PrepareOnce(Encoding.UTF8.GetBytes(sql));
        var rows = new List<string>();
        while (statement.Step())
            rows.Add(string.Join('|', Enumerable.Range(0, columns).Select(statement.Text)));
        return rows;
    }

    public void Dispose()
    {
        Store.Dispose();
        folder?.Dispose();
    }

    sealed class Log : ILineObserver
    {
        public List<string> Lines { get; } = [];

        public void Said(string line) => Lines.Add(line);
    }
}
