using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Quoin.FakeService;

namespace Quoin.EndToEndTests.Resources;

/// <summary>The service that the other tests here ask for things does what they rely on.</summary>
public sealed class FakeServiceTests : IAsyncLifetime
{
    readonly string journal = Path.Combine(
        Directory.CreateTempSubdirectory("journal-").FullName, "calls");

    readonly HttpClient http = new();
    Service service = null!;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => service = await Service.StartAsync(journal);

    public async ValueTask DisposeAsync()
    {
        await service.DisposeAsync();
        http.Dispose();
        Directory.Delete(Path.GetDirectoryName(journal)!, recursive: true);
    }

    [Fact]
    public async Task A_thing_is_made_looked_at_found_and_given_back()
    {
        Assert.Equal((201, "t-1", "running"), await PostAsync("k-1", "name=a", "quoin=k-1"));
        Assert.Equal((200, "t-1", "running"), await SendAsync(HttpMethod.Get, "/things/t-1"));
        Assert.Equal("t-1", await FindAsync("name=a"));
        Assert.Equal("", await FindAsync("name=b"));
        Assert.Equal((204, null, null), await SendAsync(HttpMethod.Delete, "/things/t-1"));
        Assert.Equal((404, null, null), await SendAsync(HttpMethod.Get, "/things/t-1"));
        Assert.Equal((404, null, null), await SendAsync(HttpMethod.Delete, "/things/t-1"));
        Assert.Equal("", await FindAsync("name=a"));
    }

    [Fact]
    public async Task The_same_key_makes_one_thing_and_the_count_says_so()
    {
        await PostAsync("k-1", "name=a");
        Assert.Equal((200, "t-1", "running"), await PostAsync("k-1", "name=a"));
        Assert.Equal((201, "t-2", "running"), await PostAsync(null, "name=a"));

        var count = await http.GetFromJsonAsync<Tally>(
            $"http://{service.Address}/count?after=2100-01-01", Journal.Json, Ct);
        Assert.Equal(["t-1", "t-2"], count!.Live);
        Assert.Equal(1, count.CreatesByKey["k-1"]);
        Assert.Equal(2, count.CreatesByLabel["name=a"]);
        Assert.Equal((3, 0, 0), (count.Calls, count.CallsAfter, count.CreatesAfter));
        Assert.Equal(3, count.CallsByVerb[Verb.Post]);
    }

    [Fact]
    public async Task A_service_that_was_killed_goes_on_where_its_journal_ends()
    {
        service.SetRules(
            new Rule { Verb = Verb.Post, BusyLooks = 2 },
            new Rule { Verb = Verb.Delete, From = 2, Crash = true });
        await PostAsync("k-1", "name=a");
        await PostAsync("k-2", "name=b");
        Assert.Equal((200, "t-1", "starting"), await SendAsync(HttpMethod.Get, "/things/t-1"));
        await SendAsync(HttpMethod.Delete, "/things/t-2");
        await PostAsync("k-3", "name=c");
        await Assert.ThrowsAsync<HttpRequestException>(
            () => SendAsync(HttpMethod.Delete, "/things/t-3"));
        File.AppendAllText(journal, "{\"at\":\"20"); // It died while it wrote.
        await service.DisposeAsync();

        service = await Service.StartAsync(journal);
        Assert.Equal(["t-1"], service.Count().Live);
        Assert.Equal((200, "t-1", "starting"), await SendAsync(HttpMethod.Get, "/things/t-1"));
        Assert.Equal((200, "t-1", "running"), await SendAsync(HttpMethod.Get, "/things/t-1"));
        Assert.Equal((201, "t-4", "starting"), await PostAsync("k-4", "name=d"));
    }

    [Fact]
    public async Task The_first_rule_that_fits_by_verb_label_and_number_counts()
    {
        using var rules = new StringContent("""
            [{"verb":"get","label":"name=a","from":2,"to":3,"status":503},
             {"verb":"get","state":"wibble"}]
            """);
        using var answer = await http.PutAsync($"http://{service.Address}/rules", rules, Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await PostAsync("k-1", "name=a");
        await PostAsync("k-2", "name=b");

        var seen = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            var (status, _, state) = await SendAsync(HttpMethod.Get, "/things/t-1");
            seen.Add($"{status} {state}");
        }
        Assert.Equal(["200 wibble", "503 ", "503 ", "200 wibble"], seen);
        Assert.Equal((200, "t-2", "wibble"), await SendAsync(HttpMethod.Get, "/things/t-2"));
    }

    [Fact]
    public async Task Rules_that_are_none_are_refused()
    {
        using var rules = new StringContent("""[{"verb":"get","statsu":503}]""");
        using var answer = await http.PutAsync($"http://{service.Address}/rules", rules, Ct);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task An_answer_can_be_lost_after_the_thing_was_made()
    {
        service.SetRules(new Rule { Verb = Verb.Post, To = 1, LoseAnswer = true });

        await Assert.ThrowsAsync<HttpRequestException>(() => PostAsync("k-1", "name=a"));
        Assert.Equal(["t-1"], service.Count().Live);
        Assert.Equal((200, "t-1", "running"), await PostAsync("k-1", "name=a"));
    }

    [Fact]
    public async Task A_call_can_hang_until_its_caller_goes()
    {
        service.SetRules(new Rule { Verb = Verb.Post, To = 1, Hang = true });
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        await Assert.ThrowsAsync<TaskCanceledException>(() => http.PostAsync(
            $"http://{service.Address}/things?label=name=a", null, patience.Token));
        Assert.Empty(service.Count().Live);
    }

    [Fact]
    public async Task A_thing_can_be_made_after_its_caller_gave_up()
    {
        service.SetRules(new Rule { Verb = Verb.Post, LateMs = 100 });
        await Assert.ThrowsAsync<HttpRequestException>(() => PostAsync("k-1", "name=a"));

        using var journalWritten = new ManualResetEventSlim();
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(journal)!);
        watcher.Changed += (_, _) => journalWritten.Set();
        watcher.EnableRaisingEvents = true;
        while (service.Count().Live.Count == 0)
        {
            Assert.True(journalWritten.Wait(TimeSpan.FromSeconds(30), Ct));
            journalWritten.Reset();
        }
        Assert.Equal("t-1", await FindAsync("name=a"));
    }

    [Fact]
    public async Task Garbage_latency_failures_vanishing_and_ends_are_to_be_had()
    {
        service.SetRules(
            new Rule { Verb = Verb.Find, Garbage = true },
            new Rule { Verb = Verb.Post, Label = "name=fails", FailAfter = 1, LatencyMs = 30 },
            new Rule { Verb = Verb.Get, Label = "name=gone", From = 2, Vanish = true },
            new Rule { Verb = Verb.Get, Label = "name=over", From = 2, Exit = 3 },
            new Rule { Verb = Verb.Call, Status = 409 });
        await PostAsync("k-1", "name=fails");
        await PostAsync("k-2", "name=gone");
        await PostAsync("k-3", "name=over");

        Assert.Equal("<html>wibble", await http.GetStringAsync(
            $"http://{service.Address}/things?label=a=b", Ct));
        Assert.Equal((200, "t-1", "running"), await SendAsync(HttpMethod.Get, "/things/t-1"));
        Assert.Equal((200, "t-1", "failed"), await SendAsync(HttpMethod.Get, "/things/t-1"));
        await SendAsync(HttpMethod.Get, "/things/t-2");
        Assert.Equal((404, null, null), await SendAsync(HttpMethod.Get, "/things/t-2"));
        await SendAsync(HttpMethod.Get, "/things/t-3");
        Assert.Equal((200, "t-3", "ended"), await SendAsync(HttpMethod.Get, "/things/t-3"));
        Assert.Contains(
            "\"exit\":3", await http.GetStringAsync($"http://{service.Address}/things/t-3", Ct));
        Assert.Equal(
            (409, null, null), await SendAsync(HttpMethod.Post, "/things/t-3/calls/push"));
    }

    [Fact]
    public async Task Keys_and_labels_may_not_be_honoured()
    {
        service.SetRules(
            new Rule { Verb = Verb.Post, IgnoreKeys = true },
            new Rule { Verb = Verb.Find, IgnoreLabels = true });
        await PostAsync("k-1", "name=a");

        Assert.Equal((201, "t-2", "running"), await PostAsync("k-1", "name=a"));
        Assert.Equal("", await FindAsync("name=a"));
    }

    [Theory]
    [InlineData(Callback.Once, 1)]
    [InlineData(Callback.Early, 1)]
    [InlineData(Callback.Twice, 2)]
    [InlineData(Callback.Never, 0)]
    public async Task Callbacks_come_as_the_rule_says(Callback callback, int calls)
    {
        await using var caller = await Service.StartAsync();
        caller.SetRules(new Rule { Verb = Verb.Post, Callback = callback });
        await http.PostAsync(
            $"http://{caller.Address}/things?callback=http://{service.Address}/things", null, Ct);
        for (var seen = 0; seen < calls;)
        {
            using var watcher = new FileSystemWatcher(Path.GetDirectoryName(journal)!);
            using var written = new ManualResetEventSlim();
            watcher.Changed += (_, _) => written.Set();
            watcher.EnableRaisingEvents = true;
            seen = service.Count().Calls;
            if (seen < calls) Assert.True(written.Wait(TimeSpan.FromSeconds(30), Ct));
        }

        Assert.Equal(calls, service.Count().Calls);
    }

    [Theory]
    [InlineData(true, "BEGIN;COMMIT;")]
    [InlineData(false, "BEGIN;")]
    public async Task A_proxy_cuts_where_the_client_says_a_word(bool forward, string heard)
    {
        await using var server = new EchoServer();
        await using var proxy = new CutProxy(server.Folder, TimeProvider.System);
        var cut = proxy.CutAt("COMMIT", 1, forward);
        using var client = await ConnectAsync(proxy.Folder);

        Assert.Equal("BEGIN;", await AskAsync(client, "BEGIN;"));
        Assert.Equal("", await AskAsync(client, "COMMIT;"));
        await cut.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        Assert.Equal(heard, server.Heard);
        using var next = await ConnectAsync(proxy.Folder);
        Assert.Equal("COMMIT;", await AskAsync(next, "COMMIT;"));
    }

    static async Task<Socket> ConnectAsync(string folder)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(
            new UnixDomainSocketEndPoint(Path.Combine(folder, ".s.PGSQL.5432")), Ct);
        return socket;
    }

    static async Task<string> AskAsync(Socket socket, string text)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), Ct);
        var buffer = new byte[100];
        try
        {
            return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, Ct));
        }
        catch (SocketException)
        {
            return "";
        }
    }

    Task<(int, string?, string?)> PostAsync(string? key, params string[] labels) =>
        SendAsync(
            HttpMethod.Post, "/things?" + string.Join('&', labels.Select(l => $"label={l}")), key);

    async Task<(int, string?, string?)> SendAsync(
        HttpMethod method, string path, string? key = null)
    {
        using var request = new HttpRequestMessage(method, $"http://{service.Address}{path}");
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        using var answer = await http.SendAsync(request, Ct);
        var text = await answer.Content.ReadAsStringAsync(Ct);
        using var json = JsonDocument.Parse(text.Length == 0 ? "{}" : text);
        return ((int)answer.StatusCode, TextOf("id"), TextOf("state"));

        string? TextOf(string name) =>
            json.RootElement.TryGetProperty(name, out var value) ? value.GetString() : null;
    }

    async Task<string> FindAsync(string label)
    {
        using var json = JsonDocument.Parse(
            await http.GetStringAsync($"http://{service.Address}/things?label={label}", Ct));
        return string.Join(' ', json.RootElement.GetProperty("things").EnumerateArray()
            .Select(thing => thing.GetProperty("id").GetString()));
    }

    // Says back what it hears.
    sealed class EchoServer : IAsyncDisposable
    {
        readonly Socket listener =
            new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

        readonly StringBuilder heard = new();
        readonly Task serving;

        public EchoServer()
        {
            listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(Folder, ".s.PGSQL.5432")));
            listener.Listen();
            serving = Task.Run(ServeAsync);
        }

        public string Folder { get; } = Directory.CreateTempSubdirectory("echo-").FullName;

        public string Heard
        {
            get { lock (heard) return heard.ToString(); }
        }

        public async ValueTask DisposeAsync()
        {
            listener.Close();
            await serving;
            Directory.Delete(Folder, recursive: true);
        }

        async Task ServeAsync()
        {
            try
            {
                while (true) _ = AnswerAsync(await listener.AcceptAsync());
            }
            catch (SocketException)
            {
                // Closed.
            }
        }

        async Task AnswerAsync(Socket client)
        {
            using var _ = client;
            var buffer = new byte[100];
            while (await client.ReceiveAsync(buffer) is > 0 and var count)
            {
                lock (heard) heard.Append(Encoding.ASCII.GetString(buffer, 0, count));
                await client.SendAsync(buffer.AsMemory(0, count));
            }
        }
    }
}
