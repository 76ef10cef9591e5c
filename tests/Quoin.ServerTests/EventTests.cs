using System.Text.Json;

namespace Quoin.ServerTests;

/// <summary>The log as it is followed over HTTP.</summary>
public sealed class EventTests
{
    // Reads a stream until so many events came.
    static async Task<List<(long Id, string Type)>> FollowAsync(
        ServedSpace space, string path, int count, long? lastSeen = null)
    {
        using var patience = new CancellationTokenSource(ServedSpace.Patience);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastSeen is { } id) request.Headers.Add("Last-Event-ID", $"{id}");
        using var answer = await space.Http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        using var reader = new StreamReader(
            await answer.Content.ReadAsStreamAsync(patience.Token));
        var events = new List<(long, string)>();
        var position = 0L;
        while (events.Count < count)
        {
            var line = await reader.ReadLineAsync(patience.Token);
            if (line is null) break;
            if (line.StartsWith("id: ", StringComparison.Ordinal)) position = long.Parse(line[4..]);
            if (line.StartsWith("data: ", StringComparison.Ordinal))
                events.Add((position, JsonDocument.Parse(line[6..]).RootElement
                    .GetProperty("type").GetString()!));
        }
        return events;
    }

    [Fact]
    public async Task A_follower_gets_every_event_once_and_resumes_where_it_was()
    {
        await using var space = await ServedSpace.StartAsync();
        var live = FollowAsync(space, "/api/v1/events?after=0", 12);
        await space.QuoinAsync("want", "word");
        await space.UntilAsync(
            "/api/v1/wants?state=succeeded",
            answer => answer.GetProperty("wants").GetArrayLength() == 1);

        Assert.Equal(Enumerable.Range(1, 12).Select(i => (long)i), (await live).Select(e => e.Id));
        var rest = await FollowAsync(space, "/api/v1/events", 5, lastSeen: 4);
        Assert.Equal([5L, 6, 7, 8, 9], rest.Select(e => e.Id));
        var some = await FollowAsync(space, "/api/v1/events?after=0&type=run-completed", 4);
        Assert.All(some, e => Assert.Equal("run-completed", e.Type));
        var page = await space.GetAsync("/api/v1/events?type=run-scheduled&limit=2");
        Assert.Equal(2, page.GetProperty("events").GetArrayLength());
        Assert.True(page.TryGetProperty("next", out _));
    }

    [Fact]
    public async Task Followers_end_with_the_server()
    {
        await using var space = await ServedSpace.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/events");
        request.Headers.Accept.ParseAdd("text/event-stream");
        using var answer = await space.Http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead);
        using var stream = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[64];
        Assert.True(await stream.ReadAsync(buffer) > 0);

        await space.Server.DrainAsync();

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            while (await stream.ReadAsync(buffer, patience.Token) > 0) { } // What came before.
        }
        catch (IOException)
        {
            // Cut off: an end, too. One that does not end is the cancellation.
        }
    }
}
