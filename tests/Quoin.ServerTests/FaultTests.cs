using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Quoin.Server;

namespace Quoin.ServerTests;

/// <summary>What clients do wrong, or to harm: clear errors, and it goes on.</summary>
public sealed class FaultTests
{
    static async Task<HttpStatusCode> PostAsync(ServedSpace space, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.ExpectContinue = body.Length > 1 << 20; // It may say no at once.
        using var answer = await space.Http.SendAsync(request);
        return answer.StatusCode;
    }

    // Sends bytes as they are and gives the first line that comes back.
    static async Task<string> RawAsync(ServedSpace space, string request)
    {
        using var patience = new CancellationTokenSource(ServedSpace.Patience);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(space.Server.Address).Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), patience.Token);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadLineAsync(patience.Token) ?? "";
    }

    [Fact]
    public async Task Bodies_and_queries_that_are_too_long_are_refused()
    {
        await using var space = await ServedSpace.StartAsync();

        Assert.Equal(
            HttpStatusCode.RequestEntityTooLarge,
            await PostAsync(space, "/api/v1/wants", new string(' ', 10 << 20)));
        using var longQuery = await space.Http.GetAsync(
            "/api/v1/partitions?prefix=" + new string('a', 6_000));
        Assert.Equal(HttpStatusCode.BadRequest, longQuery.StatusCode);
        Assert.Contains(
            "414", await RawAsync(
                space, $"GET /{new string('a', 20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        Assert.Contains(
            "431", await RawAsync(
                space, "GET / HTTP/1.1\r\nHost: localhost\r\n"
                + $"X-Long: {new string('a', 60_000)}\r\n\r\n"));
        Assert.Equal("ok\n", await space.Http.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task Ten_thousand_unknown_partitions_are_one_clear_error()
    {
        await using var space = await ServedSpace.StartAsync();
        var names = Enumerable.Range(0, 10_000).Select(i => $"nobody/makes/{i}");
        var body = JsonSerializer.Serialize(new { partitions = names });
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        using var answer = await space.Http.PostAsync("/api/v1/wants", content);

        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.InRange(text.Length, 1, 10_000);
        Assert.Equal(0, (await space.GetAsync("/api/v1/wants"))
            .GetProperty("wants").GetArrayLength());
    }

    [Theory]
    [InlineData("/../../../../etc/passwd")]
    [InlineData("/assets/..%2f..%2f..%2fetc/passwd")]
    [InlineData("/api/v1/runs/..%2f..%2fquoin.db/log")]
    [InlineData("/api/v1/runs/r-1%2f..%2f..%2f..%2fquoin/log")]
    [InlineData("/api/v1/store/run-log?run=../../x&attempt=1")]
    [InlineData("/api/v1/partition?partition=../../etc/passwd")]
    [InlineData("/.quoin/quoin.db")]
    [InlineData("/quoin.yaml")]
    public async Task Nothing_outside_is_read(string path)
    {
        await using var space = await ServedSpace.StartAsync();

        var first = await RawAsync(
            space, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.Matches("^HTTP/1.1 4[0-9][0-9] ", first);
    }

    [Fact]
    public async Task Line_ends_in_names_and_headers_end_no_header_and_no_event()
    {
        await using var space = await ServedSpace.StartAsync();

        Assert.Contains("400", await RawAsync(
            space, "GET /healthz HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n"));
        using var answer = await space.Http.GetAsync(
            "/api/v1/partition?partition=a%0d%0aSet-Cookie:%20x%3d1");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Connections_that_say_half_of_something_hold_up_nobody()
    {
        await using var space = await ServedSpace.StartAsync();
        var half = new List<TcpClient>();
        for (var i = 0; i < 100; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", new Uri(space.Server.Address).Port);
            await client.GetStream().WriteAsync("GET /api/v1/wa"u8.ToArray());
            half.Add(client);
        }

        Assert.Equal("ok\n", await space.Http.GetStringAsync("/healthz"));
        Assert.Equal((0, "w-1\n"), await space.QuoinAsync("want", "word") is var (code, said, _)
            ? (code, said) : default);
        foreach (var client in half) client.Dispose();
    }

    [Fact]
    public async Task A_follower_that_does_not_read_holds_up_nobody()
    {
        await using var space = await ServedSpace.StartAsync();
        using var slow = new TcpClient { ReceiveBufferSize = 4096 };
        await slow.ConnectAsync("127.0.0.1", new Uri(space.Server.Address).Port);
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            "GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n"
            + "Accept: text/event-stream\r\n\r\n"));

        for (var i = 1; i <= 20; i++)
            await PostAsync(space, "/api/v1/wants", $$"""{"partitions":["letter/n{{i}}"]}""");

        await space.UntilAsync(
            "/api/v1/partitions?state=live",
            answer => answer.GetProperty("count").GetInt32() == 20);
    }

    [Fact]
    public async Task Every_route_survives_what_a_seeded_fuzzer_sends()
    {
        await using var space = await ServedSpace.StartAsync();
        await PostAsync(space, "/api/v1/wants", """{"partitions":["word","broken/x"]}""");
        var seed = int.TryParse(Environment.GetEnvironmentVariable("QUOIN_SEED"), out var given)
            ? given
            : 1;
        var random = new Random(seed);
        for (var i = 0; i < 600; i++)
        {
            var route = Api.Routes[random.Next(Api.Routes.Count)];
            if (route.Path is "/store/wait") continue;
            var path = string.Join('/', route.Path.Split('/').Select(
                part => part.StartsWith('{') ? Uri.EscapeDataString(Junk(random)) : part));
            var query = string.Join('&', route.Query.Where(_ => random.Next(2) == 0)
                .Select(name => $"{name}={Uri.EscapeDataString(Junk(random))}"));
            using var request = new HttpRequestMessage(
                new HttpMethod(route.Method), $"{Api.Root}{path}?{query}");
            if (route.Method == "POST")
                request.Content = new StringContent(
                    Body(random, route.Body ?? []), Encoding.UTF8, "application/json");
            if (random.Next(4) == 0)
                request.Headers.TryAddWithoutValidation(
                    "Idempotency-Key",
                    new string([.. Junk(random).Where(c => c is >= ' ' and < '\x7f')]));
            using var answer = await space.Http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead);
            Assert.True(
                (int)answer.StatusCode < 500,
                $"seed {seed}, {i}: {request.Method} {request.RequestUri} "
                + $"{(int)answer.StatusCode}\n{await answer.Content.ReadAsStringAsync()}");
        }
        Assert.Equal("ok\n", await space.Http.GetStringAsync("/readyz"));
    }

    static readonly string[] words =
    [
        "", "word", "letter/a", "r-1", "r-1/1", "w-1", "w-0", "w-99999999999", "i-1", "true", "-1",
        "1", "1000", "99999999999999999999", "failed", "open", "../..", "%2e%2e", "\0", "\u202e",
        "<script>", "a b", "@x", "-", "quoin", "é/ü", "{}", "[]", "null", "run-failed",
        "\ud83d\ude00",
    ];

    static string Junk(Random random) => random.Next(5) switch
    {
        0 => new string((char)random.Next(32, 300), random.Next(300)),
        1 => words[random.Next(words.Length)] + words[random.Next(words.Length)],
        _ => words[random.Next(words.Length)],
    };

    static string Body(Random random, string[] fields)
    {
        if (random.Next(8) == 0) return Junk(random);
        var written = fields.Where(_ => random.Next(3) > 0).Select(field =>
        {
            var name = field.TrimEnd('[', ']', '#', '?');
            object? value = random.Next(6) switch
            {
                0 => null,
                1 => random.Next(),
                2 => random.Next(2) == 0,
                3 => new[] { Junk(random), Junk(random) },
                _ => Junk(random),
            };
            return $"{JsonSerializer.Serialize(name)}:{JsonSerializer.Serialize(value)}";
        });
        return $"{{{string.Join(',', written)}}}";
    }
}
