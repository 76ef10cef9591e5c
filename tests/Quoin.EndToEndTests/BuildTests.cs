using System.Text.Json;
using Quoin.Storage;
using Xunit;

namespace Quoin.EndToEndTests;

public sealed class BuildTests
{
    readonly PostgresAddress? address;

    public BuildTests()
    {
    }

    internal BuildTests(PostgresAddress address) => this.address = address;

    TestWorkspace New() => On(new TestWorkspace());

    TestWorkspace On(TestWorkspace workspace) => workspace.On(address);

    [Fact]
    public void The_starter_builds_at_once_and_then_there_is_nothing_to_do()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);

        var first = workspace.Quoin("build").Expect(0);
        var second = workspace.Quoin("build").Expect(0);

        Assert.Equal(
            "2026-01-01 7\n2026-01-02 7\n2026-01-03 7\nall 21\n",
            workspace.Read("out/summary.txt"));
        Assert.Equal("", first.Stdout);
        Assert.StartsWith(
            "w-1  1 wanted: 4 partitions = 0 current, 4 to build\n", first.Stderr,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "✔ 1 of 1 current (4 checked in ", second.Stderr, StringComparison.Ordinal);
        Assert.Single(second.ErrorLines);
    }

    [Fact]
    public void An_edit_rebuilds_what_reads_it_and_explain_says_why()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);
        workspace.Quoin("build").Expect(0);
        workspace.Write("data/2026-01-02.csv", "item,amount\nbread,50\n");

        var why = workspace.Quoin("explain", "total/2026-01-02").Expect(0);
        var plan = workspace.Quoin("plan").Expect(0);
        workspace.Quoin("build").Expect(0);

        Assert.StartsWith(
            "total/2026-01-02  not current: will be built by job total (quoin.yaml:", why.Lines[0],
            StringComparison.Ordinal);
        Assert.StartsWith("  changed  source", why.Lines[1], StringComparison.Ordinal);
        Assert.Equal(
            "1 wanted: 4 partitions = 2 current, 2 to build (1 maybe current)",
            plan.Lines[0].Split(", about")[0]);
        Assert.EndsWith("all 64\n", workspace.Read("out/summary.txt"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failing_job_shows_its_log_and_what_it_blocks_and_retry_makes_it_good()
    {
        using var workspace = On(Three("""
            if [ -e bad ]; then echo "row 7: end before start"; exit 65; fi; echo ok > "$1"
            """));
        workspace.Write("bad", "");

        var failed = workspace.Quoin("build").Expect(1);
        File.Delete(workspace.PathOf("bad"));
        var retried = workspace.Quoin("retry", "r-2").Expect(0);

        Assert.Contains(failed.ErrorLines, line => line.Contains(
            "FAILED    middle after ", StringComparison.Ordinal));
        Assert.Contains("  | row 7: end before start", failed.ErrorLines);
        Assert.Contains(failed.ErrorLines, line => line.EndsWith(
            "cancelled last: input middle failed", StringComparison.Ordinal));
        Assert.Contains(
            "w-1 failed: 1 of 3: 1 built, 0 current; 1 failed, 0 skipped, 1 cancelled",
            failed.ErrorLines);
        Assert.Contains(retried.ErrorLines, line => line.Contains(
            "built     middle", StringComparison.Ordinal));
    }

    [Fact]
    public void With_json_every_line_is_a_document_and_the_last_is_the_summary()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);

        var result = workspace.Quoin("build", "--json").Expect(0);

        var types = result.Lines.Select(line =>
            JsonDocument.Parse(line).RootElement.GetProperty("type").GetString()).ToList();
        Assert.Equal(4, types.Count(type => type == "run-completed"));
        Assert.Equal("summary", types[^1]);
        var summary = JsonDocument.Parse(result.Lines[^1]).RootElement;
        Assert.Equal("succeeded", summary.GetProperty("outcome").GetString());
        Assert.Equal(4, summary.GetProperty("built").GetInt32());
        Assert.Equal(0, summary.GetProperty("exit_code").GetInt32());
    }

    [Fact]
    public void A_dry_run_writes_nothing()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);

        var result = workspace.Quoin("build", "--dry-run").Expect(0);

        Assert.Equal("1 wanted: 4 partitions = 0 current, 4 to build", result.Lines[0]);
        Assert.False(workspace.Exists(".quoin"));
        Assert.False(workspace.Exists("out"));
    }

    [Fact]
    public void No_build_only_tests_and_exits_with_3_until_all_is_current()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);

        var before = workspace.Quoin("build", "--no-build").Expect(3);
        workspace.Quoin("build").Expect(0);
        workspace.Quoin("build", "--no-build").Expect(0);

        Assert.Contains("would build summary: never built", before.Lines);
        Assert.False(workspace.Exists(".quoin/staging/r-1"));
    }

    [Fact]
    public void What_nothing_makes_is_an_error_with_a_near_miss()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);

        var result = workspace.Quoin("build", "sumary").Expect(2);

        Assert.Contains("summary", result.Stderr, StringComparison.Ordinal);
        Assert.StartsWith("error[", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tainted_partition_is_made_again()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);
        workspace.Quoin("build").Expect(0);

        const string day = "total/2026-01-01";
        var tainted = workspace.Quoin("taint", day, "--why", "wrong prices").Expect(0);
        var why = workspace.Quoin("explain", day).Expect(0);
        var build = workspace.Quoin("build").Expect(0);

        Assert.Equal(["tainted total/2026-01-01"], tainted.Lines);
        Assert.Contains("wrong prices", why.Stdout, StringComparison.Ordinal);
        Assert.Contains(build.ErrorLines, line => line.Contains(
            "built     total/2026-01-01", StringComparison.Ordinal));
    }

    [Fact]
    public void A_partitions_log_is_that_of_its_newest_run()
    {
        using var workspace = On(Three("echo one word; echo ok > \"$1\""));
        workspace.Quoin("build").Expect(0);

        var log = workspace.Quoin("log", "middle").Expect(0);
        var nothing = workspace.Quoin("log", "nope").Expect(2);

        Assert.Contains("one word", log.Stdout, StringComparison.Ordinal);
        Assert.Contains("\"nope\" is not a run", nothing.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_cleaned_is_made_again_and_sources_are_never_removed()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);
        workspace.Quoin("build").Expect(0);

        var cleaned = workspace.Quoin("clean", "total/2026-01-01", "sales/2026-01-01").Expect(0);
        workspace.Quoin("build").Expect(0);

        Assert.Equal(["cleaned total/2026-01-01", "cleaned summary"], cleaned.Lines);
        Assert.True(workspace.Exists("data/2026-01-01.csv"));
        Assert.True(workspace.Exists("out/total/2026-01-01.txt"));
    }

    [Fact]
    public void A_want_is_made_by_the_next_build_or_cancelled()
    {
        using var workspace = New();
        workspace.Quoin("init").Expect(0);

        var wanted = workspace.Quoin("want", "total/2026-01-03").Expect(0);
        var other = workspace.Quoin("want", "total/2026-01-02").Expect(0);
        var cancelled = workspace.Quoin("cancel", "w-2").Expect(0);
        var status = workspace.Quoin("status").Expect(0);
        var build = workspace.Quoin("build", "total/2026-01-01").Expect(0);

        Assert.Equal(["w-1"], wanted.Lines);
        Assert.Equal(["w-2"], other.Lines);
        Assert.Equal(["cancelled w-2"], cancelled.Lines);
        Assert.Contains("w-1  open  1 of 1 left  want total/2026-01-03", status.Lines);
        Assert.Contains("continuing w-1", build.Stderr, StringComparison.Ordinal);
        Assert.True(workspace.Exists("out/total/2026-01-03.txt"));
        Assert.False(workspace.Exists("out/total/2026-01-02.txt"));
    }

    [Fact]
    public void The_first_ctrl_c_stops_what_runs_and_says_so()
    {
        using var workspace = On(Three("echo begun; trap 'exit 1' TERM; sleep 60 & wait"));
        var build = workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));

        build.Interrupt();
        var result = build.WaitForExit().Expect(130);

        Assert.Contains(
            "cancelled w-1; waiting for 1 run to stop: middle (once more kills)",
            result.ErrorLines);
        Assert.Contains(
            "w-1 cancelled: 1 of 3: 1 built, 0 current; 0 failed, 0 skipped, 2 cancelled",
            result.ErrorLines);
        Assert.Equal(["partitions  1 live"], workspace.Quoin("status").Expect(0).Lines);
    }

    [Fact]
    public void The_second_ctrl_c_kills()
    {
        using var workspace = On(Three("trap '' TERM; touch deaf; sleep 60; sleep 60"));
        var build = workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));

        build.Interrupt();
        build.WaitForLine(line => line.Contains("waiting for 1 run", StringComparison.Ordinal));
        build.Interrupt();
        var result = build.WaitForExit().Expect(130);

        Assert.Contains("killing what runs", result.ErrorLines);
    }

    [Fact]
    public void SIGTERM_stops_as_ctrl_c_does()
    {
        using var workspace = On(Three("sleep 60"));
        var build = workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));

        build.Terminate();

        build.WaitForExit().Expect(143);
    }

    [Fact]
    public void After_kill_9_the_next_build_continues()
    {
        using var workspace = On(Three("test -e go || sleep 60; echo ok > \"$1\""));
        var build = workspace.Start("build", "-v");
        build.WaitForLine(line => line.Contains("building  middle", StringComparison.Ordinal));
        build.Kill();
        build.WaitForExit();
        workspace.Write("go", "");

        var again = workspace.Quoin("build").Expect(0);

        Assert.Contains("continuing w-1", again.Stderr, StringComparison.Ordinal);
        Assert.Equal("ok\n", workspace.Read("out/last"));
        Assert.Equal(["partitions  3 live"], workspace.Quoin("status").Expect(0).Lines);
    }

    // first -> middle -> last, one after the other; middle runs a script.
    internal static TestWorkspace Three(string script)
    {
        var workspace = new TestWorkspace();
        workspace.Write("middle.sh", script + "\n");
        return workspace.Write("quoin.yaml", """
            quoin: 1
            name: three
            targets: [last]
            datasets:
              first: { path: out/first }
              middle: { path: out/middle }
              last: { path: out/last }
            jobs:
              first:
                outputs: [first]
                exec: [sh, -c, 'echo one > "$1"', sh, "{out}"]
              middle:
                outputs: [middle]
                inputs: [first]
                exec: [sh, middle.sh, "{out}", "{in}"]
                grace: 60s
              last:
                outputs: [last]
                inputs: [middle]
                exec: [cp, "{in}", "{out}"]
            """);
    }
}
