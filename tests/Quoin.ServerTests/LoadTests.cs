using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Quoin.Tests.Explorer;

namespace Quoin.ServerTests;

/// <summary>The real program under load: killed in it, and asked by clients that do harm.</summary>
public sealed class LoadTests : IDisposable
{
    const string Graph = """
        quoin: 1
        name: load
        jobs:
          part:
            outputs: ["part/{client}/{n:int}"]
            exec: ["true"]
        """;

    readonly string folder = Directory.CreateTempSubdirectory("quoin-load-").FullName;
    readonly CancellationTokenSource patience = new(3 * ServedSpace.Patience);

    public LoadTests() => File.WriteAllText(Path.Combine(folder, "quoin.yaml"), Graph);

    /// <inheritdoc/>
    public void Dispose()
    {
        patience.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    // Where the server is now: another port after each restart. Null: it is dead.
    sealed class Place
    {
        TaskCompletionSource<Uri> now = new();

        public Task<Uri> Now => Volatile.Read(ref now).Task;

        public void Set(Uri address) => now.SetResult(address);

        public void Clear() => Volatile.Write(ref now, new());
    }

    [Fact]
    public async Task Killed_under_load_no_want_is_lost_or_doubled_and_followers_miss_nothing()
    {
        var (clients, wantsEach, kills) = Long.IsAsked ? (20, 200, 20) : (20, 10, 2);
        var (place, answers) = (new Place(), new ConcurrentDictionary<string, string>());
        var all = clients * wantsEach;
        var accepted = new SemaphoreSlim(0);
        var server = await RealServer.StartAsync(folder, "--no-worker");
        place.Set(server.Address);
        var asking = Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            for (var n = 0; n < wantsEach; n++)
            {
                answers[$"{client}/{n}"] = await WantAsync(place, client, n);
                accepted.Release();
            }
        })).ToList();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
        var followers = Enumerable.Range(0, 5).Select(_ => new Follower()).ToList();
        var following = followers.ConvertAll(
            follower => Task.Run(() => follower.FollowAsync(place, end.Token)));

        for (var kill = 0; kill < kills; kill++)
        {
            // Somewhere in the middle of what it does for the others.
            for (var i = 0; i < all / (kills + 1); i++) await accepted.WaitAsync(patience.Token);
            place.Clear();
            server.Dispose();
            server = await RealServer.StartAsync(folder, "--no-worker");
            place.Set(server.Address);
        }
        await Task.WhenAll(asking);

        Assert.Equal(all, answers.Values.Distinct().Count());
        var wants = new Dictionary<string, string>();
        for (var cursor = ""; cursor is not null;)
        {
            var page = await server.GetAsync($"/api/v1/wants?limit=1000{cursor}");
            foreach (var want in page.GetProperty("wants").EnumerateArray())
                wants.Add(want.GetProperty("request").GetString()!, Text(want, "want"));
            cursor = page.TryGetProperty("next", out var next) ? $"&cursor={next}" : null;
        }
        Assert.Equal(
            answers.OrderBy(pair => pair.Key).Select(pair => ($"want part/{pair.Key}", pair.Value)),
            wants.OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value)));
        var last = (await server.GetAsync("/api/v1/stats")).GetProperty("position").GetInt64();
        foreach (var follower in followers) await follower.HasAsync(last, patience.Token);
        await end.CancelAsync();
        await Task.WhenAll(following);
        Assert.All(followers, follower => Assert.Empty(follower.Wrong));
        Assert.All(followers, follower => Assert.True(follower.Resumed >= kills));
        server.Dispose();
    }

    static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    // Asks again under the same key until somebody answers.
    async Task<string> WantAsync(Place place, int client, int n)
    {
        while (true)
        {
            try
            {
                using var http = new HttpClient
                {
                    BaseAddress = await place.Now.WaitAsync(patience.Token),
                };
                using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/wants")
                {
                    Content = JsonContent.Create(
                        new { partitions = new[] { $"part/{client}/{n}" } }),
                };
                request.Headers.Add("Idempotency-Key", $"{client}/{n}");
                using var answer = await http.SendAsync(request, patience.Token);
                var body = JsonDocument.Parse(
                    await answer.Content.ReadAsStringAsync(patience.Token)).RootElement;
                if (answer.StatusCode == HttpStatusCode.Created) return Text(body, "want");
                // It waits for its first coordinator, or reads its log.
                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
            {
                await Task.Yield(); // It died.
            }
        }
    }

    /// <summary>Follows the log over restarts, each time from where it was.</summary>
    sealed class Follower
    {
        readonly Lock gate = new();
        TaskCompletionSource news = new();
        long last;

        public List<long> Wrong { get; } = [];

        public int Resumed { get; private set; }

        public async Task HasAsync(long position, CancellationToken ct)
        {
            while (true)
            {
                Task more;
                lock (gate)
                {
                    if (last >= position) return;
                    more = news.Task;
                }
                await more.WaitAsync(ct);
            }
        }

        public async Task FollowAsync(Place place, CancellationToken ct)
        {
            while (!ct.IsCancellationRequested)
            {
                try
                {
                    await OnceAsync(await place.Now.WaitAsync(ct), ct);
                }
                catch (Exception e) when (e is HttpRequestException or IOException
                    or SocketException or OperationCanceledException)
                {
                    Resumed++;
                }
            }
        }

        async Task OnceAsync(Uri address, CancellationToken ct)
        {
            using var http = new HttpClient { BaseAddress = address };
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/events");
            request.Headers.Accept.ParseAdd("text/event-stream");
            request.Headers.Add("Last-Event-ID", $"{last}");
            using var answer = await http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, ct);
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(ct));
            while (await reader.ReadLineAsync(ct) is { } line)
            {
                if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
                var position = long.Parse(JsonDocument.Parse(line[6..]).RootElement
                    .GetProperty("position").GetString()!);
                lock (gate)
                {
                    if (position != last + 1) Wrong.Add(position);
                    last = position;
                    news.TrySetResult();
                    news = new(TaskCreationOptions.RunContinuationsAsynchronously);
                }
            }
        }
    }

    [Fact]
    public async Task Clients_that_do_harm_get_clear_errors_and_the_memory_stays_bounded()
    {
        var (idle, half, wants) = Long.IsAsked ? (200, 1_000, 200) : (50, 200, 10);
        // What is planned is known to the coordinator, and to what is served of it.
        var moreMiB = 250 + (wants * 1_000 * 1_200 >> 20);
        using var server = await RealServer.StartAsync(folder, "--no-worker");
        await PostAsync(server, Names("warm", 100));
        var before = server.MemoryMiB;
        var clients = new List<TcpClient>();
        for (var i = 0; i < idle + half; i++)
        {
            var client = new TcpClient { ReceiveBufferSize = 4_096 };
            clients.Add(client);
            await client.ConnectAsync(server.Address.Host, server.Address.Port);
            // The first ones follow and never read; the others say half of something.
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(i < idle
                ? "GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n"
                    + "Accept: text/event-stream\r\n\r\n"
                : "POST /api/v1/wants HTTP/1.1\r\nHost: localhost\r\nContent-Le"));
        }
        for (var want = 0; want < wants; want++)
            Assert.Equal(HttpStatusCode.Created, await PostAsync(server, Names($"{want}", 1_000)));
        var large = new byte[10 << 20];
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(
                HttpStatusCode.RequestEntityTooLarge,
                await PostAsync(server, new ByteArrayContent(large)));
            Assert.Equal(
                HttpStatusCode.BadRequest, await PostAsync(server, new StringContent("{\"a\": [")));
            Assert.Equal(
                HttpStatusCode.BadRequest,
                await PostAsync(server, JsonContent.Create(new
                {
                    partitions = Enumerable.Range(0, 10_000).Select(n => $"nobody/{i}/makes/{n}"),
                })));
        }

        Assert.Equal("ok\n", await server.Http.GetStringAsync("/healthz"));
        var stats = await server.GetAsync("/api/v1/stats");
        Assert.Equal(wants + 1, stats.GetProperty("open_wants").GetInt32());
        Assert.InRange(server.MemoryMiB, 0, before + moreMiB);
        foreach (var client in clients) client.Dispose();
    }

    static JsonContent Names(string client, int count) => JsonContent.Create(new
    {
        partitions = Enumerable.Range(0, count).Select(n => $"part/{client}/{n}"),
    });

    static async Task<HttpStatusCode> PostAsync(RealServer server, HttpContent content)
    {
        content.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/wants")
        {
            Content = content,
        };
        request.Headers.ExpectContinue = true; // It may say no before the body is sent.
        using var answer = await server.Http.SendAsync(request);
        return answer.StatusCode;
    }
}
