using System.Net;
using System.Net.Sockets;
using Quoin.Cli;

namespace Quoin.ServerTests;

/// <summary>A store that is served, decides and runs jobs.</summary>
public sealed class ServingTests
{
    [Fact]
    public async Task A_want_of_the_command_line_is_built_by_the_server_and_listed()
    {
        await using var space = await ServedSpace.StartAsync();

        var built = await space.QuoinAsync("want", "word");

        Assert.Equal((0, "w-1\n"), (built.ExitCode, built.Out));
        await space.UntilAsync(
            "/api/v1/wants?state=succeeded",
            answer => answer.GetProperty("wants").GetArrayLength() == 1);
        Assert.Equal("a\nb\nc\n", File.ReadAllText(Path.Combine(space.Root, ".quoin/data/word")));
        var runs = await space.GetAsync("/api/v1/runs?state=built&limit=3");
        Assert.Equal(3, runs.GetProperty("runs").GetArrayLength());
        Assert.Equal("r-4", runs.GetProperty("runs")[0].GetProperty("run").GetString());
        Assert.Equal("r-2", runs.GetProperty("next").GetString());
        var parts = await space.GetAsync("/api/v1/partitions?prefix=letter&limit=2");
        Assert.Equal("letter/a", parts.GetProperty("partitions")[0]
            .GetProperty("partition").GetString());
        Assert.Equal("letter/b", parts.GetProperty("next").GetString());
    }

    [Fact]
    public async Task It_is_healthy_ready_and_has_a_page()
    {
        await using var space = await ServedSpace.StartAsync();

        Assert.Equal("ok\n", await space.Http.GetStringAsync("/healthz"));
        Assert.Equal("ok\n", await space.Http.GetStringAsync("/readyz"));
        Assert.Contains("<h1>", await space.Http.GetStringAsync("/"));
        using var none = await space.Http.GetAsync("/api/v1/wants?limit=0");
        Assert.Equal(HttpStatusCode.BadRequest, none.StatusCode);
        Assert.Contains("\"code\":\"usage\"", await none.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Before_it_is_ready_it_makes_a_page_of_each_kind()
    {
        await using var space = await ServedSpace.StartAsync();
        await space.QuoinAsync("want", "word");
        await space.UntilAsync("/api/v1/wants/w-1", want =>
            want.GetProperty("state").GetString() == "succeeded");

        var answers = await space.Server.WarmAsync();

        Assert.Equal(17, answers.Count);
        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.Equal("ok\n", await space.Http.GetStringAsync("/readyz"));
    }

    [Fact]
    public async Task A_port_that_is_in_use_is_told_of_before_anything_is_decided_or_run()
    {
        await using var space = await ServedSpace.StartAsync();
        await space.StopAsync();
        await space.QuoinAsync("want", "letter/a");
        var recorded = (await space.QuoinAsync("events", "--json")).Out;
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = (IPEndPoint)other.LocalEndpoint;

        var failure = await Assert.ThrowsAsync<IOException>(
            () => space.ServeAsync(options => options with { Listen = port }));

        Assert.Contains($"127.0.0.1:{port.Port}", failure.Message);
        Assert.Contains("address already in use", failure.Message);
        Assert.Equal(recorded, (await space.QuoinAsync("events", "--json")).Out);
        await space.ServeAsync();
        await space.UntilAsync("/api/v1/wants/w-1", want =>
            want.GetProperty("state").GetString() == "succeeded");
        var runs = await space.GetAsync("/api/v1/runs");
        Assert.Equal("r-1", Assert.Single(runs.GetProperty("runs").EnumerateArray())
            .GetProperty("run").GetString());
        // The first server with its worker, and the last one with its own.
        var workers = await space.GetAsync("/api/v1/events?type=worker-added");
        Assert.Equal(2, workers.GetProperty("events").EnumerateArray().Count(added =>
            added.GetProperty("workerAdded").TryGetProperty("slots", out var slots)
            && slots.GetInt32() > 0));
    }

    [Theory]
    [InlineData("127.0.0.1:80", "127.0.0.1:80")]
    [InlineData(":0", "127.0.0.1:0")]
    [InlineData("4000", "127.0.0.1:4000")]
    [InlineData("localhost:1", "127.0.0.1:1")]
    [InlineData("[::1]:5", "[::1]:5")]
    public void An_address_is_a_host_and_a_port(string text, string address) =>
        Assert.Equal(address, ServeCommand.Address(text).ToString());

    [Theory]
    [InlineData("example.org:80")]
    [InlineData("127.0.0.1:x")]
    [InlineData("127.0.0.1:70000")]
    [InlineData("")]
    public void Anything_else_is_refused(string text) =>
        Assert.Throws<UsageException>(() => ServeCommand.Address(text));
}
