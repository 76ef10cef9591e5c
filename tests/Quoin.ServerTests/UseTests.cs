using System.Net.Http.Json;
using System.Text.Json;

namespace Quoin.ServerTests;

/// <summary>Wants over the API from beginning to end: shared, given up, offered, used.</summary>
public sealed class UseTests
{
    const string Graph = """
        quoin: 1
        name: uses
        jobs:
          slow:
            outputs: ["slow/{name}"]
            exec: [sh, -c, 'while [ ! -e go ]; do sleep 0.02; done; echo x >"$0"', "{out}"]
          lock:
            outputs: ["lock/{name}"]
            exec: [sh, lock.sh]
            resource: { release: [sh, lock.sh], settle: 0s }
        """;

    static Task<ServedSpace> StartAsync() => ServedSpace.StartAsync(Graph, prepare: root =>
        File.WriteAllText(Path.Combine(root, "lock.sh"), """
            [ "$QUOIN_DIRECTION" = release ] && { echo '@quoin {"absent":true}'; exit; }
            echo '@quoin {"external":{"id":"lock-1"}}'
            echo '@quoin {"manifest":{"connections":{"id":"lock-1"}}}'
            """));

    static async Task<JsonElement> PostAsync(ServedSpace space, string path, object? body = null)
    {
        using var answer = await space.Http.PostAsJsonAsync(path, body ?? new { });
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode}\n{text}");
        return JsonDocument.Parse(text).RootElement;
    }

    static Task<JsonElement> UntilAsync(ServedSpace space, string want, string state) =>
        space.UntilAsync($"/api/v1/wants/{want}", now =>
            now.GetProperty("state").GetString() == state);

    [Fact]
    public async Task What_a_run_of_another_want_makes_is_named_and_both_are_given_up()
    {
        await using var space = await StartAsync();
        var body = new { partitions = new[] { "slow/x" } };
        await PostAsync(space, "/api/v1/wants", body);
        await space.UntilAsync("/api/v1/runs?state=running", answer =>
            answer.GetProperty("runs").GetArrayLength() == 1);

        await PostAsync(space, "/api/v1/wants", body);
        var second = await space.UntilAsync("/api/v1/wants/w-2", now =>
            now.GetProperty("delegated").GetArrayLength() == 1);
        var page = await space.Http.GetStringAsync("/wants/w-2");
        await PostAsync(space, "/api/v1/runs/r-1/cancel");
        await UntilAsync(space, "w-1", "cancelled");
        await PostAsync(space, "/api/v1/wants/w-2/cancel");
        await UntilAsync(space, "w-2", "cancelled");

        Assert.Equal("r-1", second.GetProperty("delegated")[0].GetProperty("run").GetString());
        Assert.Contains("made by runs of other wants, waited for here", page);
        Assert.Contains("<a href=\"/wants/w-1\">w-1</a>", page);
        await space.UntilAsync("/api/v1/runs?state=running", answer =>
            answer.GetProperty("runs").GetArrayLength() == 0);
    }

    [Fact]
    public async Task An_offer_is_accepted_used_and_released()
    {
        await using var space = await StartAsync();

        var offer = await PostAsync(
            space, "/api/v1/wants", new { partitions = new[] { "lock/a" }, offer = true });
        Assert.Equal("offered", offer.GetProperty("state").GetString());
        await PostAsync(space, "/api/v1/wants/w-1/accept");
        await UntilAsync(space, "w-1", "ready");
        await PostAsync(space, "/api/v1/wants/w-1/release");
        await UntilAsync(space, "w-1", "succeeded");
        await space.UntilAsync("/api/v1/partition?partition=lock/a", now =>
            now.GetProperty("state").GetString() == "released");
    }

    [Fact]
    public async Task Where_nobody_decides_pages_say_so_and_who_decides_next_does_what_was_asked()
    {
        await using var space = await ServedSpace.StartAsync(change: options =>
            options with { Coordinates = false, Slots = null });

        var alarm = await space.Http.GetStringAsync("/");
        var asked = PostAsync(
            space, "/api/v1/wants", new { partitions = new[] { "letter/b" } });
        while (!asked.IsCompleted) await space.QuoinAsync("build", "letter/a");

        Assert.Contains("Nobody decides for this store now", alarm);
        Assert.Equal("want letter/b", (await asked).GetProperty("request").GetString());
        // The last build's worker is heard to have gone a moment after the build ended.
        var stats = await space.UntilAsync(
            "/api/v1/stats", now => now.GetProperty("workers").GetInt32() == 0);
        Assert.False(stats.GetProperty("leads").GetBoolean());
    }
}
