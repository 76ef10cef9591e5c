namespace Quoin.ServerTests;

/// <summary>The command line against a server, as against the store.</summary>
public sealed class ServerOptionTests
{
    [Fact]
    public async Task Every_command_that_asks_or_reads_works_over_http()
    {
        await using var space = await ServedSpace.StartAsync();
        async Task<(int ExitCode, string Out, string Err)> AskAsync(params string[] args) =>
            await space.QuoinAsync(["--server", space.Server.Address, .. args]);

        var built = await AskAsync("build", "word");
        Assert.True(built.ExitCode == 0, built.Err);
        Assert.Equal("a\nb\nc\n", File.ReadAllText(Path.Combine(space.Root, ".quoin/data/word")));
        Assert.Contains("4 live", (await AskAsync("status")).Out);
        Assert.Contains("r-4", (await AskAsync("runs")).Out);
        Assert.Contains("want-succeeded", (await AskAsync("events", "--last", "1")).Out);
        Assert.Contains("current", (await AskAsync("explain", "word")).Out);
        Assert.Contains("0 to build", (await AskAsync("plan", "word")).Out
            .Replace("nothing to build", "0 to build").Replace("all current", "0 to build"));
        Assert.Equal(0, (await AskAsync("taint", "letter/a", "--why", "smudged")).ExitCode);
        Assert.Equal(1, (await AskAsync("build", "broken/x")).ExitCode);
        Assert.Contains("it is broken", (await AskAsync("log", "broken/x")).Out);
        Assert.Equal(1, (await AskAsync("retry", "w-2")).ExitCode);
        Assert.Equal(4, (await AskAsync("cancel", "w-99")).ExitCode);
        Assert.Equal("w-4\n", (await AskAsync("want", "letter/z")).Out);
    }

    [Fact]
    public async Task What_takes_the_store_itself_says_so_and_a_server_that_is_away_is_named()
    {
        await using var space = await ServedSpace.StartAsync();
        var token =
            (await space.QuoinAsync("token", "create", "a", "--role", "operate")).Out.Trim();
        await space.StopAsync();
        await space.ServeAsync();

        var refused = await space.QuoinAsync("--server", space.Server.Address, "status");
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains("error[unauthorized]", refused.Err);
        Assert.Contains("QUOIN_TOKEN", refused.Err);
        Assert.StartsWith("quoin_", token);
        var away = await space.QuoinAsync("--server", "http://127.0.0.1:1", "status");
        Assert.Contains("error[store-unavailable]", away.Err);
        Assert.Equal(2, (await space.QuoinAsync("--server", "ftp://x", "status")).ExitCode);
    }
}
