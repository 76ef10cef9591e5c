using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Quoin.ServerTests;

/// <summary>
/// The commands of docs/serve.md are typed as they stand there, in their order, into a shell, at a
/// real server: each answers as the page says, and a line that is added is missed here.
/// </summary>
public sealed partial class PageOfServeTests
{
    const string Graph = """
        quoin: 1
        name: page
        targets: [report]
        datasets:
          rows: { source: "rows.csv" }
        feeds:
          lists: { dir: incoming/, want: "line/{key}" }
        jobs:
          daily:
            outputs: ["daily/{date:date}"]
            inputs: [rows]
            exec: [sh, -c, "exit 65"]
          report:
            outputs: [report]
            exec: [sh, -c, "echo made; echo made > $0", "{out}"]
          line:
            outputs: ["line/{name}"]
            order: fifo
            exec: ["true"]
          lock:
            outputs: ["lock/{name}"]
            exec: [sh, lock.sh]
            resource: { release: [sh, -c, "exit 77"], release-time: 100ms, settle: 0s }
        """;

    // What each line is for, and what its answer has in it; the status comes last.
    static readonly (string Line, string Has)[] expected =
    [
        ("$S/stats", "\"position\":"),
        ("$S/wants -H", "\"want\":\"w-3\".*201$"),
        ("$S/wants?state=open", "\"wants\":.*200$"),
        ("$S/partitions?prefix=daily&state=failed", "\"count\":1,.*daily/2026-01-31.*200$"),
        ("$S/partition?partition=report", "\"partition\":\"report\".*200$"),
        ("$S/partitions/taint", "200$|204$"),
        ("$S/runs?state=failed&job=daily", "\"run\":\"r-1\".*200$"),
        ("$S/runs/r-1/log?follow=true", "task-failed.*200$"),
        ("$S/plan", "\"build\":.*200$"),
        (
            "$S/workers",
            "\"workers\":.*200.*\"feeds\":.*200.*\"interventions\":.*200.*\"jobs\":.*200$"),
        ("$S/interventions/i-1/resolve", "200$|204$"),
        ("$S/feeds/lists/runs/7", "\"accepted\":2|201$"),
        ("Bearer $TOKEN", "\"wants\":.*200$"),
    ];

    [Fact]
    public async Task Every_command_of_the_page_does_what_it_is_there_for()
    {
        var lines = CurlLine().Matches(await File.ReadAllTextAsync(
            Path.Combine(MetricsTests.Root(), "docs/serve.md")));
        await using var space = await ServedSpace.StartAsync(Graph, prepare: root =>
        {
            Directory.CreateDirectory(Path.Combine(root, "incoming"));
            File.WriteAllText(Path.Combine(root, "rows.csv"), "1\n");
            File.WriteAllText(
                Path.Combine(root, "lock.sh"),
                """echo '@quoin {"manifest":{"connections":{"at":"here"}}}'""");
            // No more than the status behind each answer.
            File.WriteAllText(
                Path.Combine(root, ".curlrc"),
                "silent\nshow-error\nwrite-out = \"%{http_code}\\n\"\n");
        });
        await space.QuoinAsync("want", "daily/2026-01-31");
        await space.UntilAsync(
            "/api/v1/wants?state=failed", a => a.GetProperty("wants").GetArrayLength() == 1);
        await space.QuoinAsync("want", "lock/1");
        await space.UntilAsync(
            "/api/v1/wants?state=ready", a => a.GetProperty("wants").GetArrayLength() == 1);
        await space.QuoinAsync("release", "w-2");
        await space.UntilAsync(
            "/api/v1/interventions", a => a.GetProperty("interventions").GetArrayLength() == 1);

        Assert.Equal(expected.Length, lines.Count);
        var wrong = new List<string>();
        foreach (var ((words, has), line) in expected.Zip(lines))
        {
            Assert.Contains(words, line.Value, StringComparison.Ordinal);
            if (words.StartsWith("Bearer", StringComparison.Ordinal))
                space.Env["TOKEN"] =
                    (await space.QuoinAsync("token", "create", "ci")).Out.Trim();
            var said = await TypeAsync(space, line.Value);
            if (!Regex.IsMatch(said.Trim(), has, RegexOptions.Singleline))
                wrong.Add($"{line.Value}\n{said}\nhas no {has}");
            if (words == "$S/wants -H")
                await space.UntilAsync(
                    "/api/v1/partitions?state=live",
                    a => a.GetProperty("count").GetInt32() >= 1);
        }
        Assert.True(wrong.Count == 0, string.Join("\n\n", wrong));
    }

    static async Task<string> TypeAsync(ServedSpace space, string line)
    {
        var start = new ProcessStartInfo("sh", ["-c", line])
        {
            WorkingDirectory = space.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CURL_HOME"] = space.Root;
        start.Environment["S"] = $"{space.Server.Address}/api/v1";
        start.Environment["J"] = "Content-Type: application/json";
        start.Environment["TOKEN"] = space.Env.GetValueOrDefault("TOKEN", "");
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(ServedSpace.Patience);
        var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        var errors = await process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return output + errors;
    }

    [GeneratedRegex("^(?:printf .*)?curl .*$", RegexOptions.Multiline)]
    private static partial Regex CurlLine();
}
