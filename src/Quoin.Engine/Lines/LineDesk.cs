using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Quoin.Core;

namespace Quoin.Engine;

/// <summary>What the desk made of a line.</summary>
public enum LineReply : byte
{
    /// <summary>The answer is among the client's answers.</summary>
    Answered = 0,

    /// <summary>It waits for a job; no further line of it is read until it has an answer.</summary>
    Waits = 1,

    /// <summary>It gets no answer and is closed.</summary>
    Close = 2,

    /// <summary>The same line again, soon: much is to be put in order first.</summary>
    Later = 3,
}

/// <summary>
/// Speaks with line workers: each line is a decision of the book and an answer. Who holds a job,
/// and whose DONE counts, is decided here. Knows no sockets, no clocks and no transactions: the
/// caller sends answers only when what the book decided is written down.
/// </summary>
public sealed class LineDesk(
    FeedBook book, LineRules rules, IFeedStore store, ILineObserver observer)
{
    readonly Dictionary<string, NamedWorker> workers = new(StringComparer.Ordinal);
    readonly RepeatedDones repeated = new(rules.RepeatedDoneMs);
    readonly List<LineClient> waiting = [];

    /// <summary>Clients that another connection replaced; the caller closes them.</summary>
    public List<LineClient> Condemned { get; } = [];

    /// <summary>
    /// Nothing can be written down: who wants a job is told that there is none, and a DONE gets no
    /// answer, so that it is sent again.
    /// </summary>
    public bool IsClosed { get; set; }

    /// <summary>
    /// Whether the output of a job is there, asked by what a DONE calls it, where exit codes have
    /// categories; null: nothing is to be there.
    /// </summary>
    public Func<string, bool>? IsMade { get; init; }

    /// <summary>The first deadline of those who wait for a job; null: nobody waits.</summary>
    public long? NextWaitMs => waiting.Count == 0 ? null : waiting.Min(it => it.WaitsUntilMs);

    /// <summary>
    /// Tells the desk of what was in flight when the last process ended: named workers get it back
    /// with their HELLO, whatever connections held is nobody's.
    /// </summary>
    public void Adopt(long nowMs)
    {
        foreach (var flight in book.Flights.Where(it => it.Kind == FeedHolderKind.Worker).ToList())
        {
            var worker = WorkerOf(flight.HolderName);
            worker.Jobs.Add(flight);
            book.Renew(flight, FeedHolderKind.Worker, worker, nowMs + rules.Feed.LeaseMs);
        }
    }

    /// <summary>
    /// What was decided since the last time cannot be written down, and is taken back: who asked
    /// for jobs has none, who said more is closed and says it again.
    /// </summary>
    public static void TakeBack(LineClient client, int mark)
    {
        client.TakeBack(mark);
        if (client.HasSaidMore) client.IsCondemned = true;
        else for (; client.Asked > 0; client.Asked--) client.Tell("NOJOBS\n"u8);
        client.LastJob = client.LastEnded = null;
    }

    /// <summary>
    /// One line without its LF. <paramref name="isTorn"/>: the stream ended before the LF.
    /// </summary>
    public LineReply Handle(
        LineClient client, ReadOnlySpan<byte> line, bool isTorn, long nowMs, long at)
    {
        var command = LineCommand.Parse(line, client.Worker is not null, isTorn);
        if (client.Worker is { } worker && command.Verb != LineVerb.Unknown) Renew(worker, nowMs);
        switch (command.Verb)
        {
            case LineVerb.Ready: return Ready(client, null, nowMs, at);
            case LineVerb.Done: return Done(client, command, nowMs, at);
            case LineVerb.Hello: return Hello(client, command, nowMs, at);
            case LineVerb.Beat: return Okay(client);
            case LineVerb.Wait:
                var reply = Ready(client, nowMs + (command.Number * 1000), nowMs, at);
                if (reply == LineReply.Waits) waiting.Add(client);
                return reply;
            case LineVerb.Report: return Report(client, command);
            case LineVerb.Unknown:
            default:
                observer.Said($"Unexpected command from worker: {LineCommand.Shown(line)}");
                return LineReply.Close;
        }
    }

    LineReply Ready(LineClient client, long? waitsUntilMs, long nowMs, long at)
    {
        client.LastEnded = null;
        return Answer(client, waitsUntilMs, nowMs, at);
    }

    LineReply Answer(LineClient client, long? waitsUntilMs, long nowMs, long at)
    {
        client.Asked++; // Before the payload is read, which may fail.
        var take = IsClosed ? FeedTake.None : Take(client, nowMs, at);
        if (take == FeedTake.Taken) return LineReply.Answered;
        if (take == FeedTake.Busy || waitsUntilMs > nowMs)
        {
            client.Asked--;
            if (take == FeedTake.Busy) return LineReply.Later;
            client.WaitsUntilMs = waitsUntilMs;
            return LineReply.Waits;
        }
        client.LastJob = null;
        client.Tell("NOJOBS\n"u8);
        return LineReply.Answered;
    }

    FeedTake Take(LineClient client, long nowMs, long at)
    {
        var (kind, holder) = client.Worker is { } worker ? (FeedHolderKind.Worker, (object)worker)
            : rules.Plain == PlainClients.Path ? (FeedHolderKind.Nobody, null!)
            : (FeedHolderKind.Connection, client);
        var take = book.TryTake(
            nowMs, at, kind, holder, client.Worker?.Name ?? client.Name, out var flight);
        if (flight is null) return take;
        (client.Worker?.Jobs ?? client.Jobs).Add(flight);
        client.LastJob = flight;
        client.Tell("JOB "u8);
        client.Tell(NameOf(flight.Key));
        client.Tell(" "u8);
        if (book.PayloadOf(flight) is { } payload) client.Tell(store.Payload(payload));
        client.Tell("\n"u8);
        return take;
    }

    LineReply Done(LineClient client, LineCommand command, long nowMs, long at)
    {
        // Mostly it is the job that it got last.
        var flight = client.LastJob is { IsOver: false } last && rules.Dataset is null
            && book.KeyBytes(last.Key).SequenceEqual(command.Name) ? last : FlightOf(command.Name);
        if (IsClosed && flight is not null) return LineReply.Close;
        if (flight is not null && IsBeingLeft(client, flight)) return LineReply.Later;
        client.LastEnded = null;
        if (flight is not null && Counts(client, flight, command, nowMs))
        {
            client.HasOwnDone |= flight.Holder == client;
            book.End(
                flight, command.Number, at, FailureOf(command.Name, command.Number), nowMs);
            (client.LastEnded, client.LastCode) = (flight, command.Number);
            client.HasSaidMore = true;
            return Answer(client, null, nowMs, at);
        }
        if (client.Worker is null) return Answer(client, null, nowMs, at);
        Gone(client, command.Name);
        return LineReply.Answered;
    }

    FailureCategory? FailureOf(ReadOnlySpan<byte> name, long code)
    {
        if (rules.Codes == LineCodes.Opaque)
        {
            return code == 0 ? null
                : code == 124 ? FailureCategory.Timeout : FailureCategory.Failed;
        }
        if (code != 0) return ExitMeaning.CategoryOf((int)Math.Clamp(code, -1, 256));
        return IsMade?.Invoke(Encoding.UTF8.GetString(name)) == false
            ? FailureCategory.Contract
            : null;
    }

    // What a job is called: its key, or the partition's whole reference.
    ReadOnlySpan<byte> NameOf(int key) => rules.Dataset is not { } dataset
        ? book.KeyBytes(key)
        : Encoding.UTF8.GetBytes(
            $"{dataset}/{PartitionRef.EncodeSegment(Encoding.UTF8.GetString(book.KeyBytes(key)))}");

    FeedFlight? FlightOf(ReadOnlySpan<byte> name)
    {
        if (rules.Dataset is not { } dataset) return book.FlightOf(name);
        var text = Encoding.UTF8.GetString(name);
        if (!text.StartsWith(dataset + "/", StringComparison.Ordinal)) return null;
        var key = PartitionRef.Decode(text.AsSpan(dataset.Length + 1));
        return book.FlightOf(Encoding.UTF8.GetBytes(key));
    }

    // Who holds it has gone before this was said: that comes first.
    bool IsBeingLeft(LineClient client, FeedFlight flight) => client.Worker is null
        && !rules.AnyDone && flight.Holder is LineClient holder && holder != client
        && holder.IsLeaving;

    bool Counts(LineClient client, FeedFlight flight, LineCommand command, long nowMs)
    {
        if (client.Worker is { } worker) return rules.AnyDone || flight.Holder == worker;
        if (flight.Holder == client) return true;
        if (repeated.Take(command.Name, command.Number, nowMs)) return false;
        if (rules.AnyDone || flight.Kind == FeedHolderKind.Nobody) return true;
        observer.Said(
            $"{client.Name} is not who was given {LineCommand.Shown(command.Name)} "
            + $"({flight.HolderName} was): its DONE changes nothing");
        return false;
    }

    static void Gone(LineClient client, ReadOnlySpan<byte> path)
    {
        client.LastJob = null;
        client.Tell("GONE "u8);
        client.Tell(path);
        client.Tell("\n"u8);
    }

    LineReply Hello(LineClient client, LineCommand command, long nowMs, long at)
    {
        var worker = WorkerOf(Encoding.ASCII.GetString(command.Name));
        if (client.Worker is { } before && before != worker) before.Client = null;
        if (worker.Client is { } older && older != client)
        {
            older.Worker = null;
            older.IsCondemned = true;
            Condemned.Add(older);
        }
        (worker.Client, client.Worker) = (client, worker);
        var kept = new HashSet<FeedFlight>();
        foreach (var range in command.Rest.Split((byte)' '))
            if (FlightOf(command.Rest[range]) is { } flight && flight.Holder == worker)
                kept.Add(flight);
        foreach (var flight in worker.Jobs.Active.Where(job => !kept.Contains(job)).ToList())
            book.Lose(flight, at);
        Renew(worker, nowMs);
        return Okay(client);
    }

    NamedWorker WorkerOf(string name)
    {
        if (!workers.TryGetValue(name, out var worker))
            workers.Add(name, worker = new NamedWorker(name));
        return worker;
    }

    // Any line of a worker says that it lives.
    void Renew(NamedWorker worker, long nowMs)
    {
        foreach (var job in worker.Jobs.Active)
            book.Renew(job, FeedHolderKind.Worker, worker, nowMs + rules.Feed.LeaseMs);
    }

    LineReply Okay(LineClient client)
    {
        client.LastJob = null;
        client.LastEnded = null;
        client.HasSaidMore = true;
        Span<byte> number = stackalloc byte[20];
        Utf8Formatter.TryFormat(rules.Feed.LeaseMs / 1000, number, out var length);
        client.Tell("OK "u8);
        client.Tell(number[..length]);
        foreach (var job in client.Worker!.Jobs.Active)
        {
            client.Tell(" "u8);
            client.Tell(NameOf(job.Key));
        }
        client.Tell("\n"u8);
        return LineReply.Answered;
    }

    LineReply Report(LineClient client, LineCommand command)
    {
        if (FlightOf(command.Name) is not { } flight || flight.Holder != client.Worker)
        {
            Gone(client, command.Name);
            return LineReply.Answered;
        }
        if (!IsJsonObject(command.Rest))
        {
            observer.Said(
                $"{client.Worker!.Name}: a report of {LineCommand.Shown(command.Name)} is no JSON "
                + $"object: {LineCommand.Shown(command.Rest)}");
        }
        return Okay(client);
    }

    static bool IsJsonObject(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read()) { }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>
    /// Gives jobs to those who wait, first come, first served, and tells those whose time is over
    /// that there is none. <paramref name="enter"/> is told before a client may get an answer.
    /// </summary>
    public void Wake(long nowMs, long at, Action<LineClient> enter)
    {
        for (var i = 0; i < waiting.Count; i++)
        {
            var client = waiting[i];
            if (client.WaitsUntilMs > nowMs && !book.MayHaveSome(nowMs)) continue;
            enter(client);
            var (until, asked) = (client.WaitsUntilMs, client.Asked);
            client.WaitsUntilMs = null;
            var reply = LineReply.Later;
            try
            {
                reply = Answer(client, until, nowMs, at);
            }
            finally
            {
                // When it cannot be written down it has its answer, too: that there is none.
                if (client.Asked > asked) waiting.RemoveAt(i--);
                else client.WaitsUntilMs = until;
            }
            if (reply == LineReply.Later) break;
        }
    }

    /// <summary>How many clients wait for a job.</summary>
    public int WaitingCount => waiting.Count;

    /// <summary>The client ended its side: from here on nobody holds what it has.</summary>
    public void HalfClosed(LineClient client, long at)
    {
        client.IsHalfClosed = true;
        if (client.Worker is not null || rules.Plain == PlainClients.Connection) return;
        foreach (var job in client.Jobs.Active.Where(job => job.Holder == client))
            book.Disown(job, null, at);
    }

    /// <summary>
    /// The connection is over. <paramref name="isUnread"/>: it is proven that the last answer was
    /// not read; the job in it goes back at once.
    /// </summary>
    public void Closed(LineClient client, bool isUnread, long nowMs, long at)
    {
        if (client.WaitsUntilMs is not null) waiting.Remove(client);
        if (isUnread)
        {
            if (client.LastJob is { } unread) book.Return(unread, at);
            if (client.LastEnded is { } ended)
                repeated.Add(NameOf(ended.Key), client.LastCode, nowMs);
        }
        if (client.Worker is { } worker && worker.Client == client) worker.Client = null;
        foreach (var job in client.Jobs.Active.Where(job => job.Holder == client))
            book.Disown(job, IsWorker(client, job, nowMs) ? nowMs + rules.Feed.LeaseMs : null, at);
    }

    bool IsWorker(LineClient client, FeedFlight job, long nowMs) => rules.Plain switch
    {
        PlainClients.Connection => true,
        PlainClients.Path => false,
        PlainClients.Auto => !client.IsHalfClosed
            && (client.HasOwnDone || nowMs - job.StartedMs > rules.OneShotMs),
    };
}

/// <summary>
/// The DONEs whose answers were lost: their senders will send them once more, and by then somebody
/// else may have the same key.
/// </summary>
sealed class RepeatedDones(long keptMs)
{
    readonly Dictionary<string, long> until = new(StringComparer.Ordinal);

    static string Text(ReadOnlySpan<byte> path, long code) =>
        $"{Encoding.UTF8.GetString(path)} {code}";

    public void Add(ReadOnlySpan<byte> path, long code, long nowMs)
    {
        foreach (var old in until.Where(it => it.Value < nowMs).Select(it => it.Key).ToList())
            until.Remove(old);
        until[Text(path, code)] = nowMs + keptMs;
    }

    /// <summary>True, once, when this is such a one.</summary>
    public bool Take(ReadOnlySpan<byte> path, long code, long nowMs) =>
        until.Count > 0 && until.Remove(Text(path, code), out var last) && nowMs <= last;
}
