using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Quoin.Storage;
using Quoin.StorageTests;
using Xunit;

namespace Quoin.EndToEndTests;

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresScenarioTests : ScenarioTests
{
    public PostgresScenarioTests(PostgresServer server) =>
        Workspace.Environment["QUOIN_STORE"] = server.NewAddress().Shown;
}

/// <summary>
/// Scenarios of builds (build-process.md, section 11) from what is typed to what is read, as far as
/// no other class has them.
/// </summary>
public partial class ScenarioTests : IDisposable
{
    private protected TestWorkspace Workspace { get; } = new();

    public void Dispose()
    {
        Workspace.Dispose();
        GC.SuppressFinalize(this);
    }

    // Scenario 8.
    [Fact]
    public void After_a_failure_the_other_arm_is_built_or_with_kill_stopped()
    {
        Workspace.Write("quoin.yaml", """
            quoin: 1
            jobs:
              left:
                outputs: [left]
                exec: [sh, -c, "until [ -e began ]; do sleep 0.02; done; exit 3"]
              right:
                outputs: [right]
                exec: [sh, -c, "echo > began; sleep 0.3; echo r >$0", "{out}"]
              slow: { outputs: [slow], exec: [sh, -c, "echo > began; exec sleep 60"] }
              sink: { outputs: [sink], inputs: [left, right], exec: ["true"] }
              other: { outputs: [other], inputs: [left, slow], exec: ["true"] }
            """);

        var kept = Workspace.Quoin("build", "sink", "-j", "2").Expect(1);
        File.Delete(Workspace.PathOf("began"));
        var killed = Workspace.Quoin("build", "other", "--fail-fast=kill", "-j", "2").Expect(1);

        Assert.Contains(" built     right ", kept.Stderr, StringComparison.Ordinal);
        Assert.Contains(
            "cancelled sink: input left failed", kept.Stderr, StringComparison.Ordinal);
        Assert.Contains("cancelled slow\n", killed.Stderr, StringComparison.Ordinal);
        Assert.Contains(
            "cancelled other: input left failed", killed.Stderr, StringComparison.Ordinal);
    }

    // Scenario 11.
    [Fact]
    public void All_errors_are_told_the_rest_is_built_and_with_strict_nothing_is()
    {
        Workspace.Write("quoin.yaml", """
            quoin: 1
            jobs:
              good: { outputs: [good], exec: [sh, -c, "echo >$0", "{out}"] }
              x: { outputs: [x], inputs: [y], exec: ["true"] }
              y: { outputs: [y], inputs: [x], exec: ["true"] }
              asks: { outputs: [asks], config: [sh, -c, "exit 2"], exec: ["true"] }
              raw: { outputs: ["raw/{n:int}"], exec: ["true"] }
              lost: { outputs: ["lost/{n}"], inputs: ["raw/{n}"], exec: ["true"] }
            """);

        string[] all = ["build", "good", "x", "asks", "lost/seven"];
        var strict = Workspace.Quoin([.. all, "--strict"]).Expect(2);
        Assert.False(Workspace.Exists(".quoin/data/good"));
        var built = Workspace.Quoin(all).Expect(1);

        Assert.True(Workspace.Exists(".quoin/data/good"));
        foreach (var result in (CommandResult[])[strict, built])
        {
            Assert.Contains("error[cycle]: x -> y -> x", result.Stderr, StringComparison.Ordinal);
            Assert.Contains(
                "error[no-producer]: nothing produces raw/seven", result.Stderr,
                StringComparison.Ordinal);
            Assert.Contains(
                "error[config-failed]: job asks", result.Stderr, StringComparison.Ordinal);
        }
        Assert.Contains(
            "3 errors block 4 partitions; the other 1 are built (--strict: nothing)\n",
            built.Stderr, StringComparison.Ordinal);
    }

    // Scenario 15.
    [Fact]
    public void Without_slots_a_build_says_that_it_waits_and_a_worker_does_it()
    {
        Workspace.Write("quoin.yaml", """
            quoin: 1
            jobs: { a: { outputs: ["a/{n:int}"], exec: [sh, -c, "echo >$0", "{out}"] } }
            """);

        var build = Workspace.Start("build", "-j", "0", "a/1", "a/2", "a/3");
        var waits = build.WaitForLine(
            line => line.StartsWith("waiting for workers", StringComparison.Ordinal));
        var worker = Workspace.Start("worker", "-j", "2");
        build.WaitForExit().Expect(0);
        worker.Interrupt();

        Assert.StartsWith(
            "waiting for workers: 3 runs ready (quoin worker", waits, StringComparison.Ordinal);
        worker.WaitForExit().Expect(0);
    }

    // Scenario 21.
    [Fact]
    public void What_is_tried_again_waits_longer_each_time_and_each_attempt_is_history()
    {
        Workspace.Write("quoin.yaml", """
            quoin: 1
            jobs:
              a:
                outputs: [a]
                exec:
                  - sh
                  - -c
                  - "echo >> tried; [ $(wc -l < tried) = 3 ] || exit 75; echo > $0"
                  - "{out}"
                retries: 3
            """);

        var built = Workspace.Quoin("build", "a").Expect(0);

        var waits = built.ErrorLines.Where(
            line => line.Contains(" retry     a in ", StringComparison.Ordinal)).ToArray();
        Assert.Equal(2, waits.Length);
        Assert.EndsWith(" (2 of 4): temporary (exit 75)", waits[0], StringComparison.Ordinal);
        Assert.EndsWith(" (3 of 4): temporary (exit 75)", waits[1], StringComparison.Ordinal);
        Assert.True(SecondsOf(waits[0]) < SecondsOf(waits[1]));
        var stats = Workspace.Quoin("stats", "a").Expect(0);
        Assert.Equal(2, stats.Lines.Count(
            line => line.Contains("  failed  ", StringComparison.Ordinal)));
        Assert.Single(
            stats.Lines, line => line.Contains("  built  ", StringComparison.Ordinal));
        var row = JsonDocument.Parse(Workspace.Quoin("stats", "a", "--json").Expect(0).Stdout)
            .RootElement.GetProperty("attempts").EnumerateArray()
            .Single(one => one.GetProperty("outcome").GetString() == "built");
        Assert.Equal("w-1", row.GetProperty("want").GetString());
        Assert.StartsWith(
            "sha256:", row.GetProperty("fingerprint").GetString(), StringComparison.Ordinal);
        Assert.StartsWith(
            "xxh3:", row.GetProperty("digests")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal(1, row.GetProperty("bytes").GetInt64());
    }

    static double SecondsOf(string line) => double.Parse(
        Wait().Match(line).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(" in ([0-9.]+)s ")]
    private static partial Regex Wait();

    // Scenario 22.
    [Fact]
    public void A_check_is_running_and_not_building_and_leaves_no_file()
    {
        Workspace.Write("quoin.yaml", """
            quoin: 1
            jobs: { ok: { outputs: [ok], exec: [sh, -c, "echo >$0", "{out}"], keep: check } }
            """);

        var first = Workspace.Quoin("build", "-v", "ok").Expect(0);
        var second = Workspace.Quoin("build", "-v", "ok").Expect(0);

        Assert.Contains(" running   ok on ", first.Stderr, StringComparison.Ordinal);
        Assert.DoesNotContain(" building  ", first.Stderr, StringComparison.Ordinal);
        Assert.False(Workspace.Exists(".quoin/data/ok"));
        Assert.Contains("1 of 1 current", second.Stderr, StringComparison.Ordinal);
    }

    // Scenario 32.
    [Fact]
    public void The_end_line_adds_up_to_the_plan_and_the_log_prints_it_again()
    {
        Workspace.Write("quoin.yaml", """
            quoin: 1
            jobs:
              old: { outputs: [old], exec: [sh, -c, "echo >$0", "{out}"] }
              new: { outputs: ["new/{n:int}"], inputs: [old], exec: [sh, -c, "echo >$0", "{out}"] }
              bad: { outputs: [bad], exec: [sh, -c, "exit 65"] }
              after: { outputs: [after], inputs: [bad, "new/1"], exec: ["true"] }
              lost: { outputs: ["lost/{n}"], inputs: ["new/{n}"], exec: ["true"] }
            """);
        Workspace.Quoin("build", "old").Expect(0);
        string[] all = ["new/1", "new/2", "after", "lost/x"];

        var built = Workspace.Quoin(["build", .. all]).Expect(1);

        Assert.Contains(
            "w-2  4 wanted: 6 partitions = 1 current, 4 to build, 1 blocked", built.Stderr,
            StringComparison.Ordinal);
        const string End = "w-2 failed: 3 of 6: 2 built, 1 current;"
            + " 1 failed, 0 skipped, 1 cancelled, 1 blocked";
        Assert.Contains(End, built.ErrorLines);
        Assert.Contains(End, Workspace.Quoin("replay", "w-2").Expect(1).Lines);
    }
}
