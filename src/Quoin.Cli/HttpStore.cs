using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.Json;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// A store behind <c>quoin serve</c>, for <c>--server URL</c>: the log is read and commands are
/// sent over HTTP, so that every command works as on the store itself. Nobody decides and no jobs
/// run through it.
/// </summary>
sealed class HttpStore : IBuildStore
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    const int PageRows = 4096;

    readonly HttpClient http;
    readonly Uri server;
    readonly CancellationTokenSource closing = new();

    /// <summary>
    /// Speaks to a server; <paramref name="token"/> null: it asks for none. Throws
    /// <see cref="UsageException"/> when the address is none.
    /// </summary>
    public HttpStore(string address, string? token)
    {
        if (!Uri.TryCreate(address.TrimEnd('/') + "/", UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https"))
            throw new UsageException(
                "usage", $"--server {address}: write an address, as http://127.0.0.1:4680");
        server = new Uri(uri, "api/v1/store/");
        http = new HttpClient { Timeout = Patience };
        if (token is { Length: > 0 })
            http.DefaultRequestHeaders.Authorization = new("Bearer", token);
    }

    /// <inheritdoc/>
    public long LastPosition => long.TryParse(
        Encoding.ASCII.GetString(Get("position") ?? []),
        System.Globalization.NumberStyles.None, null, out var position)
            ? position
            : throw NotQuoin("it said no position");

    /// <inheritdoc/>
    public long ChangeVersion() => LastPosition;

    /// <inheritdoc/>
    public bool LeadMayBeFree() => false;

    /// <inheritdoc/>
    public IEnumerable<LoggedEvent> Read(long after, PartitionNames names)
    {
        while (true)
        {
            var rows = Rows($"log?after={after}&limit={PageRows}");
            foreach (var raw in rows)
            {
                after = raw.Position;
                yield return new LoggedEvent(raw.Position, raw.At, EventCodec.Decode(
                    raw.Position, Encoding.UTF8.GetBytes(raw.Type), raw.Body.Span, names));
            }
            if (rows.Count < PageRows) yield break;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<RawEvent> Query(EventQuery query)
    {
        if (!query.Positions.IsDefault)
        {
            foreach (var at in query.Positions)
                yield return Rows($"log?after={at - 1}&limit=1").Single();
            yield break;
        }
        var types = query.Types.IsDefaultOrEmpty ? "" : string.Concat(
            query.Types.Select(type => $"&type={Uri.EscapeDataString(type)}"));
        var filter = types + (query.Subject is { } subject
            ? $"&subject={Uri.EscapeDataString(subject)}"
            : "") + (query.Before is { } before ? $"&before={before}" : "");
        if (query.Last is { } last)
        {
            foreach (var raw in Rows($"log?after={query.After}&last={last}{filter}"))
                yield return raw;
            yield break;
        }
        var after = query.After;
        while (true)
        {
            var rows = Rows($"log?after={after}&limit={PageRows}{filter}");
            foreach (var raw in rows) yield return raw;
            if (rows.Count < PageRows) yield break;
            after = rows[^1].Position;
        }
    }

    List<RawEvent> Rows(string path)
    {
        var bytes = Get(path).AsSpan();
        var rows = new List<RawEvent>();
        while (bytes.Length > 0)
        {
            var position = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            var at = BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]);
            bytes = bytes[16..];
            var type = Encoding.UTF8.GetString(Take(ref bytes));
            var subject = Encoding.UTF8.GetString(Take(ref bytes));
            rows.Add(new RawEvent(
                position, DateTimeOffset.FromUnixTimeMilliseconds(at), type, subject,
                Take(ref bytes).ToArray()));
        }
        return rows;
    }

    static ReadOnlySpan<byte> Take(ref Span<byte> bytes)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var part = bytes.Slice(4, length);
        bytes = bytes[(4 + length)..];
        return part;
    }

    /// <summary>A row as <see cref="Rows"/> reads it.</summary>
    public static void Write(Stream to, RawEvent raw)
    {
        Span<byte> head = stackalloc byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(head, raw.Position);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], raw.At.ToUnixTimeMilliseconds());
        to.Write(head);
        Put(to, Encoding.UTF8.GetBytes(raw.Type));
        Put(to, Encoding.UTF8.GetBytes(raw.Subject));
        Put(to, raw.Body.Span);
    }

    static void Put(Stream to, ReadOnlySpan<byte> bytes)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        to.Write(length);
        to.Write(bytes);
    }

    /// <inheritdoc/>
    public StoredSnapshot? LatestSnapshot(int format)
    {
        if (Get($"snapshot?format={format}") is not { Length: > 8 } bytes) return null;
        return new StoredSnapshot(
            BinaryPrimitives.ReadInt64LittleEndian(bytes), format, bytes.AsMemory(8));
    }

    /// <inheritdoc/>
    public byte[]? FingerprintText(Digest digest) => Get($"fingerprint?digest={digest}");

    /// <inheritdoc/>
    public byte[]? RunLog(AttemptId attempt) =>
        Get($"run-log?run={attempt.Run}&attempt={attempt.Attempt}");

    /// <inheritdoc/>
    public async Task<bool> SendAsync(InboxCommand command, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post,
            new Uri(server, $"inbox?id={Uri.EscapeDataString(command.Id)}&type={command.Type}"))
        {
            Content = new ByteArrayContent(command.Body.ToArray()),
        };
        return await Task.Run(() => Ask(request), ct) is not null;
    }

    /// <inheritdoc/>
    public IDisposable Watch(Action changed)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
        _ = WatchAsync(changed, stop.Token);
        return new Watching(stop);
    }

    /// <inheritdoc/>
    public IDisposable WatchRuns(Action changed) => Watch(changed);

    async Task WatchAsync(Action changed, CancellationToken ct)
    {
        var position = "";
        while (!ct.IsCancellationRequested)
        {
            try
            {
                position = await http.GetStringAsync(new Uri(server, $"wait?after={position}"), ct);
                changed();
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                changed(); // Whoever looks meets what is wrong, and says so.
                await Task.Delay(Pause, ct).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }
    }

    sealed class Watching(CancellationTokenSource stop) : IDisposable
    {
        public void Dispose() => stop.Cancel();
    }

    // Null: there is no such thing.
    byte[]? Get(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server, path));
        return Ask(request);
    }

    byte[]? Ask(HttpRequestMessage request)
    {
        try
        {
            using var answer = http.Send(request);
            using var stream = answer.Content.ReadAsStream();
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            if (answer.IsSuccessStatusCode)
                return answer.Content.Headers.ContentType?.MediaType
                    is "application/octet-stream" or "text/plain"
                    ? bytes.ToArray()
                    : throw NotQuoin($"it answered {answer.Content.Headers.ContentType}");
            var refused = Refused(answer.StatusCode, bytes.ToArray());
            return answer.StatusCode == HttpStatusCode.NotFound
                && refused.Code.StartsWith("no-", StringComparison.Ordinal)
                    ? null
                    : throw refused;
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            or OperationCanceledException)
        {
            throw new StoreException(
                "store-unavailable",
                $"{server.GetLeftPart(UriPartial.Authority)} does not answer: {e.Message}", e);
        }
    }

    StoreException Refused(HttpStatusCode status, byte[] body)
    {
        var (code, message) = ("store-unavailable", $"it answered {(int)status}");
        try
        {
            using var problem = JsonDocument.Parse(body);
            code = problem.RootElement.GetProperty("code").GetString() ?? code;
            message = problem.RootElement.GetProperty("detail").GetString() ?? message;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException
            or InvalidOperationException)
        {
            // Not an answer of ours.
            if (status == HttpStatusCode.NotFound) return NotQuoin("it answered 404");
        }
        if (code == "unauthorized") message += "; QUOIN_TOKEN has the one that is sent";
        return new StoreException(
            code, $"{server.GetLeftPart(UriPartial.Authority)}: {message}");
    }

    StoreException NotQuoin(string why) => new(
        "not-a-server",
        $"{server.GetLeftPart(UriPartial.Authority)} is no server of Quoin: {why}; look at the"
        + " address (--server, QUOIN_SERVER)");

    // What only those do who decide or run jobs: they use the store itself.
    static StoreException NotHere() => new(
        "store-unavailable",
        "this takes the store itself (--store), not a server of it; quoin serve does it there");

    /// <inheritdoc/>
    public Task<long> AppendAsync(AppendBatch batch, CancellationToken ct) => throw NotHere();

    /// <inheritdoc/>
    public Task SaveSnapshotAsync(StoredSnapshot snapshot, CancellationToken ct) =>
        throw NotHere();

    /// <inheritdoc/>
    public IEnumerable<FileStampEntry> FileStamps() => [];

    /// <inheritdoc/>
    public byte[]? ConfigAnswer(Digest question) => null;

    /// <inheritdoc/>
    public Task SaveConfigAnswerAsync(
        Digest question, ReadOnlyMemory<byte> answer, CancellationToken ct) => Task.CompletedTask;

    /// <inheritdoc/>
    public IReadOnlyList<InboxCommand> Waiting() => [];

    /// <inheritdoc/>
    public Task JoinAsync(
        WorkerInfo worker, TimeSpan lease, InboxCommand joined, CancellationToken ct) =>
        throw NotHere();

    /// <inheritdoc/>
    public Task<WorkerAnswer> WorkAsync(WorkerTurn turn, CancellationToken ct) => throw NotHere();

    /// <inheritdoc/>
    public Task<bool> LeaveAsync(string owner, InboxCommand left, CancellationToken ct) =>
        throw NotHere();

    /// <inheritdoc/>
    public IReadOnlyList<WorkerInfo> Workers() => [];

    /// <inheritdoc/>
    public IReadOnlyList<QueuedRun> QueuedRuns() => [];

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        closing.Cancel();
        http.Dispose();
        return ValueTask.CompletedTask;
    }
}
